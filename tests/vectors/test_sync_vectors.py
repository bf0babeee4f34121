"""Every vector of sync.json does what its name says, and the generator still makes the same bytes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from gated.credential.keys import read_keys
from gated.credential.message import open_message
from gated.model.document import DocumentError
from gated.model.refusal import Refusal
from gated.model.statement import Kind
from gated.wire import topics
from gated.wire.batch import encode_batch, read_batch
from gated.wire.defect import defect
from gated.wire.event import digest, genesis
from gated.wire.state import read_state
from vectors import make_sync_vectors

HERE = Path(__file__).parent
FILE = json.loads((HERE / "sync.json").read_text())
SECTOR, FLOOR = FILE["sector"], FILE["floor"]
READ = {Kind.EVENTS: read_batch, Kind.STATE: read_state}


def key_set(entries):
    entries = [
        {name: entry[name] for name in entry if name not in ("gate", "private_for_tests_only")}
        for entry in entries
    ]
    return read_keys({"v": 1, "keys": entries}) if entries else {}


def message(told) -> bytes:
    """A message in hex, or in pieces, each with how often it stands there."""
    if isinstance(told, str):
        return bytes.fromhex(told)
    return b"".join(bytes.fromhex(piece) * times for piece, times in told)


def opened(token: bytes, kind: Kind, keys, gate: str):
    """What was told, or the code of the refusal."""
    if not keys:
        return "unknown_gate"
    payload = open_message(token, kind, keys, SECTOR, FLOOR)
    if isinstance(payload, Refusal):
        return str(payload.reason)
    try:
        told = READ[kind](payload)
    except DocumentError:
        return "malformed"
    return told if told.gate == gate else "foreign_gate"


def arrived(step):
    gate, place = topics.gate_of(step["topic"])
    keys = key_set([entry for entry in FILE["gates"] if entry["gate"] == gate])
    return opened(message(step["message"]), Kind(place), keys, gate)


def named(section):
    return [pytest.param(case, id=case["name"]) for case in FILE[section]]


@pytest.mark.parametrize("talk", named("conversations"))
def test_what_is_told_opens_or_is_refused_as_it_says(talk):
    for step in talk["steps"]:
        told, expect = arrived(step), step["expect"]
        if "refused" in expect:
            assert expect["refused"] == told
        else:
            assert not isinstance(told, str), told


@pytest.mark.parametrize("talk", named("conversations"))
def test_an_answer_bears_a_digest_that_its_teller_has(talk):
    """Whatever is acknowledged, in each way that the vectors allow."""
    digests: dict[str, set[tuple[int, str]]] = {}
    for step in talk["steps"]:
        told = arrived(step)
        if isinstance(told, str):
            continue
        if hasattr(told, "bodies"):
            known = digests.setdefault(told.epoch, {(0, genesis(told.gate, told.epoch).hex())})
            known.add((told.first - 1, told.prev.hex()))
            known.update((told.first + at, link.hex()) for at, link in enumerate(told.digests()))
        for acks in (step["expect"]["acks"], *step["expect"].get("or", [])):
            for ack in acks:
                of_epoch = digests.get(ack["epoch"], {(0, genesis(told.gate, ack["epoch"]).hex())})
                assert (ack["upto"], ack["digest"]) in of_epoch
                assert told.gate == ack["gate"]


@pytest.mark.parametrize("talk", named("conversations"))
def test_rows_are_kept_aside_for_what_is_wrong_with_them(talk):
    for step in talk["steps"]:
        told = arrived(step)
        if isinstance(told, str) or not hasattr(told, "bodies"):
            continue
        codes = [(seq, defect(text, seq)) for seq, text in enumerate(told.bodies, start=told.first)]
        wrong = [{"seq": seq, "code": code} for seq, code in codes if code]
        for ack in step["expect"].get("acks", []):
            if "chain_broken" in str(ack):
                assert told.last - told.first + 1 == len(ack["quarantined"])
            else:
                assert wrong == ack["quarantined"]


@pytest.mark.parametrize("talk", named("conversations"))
def test_a_good_batch_is_encoded_as_ours(talk):
    for step in talk["steps"]:
        told = arrived(step)
        if hasattr(told, "bodies"):
            assert encode_batch(told) in message(step["message"])


def test_genesis_and_chain_are_ours():
    for case in FILE["genesis"]:
        assert case["digest"] == genesis(case["gate"], case["epoch"]).hex()
    link = bytes.fromhex(FILE["chain"]["genesis"])
    for row in FILE["chain"]["rows"]:
        link = digest(link, row["body"])
        assert row["digest"] == link.hex()


@pytest.mark.parametrize("section", ["conversations", "acks"])
def test_no_two_vectors_bear_one_name(section):
    names = [case["name"] for case in FILE[section]]
    assert len(names) == len(set(names))


def test_every_code_of_a_row_kept_aside_has_a_vector():
    text = (HERE.parents[1] / "gated" / "wire" / "defect.py").read_text()
    codes = {*re.findall(r'"((?:not|un|wrong)[a-z]*_[a-z_]+)"', text), "chain_broken"}
    told = {row["code"] for row in _rows_aside()}
    assert "wrong_seq" in codes
    assert codes == told


def _rows_aside():
    for talk in FILE["conversations"]:
        for step in talk["steps"]:
            for ack in step["expect"].get("acks", []):
                yield from ack["quarantined"]


def test_the_generator_makes_these_very_bytes():
    assert make_sync_vectors.files()["sync.json"] == (HERE / "sync.json").read_text()

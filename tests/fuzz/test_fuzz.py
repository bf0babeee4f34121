"""The campaign against every parser that reads bytes of media, in short. The long one is ``run.py``."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz import conversations as c
from fuzz import parsers as p
from fuzz import tags as t
from fuzz.hunting import bounded, broken_by, hunt, shrunk
from fuzz.supply import MAX_INPUT_BYTES, Supply, answers, edited, mutated
from fuzz.targets import HERE, PLANTED, TARGETS, broken, once, seeds
from gated.card import ev2, pkoc, secure, sun, tlv
from gated.credential import cbor, statement

CASES = sorted((HERE / "cases").glob("*/*"))


@pytest.mark.parametrize("name", TARGETS)
def test_every_committed_seed_holds_and_is_what_honest_media_make(name):
    committed = {path.name: path.read_bytes() for path in (HERE / "seeds" / name).iterdir()}
    assert TARGETS[name].seeds() == committed, "python tests/fuzz/targets.py writes them anew"
    assert 1 <= len(committed) <= 10
    for data in committed.values():
        once(name, data)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.name}")
def test_what_broke_a_target_once_breaks_it_no_more(case):
    once(case.parent.name, case.read_bytes())


@pytest.mark.parametrize("name", TARGETS)
def test_no_input_breaks(name):
    known = seeds(name)
    spoilt = st.randoms(use_true_random=False).map(lambda chance: mutated(chance, known))

    @settings(max_examples=300, deadline=None)
    @given(st.binary(max_size=600) | spoilt | spoilt)
    def holds(data):
        once(name, data)

    holds()


# ------------------------------------------------------------------ the harness itself


def _unauthentic():
    """EV2 that takes any answer of a session for the card's."""
    made = broken(ev2, "import hmac", "import hmac  # and a session that checks nothing")
    check = "if not hmac.compare_digest(mac, self._truncated_mac(status & 0xFF, data)):"
    made.Session = broken(secure, check, _NO).Session
    return made


_NO = "if False:"
_CHECK = "if not hmac.compare_digest("
BUGS = {
    "objects past the end": (
        "tlv",
        lambda: broken(tlv, "if at + size > len(body):", _NO),
        p.tlv_target,
    ),
    "objects without number": ("tlv", lambda: broken(tlv, "range(MAX_OBJECTS)", "range(999)"), p.tlv_target),
    "keys in any order": ("cbor", lambda: broken(cbor, "if key <= last:", _NO), p.cbor_target),
    "no signature": ("pkoc", lambda: broken(pkoc, "if not signed(", "if False and not ("), c.pkoc_target),
    "no echo": ("ev2", lambda: broken(ev2, f"{_CHECK}echo, _rotated(rnd_a)):", _NO), c.ev2_target),
    "no MAC of a session": ("ev2", _unauthentic, c.ev2_target),
    "no MAC of an address": (
        "sun",
        lambda: broken(sun, f"{_CHECK}shown.mac,", "if False and (0,"),
        t.sun_target,
    ),
    "no check of a token": (
        "cose",
        lambda: broken(statement, "cose.verify(message, key)", "pass").open_statement,
        p.cose_target,
    ),
}


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_found_and_made_small(bug):
    name, plant, target = BUGS[bug]
    spoilt = plant()

    def run(data):
        target(data, spoilt)

    with bounded():
        caught = hunt(run, seeds(name), random.Random(1), lambda executions: executions < 30_000)
        assert caught.crash is not None
        small = shrunk(run, caught.crash)
        assert len(small) <= len(caught.crash)
        assert broken_by(run, small) == broken_by(run, caught.crash)
    once(name, caught.crash)  # it is the bug that was found, and nothing else


def test_what_hangs_is_caught():
    def endless(data):
        while data:
            pass

    with bounded():
        assert "TooSlow" == broken_by(endless, b"\x01")
        assert broken_by(endless, b"") is None


def test_what_eats_memory_is_caught():
    with bounded():
        assert broken_by(lambda data: bytes(1 << 30), b"").startswith("MemoryError")


def test_answers_come_back_as_they_were_put_in():
    supply = Supply(answers(b"", b"ab", bytes(258)))
    assert [b"", b"ab", bytes(258), None] == [supply.answer() for _ in range(4)]


@given(st.binary(max_size=40), st.binary(max_size=12))
def test_an_edit_never_fails(raw, how):
    edited(raw, Supply(how))


@given(st.randoms(use_true_random=False))
def test_no_mutation_is_larger_than_an_input_may_be(chance):
    assert len(mutated(chance, [bytes(MAX_INPUT_BYTES), b""])) <= MAX_INPUT_BYTES


# ------------------------------------------------------------------ the campaign


def campaign(tmp_path, *words):
    script = str(Path(__file__).with_name("run.py"))
    words = [sys.executable, script, "--minutes", "0.02", "--crashes", str(tmp_path), *words]
    ended = subprocess.run(words, check=False, capture_output=True, text=True)
    return ended.returncode, ended.stdout, ended.stderr


FIGURES = {"executions", "seconds", "per_s", "corpus", "crashes"}


def test_a_brief_campaign_prints_its_figures(tmp_path):
    code, out, told = campaign(tmp_path, "--target", "tlv", "--target", "sun", "--json")
    assert 0 == code, told
    figures = json.loads(out)["targets"]
    assert {"tlv", "sun"} == figures.keys()
    for one in figures.values():
        assert one.keys() == FIGURES
        assert one["executions"] > 50
        assert [] == one["crashes"]


def test_a_campaign_that_breaks_a_target_says_so_and_keeps_the_input(tmp_path):
    code, out, told = campaign(tmp_path, "--target", "planted", "--engine", "own")
    (kept,) = tmp_path.iterdir()
    assert 3 == code
    assert f"planted broke: {kept}" in out
    assert "atheris is not used" in told
    assert len(kept.read_bytes()) < 8
    with pytest.raises(IndexError):
        PLANTED["planted"].run(kept.read_bytes())


def test_a_campaign_against_nobody_is_refused(tmp_path):
    code, _, told = campaign(tmp_path, "--target", "nobody")
    assert 2 == code
    assert "no such target" in told

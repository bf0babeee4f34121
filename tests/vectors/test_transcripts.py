"""The recorded taps: the gate says the same today, and makes the same of what it hears."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gated.card.identify import identify
from gated.card.talk import Talk
from gated.model.credential import Proof
from kinds import KINDS, NOW, converse

TAPS = json.loads(Path(__file__).with_name("transcripts.json").read_text())["taps"]


def test_there_is_one_of_each_kind():
    assert list(KINDS) == [tap["name"] for tap in TAPS]


@pytest.mark.parametrize("tap", TAPS, ids=lambda tap: tap["name"])
def test_a_recorded_tap_is_said_again_byte_by_byte(tap):
    drawn = iter(tap["random"])
    talk = Talk(bytes.fromhex(tap["uid"]), lambda size: bytes.fromhex(next(drawn)), lambda: NOW)
    steps, said = identify(talk, KINDS[tap["name"]].media), list(tap["said"])
    try:
        command = next(steps)
        while True:
            now = said.pop(0)
            assert now["command"] == command.hex()
            command = steps.send(bytes.fromhex(now["response"]))
    except StopIteration as done:
        proof = done.value
    assert [] == said
    assert isinstance(proof, Proof)
    assert (tap["credential"], tap["assurance"]) == (proof.credential.text, proof.credential.assurance.label)
    fresh = None if tap["fresh"] is None else range(*tap["fresh"])
    assert (tap["carried"], tap["counter"], fresh) == (proof.carried.hex(), proof.counter, proof.fresh)


FRESH = [tap for tap in TAPS if tap["fresh"] is not None]


@pytest.mark.parametrize("tap", FRESH, ids=lambda tap: tap["name"])
def test_with_any_other_random_number_it_proves_nothing(tap):
    answers = iter(tap["said"])
    result = converse(
        lambda _: bytes.fromhex(next(answers)["response"]),
        bytes.fromhex(tap["uid"]),
        KINDS[tap["name"]].media,
        random=lambda size: b"\x5c" * size,
    )
    assert "bad_proof" == result.reason

"""An app that follows the how-to is a medium: its vectors, before a gate and before the virtual medium."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from gated.card import pkoc
from gated.card.talk import Talk
from gated.daemon.conversing import drive
from gated.devices.simulated.media import PkocMedium
from gated.model.credential import Assurance, Proof
from gated.model.refusal import Refusal
from vectors.make_pkoc_vectors import document

FILE = Path(__file__).with_name("pkoc.json")
PAGE = (FILE.parents[2] / "docs" / "how-to" / "make-a-phone-a-medium.md").read_text()
VECTORS = json.loads(FILE.read_text())
UID = b"\x04\x01\x02\x03\x04\x05\x06"
OK, SIGNATURE = b"\x90\x00", slice(69, 133)  # behind 5A 41, the key, 9E 40


def named(cases):
    return pytest.mark.parametrize("case", cases, ids=[case["name"] for case in cases])


def raw(text):
    return bytes.fromhex(text)


def app():
    medium = PkocMedium.from_number(UID, int(VECTORS["private_for_tests_only"], 16))
    medium.present()
    return medium


class Recorded:
    """Answers as it was recorded."""

    def __init__(self, responses):
        self._left = list(responses)
        self.heard = []

    def transmit(self, apdu):
        self.heard.append(apdu.hex())
        return raw(self._left.pop(0))


def met(session):
    number = raw(VECTORS["transaction"])
    return drive(
        pkoc.converse(Talk(UID, lambda _size: number, lambda: None), raw(VECTORS["reader"])), session
    )


def test_the_file_is_what_its_maker_makes():
    assert VECTORS == document()


def test_a_gate_sends_these_commands_and_believes_these_answers():
    session = Recorded([step["response"] for step in VECTORS["tap"]])
    result = met(session)
    assert [step["command"] for step in VECTORS["tap"]] == session.heard
    assert isinstance(result, Proof)
    assert (VECTORS["credential"], Assurance.ASYMMETRIC) == (
        result.credential.text,
        result.credential.assurance,
    )


def test_the_virtual_medium_is_such_an_app():
    medium = app()
    assert VECTORS["public"] == medium.public.hex()
    assert isinstance(met(medium), Proof)
    for step in VECTORS["steps"]:
        medium_again = app() if step["name"] == "nothing was selected" else medium
        answered = medium_again.transmit(raw(step["command"]))
        if step.get("refuses"):
            assert 2 == len(answered), step
            assert answered != OK, step
        elif "signs" in step:
            shown = raw(step["response"])
            assert shown[:67] == answered[:67]
            assert len(shown) == len(answered)
            assert pkoc.signed(medium.public, answered[SIGNATURE], raw(step["signs"]))
        else:
            assert step["response"] == answered.hex()


def test_the_signatures_shown_are_right_in_both_forms():
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    sizes = set()
    for one in VECTORS["signatures"]:
        r, s = decode_dss_signature(raw(one["der"]))
        assert one["raw"] == f"{r:064x}{s:064x}"
        assert pkoc.signed(raw(VECTORS["public"]), raw(one["raw"]), raw(one["transaction"]))
        sizes.add(raw(one["der"])[3])
    assert {31, 33} == sizes  # r is shorter than it should be, and longer


@named(VECTORS["mistakes"])
def test_a_gate_makes_of_a_mistake_what_the_file_says(case):
    result = met(Recorded(case["responses"]))
    assert isinstance(result, Refusal)
    assert (case["reason"], case["what"]) == (str(result.reason), result.params.get("what"))


# ------------------------------------------------------------------ the how-to


def blocks():
    return ["".join(block.split()).lower() for block in re.findall(r"```text\n(.*?)```", PAGE, re.DOTALL)]


def test_the_how_to_shows_what_stands_in_the_file():
    (shown,) = [block for block in blocks() if block.startswith("1>")]
    expected = ""
    for number, step in enumerate(VECTORS["steps"], 1):
        answered = "refuses" if step.get("refuses") else step["response"]
        expected += f"{number}>{step['command']}<{answered}"
    assert expected == shown
    flat = "".join(PAGE.split()).lower()
    for name in ("private_for_tests_only", "public", "credential", "transaction"):
        assert VECTORS[name] in flat, name
    for one in VECTORS["signatures"]:
        assert one["der"] in flat
        assert one["raw"] in flat


def test_no_long_hex_of_the_how_to_is_from_elsewhere():
    known = FILE.read_text()
    shown = re.findall(r"\b[0-9a-f]{20,}\b", PAGE)
    assert 30 < len(shown)
    assert [] == [digits for digits in shown if digits not in known]


def test_the_how_to_names_each_mistake():
    for case in VECTORS["mistakes"]:
        what = case["what"] or case["reason"]
        assert f"| {case['name']} | `{what}` |" in PAGE, case["name"]

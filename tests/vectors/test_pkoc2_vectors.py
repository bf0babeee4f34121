"""A gate meets the media of the PKOC version 2 vectors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gated.card.identify import Media, Scheme, identify
from gated.card.talk import Talk
from gated.daemon.conversing import drive
from gated.devices.simulated.pkoc2 import Issuer, Pkoc2Medium
from gated.model.credential import Assurance, Proof
from gated.model.refusal import Refusal
from gated.model.time import ClockQuality, ClockSample, TimeReading
from vectors.make_pkoc2_vectors import document

FILE = Path(__file__).with_name("pkoc2.json")
VECTORS = json.loads(FILE.read_text())
ISSUERS = {reference: bytes.fromhex(key) for reference, key in VECTORS["issuers"].items()}
PRIVATE = {name: int(scalar, 16) for name, scalar in VECTORS["private_for_tests_only"].items()}
AT = VECTORS["at"]
NOW = TimeReading(AT, AT, AT, ClockQuality.GOOD, ClockSample(AT, 0.0, "0" * 16))
UID = b"\x04\x01\x02\x03\x04\x05\x06"


def named(cases):
    return pytest.mark.parametrize("case", cases, ids=[case["name"] for case in cases])


class Recorded:
    """Answers as it was recorded, to the commands that were recorded."""

    def __init__(self, tap):
        self._left = list(tap)

    def transmit(self, apdu):
        step = self._left.pop(0)
        assert step["command"] == apdu.hex()
        return bytes.fromhex(step["response"])


def met(session):
    challenge = bytes.fromhex(VECTORS["challenge"])
    talk = Talk(UID, lambda size: challenge[:size], lambda: NOW)
    return drive(identify(talk, Media(bytes(32), (Scheme.PKOC2, Scheme.PKOC), issuers=ISSUERS)), session)


def medium(case):
    made = Pkoc2Medium.from_number(UID, PRIVATE["card"])
    made.certificate = bytes.fromhex(case["certificate"])
    made.present()
    return made


def test_the_file_is_what_its_maker_makes():
    assert VECTORS == document()


def test_the_public_keys_are_those_of_the_private_ones():
    (public,) = ISSUERS.values()
    assert Issuer.from_number("GATED00000000001", PRIVATE["issuer"]).public == public
    assert Pkoc2Medium.from_number(UID, PRIVATE["card"]).public.hex() == VECTORS["public"]


def test_a_recorded_tap_proves_its_key():
    result = met(Recorded(VECTORS["tap"]))
    assert VECTORS["credential"] == result.credential.text
    assert (Assurance.ASYMMETRIC, range(3, 4)) == (result.credential.assurance, result.fresh)


@named(VECTORS["certificates"])
def test_a_certificate_is_believed(case):
    result = met(medium(case))
    assert isinstance(result, Proof)
    assert VECTORS["credential"] == result.credential.text


@named(VECTORS["refused"])
def test_a_certificate_is_refused_as_it_says(case):
    result = met(medium(case))
    assert isinstance(result, Refusal)
    assert (case["reason"], {"scheme": "pkoc2", "what": case["what"]}) == (result.reason, result.params)

"""Media by name: the same credential that the medium would prove."""

from __future__ import annotations

import pytest

from gated.card.identify import Scheme
from gated.card.named import SCHEMES, named
from kinds import KINDS, proven


@pytest.mark.parametrize("kind", KINDS)
def test_a_name_is_what_the_medium_proves_with_the_assurance_that_it_reaches(kind):
    one = KINDS[kind]
    proof = proven(one.make(b"x"), one.media)
    assert proof.credential == named(proof.credential.text)


def test_every_scheme_can_be_named_the_strongest_first():
    assert tuple(Scheme) == SCHEMES


@pytest.mark.parametrize(
    "text",
    [
        "ev2:0401020304050607", "ev2:08112233", "ev2:", "sun:04010203", "sun:04010203040506070809",
        "signed:08112233", "signed:040102", "uid:08112233", "uid:0401", "uid:zz",
        "calypso:00112233445566", "calypso:0000000000000000", "record:010203", "record:" + "01" * 33,
        "record:00000000", "record:ffffffff", "pkoc:" + "01" * 31, "pkoc:04" + "01" * 64,
        "pkoc2:" + "01" * 33,
    ],
)  # fmt: skip
def test_what_no_medium_could_have_is_refused_with_what_is_due(text):
    with pytest.raises(ValueError, match=f"{text.partition(':')[0]} is followed by .*, in hex"):
        named(text)


@pytest.mark.parametrize(
    "text", ["", "04a1b2c3d4e5f6", "nfc:04a1b2c3d4e5f6", "UID:04a1b2c3d4e5f6", "uid", ":00"]
)
def test_an_unknown_scheme_is_refused_with_those_that_are_known(text):
    with pytest.raises(ValueError, match="must be SCHEME:HEX, with one of pkoc2, pkoc, ev2, sun, signed, "):
        named(text)


@pytest.mark.parametrize(
    "text", ["signed:04010203", "uid:" + "04" * 10, "ev2:04a1b2c3d4e5f6", "record:" + "01" * 32]
)
def test_sizes_at_their_edges_are_taken(text):
    assert text == named(text).text

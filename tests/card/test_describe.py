"""What a medium is, as far as it tells anybody; and how people write what its keys follow from."""

from __future__ import annotations

import pytest

from gated.card.describe import Manner, describe
from gated.card.diversify import Diversification, diversification_of
from gated.card.identify import Scheme
from gated.card.talk import Talk
from gated.daemon.conversing import drive
from gated.devices.simulated.media import answered_by_reader, faulty
from gated.devices.simulated.tag2 import Type2Medium
from kinds import NOW, UID, calypso, media_for, tag, type4_tag


def described(medium):
    class Session:
        def transmit(self, apdu: bytes) -> bytes:
            told = answered_by_reader(medium, apdu)
            return medium.transmit(apdu) if told is None else told

    medium.present()
    return drive(describe(Talk(medium.uid, bytes, lambda: NOW), media_for(*Scheme)), Session())


def test_a_container_that_is_cut_short_is_not_told():
    medium = type4_tag(b"x")
    with faulty(medium, answers={3: bytes(14) + b"\x90\x00"}):
        found = described(medium)
    assert (Manner.ISO_DEP, ["ndef"], None) == (
        found.manner, [one.scheme for one in found.applications], found.container,
    )  # fmt: skip
    assert described(medium).container is not None


def test_an_invalidated_card_is_told_so():
    (one,) = described(calypso(invalidated=True)).applications
    assert ("calypso", ("invalidated",)) == (one.scheme, one.told)


def test_a_tag_that_holds_no_message_is_a_tag_all_the_same():
    blank = Type2Medium(UID)
    blank.memory[12:16] = bytes(4)
    found = described(blank)
    assert (Manner.TYPE_2, None) == (found.manner, found.container)
    assert 496 == described(tag(b"x")).container.size


def test_what_a_key_follows_from_is_written_in_words():
    assert Diversification(("uid", "aid", b"pools", b"\x01\x02")) == diversification_of(
        ["uid", "aid", "text:pools", "hex:0102"], 3
    )


@pytest.mark.parametrize("word", ["hex:zz", "hex:", "text:", "text:ü", "UID", ""])
def test_a_word_that_is_none_is_refused(word):
    with pytest.raises(ValueError, match=r"is none of|is not hex"):
        diversification_of(["uid", word], 3)

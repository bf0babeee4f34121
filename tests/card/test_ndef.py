"""What stands in a medium's memory, byte by byte: NDEF records, data objects, and where each ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gated.card import ndef, tlv, type2
from gated.card.apdu import CardFault, objects
from gated.card.secure import Mode, Session

OURS = ndef.carrying(b"statements")
TEXT = ndef.record(1, b"T", b"\x02enhello")


def joined(*messages):
    """One message of the records of several."""
    parts = [bytearray(message) for message in messages]
    for number, part in enumerate(parts):
        part[0] &= ~0xC0
        part[0] |= (0x80 if number == 0 else 0) | (0x40 if number == len(parts) - 1 else 0)
    return b"".join(map(bytes, parts))


def test_our_record_is_found_among_others():
    assert b"statements" == ndef.carried_in(joined(TEXT, OURS, TEXT))
    assert [1, 4, 1] == [record.format for record in ndef.records(joined(TEXT, OURS, TEXT))]
    assert ndef.carried_in(TEXT) is None
    assert ndef.carried_in(b"") is None


def test_an_identifier_is_passed_over():
    with_id = bytes([OURS[0] | 0x08]) + OURS[1:3] + b"\x02" + OURS[3:10] + b"id" + OURS[10:]
    assert b"statements" == ndef.carried_in(with_id)


def test_a_long_payload_has_a_length_of_four_bytes():
    long = ndef.carrying(bytes(700))
    assert bytes(700) == ndef.carried_in(long)
    assert 700 + 2 + 4 + 7 == len(long)
    assert 100 + 2 + 1 + 7 == len(ndef.carrying(bytes(100)))


WRONG = {
    "two bytes": b"\xd4\x07",
    "a chunk": bytes([OURS[0] | 0x20]) + OURS[1:],
    "no beginning": bytes([OURS[0] & ~0x80]) + OURS[1:],
    "two beginnings": joined(TEXT, OURS)[: len(TEXT)] + OURS,
    "no end": bytes([OURS[0] & ~0x40]) + OURS[1:],
    "something behind the end": OURS + b"\x00",
    "a payload cut short": OURS[:-1],
    "a payload longer than everything": b"\xc4\x07\xff\xff\xff\xffgated:1x",
    "a length cut short": b"\xc4\x07\x00\x00",
    "an identifier cut short": bytes([OURS[0] | 0x08]) + OURS[1:3],
    "too many records": joined(*[TEXT] * 9),
    "our record twice": joined(OURS, OURS),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_message_that_is_not_in_order_is_refused(name):
    with pytest.raises(CardFault):
        ndef.carried_in(WRONG[name])


@given(st.binary(max_size=900))
def test_what_is_written_is_read(statements):
    assert statements == ndef.carried_in(ndef.carrying(statements))


def read(steps, *answers):
    """What a reading comes to with these answers."""
    left = list(answers)
    try:
        next(steps)
        while True:
            steps.send(left.pop(0))
    except StopIteration as done:
        return done.value


def in_parts(offset, count):
    return (yield bytes([offset, count]))


@pytest.mark.parametrize("answers", [(b"",), (b"\x00",), (b"\x00\x05ab", b""), (b"\x04\x01",)])
def test_a_file_that_ends_before_its_message_is_refused(answers):
    with pytest.raises(CardFault):
        read(ndef.from_file(in_parts, 4), *answers)


def test_a_file_is_read_to_the_end_of_its_message():
    assert b"abcde" == read(ndef.from_file(in_parts, 4), b"\x00\x05ab", b"c", b"de")
    assert b"" == read(ndef.from_file(in_parts, 4), b"\x00\x00ab")


# ------------------------------------------------------------------ data objects


def test_objects_of_every_form():
    body = bytes.fromhex("00 8401AA 0000 BF0C8103010203 7F218200020102 5F20 01 BB 00")
    assert [(0x84, b"\xaa"), (0xBF0C, b"\x01\x02\x03"), (0x7F21, b"\x01\x02"), (0x5F20, b"\xbb")] == [
        (one.tag, one.value) for one in tlv.objects(body)
    ]
    assert [] == list(tlv.objects(b""))
    assert [] == list(tlv.objects(bytes(30)))


def test_as_many_objects_as_may_be_and_no_more():
    assert tlv.MAX_OBJECTS == len(list(tlv.objects(b"\x01\x00" * tlv.MAX_OBJECTS)))
    with pytest.raises(CardFault):
        list(tlv.objects(b"\x01\x00" * (tlv.MAX_OBJECTS + 1)))
    assert 8 == len(list(objects(b"\x01\x00" * 8)))
    with pytest.raises(CardFault):
        list(objects(b"\x01\x00" * 9))


@pytest.mark.parametrize(
    "body",
    [
        "01",
        "1F",
        "1F80",
        "1F808080",
        "1F80808001",
        "0180",
        "0183000001",
        "018400000001",
        "0181",
        "018201",
        "0105AA",
    ],
)
def test_an_object_that_is_cut_off_or_too_large_is_refused(body):
    with pytest.raises(CardFault):
        list(tlv.objects(bytes.fromhex(body)))


def test_more_than_any_card_says_is_not_looked_at():
    with pytest.raises(CardFault):
        list(tlv.objects(bytes(tlv.MAX_BYTES + 1)))


def test_a_path_leads_to_one_object_or_none():
    body = bytes.fromhex("6F06A504C702AABB")
    assert b"\xaa\xbb" == tlv.find(body, 0x6F, 0xA5, 0xC7)
    assert tlv.find(body, 0x6F, 0xA6) is None
    with pytest.raises(CardFault):
        tlv.find(body + body, 0x6F)


# ------------------------------------------------------------------ tags, sessions


def test_a_tag_whose_block_is_not_a_block_is_refused():
    from gated.card.identify import Scheme
    from gated.devices.simulated.media import faulty
    from kinds import media_for, show, tag

    medium = tag(b"x" * 100)
    for wrong in (bytes(15) + b"\x90\x00", bytes(17) + b"\x90\x00", b"\x90\x00", b"\x63\x00"):
        with faulty(medium, answers={1: wrong}):
            assert show(medium, media_for(Scheme.SIGNED)) is None


def test_a_tag_that_claims_more_pages_than_can_be_named_is_read_no_further():
    from gated.card.identify import Scheme
    from gated.devices.simulated.media import answered_by_reader, faulty
    from kinds import media_for, show, tag

    medium = tag(b"x")
    assert answered_by_reader(medium, b"\xff\xb0\x00\x03\x10") is None
    endless = {0: bytes.fromhex("E110FF00 03FF0400") + bytes(8) + b"\x90\x00"}
    endless |= dict.fromkeys(range(1, 100), bytes(16) + b"\x90\x00")
    with faulty(medium, answers=endless):
        assert show(medium, media_for(Scheme.SIGNED)) is None
    assert 64 >= medium._count


def test_an_answer_with_more_than_was_asked_for_is_nobodys():
    from gated.card.identify import Scheme
    from gated.devices.simulated.media import faulty
    from kinds import media_for, show, type4_tag

    medium = type4_tag(b"x")
    with faulty(medium, answers={2: bytes(16) + b"\x90\x00"}):
        assert show(medium, media_for(Scheme.SIGNED)) is None


def test_a_length_that_is_cut_off_is_no_message():
    assert type2.message_in(b"\x03\xff\x01") is None
    assert type2.message_in(b"\x03") is None
    assert type2.message_in(b"\x03\xff\x00\x02ab") == b"ab"
    with pytest.raises(CardFault):
        type2.message_in(b"\x03\x05ab")


def test_a_session_shows_nothing_of_its_keys():
    session = Session(b"\x11" * 16, b"\x22" * 16, b"\x33" * 4)
    assert "Session(0 commands)" == repr(session)


def test_what_was_encrypted_comes_in_whole_blocks():
    session = Session(bytes(16), bytes(16), bytes(4))
    other = Session(bytes(16), bytes(16), bytes(4), 1)
    short = b"\x01" * 15
    with pytest.raises(CardFault, match="length"):
        session.response(0x9100, short + other._truncated_mac(0, short), Mode.FULL)


def test_the_container_of_a_new_ntag_424_is_understood():
    """As such a tag leaves the factory (NT4H2421Gx): two files, of which the first is the NDEF file."""
    from gated.card.type4 import capability

    new = bytes.fromhex("00172001 0000FF 0406E10401000000 0506E10500808283")
    assert (b"\xe1\x04", 255, 256) == capability(new)

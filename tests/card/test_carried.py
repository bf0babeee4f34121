"""Statements on tags, phones and Type 4 media: what of their memory is read, and how far."""

from __future__ import annotations

import pytest

from gated.card import ndef
from gated.card.identify import Scheme
from gated.card.talk import MAX_COMMANDS
from gated.devices.simulated.applets import AppletMedium, NdefApplet
from gated.devices.simulated.media import faulty
from gated.devices.simulated.tag2 import Type2Medium
from kinds import (
    RANDOM_UID,
    STATEMENTS,
    UID,
    media_for,
    phone,
    pkoc,
    proven,
    refused,
    show,
    tag,
    twice,
    type4_tag,
)

SIGNED = media_for(Scheme.SIGNED, Scheme.UID)
ALSO = media_for(Scheme.PKOC, Scheme.UID, reads_carried=True)


@pytest.mark.parametrize("chip", ["ntag213", "ntag215", "ntag216"])
def test_a_tag_is_read_no_further_than_its_message(chip):
    medium = tag(b"x" * 100, chip=chip)
    assert b"x" * 100 == proven(medium, SIGNED).carried
    assert -(-(2 + len(ndef.carrying(b"x" * 100)) + 4) // 16) == medium._count


def test_a_full_tag_is_read_to_its_end():
    full = b"x" * (872 - 4 - len(ndef.carrying(b"x" * 300)) + 300)
    assert full == proven(tag(full, chip="ntag216"), SIGNED).carried


@pytest.mark.parametrize(
    "head", [b"\x00" * 20, b"\x01\x03\xa0\x0c\x34", b"\xfd\x02ab\x00\x00", b"\x02\x03abc"]
)
def test_what_stands_before_the_message_is_passed_over(head):
    medium = tag(b"x" * 60)
    medium.memory[16:] = (head + medium.memory[16:])[:496]
    assert b"x" * 60 == proven(medium, SIGNED).carried


def changed(medium, at, content):
    medium.memory[at : at + len(content)] = content
    return medium


TAGS = {
    "no container": changed(tag(b"x"), 12, bytes(4)),
    "another version": changed(tag(b"x"), 13, b"\x20"),
    "read with a key": changed(tag(b"x"), 15, b"\xf0"),
    "no message": Type2Medium(UID),
    "ends at once": changed(tag(b"x"), 16, b"\xfe"),
    "longer than the tag": changed(tag(b"x"), 16, b"\x03\xff\x03\x00"),
    "longer than any tag": changed(tag(b"x"), 16, b"\x03\xff\xff\xff"),
    "nothing but fillings": changed(tag(b"x"), 16, bytes(488)),
    "fillings that never end": changed(tag(b"x"), 16, b"\xfd\x00" * 200),
    "no memory": changed(tag(b"x"), 14, b"\x00"),
    "a message of somebody else": Type2Medium(UID, ndef.record(1, b"T", b"\x02enhello")),
    "our record twice": Type2Medium(UID, twice(ndef.carrying(b"x"))),
    "torn writing": changed(tag(b"x" * 90), 60, bytes(100)) and changed(tag(b"x" * 90), 18, b"\xd4\x07\x5b"),
}


@pytest.mark.parametrize("name", TAGS)
def test_memory_that_makes_no_sense_is_nobodys(name):
    assert show(TAGS[name], media_for(Scheme.SIGNED)) is None
    assert "uid" == proven(TAGS[name], SIGNED).credential.scheme


CONTAINERS = {
    "short": bytes(14),
    "no length": bytes(15),
    "another version": bytes.fromhex("000F10 00FF 00FF 0406 E104 0100 00 FF".replace(" ", "")),
    "another control": bytes.fromhex("000F20 00FF 00FF 0506 E104 0100 00 FF".replace(" ", "")),
    "read with a key": bytes.fromhex("000F20 00FF 00FF 0406 E104 0100 80 FF".replace(" ", "")),
    "a file of no use": bytes.fromhex("000F20 00FF 00FF 0406 E104 0004 00 FF".replace(" ", "")),
    "answers of no use": bytes.fromhex("000F20 0001 00FF 0406 E104 0100 00 FF".replace(" ", "")),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_container_that_is_not_in_order_is_nobodys(name):
    medium = type4_tag(b"x")
    with faulty(medium, answers={2: CONTAINERS[name] + b"\x90\x00"}):
        assert show(medium, media_for(Scheme.SIGNED)) is None


@pytest.mark.parametrize("answer_bytes", [15, 59, 255, 4096])
def test_a_file_is_read_in_answers_of_the_size_that_the_medium_gives(answer_bytes):
    medium = AppletMedium(UID, [NdefApplet(ndef.carrying(STATEMENTS), answer_bytes)])
    assert STATEMENTS == proven(medium, SIGNED).carried


def test_a_message_that_never_ends_is_cut_off():
    medium = type4_tag(b"x")
    endless = dict.fromkeys(range(4, MAX_COMMANDS + 9), b"\x03\xff" + b"\x90\x00")
    with faulty(medium, answers=endless):
        assert show(medium, media_for(Scheme.SIGNED)) is None
    assert medium._count <= MAX_COMMANDS


def test_a_reader_that_tells_no_uid_reads_no_tag():
    assert show(Type2Medium(b"", ndef.carrying(b"x")), media_for(Scheme.SIGNED)) is None
    assert ("unreadable", "random_uid") == refused(type4_tag(b"x", RANDOM_UID), SIGNED)


@pytest.mark.parametrize("at", range(1, 6))
def test_a_medium_that_leaves_while_it_is_read_is_told_to_come_again(at):
    medium = tag(STATEMENTS)
    with faulty(medium, tear_at=at):
        assert ("unreadable", "torn") == refused(medium, SIGNED)
    medium = phone(STATEMENTS)
    with faulty(medium, tear_at=1 + at):  # from the second file's SELECT to its last part
        assert ("unreadable", "torn") == refused(medium, ALSO)


def test_a_proven_medium_that_carries_nothing_proves_no_less():
    assert b"" == proven(pkoc(), ALSO).carried
    assert STATEMENTS == proven(phone(STATEMENTS), ALSO).carried
    assert b"" == proven(phone(STATEMENTS), media_for(Scheme.PKOC)).carried

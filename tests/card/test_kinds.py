"""Every kind of conversation, with a virtual medium in this process: what is proved, what a copy comes to."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gated.card import ev2, ndef
from gated.card.identify import Scheme
from gated.card.secure import Mode
from gated.card.talk import MAX_COMMANDS
from gated.devices.simulated.applets import AppletMedium, NdefApplet
from gated.devices.simulated.ev2 import File, Sun
from gated.devices.simulated.media import Faults, Medium, faulty
from gated.devices.simulated.tag2 import Type2Medium
from gated.model.credential import Assurance, Credential, Proof
from gated.model.refusal import Refusal
from kinds import (
    APPLICATION,
    CITY_RECORD,
    FILE_NUMBER,
    KEY_NUMBER,
    KINDS,
    MIRROR,
    OTHER_UID,
    PASS_FILE,
    PLAIN_MIRROR,
    RANDOM_UID,
    SERIAL,
    UID,
    UID_KEY_NUMBER,
    applet_of,
    calypso,
    city_card,
    desfire,
    ev2_applet,
    file_of,
    media_for,
    ntag424,
    phone,
    pkoc,
    pkoc2,
    proven,
    show,
    tag,
    type4_tag,
)

STATEMENTS = bytes(range(200)) + b"\x00\xff" * 60  # stands for some: nothing here looks into it

PROVEN = {
    "pkoc": (Credential("pkoc", hashlib.sha256(pkoc().public).digest(), Assurance.ASYMMETRIC), 1),
    "pkoc2": (Credential("pkoc2", hashlib.sha256(pkoc2().public).digest(), Assurance.ASYMMETRIC), 3),
    "ntag424": (Credential("ev2", UID, Assurance.SYMMETRIC_MUTUAL), 3),
    "ntag424 random uid": (Credential("ev2", UID, Assurance.SYMMETRIC_MUTUAL), 6),
    "desfire": (Credential("ev2", UID, Assurance.SYMMETRIC_MUTUAL), 3),
    "sun": (Credential("sun", UID, Assurance.SYMMETRIC_ROLLING), None),
    "tag": (Credential("signed", UID, Assurance.STATIC_SIGNED), None),
    "type 4 tag": (Credential("signed", UID, Assurance.STATIC_SIGNED), None),
    "calypso": (Credential("calypso", SERIAL, Assurance.UID_ONLY), None),
    "record": (Credential("record", CITY_RECORD[4:12], Assurance.UID_ONLY), None),
    "uid": (Credential("uid", UID, Assurance.UID_ONLY), None),
}


@pytest.mark.parametrize("name", KINDS)
def test_it_proves_what_it_can_and_no_more(name):
    kind = KINDS[name]
    credential, fresh = PROVEN[name.removesuffix(" carrying")]
    carried = b"" if not kind.carries else STATEMENTS[:200] if "ntag" in name else STATEMENTS
    result = proven(kind.make(carried), kind.media)
    assert (credential, fresh) == (result.credential, result.fresh)
    assert carried == result.carried
    assert (1 if name == "sun" else None) == result.counter


@pytest.mark.parametrize("name", KINDS)
def test_a_lane_that_does_not_try_it_is_told_nothing(name):
    kind = KINDS[name]
    others = [one for one in Scheme if one is not kind.scheme and one is not Scheme.UID]
    if name in ("pkoc2", "pkoc carrying", "ntag424", "ntag424 random uid", "sun"):  # these speak two
        others = [Scheme.CALYPSO, Scheme.RECORD]
    assert show(kind.make(b""), media_for(*others)) is None


def test_the_strongest_is_tried_first_whatever_the_order_in_the_file():
    everything = media_for(*reversed(list(Scheme)))
    assert "ev2" == proven(ntag424(), everything).credential.scheme
    assert "pkoc" == proven(phone(b""), everything).credential.scheme
    assert "signed" == proven(tag(b"x"), everything).credential.scheme
    assert "calypso" == proven(calypso(), everything).credential.scheme
    assert "uid" == proven(Medium(UID), everything).credential.scheme


# ------------------------------------------------------------------ EV2


def refused(medium, media, **more):
    result = show(medium, media, **more)
    assert isinstance(result, Refusal), result
    return str(result.reason), result.params.get("what")


EV2 = media_for(Scheme.EV2, Scheme.SUN, Scheme.SIGNED, Scheme.UID)


def with_keys(medium, **keys):
    applet_of(medium).keys |= {int(number[1:]): key for number, key in keys.items()}
    return medium


@pytest.mark.parametrize("make", [ntag424, desfire])
def test_a_copy_with_the_right_uid_and_no_key_is_refused_and_tried_once(make):
    medium = with_keys(make(), k1=bytes(16))
    for tap in (1, 2):
        assert ("bad_proof", "key") == refused(medium, EV2)
        assert tap == applet_of(medium).failures


def test_a_medium_that_bears_the_keys_of_another_is_refused():
    copy = AppletMedium(OTHER_UID, [ev2_applet(uid=UID)])
    assert ("bad_proof", "key") == refused(copy, EV2)


def test_a_medium_of_another_venue_is_not_asked_to_prove_anything():
    medium = ntag424()
    applet_of(medium).versions[KEY_NUMBER] = 0x22
    assert show(medium, media_for(Scheme.EV2)) is None
    applet_of(medium).keys.pop(KEY_NUMBER)
    assert show(medium, media_for(Scheme.EV2)) is None
    assert 0 == applet_of(medium).failures


def test_a_random_uid_is_worth_nothing_without_the_real_one_under_its_own_key():
    medium = with_keys(ntag424(shown_uid=RANDOM_UID), k1=bytes(16))
    assert ("bad_proof", "key") == refused(medium, EV2)
    medium = with_keys(ntag424(shown_uid=RANDOM_UID), **{f"k{UID_KEY_NUMBER}": bytes(16)})
    assert ("bad_proof", "key") == refused(medium, EV2)
    lane = media_for(Scheme.EV2, ev2=(replace(APPLICATION, uid_key=None),))
    assert ("unreadable", "random_uid") == refused(ntag424(shown_uid=RANDOM_UID), lane)


def test_the_second_authentication_goes_on_in_the_transaction_of_the_first():
    medium = ntag424(b"", shown_uid=RANDOM_UID)
    proven(medium, media_for(Scheme.EV2))
    assert 2 == applet_of(medium)._session.counter  # GetCardUID and ReadData


@pytest.mark.parametrize("mode", list(Mode))
def test_the_pass_file_is_read_in_parts_where_one_answer_does_not_hold_it(mode):
    statements = bytes(range(256)) * 3
    applet = ev2_applet()
    message = ndef.carrying(statements)
    applet.files[FILE_NUMBER] = File(len(message).to_bytes(2, "big") + message + bytes(300), mode)
    for chunk in (16, 100, 224):
        lane = media_for(Scheme.EV2, ev2=(replace(APPLICATION, file=ev2.PassFile(FILE_NUMBER, mode, chunk)),))
        assert statements == proven(AppletMedium(UID, [applet]), lane).carried


def twice(message):
    """A message with its one record twice."""
    return bytes([message[0] & ~0x40]) + message[1:] + bytes([message[0] & ~0x80]) + message[1:]


FILES = {
    "none": (None, "status_91f0"),
    "of another mode": (File(bytes(256), Mode.MAC), "padding"),
    "too short for its length": (File(b"\x01\x00" + bytes(222), Mode.FULL), "status_91be"),
    "too long": (File(b"\xff\xff" + bytes(300), Mode.FULL), "too_long"),
    "no message": (File(b"\x00\x05hello" + bytes(249), Mode.FULL), "ndef"),
    "two records of ours": (File(file_of(twice(ndef.carrying(b"x"))), Mode.FULL), "twice"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_pass_file_that_is_not_in_order_refuses(name):
    medium = ntag424()
    file, what = FILES[name]
    if file is None:
        applet_of(medium).files.pop(FILE_NUMBER)
    else:
        applet_of(medium).files[FILE_NUMBER] = file
    assert ("unreadable", what) == refused(medium, EV2)


def test_an_empty_pass_file_and_one_with_something_else_in_it_carry_nothing():
    for message in (b"", ndef.record(1, b"T", b"\x02enhello")):
        assert b"" == proven(ntag424(message), media_for(Scheme.EV2)).carried


def test_an_application_without_a_pass_file_is_four_commands():
    medium = ntag424()
    lane = media_for(Scheme.EV2, ev2=(replace(APPLICATION, file=None),))
    assert b"" == proven(medium, lane).carried
    assert 4 == medium._count


def test_a_key_that_cannot_be_read_refuses_and_says_so():
    from gated.card.apdu import CardFault

    def lost() -> bytes:
        raise CardFault("key_missing")

    lane = media_for(Scheme.EV2, ev2=(replace(APPLICATION, key=lost),))
    assert ("unreadable", "key_missing") == refused(ntag424(), lane)


def test_no_key_stands_in_what_a_lane_knows():
    from kinds import VENUE_KEY

    shown = repr(media_for(Scheme.EV2, Scheme.SUN)).lower()
    assert VENUE_KEY.hex() not in shown
    assert repr(VENUE_KEY) not in shown


# What a card, or whoever speaks for it, may answer in the place of the command with this number.
AUTHENTICATED, READ = 3, 4
HOSTILE = {
    "91AE at once": ({2: b"\x91\xae"}, "unreadable"),
    "91AE after our number": ({3: b"\x91\xae"}, "bad_proof"),
    "6F00": ({2: b"\x6f\x00"}, "unreadable"),
    "6F00 after our number": ({3: b"\x6f\x00"}, "unreadable"),
    "a challenge of fifteen bytes": ({2: bytes(15) + b"\x91\xaf"}, "unreadable"),
    "a challenge of seventeen bytes": ({2: bytes(17) + b"\x91\xaf"}, "unreadable"),
    "a challenge and done": ({2: bytes(16) + b"\x91\x00"}, "unreadable"),
    "no challenge": ({2: b"\x91\xaf"}, "unreadable"),
    "an answer of sixteen bytes": ({3: bytes(16) + b"\x91\x00"}, "unreadable"),
    "an answer of zeros": ({3: bytes(32) + b"\x91\x00"}, "bad_proof"),
    "no answer": ({3: b"\x91\x00"}, "unreadable"),
    "go on for ever": ({3: bytes(32) + b"\x91\xaf"}, "unreadable"),
    "an answer with no MAC": ({4: bytes(240) + b"\x91\x00"}, "bad_proof"),
    "seven bytes": ({4: bytes(7) + b"\x91\x00"}, "bad_proof"),
    "nothing but a status": ({4: b"\x91\x00"}, "bad_proof"),
    "65 kB": ({4: bytes(65536)}, "unreadable"),
    "65 kB for a challenge": ({2: bytes(65536)}, "unreadable"),
    "empty": ({2: b""}, "unreadable"),
    "one byte": ({3: b"\x91"}, "unreadable"),
    "frames without end": ({number: bytes(50) + b"\x91\xaf" for number in range(4, 20)}, "unreadable"),
    "61xx without end": (dict.fromkeys(range(4, 20), b"a\x10"), "unreadable"),
    "permission denied": ({4: b"\x91\x9d"}, "unreadable"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_answer_refuses_and_nothing_weaker_is_tried(name):
    answers, reason = HOSTILE[name]
    medium = ntag424(ndef.carrying(STATEMENTS[:100]))
    with faulty(medium, answers=answers):
        assert reason == refused(medium, EV2)[0]
    assert proven(medium, EV2).credential.scheme == "ev2"


class Listener(Medium):
    """Between a gate and a medium: it hears all, and may answer itself."""

    def __init__(self, medium, say=lambda _number, _apdu, answer: answer):
        super().__init__(medium.uid)
        self.medium, self.say, self.heard, self.said = medium, say, [], []

    def reset(self):
        self.medium.present()
        self.heard, self.said = [], []

    def answer(self, apdu):
        answer = self.say(len(self.heard), apdu, self.medium.transmit(apdu))
        self.heard.append(apdu)
        self.said.append(answer)
        return answer


def recorded(medium, lane):
    ear = Listener(medium)
    proven(ear, lane)
    return ear


def test_a_recorded_session_opens_nothing():
    """Whoever recorded it has the same TI, the same RndB, and answers to another RndA."""
    ear = recorded(ntag424(ndef.carrying(b"x")), EV2)
    for first in range(2, len(ear.said)):
        again = Listener(
            ntag424(ndef.carrying(b"x")), lambda n, _, own, at=first: ear.said[n] if n >= at else own
        )
        assert "bad_proof" == refused(again, EV2)[0]


def test_our_own_number_sent_back_is_no_proof():
    """A medium without the key answers with what it was asked: RndA comes back where RndA* is due."""
    copy = with_keys(ntag424(), k1=bytes(16))
    mirror = Listener(copy, lambda n, apdu, own: apdu[5:37] + b"\x91\x00" if n == AUTHENTICATED else own)
    assert ("bad_proof", "answer") == refused(mirror, EV2)


def test_the_answer_to_the_last_number_is_none_to_this_one():
    numbers = iter([bytes(16), bytes(15) + b"\x01"])
    medium = ntag424(random=bytes)  # it draws the same RndB and TI for ever
    ear = Listener(medium)
    proven(ear, EV2, random=lambda size: next(numbers))
    again = Listener(medium, lambda n, _, own: ear.said[n] if n == AUTHENTICATED else own)
    assert ("bad_proof", "answer") == refused(again, EV2, random=lambda size: next(numbers))


def test_a_fresh_number_is_drawn_for_each_authentication():
    drawn = []

    def draw(size):
        drawn.append(len(drawn) + 1)
        return bytes([drawn[-1]]) * size

    first = recorded(ntag424(shown_uid=RANDOM_UID), media_for(Scheme.EV2))
    assert len(set(first.heard)) == len(first.heard)
    proven(ntag424(shown_uid=RANDOM_UID), media_for(Scheme.EV2), random=draw)
    assert [1, 2] == drawn


@pytest.mark.parametrize("bit", [0, 7, 8 * 100, 8 * 200 + 3, -1, -9, -64])
def test_a_flipped_bit_of_what_is_read_refuses(bit):
    def flip(number, _apdu, own):
        if number != READ:
            return own
        body = bytearray(own[:-2])
        place = bit if bit >= 0 else 8 * len(body) + bit
        body[place // 8] ^= 1 << place % 8
        return bytes(body) + own[-2:]

    assert ("bad_proof", "mac") == refused(Listener(ntag424(ndef.carrying(bytes(200))), flip), EV2)


def test_an_answer_from_another_place_of_the_session_refuses():
    """What was right for the last command is wrong for this one: the counter is under the MAC."""
    lane = media_for(Scheme.EV2, ev2=(replace(APPLICATION, file=replace(PASS_FILE, chunk=64)),))
    said = []

    def repeat(number, _apdu, own):
        said.append(own)
        return said[-2] if number == READ + 1 else own

    medium = ntag424(ndef.carrying(bytes(200)))
    assert ("bad_proof", "mac") == refused(Listener(medium, repeat), lane)


# ------------------------------------------------------------------ SUN

SUN = media_for(Scheme.SUN, Scheme.UID)


def test_each_reading_counts_up_and_a_medium_reads_once_in_a_presentation():
    medium = ntag424()
    assert [1, 2, 3] == [proven(medium, SUN).counter for _ in range(3)]


def test_plain_mirrors_are_read_too():
    applet = ev2_applet()
    applet.sun = replace(applet.sun, meta_key=None)
    assert 1 == proven(AppletMedium(UID, [applet]), media_for(Scheme.SUN, sun=PLAIN_MIRROR)).counter


def shown(message):
    return AppletMedium(UID, [NdefApplet(message)])


def test_an_address_written_onto_another_medium_is_a_copy():
    message = applet_of(ntag424()).sun.message(UID)
    assert "sun" == proven(shown(message), SUN).credential.scheme
    elsewhere = AppletMedium(OTHER_UID, [NdefApplet(message)])
    assert ("copied", None) == refused(elsewhere, SUN)


def address(text):
    return b"\xd1\x01" + bytes([len(text) + 1]) + b"U\x04" + text.encode()


GOOD = "picc_data=" + "0" * 32 + "&cmac=" + "0" * 16
NOT_OURS = {
    "no address": ndef.record(1, b"T", b"\x02enhello"),
    "nothing": b"",
    "no parameter": address("city.example/t"),
    "no MAC": address("city.example/t?picc_data=" + "0" * 32),
    "a short MAC": address("city.example/t?" + GOOD[:-1]),
    "a long MAC": address("city.example/t?" + GOOD + "0"),
    "no PICC data": address("city.example/t?cmac=" + "0" * 16),
    "a MAC that is not hex": address("city.example/t?" + GOOD[:-1] + "g"),
    "the MAC twice": address("city.example/t?" + GOOD + "&cmac=" + "0" * 16),
    "junk": b"\xff" * 40,
}


@pytest.mark.parametrize("name", NOT_OURS)
def test_an_address_of_somebody_else_is_none_of_ours(name):
    assert show(shown(NOT_OURS[name]), media_for(Scheme.SUN)) is None


FORGED = {
    "invented": address("city.example/t?" + GOOD),
    "a MAC of another counter": None,
}


def test_a_forged_address_is_refused_and_nothing_weaker_tried():
    assert "bad_proof" == refused(shown(FORGED["invented"]), SUN)[0]
    one, other = Sun(applet_of(ntag424()).sun.file_key, MIRROR.meta_key()), None
    other = replace(one, counter=9)
    spliced = one.message(UID)[:-16] + other.message(UID)[-16:]
    assert "bad_proof" == refused(shown(spliced), SUN)[0]


def test_a_mac_under_another_venues_key_is_refused():
    medium = ntag424()
    applet_of(medium).sun = replace(applet_of(medium).sun, file_key=bytes(16))
    assert ("bad_proof", None) == refused(medium, SUN)


# ------------------------------------------------------------------ carried

SIGNED = media_for(Scheme.SIGNED, Scheme.UID)
ALSO = media_for(Scheme.PKOC, Scheme.UID, reads_carried=True)


@pytest.mark.parametrize("chip", ["ntag213", "ntag215", "ntag216"])
def test_a_tag_is_read_no_further_than_its_message(chip):
    medium = tag(b"x" * 100, chip=chip)
    assert b"x" * 100 == proven(medium, SIGNED).carried
    assert -(-(2 + len(ndef.carrying(b"x" * 100)) + 4) // 16) == medium._count


def test_a_full_tag_is_read_to_its_end():
    full = b"x" * (888 - 4 - len(ndef.carrying(b"x" * 300)) + 300)
    assert full == proven(tag(full, chip="ntag216"), SIGNED).carried


@pytest.mark.parametrize(
    "head", [b"\x00" * 20, b"\x01\x03\xa0\x0c\x34", b"\xfd\x02ab\x00\x00", b"\x02\x03abc"]
)
def test_what_stands_before_the_message_is_passed_over(head):
    medium = tag(b"x" * 60)
    medium.memory[16:] = (head + medium.memory[16:])[:504]
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


# ------------------------------------------------------------------ identifiers


@pytest.mark.parametrize("first", [True, False])
def test_the_serial_is_found_in_any_order(first):
    assert SERIAL == proven(calypso(serial_first=first), media_for(Scheme.CALYPSO)).credential.value


def test_an_invalidated_card_is_refused():
    assert ("invalidated", None) == refused(calypso(invalidated=True), media_for(Scheme.CALYPSO, Scheme.UID))


FCI = {
    "no serial": "6F0FA50DBF0C0A53080A2E114200010203",
    "a short serial": "6F0DA50BBF0C08C70600000012345690",
    "a serial of zeros": "6F0FA50DBF0C0AC7080000000000000000",
    "two serials": "6F19A517BF0C14C7081111111111111111C7082222222222222222",
    "cut off": "6F20A50D",
    "endless length": "6F84FFFFFFFF",
    "nothing": "",
}


@pytest.mark.parametrize("name", FCI)
def test_an_answer_without_a_serial_is_unreadable(name):
    medium = calypso()
    with faulty(medium, answers={0: bytes.fromhex(FCI[name]) + b"\x90\x00"}):
        assert "unreadable" == refused(medium, media_for(Scheme.CALYPSO, Scheme.UID))[0]


def test_a_number_without_records_is_read_at_its_offset():
    from gated.card.record import Place
    from gated.devices.simulated.transport import RecordApplet
    from kinds import CITY_AID

    medium = AppletMedium(UID, [RecordApplet(CITY_AID, 3, bytes(range(64)))])
    lane = media_for(Scheme.RECORD, record=Place(CITY_AID, 3, None, 16, 10))
    assert bytes(range(16, 26)) == proven(medium, lane).credential.value


@pytest.mark.parametrize(
    ("contents", "what"),
    [
        ({1: bytes(29)}, "blank"),
        ({1: b"\xff" * 29}, "blank"),
        ({1: CITY_RECORD[:11]}, "short"),
        ({1: b""}, "short"),
        ({}, "status_6a83"),
    ],
)
def test_a_number_that_names_nobody_is_refused(contents, what):
    assert ("unreadable", what) == refused(city_card(contents=contents), media_for(Scheme.RECORD, Scheme.UID))


# ------------------------------------------------------------------ all of them


@pytest.mark.parametrize("name", [name for name in KINDS if name != "uid"])
def test_torn_after_each_command_it_is_refused_or_nobody_and_good_at_the_next_tap(name):
    kind = KINDS[name]
    medium = kind.make(STATEMENTS[:150])
    proven(medium, kind.media)
    commands, seen = medium._count, set()
    for at in range(commands):
        with faulty(medium, tear_at=at):
            torn = show(medium, kind.media)
        assert torn is None or ("unreadable", "torn") == (str(torn.reason), torn.params["what"])
        seen.add(torn is None)
        assert proven(medium, kind.media).credential == proven(kind.make(b"y"), kind.media).credential
    assert True in seen


@pytest.mark.parametrize("name", KINDS)
@settings(max_examples=60, deadline=None)
@given(
    answers=st.lists(
        st.one_of(st.binary(max_size=300), st.binary(max_size=60).map(lambda b: b + b"\x90\x00"))
    ),
    whole=st.data(),
)
def test_no_answer_breaks_a_conversation(name, answers, whole):
    kind = KINDS[name]
    medium = kind.make(STATEMENTS[:150])
    first = whole.draw(st.integers(0, 8))
    medium.faults = Faults(answers=dict(enumerate(answers, first)))
    result = show(medium, media_for(*Scheme, reads_carried=True))
    assert result is None or isinstance(result, Proof | Refusal)
    assert medium._count <= MAX_COMMANDS
    if isinstance(result, Proof) and result.credential.assurance > Assurance.STATIC_SIGNED:
        assert result.credential in [PROVEN[one][0] for one in ("pkoc", "pkoc2", "ntag424", "sun")]


def test_a_uid_that_names_nobody_is_none_even_when_it_was_proved():
    medium = ntag424(shown_uid=RANDOM_UID)
    applet_of(medium).real_uid = b"\x08\x01\x02\x03"
    assert ("unreadable", "uid") == refused(medium, EV2)

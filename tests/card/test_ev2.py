"""EV2First with NTAG 424 DNA and DESFire: what opens, what a copy, a listener and a liar come to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gated.card import ev2, ndef
from gated.card.identify import Scheme
from gated.card.secure import Mode
from gated.devices.simulated.applets import AppletMedium
from gated.devices.simulated.ev2 import File
from gated.devices.simulated.media import Medium, faulty
from kinds import (
    APPLICATION,
    FILE_NUMBER,
    KEY_NUMBER,
    OTHER_UID,
    PASS_FILE,
    RANDOM_UID,
    STATEMENTS,
    UID,
    UID_KEY_NUMBER,
    applet_of,
    desfire,
    ev2_applet,
    file_of,
    media_for,
    ntag424,
    proven,
    refused,
    show,
    twice,
)


def with_keys(medium, **keys):
    applet_of(medium).keys |= {int(number[1:]): key for number, key in keys.items()}
    return medium


EV2 = media_for(Scheme.EV2, Scheme.SUN, Scheme.SIGNED, Scheme.UID)


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


def test_a_uid_that_names_nobody_is_none_even_when_it_was_proved():
    medium = ntag424(shown_uid=RANDOM_UID)
    applet_of(medium).real_uid = b"\x08\x01\x02\x03"
    assert ("unreadable", "uid") == refused(medium, EV2)


@pytest.mark.parametrize("real", [bytes.fromhex("01020304"), UID, bytes(range(1, 11))])
def test_a_uid_of_another_size_comes_behind_its_format_and_length(real):
    medium = AppletMedium(RANDOM_UID, [ev2_applet(uid=real)])
    applet_of(medium).real_uid = real if len(real) == 7 else bytes([0, len(real)]) + real
    lane = media_for(Scheme.EV2)
    assert proven(medium, lane).credential.value == real


def test_a_uid_that_makes_the_input_of_its_key_too_long_is_refused():
    from gated.card.diversify import Diversification

    lane = media_for(
        Scheme.EV2, ev2=(replace(APPLICATION, diversification=Diversification(("uid", b"x" * 24))),)
    )
    assert ("unreadable", "uid") == refused(AppletMedium(bytes(range(1, 11)), [ev2_applet(uid=UID)]), lane)

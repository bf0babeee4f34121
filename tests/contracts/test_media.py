"""Every conversation over every reader: in process, PC/SC on vpcd, nfcpy on its udp driver."""

from __future__ import annotations

import secrets

import pytest

from gated.card import ndef
from gated.card.identify import Scheme, identify
from gated.card.talk import Talk
from gated.daemon.conversing import Timed, drive
from gated.devices.clock import SystemClock
from gated.devices.simulated.media import Faults, faulty
from gated.model.credential import Proof
from gated.model.refusal import Refusal
from kinds import KINDS, NOW, RANDOM_UID, UID, media_for, ntag424, pkoc, proven
from twins import PATIENCE_S, TWINS, field, sensed

STATEMENTS = bytes(range(180))
#: How long a reader may be of no use after a medium that misbehaved.
USABLE_S = 2.0
CLOCK = SystemClock()


@pytest.fixture(params=TWINS)
def world(request):
    """A field, its reader open."""
    with field(request.param) as made:
        made.reader.open()
        yield made
        made.reader.close()


def tap(world, medium, media):
    """A whole tap: (what it came to, how many commands it took)."""
    world.insert(medium)
    session = sensed(world.reader)
    timed = Timed(session, CLOCK.monotonic)
    talk = Talk(session.uid, secrets.token_bytes, lambda: NOW)
    result = drive(identify(talk, media), timed)
    session.close()
    world.remove()
    assert world.reader.wait_removed(PATIENCE_S)
    return result, len(timed.trips_s)


@pytest.mark.parametrize("name", KINDS)
def test_a_medium_proves_the_same_whatever_reads_it(world, name):
    kind = KINDS[name]
    result, commands = tap(world, kind.make(STATEMENTS), kind.media)
    assert isinstance(result, Proof), result
    expected = proven(kind.make(STATEMENTS), kind.media)
    assert expected == result
    assert (STATEMENTS if kind.carries else b"") == result.carried
    assert commands <= 128


def test_media_of_all_kinds_are_told_apart_in_one_lane(world):
    everything = media_for(*Scheme, reads_carried=True)
    for name, kind in KINDS.items():
        result, _ = tap(world, kind.make(STATEMENTS), everything)
        assert ("ev2" if name == "sun" else kind.scheme) == result.credential.scheme


def test_a_random_uid_is_told_as_it_is_shown(world):
    world.insert(ntag424(shown_uid=RANDOM_UID))
    assert sensed(world.reader).uid == RANDOM_UID


HOSTILE = {
    "65 kB": bytes(65000),
    "a full answer of nothing": bytes(256) + b"\x90\x00",
    "empty": b"",
    "one byte": b"\x90",
    "6F00": b"\x6f\x00",
    "91AE": b"\x91\xae",
    "61xx for ever": b"\x61\x10",
    "91AF for ever": bytes(16) + b"\x91\xaf",
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("kind", ["pkoc", "ntag424", "type 4 tag"])
def test_whatever_is_answered_the_reader_serves_the_next_medium_at_once(world, kind, name):
    medium, media = KINDS[kind].make(STATEMENTS), media_for(*Scheme, reads_carried=True)
    for first in (0, 1) if kind == "pkoc" else (2, 4):  # from this command on
        medium.faults = Faults(answers=dict.fromkeys(range(first, 200), HOSTILE[name]))
        result, _ = tap(world, medium, media)
        strong = isinstance(result, Proof) and result.credential.scheme in ("pkoc", "ev2", "sun")
        assert not strong, result
        began = CLOCK.monotonic()
        good, _ = tap(world, pkoc(), media)
        assert isinstance(good, Proof)
        assert CLOCK.monotonic() - began < USABLE_S


@pytest.mark.parametrize("name", [name for name in KINDS if name != "uid"])
def test_a_medium_torn_away_at_any_command_is_good_at_the_next_tap(world, name):
    kind = KINDS[name]
    medium = kind.make(b"x" * 40)
    tap(world, medium, kind.media)
    for at in range(medium._count):
        with faulty(medium, tear_at=at):
            world.insert(medium)
            session = sensed(world.reader)
            talk = Talk(session.uid, secrets.token_bytes, lambda: NOW)
            torn = drive(identify(talk, kind.media), session)
            session.close()
        assert torn is None or isinstance(torn, Refusal)
        world.remove()
        assert world.reader.wait_removed(PATIENCE_S)
        assert isinstance(tap(world, medium, kind.media)[0], Proof)


def test_a_tag_that_falls_silent_ends_the_tap(world):
    medium = KINDS["tag"].make(STATEMENTS)
    with faulty(medium, hang_at=3):
        world.insert(medium)
        session = sensed(world.reader)
        medium.free()
        talk = Talk(UID, secrets.token_bytes, lambda: NOW)
        result = drive(identify(talk, media_for(Scheme.SIGNED)), session)
        assert result is None or isinstance(result, Refusal)
        session.close()
        world.remove()
    assert world.reader.wait_removed(PATIENCE_S)
    assert isinstance(tap(world, medium, media_for(Scheme.SIGNED))[0], Proof)


def test_a_tag_answers_no_commands_and_an_applet_no_pages(world):
    world.insert(KINDS["tag"].make(b"x"))
    session = sensed(world.reader)
    assert b"\x90\x00" == session.transmit(bytes.fromhex("FFB0000310"))[-2:]
    assert b"\x6a\x81" == session.transmit(bytes.fromhex("00A4040007D276000085010100"))
    session.close()
    world.remove()
    assert world.reader.wait_removed(PATIENCE_S)
    world.insert(ntag424(ndef.carrying(b"x")))
    session = sensed(world.reader)
    assert b"\x90\x00" != session.transmit(bytes.fromhex("FFB0000310"))[-2:]

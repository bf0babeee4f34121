"""The contract of the reader port, kept by all twins: in process, PC/SC on vpcd, nfcpy on its udp driver."""

from __future__ import annotations

import hashlib
import queue
import secrets
import threading

import pytest

from gated.card.apdu import select
from gated.card.identify import Media, Scheme, identify
from gated.card.talk import Talk
from gated.daemon.conversing import drive
from gated.devices.clock import SystemClock
from gated.devices.simulated.media import Faults, Medium, PkocMedium
from gated.errors import CardError, GatedError, ReaderError
from gated.model.credential import Assurance, Credential, Proof
from twins import PATIENCE_S, TWINS, field, sensed

UID = bytes.fromhex("04A1B2C3D4E580")
OTHER_UID = bytes.fromhex("04FFEEDDCCBBAA")
SELECT = select(PkocMedium.AID)


@pytest.fixture(params=TWINS)
def world(request):
    """A field, its reader open."""
    with field(request.param) as made:
        made.reader.open()
        yield made
        made.reader.close()


class Aside:
    """A call in a thread of its own, as the daemon makes it; ``result`` is what it gave or raised."""

    def __init__(self, call) -> None:
        self._results: queue.SimpleQueue = queue.SimpleQueue()
        self._call = call
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self) -> None:
        try:
            self._results.put(self._call())
        except GatedError as error:
            self._results.put(error)

    def result(self):
        given = self._results.get(timeout=PATIENCE_S)
        self.thread.join(PATIENCE_S)
        return given


def prove(session) -> object:
    talk = Talk(session.uid, secrets.token_bytes, lambda: None)
    return drive(identify(talk, Media(bytes(32), [Scheme.PKOC])), session)


def proof_of(medium) -> Proof:
    return Proof(
        Credential("pkoc", hashlib.sha256(medium.public).digest(), Assurance.ASYMMETRIC), fresh=range(1, 2)
    )


def tap(world, medium) -> object:
    """A whole tap of a medium: what it proved."""
    world.insert(medium)
    session = sensed(world.reader)
    result = prove(session)
    session.close()
    world.remove()
    assert world.reader.wait_removed(PATIENCE_S)
    return result


# ------------------------------------------------------------------ media


def test_a_genuine_medium_proves_its_key_and_tells_its_uid(world):
    medium = PkocMedium(UID)
    world.insert(medium)
    session = sensed(world.reader)
    assert session.uid == UID
    assert prove(session) == proof_of(medium)


def test_the_readers_question_for_the_uid_is_no_command_to_the_medium(world):
    medium = PkocMedium(UID)
    medium.faults = Faults(answers={0: b"\x6f\x00"})
    world.insert(medium)
    assert sensed(world.reader).transmit(SELECT) == b"\x6f\x00"


def test_a_medium_without_a_uid_converses_all_the_same(world):
    medium = PkocMedium(b"")
    world.insert(medium)
    session = sensed(world.reader)
    assert session.uid is None
    assert prove(session) == proof_of(medium)


def test_the_same_medium_presented_again_is_a_second_tap(world):
    medium = PkocMedium(UID)
    assert tap(world, medium) == proof_of(medium)
    assert not world.reader.wait_card(0.01)
    assert tap(world, medium) == proof_of(medium)


def test_two_media_in_turn_are_two_credentials(world):
    first, second = PkocMedium(UID), PkocMedium(OTHER_UID)
    assert tap(world, first) == proof_of(first)
    assert tap(world, second) == proof_of(second)


def test_a_medium_that_took_the_place_of_the_last_counts_as_its_removal(world):
    world.insert(Medium(UID))
    sensed(world.reader).close()
    world.remove()
    world.insert(Medium(OTHER_UID))
    session = None
    for _ in range(10):  # it may be seen gone before it is seen replaced
        assert world.reader.wait_removed(1.0)
        if world.reader.wait_card(1.0):
            session = world.reader.connect()
            break
    assert session is not None
    assert session.uid == OTHER_UID


def test_a_foreign_medium_proves_nothing(world):
    assert tap(world, Medium(UID)) is None


# ------------------------------------------------------------------ media that fail


@pytest.mark.parametrize("faults", [Faults(tear_at=1), Faults(empty_at=1)], ids=["torn", "empty"])
def test_an_answer_that_does_not_come_is_a_card_error_and_the_next_tap_is_good(world, faults):
    medium = PkocMedium(UID)
    medium.faults = faults
    world.insert(medium)
    session = sensed(world.reader)
    session.transmit(SELECT)
    with pytest.raises(CardError) as caught:
        session.transmit(SELECT)
    assert caught.value.hint
    session.close()
    world.remove()
    assert world.reader.wait_removed(PATIENCE_S)
    medium.faults = Faults()
    assert tap(world, medium) == proof_of(medium)


def test_a_medium_torn_away_is_gone_without_anybody_taking_it(world):
    medium = PkocMedium(UID)
    medium.faults = Faults(tear_at=0)
    world.insert(medium)
    session = sensed(world.reader)
    with pytest.raises(CardError):
        session.transmit(SELECT)
    session.close()
    assert world.reader.wait_removed(PATIENCE_S)


def test_a_hung_medium_holds_the_conversation_until_it_is_removed(world):
    medium = PkocMedium(UID)
    medium.faults = Faults(hang_at=0)
    world.insert(medium)
    session = sensed(world.reader)
    conversation = Aside(lambda: session.transmit(SELECT))
    assert medium.hanging.wait(PATIENCE_S)
    world.reader.interrupt()  # ends waits, never an exchange
    conversation.thread.join(0.1)
    assert conversation.thread.is_alive()
    world.remove()
    assert isinstance(conversation.result(), CardError)
    session.close()
    assert world.reader.wait_removed(PATIENCE_S)
    medium.faults = Faults()
    assert tap(world, medium) == proof_of(medium)


def test_a_late_answer_is_an_answer(world):
    medium = PkocMedium(UID)
    medium.faults = Faults(late_at=0)
    world.insert(medium)
    session = sensed(world.reader)
    conversation = Aside(lambda: session.transmit(SELECT))
    assert medium.hanging.wait(PATIENCE_S)
    medium.free()
    assert conversation.result() == bytes.fromhex("5C0201009000")


# ------------------------------------------------------------------ waits


def test_waits_end_when_their_time_is_over(world):
    assert not world.reader.wait_card(0.02)
    world.insert(Medium(UID))
    sensed(world.reader).close()
    assert not world.reader.wait_removed(0.02)


@pytest.mark.parametrize("present", [False, True], ids=["for a medium", "for its removal"])
def test_an_interrupt_ends_a_wait(world, present):
    if present:
        world.insert(Medium(UID))
        sensed(world.reader).close()
    clock = SystemClock()
    began = clock.monotonic()
    wait = world.reader.wait_removed if present else world.reader.wait_card
    waiting = Aside(lambda: wait(PATIENCE_S))
    while waiting.thread.is_alive() and clock.monotonic() < began + PATIENCE_S:
        world.reader.interrupt()  # it reaches only a wait that is already pending
        waiting.thread.join(0.02)
    assert not waiting.result()
    assert clock.monotonic() - began < PATIENCE_S / 2


# ------------------------------------------------------------------ the reader goes and comes


def test_a_reader_lost_while_waiting_tells_it_and_serves_again_when_it_is_back(world):
    waiting = Aside(lambda: sensed(world.reader))
    world.unplug()
    lost = waiting.result()
    assert isinstance(lost, ReaderError)
    assert lost.hint
    with pytest.raises(ReaderError) as caught:
        world.reader.open()
    assert caught.value.hint
    world.replug()
    world.reader.open()
    medium = PkocMedium(UID)
    assert tap(world, medium) == proof_of(medium)


def test_a_reader_lost_with_a_medium_in_it_is_no_fault_of_the_medium(world):
    medium = PkocMedium(UID)
    world.insert(medium)
    session = sensed(world.reader)
    world.unplug()
    with pytest.raises(ReaderError):
        session.transmit(SELECT)
    session.close()
    world.replug()
    world.reader.open()
    assert tap(world, medium) == proof_of(medium)


def test_a_reader_lost_under_a_hung_medium_ends_the_conversation(world):
    medium = PkocMedium(UID)
    medium.faults = Faults(hang_at=0)
    world.insert(medium)
    session = sensed(world.reader)
    conversation = Aside(lambda: session.transmit(SELECT))
    assert medium.hanging.wait(PATIENCE_S)
    world.unplug()
    assert isinstance(conversation.result(), ReaderError)
    session.close()


def test_closing_is_idempotent_and_never_raises(world):
    world.insert(Medium(UID))
    session = sensed(world.reader)
    world.unplug()
    for _ in range(2):
        session.close()
        world.reader.interrupt()
        world.reader.close()
    world.reader.interrupt()
    with pytest.raises(ReaderError):
        world.reader.wait_card(0.01)
    with pytest.raises(ReaderError):
        world.reader.wait_removed(0.01)


def test_no_error_tells_a_uid(world):
    medium = PkocMedium(UID)
    world.insert(medium)
    session = sensed(world.reader)
    medium.faults = Faults(tear_at=0)
    told = [Aside(lambda: session.transmit(SELECT)).result()]
    world.unplug()
    told += [Aside(lambda: session.transmit(SELECT)).result(), Aside(world.reader.open).result()]
    for error in told:
        assert isinstance(error, GatedError)
        assert UID.hex() not in str(error).lower()
        assert "\n" not in str(error)

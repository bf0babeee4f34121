"""The thread of a reader shows the lane's signals between its waits, and lives on whatever a light does."""

from __future__ import annotations

import logging
import queue
import secrets

import pytest

from gated.card.identify import Media, Scheme, identify
from gated.card.talk import Talk
from gated.daemon.conversing import Timed, converse, drive
from gated.daemon.messages import Conversed, Conversing, ReaderLost, ReaderReady
from gated.daemon.reader_worker import WAIT_S, ReaderWorker
from gated.devices.clock import SystemClock
from gated.devices.simulated.clock import SimulatedClock
from gated.devices.simulated.media import Faults
from gated.devices.simulated.reader import SimulatedReader
from gated.model.credential import Proof
from gated.model.refusal import Reason, Refusal
from gated.policy.round_trip import in_time
from gated.ports import Signal
from kinds import KINDS, NOW, RANDOM_UID, UID
from venue import PATIENCE_S, Site, medium, until


class Lit(SimulatedReader):
    """It remembers all that it showed, and whether its light works."""

    def __init__(self) -> None:
        super().__init__("lit")
        self.all: list[Signal] = []
        self.broken = False

    def show(self, signal: Signal) -> None:
        super().show(signal)
        self.all.append(signal)
        if self.broken:
            raise RuntimeError("no such lamp")


class Served:
    """A worker on a reader; ``posts`` are what it tells its lane."""

    def __init__(self) -> None:
        self.reader = Lit()
        self.posts: queue.SimpleQueue = queue.SimpleQueue()
        self.worker = ReaderWorker(self.reader, self._converse, self.posts.put, SystemClock().monotonic)

    @staticmethod
    def _converse(uid):
        return identify(Talk(uid, bytes, lambda: None), Media(bytes(32), [Scheme.PKOC]))

    def next(self, kind):
        post = self.posts.get(timeout=PATIENCE_S)
        assert isinstance(post, kind)
        return post


@pytest.fixture
def served():
    made = Served()
    made.worker.start()
    made.next(ReaderReady)
    yield made
    made.reader.remove()
    assert made.worker.stop(PATIENCE_S)


def test_a_signal_is_shown_while_the_lane_is_busy_and_while_the_reader_waits(served):
    served.worker.show(Signal.OUT_OF_SERVICE)
    assert until(lambda: served.reader.all == [Signal.OUT_OF_SERVICE])
    served.worker.go_on(0)
    served.worker.show(Signal.READY)
    assert until(lambda: served.reader.all == [Signal.OUT_OF_SERVICE, Signal.READY])
    assert Signal.READY is served.reader.shown


@pytest.mark.parametrize("busy", [True, False], ids=["the lane is busy", "the reader waits"])
def test_a_signal_wakes_the_thread(served, busy):
    if not busy:
        served.worker.go_on(0)
    clock = SystemClock()
    took = []
    for count in range(1, 6):
        began = clock.monotonic()
        served.worker.show(Signal.READY)
        assert until(lambda count=count: len(served.reader.all) == count)
        took.append(clock.monotonic() - began)
    assert min(took[1:]) < WAIT_S / 4  # an interrupt just before a wait is lost: not each is prompt


def test_a_signal_is_shown_while_the_medium_lies_there_each_time_anew(served):
    served.worker.go_on(0)
    served.reader.present(medium(1))
    served.next(Conversing)
    served.next(Conversed)
    for count in (1, 2):
        served.worker.show(Signal.REFUSED)
        assert until(lambda count=count: served.reader.all == [Signal.REFUSED] * count)


def test_nothing_is_shown_in_a_conversation_and_the_latest_after_it(served):
    served.worker.go_on(0)
    slow = medium(1)
    slow.faults = Faults(late_at=0)
    served.reader.present(slow)
    served.next(Conversing)
    assert slow.hanging.wait(PATIENCE_S)
    served.worker.show(Signal.READY)
    served.worker.show(Signal.GRANTED)
    assert [] == served.reader.all
    slow.free()
    served.next(Conversed)
    assert until(lambda: served.reader.all == [Signal.GRANTED])
    served.reader.remove()
    served.worker.go_on(1)
    served.reader.present(medium(2))
    served.next(Conversing)
    served.next(Conversed)
    assert [Signal.GRANTED] == served.reader.all


def test_a_reader_that_was_away_shows_the_last_signal_again(served):
    served.worker.show(Signal.READY)
    assert until(lambda: served.reader.all == [Signal.READY])
    served.worker.go_on(0)
    served.reader.unplug()
    served.next(ReaderLost)
    served.reader.replug()
    served.next(ReaderReady)
    assert until(lambda: served.reader.all == [Signal.READY] * 2)


def test_a_reader_that_was_away_shows_what_was_said_meanwhile_and_no_more(served):
    served.worker.show(Signal.READY)
    assert until(lambda: served.reader.all == [Signal.READY])
    served.worker.go_on(0)
    served.reader.unplug()
    served.next(ReaderLost)
    served.worker.show(Signal.OUT_OF_SERVICE)
    served.reader.replug()
    served.next(ReaderReady)
    served.reader.present(medium(1))
    served.next(Conversing)
    served.next(Conversed)
    assert [Signal.READY, Signal.OUT_OF_SERVICE] == served.reader.all


def test_a_light_that_fails_ends_no_thread_and_is_told_once(served, caplog):
    served.reader.broken = True
    with caplog.at_level(logging.ERROR):
        for count in (1, 2, 3):
            served.worker.show(Signal.READY)
            assert until(lambda count=count: len(served.reader.all) == count)
        served.worker.go_on(0)
        served.reader.present(medium(1))
        served.next(Conversing)
        assert served.next(Conversed).result is not None
    assert 1 == len(caplog.records)


# ------------------------------------------------------------------ conversations, carried


class Slow:
    """A medium that needs so long for each answer, as its clock says."""

    def __init__(self, carried, clock, delay_s):
        self.carried, self.clock, self.delay_s = carried, clock, delay_s
        carried.present()

    def transmit(self, apdu):
        self.clock.advance(self.delay_s)
        return self.carried.transmit(apdu)


LIMIT_S = 0.25
DELAYS_MS = range(0, 501, 10)


@pytest.mark.parametrize("name", ["pkoc", "pkoc2", "ntag424", "ntag424 random uid", "desfire"])
def test_a_fresh_answer_that_took_too_long_is_refused_and_no_other_counts(name):
    kind, late = KINDS[name], []
    for delay_ms in DELAYS_MS:
        clock = SimulatedClock(0)
        timed = Timed(Slow(kind.make(b""), clock, delay_ms / 1000), clock.monotonic)
        talk = Talk(UID if "random" not in name else RANDOM_UID, secrets.token_bytes, lambda: NOW)
        result = drive(identify(talk, kind.media), timed)
        judged = in_time(result, timed.trips_s, {kind.scheme: LIMIT_S, "signed": 0.0})
        if isinstance(judged, Refusal):
            assert ("too_slow", delay_ms, 250) == (
                judged.reason, judged.params["took_ms"], judged.params["limit_ms"],
            )  # fmt: skip
            late.append(delay_ms)
        else:
            assert isinstance(judged, Proof)
    assert [delay for delay in DELAYS_MS if delay > 250] == late


def test_a_relay_is_refused_at_the_lane_and_the_medium_itself_is_not(serve, tmp_path):
    site = Site(tmp_path, more='[media.round_trip]\npkoc = "300ms"\n')
    carried = medium(1)
    site.bring(site.give("alice", carried, "season"))
    clock = SimulatedClock(SystemClock().sample().wall)
    served = serve(site, clock=clock)
    assert served.tap(carried).granted
    answer = carried.answer
    carried.answer = lambda apdu: (clock.advance(0.4), answer(apdu))[1]
    told = served.tap(carried)
    assert ("too_slow", "pkoc", 300) == (
        told.refusal.reason, told.refusal.params["scheme"], told.refusal.params["limit_ms"],
    )  # fmt: skip
    carried.answer = answer
    assert served.tap(carried).granted
    site.office.close()


def test_a_conversation_that_breaks_blames_the_medium_and_closes_no_lane(caplog):
    def broken(_talk):
        yield bytes.fromhex("00A4040001AA00")
        raise ValueError("nobody thought of this")

    carried = medium(1)
    carried.present()
    assert Refusal(Reason.UNREADABLE, {"what": "unexpected"}) == converse(broken(None), carried)
    assert "not understood" in caplog.text


def test_a_driver_that_breaks_is_the_readers_fault():
    class Broken:
        def transmit(self, _apdu):
            raise RuntimeError("no such device")

    with pytest.raises(RuntimeError):
        drive(
            identify(Talk(UID, secrets.token_bytes, lambda: NOW), Media(bytes(32), [Scheme.PKOC])), Broken()
        )


def test_a_medium_that_answers_for_ever_is_asked_no_further_once_the_lane_waits_no_longer():
    clock, carried = SimulatedClock(0), KINDS["type 4 tag"].make(b"x" * 600)
    carried.applets[0].answer_bytes = 15  # it gives fifteen bytes at a time
    timed = Timed(Slow(carried, clock, 0.125), clock.monotonic, patience_s=1.2)
    talk = Talk(UID, secrets.token_bytes, lambda: NOW)
    result = converse(identify(talk, KINDS["type 4 tag"].media), timed)
    assert Refusal(Reason.UNREADABLE, {"scheme": "signed", "what": "slow"}) == result
    assert 10 == len(timed.trips_s)

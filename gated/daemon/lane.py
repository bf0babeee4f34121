"""One lane: from a message of its reader or barrier to light, volts and rows. It decides nothing.

The thread takes messages from one inbox and calls ``handle`` and ``tick``; tests call them directly
and let time pass by hand.

A medium that answers nothing (``conversation_s`` over) puts the lane out of service, and it comes back
in this order: 1 the lane says so and refuses; 2 the reader is asked to let go; 3 when the thread
comes back the late answer is thrown away and the reader serves again; 4 if it never does, the gate
stops being healthy after ``hung_limit_s``, and the service manager starts it anew.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import assert_never

from gated.daemon.messages import Conversed, Conversing, Message, Passed, ReaderLost, ReaderReady
from gated.daemon.reader_worker import ReaderWorker
from gated.daemon.tap import TapWay, Written
from gated.daemon.timekeeper import TimeKeeper
from gated.errors import BarrierError, StoreError
from gated.model.credential import Credential
from gated.model.decision import Denied, Granted
from gated.model.event import (
    Foreign,
    LaneCause,
    LaneChanged,
    LaneState,
    Repeated,
    Settled,
    SettledBy,
    Settlement,
)
from gated.model.refusal import Reason, Refusal
from gated.policy.storm import Closed, ForeignCounter, RefusalWindows
from gated.ports import Barrier, Clock, Indicator, Signal
from gated.store.journal import Journal
from gated.wire.event import Stamp

log = logging.getLogger(__name__)

#: The thread looks at its deadlines at least this often; also its heartbeat.
TICK_S = 1.0


@dataclass(frozen=True, slots=True)
class LaneTimes:
    """A lane's deadlines, in seconds."""

    hold_s: float
    conversation_s: float
    hung_limit_s: float


@dataclass(frozen=True, slots=True)
class Told:
    """What a tap came to, for whoever watches the lane (the demo, later the display)."""

    lane: str
    granted: bool
    refusal: Refusal | None
    decision: Granted | Denied | None
    seq: int
    took_s: float  # from the first command to the light
    judged_s: float  # of which recalling, opening, judging, writing


@dataclass(slots=True)
class _Release:
    decision: int
    persons: int
    until: float


class LaneWorker:
    """The thread of one lane."""

    def __init__(
        self,
        *,
        lane_id: str,
        way: TapWay,
        journal: Journal,
        time: TimeKeeper,
        clock: Clock,
        barrier: Barrier,
        indicator: Indicator,
        times: LaneTimes,
        journal_wait_s: float,
        watch: Callable[[Told], None] = lambda _told: None,
    ) -> None:
        self._id = lane_id
        self._way = way
        self._journal = journal
        self._time = time
        self._clock = clock
        self._barrier = barrier
        self._indicator = indicator
        self._times = times
        self._journal_wait_s = journal_wait_s
        self._watch = watch
        self._inbox: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._reader: ReaderWorker | None = None
        self._thread = threading.Thread(target=self._run, name=f"lane {lane_id}", daemon=True)
        self._windows = RefusalWindows()
        self._foreign = ForeignCounter()
        self._release: _Release | None = None
        self._conversing: tuple[int, float] | None = None  # tap, since
        self._hung_since: float | None = None
        self._state = LaneState.OUT_OF_SERVICE
        self._ever_served = False
        self._judged_s = 0.0
        self.beat = clock.monotonic()
        barrier.watch(lambda persons: self._inbox.put(Passed(persons)))

    # -------------------------------------------------------------- life

    def post(self, message: Message) -> None:
        """Tell the lane; from any thread."""
        self._inbox.put(message)

    def start(self, reader: ReaderWorker) -> None:
        """Start serving with this reader."""
        self.attach(reader)
        self._thread.start()
        reader.start()

    def attach(self, reader: ReaderWorker) -> None:
        """Serve with this reader, without a thread of the lane's own."""
        self._reader = reader

    def stop(self, timeout_s: float) -> None:
        """Stop serving. A release still open stays open in the journal: nobody knows its end."""
        self._inbox.put(None)
        self._thread.join(timeout_s)
        if self._reader is not None:
            self._reader.stop(timeout_s)

    def hung_too_long(self) -> bool:
        """Whether a medium has held the reader past all patience."""
        since = self._hung_since
        return since is not None and self._clock.monotonic() - since >= self._times.hung_limit_s

    @property
    def state(self) -> LaneState:
        """Whether the lane serves."""
        return self._state

    def _run(self) -> None:
        while True:
            self.beat = self._clock.monotonic()
            try:
                message = self._inbox.get(timeout=self.patience())
            except queue.Empty:
                self.tick()
                continue
            if message is None:
                self._close()
                return
            try:
                self.handle(message)
                self.tick()
            except Exception:  # a bug must not close the lane for good, nor open it
                log.exception("lane %s: unexpected", self._id)
                self._show(Signal.OUT_OF_SERVICE, Refusal(Reason.OUT_OF_SERVICE, {"cause": "fault"}))
                self._go_on()

    def patience(self) -> float:
        """How long nothing needs to be done, in seconds."""
        now = self._clock.monotonic()
        ends = [now + TICK_S]
        if self._release is not None:
            ends.append(self._release.until)
        if self._conversing is not None:
            ends.append(self._conversing[1] + self._times.conversation_s)
        return max(0.0, min(ends) - now)

    # -------------------------------------------------------------- messages and deadlines

    def handle(self, message: Message) -> None:
        """Do what a message asks for."""
        match message:
            case ReaderReady():
                self._hung_since = self._conversing = None
                self._serve(LaneCause.READER_BACK if self._ever_served else LaneCause.STARTED)
            case ReaderLost():
                log.warning("lane %s: %s", self._id, message.detail)
                self._hung_since = self._conversing = None
                self._fail(LaneCause.READER_LOST)
            case Conversing():
                self._conversing = message.tap, self._clock.monotonic()
            case Conversed():
                self._conversed(message)
            case Passed():
                self._passed(message.persons)
            case _:
                assert_never(message)

    def tick(self) -> None:
        """Do what is due by the clock."""
        now = self._clock.monotonic()
        if self._conversing is not None and now - self._conversing[1] >= self._times.conversation_s:
            self._hung(now)
        if self._release is not None and now >= self._release.until:
            self._end_release()
        for closed in self._windows.expired(now):
            self._repeated(closed)
        self._tell_foreign(self._foreign.ended(self._time.read().sample.wall))

    def _conversed(self, message: Conversed) -> None:
        if self._conversing is None:
            # Its deadline is over: whatever was proved, nobody stands behind it any more.
            self._hung_since = None
            self._serve(LaneCause.READER_BACK)
            return
        since = self._conversing[1]
        self._conversing, self._judged_s = None, 0.0
        match message.result:
            case None:
                self._tell_foreign(self._foreign.saw(self._time.read().sample.wall))
                self._refuse(Refusal(Reason.UNKNOWN_MEDIUM), None, 0, since)
            case Refusal() as refusal:
                scheme = str(refusal.params.get("scheme", "")) or None
                denied = Denied(refusal, None, None, self._time.read().quality)
                self._deny((scheme, refusal.reason), scheme, None, denied, since)
            case Credential() as credential:
                self._take(credential, since)

    # -------------------------------------------------------------- a tap

    def _take(self, credential: Credential, since: float) -> None:
        began = self._clock.monotonic()
        taken = self._way.take(credential)
        self._judged_s = self._clock.monotonic() - began
        if isinstance(taken, Refusal):
            self._refuse(taken, None, 0, since)
        elif isinstance(taken.decision, Denied):
            key = credential.text, taken.decision.refusal.reason
            self._deny(key, credential.scheme, credential.assurance.label, taken.decision, since)
        else:
            self._open(taken, taken.decision, since)

    def _deny(
        self, key: Hashable, scheme: str | None, assurance: str | None, denied: Denied, since: float
    ) -> None:
        now = self._clock.monotonic()
        seq = 0
        if not self._windows.repeats(key, now):
            written = self._way.write_denial(scheme, denied, assurance)
            if isinstance(written, Written):
                seq = written.seq
                for closed in self._windows.wrote(key, seq, now):
                    self._repeated(closed)
        self._refuse(denied.refusal, denied, seq, since)

    def _open(self, written: Written, granted: Granted, since: float) -> None:
        """The row is durable: only now may anything move."""
        self._release = _Release(written.seq, granted.persons, self._clock.monotonic() + self._times.hold_s)
        try:
            self._barrier.release(granted.persons)
        except BarrierError as error:
            log.error("lane %s: %s", self._id, error)
            self._settle(Settlement.NOT_TAKEN, SettledBy.BARRIER_FAULT)
            self._refuse(Refusal(Reason.OUT_OF_SERVICE, {"cause": "barrier_fault"}), None, written.seq, since)
            return
        self._show(Signal.GRANTED)
        self._tell(granted=True, refusal=None, decision=granted, seq=written.seq, since=since)

    def _refuse(self, refusal: Refusal, denied: Denied | None, seq: int, since: float) -> None:
        out = refusal.reason is Reason.OUT_OF_SERVICE
        self._show(Signal.OUT_OF_SERVICE if out else Signal.REFUSED, refusal)
        self._tell(granted=False, refusal=refusal, decision=denied, seq=seq, since=since)
        self._go_on()

    def _passed(self, persons: int) -> None:
        if self._release is None:
            log.warning("lane %s: %d passed without a release", self._id, persons)
            return
        self._settle(Settlement.TAKEN, SettledBy.PASSAGE)
        self._go_on()

    def _end_release(self) -> None:
        try:
            self._barrier.secure()
        except BarrierError as error:
            log.error("lane %s: %s", self._id, error)
        self._settle(Settlement.NOT_TAKEN, SettledBy.HOLD_ENDED)
        self._go_on()

    def _settle(self, outcome: Settlement, by: SettledBy) -> None:
        release, self._release = self._release, None
        assert release is not None
        event = Settled(self._id, release.decision, outcome, by, release.persons)
        ticket = self._journal.append(event, Stamp.of(self._time.read()))
        # The next tap may be the same medium: what was given back must count for it. A stalled disk is
        # not waited for longer; the row keeps its place in the queue.
        try:
            ticket.wait(self._journal_wait_s)
        except StoreError as error:
            log.error("lane %s: %s", self._id, error)

    # -------------------------------------------------------------- in and out of service

    def _hung(self, now: float) -> None:
        self._conversing = None
        self._hung_since = now
        self._fail(LaneCause.READER_HUNG)
        if self._reader is not None:
            self._reader.nudge()

    def _serve(self, cause: LaneCause) -> None:
        self._ever_served = True
        self._change(LaneState.IN_SERVICE, cause)
        self._show(Signal.READY)
        if self._release is None:
            self._go_on()

    def _fail(self, cause: LaneCause) -> None:
        self._change(LaneState.OUT_OF_SERVICE, cause)
        self._show(Signal.OUT_OF_SERVICE, Refusal(Reason.OUT_OF_SERVICE, {"cause": str(cause)}))

    def _change(self, state: LaneState, cause: LaneCause) -> None:
        if state is self._state:
            return
        self._state = state
        log.info("lane %s: %s (%s)", self._id, state, cause)
        self._journal.append(LaneChanged(self._id, state, cause), Stamp.of(self._time.read()))

    def _go_on(self) -> None:
        if self._reader is not None and self._release is None:
            self._reader.go_on()

    # -------------------------------------------------------------- telling

    def _show(self, signal: Signal, refusal: Refusal | None = None) -> None:
        self._indicator.show(signal, refusal)

    def _tell(
        self,
        *,
        granted: bool,
        refusal: Refusal | None,
        decision: Granted | Denied | None,
        seq: int,
        since: float,
    ) -> None:
        took = self._clock.monotonic() - since
        log.info(
            "lane %s: %s%s row %s %.0f ms",
            self._id,
            "granted" if granted else "refused",
            "" if refusal is None else f" {refusal}",
            seq or "-",
            took * 1000,
        )
        self._watch(Told(self._id, granted, refusal, decision, seq, took, self._judged_s))

    def _repeated(self, closed: Closed) -> None:
        self._journal.append(Repeated(self._id, closed.decision, closed.count), Stamp.of(self._time.read()))

    def _tell_foreign(self, ended: tuple[int, int] | None) -> None:
        if ended is not None:
            self._journal.append(Foreign(*ended), Stamp.of(self._time.read()))

    def _close(self) -> None:
        if self._release is not None:
            # Whether they passed shows at the next start as unknown; the barrier must not stay open for it.
            try:
                self._barrier.secure()
            except BarrierError as error:
                log.error("lane %s: %s", self._id, error)
        for closed in self._windows.close_all():
            self._repeated(closed)
        self._tell_foreign(self._foreign.close())

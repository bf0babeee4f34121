"""One lane: from a message of its reader or barrier to light, volts and rows. It decides nothing.

The thread takes messages from one inbox and calls ``handle`` and ``tick``; tests call them directly
and let time pass by hand.

A medium that answers nothing (``conversation_s`` over) puts the lane out of service, and it comes back
in this order: 1 the lane says so and refuses (an exit lets out); 2 the reader is asked to let go; 3 when
the thread comes back the late answer is thrown away and the reader serves again; 4 if it never does, the
gate stops being healthy after ``hung_limit_s``, and the service manager starts it anew.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Hashable, Sequence
from functools import partial
from typing import assert_never

from gated.daemon.front import Front
from gated.daemon.messages import (
    Conversed,
    Conversing,
    HoldEnded,
    LaneTimes,
    Message,
    ReaderLost,
    ReaderReady,
    Told,
)
from gated.daemon.passage import Passage
from gated.daemon.reader_worker import ReaderWorker
from gated.daemon.tally import Tally
from gated.daemon.tap import TapWay, Written
from gated.daemon.timekeeper import TimeKeeper
from gated.model.barrier import BarrierEvent, Passed
from gated.model.credential import Credential
from gated.model.decision import Decision, Denied, Granted, Leaving
from gated.model.event import LaneCause
from gated.model.refusal import Reason, Refusal
from gated.model.venue import Direction, Lane
from gated.policy.storm import is_foreign
from gated.ports import Barrier, Clock, Indicator
from gated.store.journal import Journal
from gated.texts.sentences import Texts

log = logging.getLogger(__name__)

#: The thread looks at its deadlines at least this often; also its heartbeat.
TICK_S = 1.0
#: Scheme and assurance, as far as a medium told them.
_Proof = tuple[str | None, str | None]


class LaneWorker:
    """The thread of one lane."""

    def __init__(
        self,
        *,
        lane: Lane,
        way: TapWay,
        journal: Journal,
        time: TimeKeeper,
        clock: Clock,
        barrier: Barrier,
        indicator: Indicator,
        texts: Sequence[Texts],
        times: LaneTimes,
        journal_wait_s: float,
        watch: Callable[[Told], None] = lambda _told: None,
    ) -> None:
        self._id = lane_id = lane.id
        self._leads_out = lane.direction is Direction.EXIT
        self._way = way
        self._time = time
        self._clock = clock
        self._front = Front(lane_id, journal, time, indicator, texts, watch)
        self._times = times
        self._journal_wait_s = journal_wait_s
        self._passage = Passage(
            lane_id=lane_id,
            direction=lane.direction,
            move=way.move,
            journal=journal,
            time=time,
            clock=clock,
            barrier=barrier,
            front=self._front,
            hold_s=times.hold_s,
            journal_wait_s=journal_wait_s,
            post=self.post,
        )
        self._inbox: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._reader: ReaderWorker | None = None
        self._thread = threading.Thread(target=self._run, name=f"lane {lane_id}", daemon=True)
        self._tally = Tally(lane_id, journal, time, clock)
        self._conversing: tuple[int, float] | None = None  # tap, since
        self._hung_since: float | None = None
        self._judged_s = 0.0
        self.beat = clock.monotonic()
        barrier.start(self._heard)

    # -------------------------------------------------------------- life

    def post(self, message: Message) -> None:
        """Tell the lane; from any thread."""
        self._inbox.put(message)

    def _heard(self, event: BarrierEvent) -> None:
        if isinstance(event, Passed):
            self._inbox.put(event)

    def start(self, reader: ReaderWorker) -> None:
        """Start serving with this reader."""
        self._reader = reader
        self._thread.start()
        reader.start()

    def stop(self, timeout_s: float) -> None:
        """Stop serving. A release still open stays open in the journal: nobody knows its end."""
        self._inbox.put(None)
        self._thread.join(timeout_s)
        if self._reader is not None:
            self._reader.stop(timeout_s)

    def hung(self) -> bool:
        """Whether a medium holds the reader past its deadline."""
        return self._hung_since is not None

    def hung_too_long(self) -> bool:
        """Whether a medium has held the reader past all patience."""
        since = self._hung_since
        return since is not None and self._clock.monotonic() - since >= self._times.hung_limit_s

    def _run(self) -> None:
        while True:
            self.beat = self._clock.monotonic()
            try:
                message = self._inbox.get(timeout=self.patience())
            except queue.Empty:
                self._do(self.tick)
                continue
            if message is None:
                self._passage.close()
                self._tally.close()
                return
            self._do(partial(self.handle, message))
            self._do(self.tick)

    def _do(self, step: Callable[[], None]) -> None:
        try:
            step()
        except Exception:  # a bug must not close the lane for good, nor open it
            log.exception("lane %s: unexpected", self._id)
            self._refuse(Refusal(Reason.OUT_OF_SERVICE, {"cause": "fault"}), None, 0, self.beat)

    def patience(self) -> float:
        """How long nothing needs to be done, in seconds."""
        now = self._clock.monotonic()
        ends = [now + TICK_S, self._passage.until]
        if self._conversing is not None:
            ends.append(self._conversing[1] + self._times.conversation_s)
        return max(0.0, min(ends) - now)

    # -------------------------------------------------------------- messages and deadlines

    def handle(self, message: Message) -> None:
        """Do what a message asks for."""
        match message:
            case ReaderReady():
                self._conversing = None
                self._serve()
            case ReaderLost():
                log.warning("lane %s: %s", self._id, message.detail)
                self._hung_since = self._conversing = None
                self._front.fail(LaneCause.READER_LOST)
            case Conversing():
                self._conversing = message.tap, self._clock.monotonic()
            case Conversed():
                self._conversed(message)
            case Passed():
                self._passage.passed(message.persons)
                self._go_on()
            case HoldEnded():
                self._passage.hold_ended(message.release)
                self._go_on()
            case _:
                assert_never(message)

    def tick(self) -> None:
        """Do what is due by the clock."""
        now = self._clock.monotonic()
        if self._conversing is not None and now - self._conversing[1] >= self._times.conversation_s:
            self._hung(self._conversing[1], now)
        was_insecure = self._passage.insecure
        self._passage.tick()
        if was_insecure:
            self._go_on()
        self._tally.tick()

    def _conversed(self, message: Conversed) -> None:
        if self._conversing is None:
            # Its deadline is over: whatever was proved, nobody stands behind it any more.
            self._serve()
            return
        since = self._conversing[1]
        self._conversing, self._judged_s = None, 0.0
        match message.result:
            case result if self._leads_out:
                self._let_out(result, since)
            case None:
                self._tally.foreign()
                self._refuse(Refusal(Reason.UNKNOWN_MEDIUM), None, 0, since)
            case Refusal() as refusal:
                scheme = str(refusal.params.get("scheme", "")) or None
                denied = Denied(refusal, None, None, self._time.read().quality)
                deadline = self._clock.monotonic() + self._journal_wait_s
                self._deny((scheme, refusal.reason), (scheme, None), denied, since, deadline)
            case Credential() as credential:
                self._take(credential, since)

    # -------------------------------------------------------------- a tap

    def _take(self, credential: Credential, since: float) -> None:
        began = self._clock.monotonic()
        deadline = began + self._journal_wait_s
        taken = self._way.take(credential, deadline)
        self._judged_s = self._clock.monotonic() - began
        if isinstance(taken, Refusal):
            self._refuse(taken, None, 0, since)
        elif isinstance(taken.decision, Denied):
            self._denied(credential, taken.decision, since, deadline)
        else:
            self._open(taken, taken.decision, since)

    def _denied(self, credential: Credential, denied: Denied, since: float, deadline: float) -> None:
        if is_foreign(credential, denied.refusal):
            self._tally.foreign()
            self._refuse(denied.refusal, denied, 0, since)
            return
        key, proof = (credential.text, denied.refusal.reason), (credential.scheme, credential.assurance.label)
        self._deny(key, proof, denied, since, deadline)

    def _deny(self, key: Hashable, proof: _Proof, denied: Denied, since: float, deadline: float) -> None:
        seq = 0
        if not self._tally.repeats(key):
            written = self._way.write_denial(*proof, denied, deadline)
            if isinstance(written, Written):
                seq = written.seq
                self._tally.wrote(key, seq)
        self._refuse(denied.refusal, denied, seq, since)

    def _open(self, written: Written, granted: Granted, since: float) -> None:
        """The row is durable: only now may anything move."""
        obeyed = self._passage.release(written.seq, granted.persons, granted.cost)
        self._opened(granted if obeyed else None, written.seq, since)

    def _let_out(self, result: Credential | Refusal | None, since: float) -> None:
        """Whatever the medium is, or is not: nobody is kept inside."""
        began = self._clock.monotonic()
        leaving = self._way.leave(result if isinstance(result, Credential) else None)
        self._judged_s = self._clock.monotonic() - began
        obeyed = self._passage.let_out(leaving.persons, leaving.pass_)
        self._opened(leaving if obeyed else None, 0, since)

    def _opened(self, decision: Granted | Leaving | None, seq: int, since: float) -> None:
        """The way is free; None = the barrier did not obey."""
        if decision is None:
            self._refuse(Refusal(Reason.OUT_OF_SERVICE, {"cause": "barrier_fault"}), None, seq, since)
        else:
            self._front.grant(decision)
            self._tell(None, decision, seq, since)

    def _refuse(self, refusal: Refusal, denied: Denied | None, seq: int, since: float) -> None:
        self._front.refuse(refusal, None if denied is None else denied.next_at)
        self._tell(refusal, denied, seq, since)
        self._go_on()

    # -------------------------------------------------------------- in and out of service

    def _hung(self, since: float, now: float) -> None:
        self._conversing, self._hung_since = None, now
        self._front.fail(LaneCause.READER_HUNG)
        if self._leads_out:
            self._let_out(None, since)
        else:
            self._tell(Refusal(Reason.OUT_OF_SERVICE, {"cause": "reader_hung"}), None, 0, since)
        if self._reader is not None:
            self._reader.nudge()

    def _serve(self) -> None:
        self._hung_since = None
        self._front.serve(LaneCause.READER_BACK)
        self._go_on()

    def _go_on(self) -> None:
        if self._reader is not None and self._passage.free:
            self._reader.go_on()

    def _tell(self, refusal: Refusal | None, decision: Decision | None, seq: int, since: float) -> None:
        took = self._clock.monotonic() - since
        self._front.tell(Told(self._id, refusal is None, refusal, decision, seq, took, self._judged_s))

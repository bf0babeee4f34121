"""What one lane does with what it is told: taps, passages, orders, faults. It decides nothing.

The lane's thread calls it (``gated.daemon.lane``); tests call it directly and let time pass by hand.

A medium that answers nothing (``conversation_s`` over) puts the lane out of service, and it comes back
in this order: 1 the lane says so and refuses (an exit lets out); 2 the reader is asked to let go; 3 when
the thread comes back the late answer is thrown away and the reader serves again; 4 if it never does, the
gate stops being healthy after ``hung_limit_s``, and the service manager starts it anew.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from gated.daemon.front import Front, rest_of
from gated.daemon.messages import (
    NO_HOPS,
    Conversed,
    Conversing,
    LaneTimes,
    Message,
    Ordering,
    ReaderLost,
    ReaderReady,
    Told,
)
from gated.daemon.ordering import OrderBook
from gated.daemon.passage import Passage
from gated.daemon.reader_worker import ReaderWorker
from gated.daemon.tally import Tally
from gated.daemon.tap import TapWay
from gated.daemon.taps import Taps
from gated.daemon.timekeeper import TimeKeeper
from gated.model.barrier import BarrierEvent, Faulted
from gated.model.event import LaneCause, LaneState
from gated.model.order import Mode
from gated.model.refusal import Reason, Refusal
from gated.model.venue import Direction, Lane
from gated.policy.happening import Happening, ReaderBack, ReaderMissing, Stopped
from gated.policy.standing import Stage, Standing
from gated.ports import Barrier, Clock, Indicator
from gated.store.journal import Journal
from gated.store.ticket import Kept
from gated.texts.sentences import Texts

log = logging.getLogger(__name__)

#: The thread looks at its deadlines at least this often; also its heartbeat.
TICK_S = 1.0


class Walkway:
    """One lane. Used by its thread, but for ``standing``, ``hung`` and ``hung_too_long``."""

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
        at_once: int = 1,
        unknown_counts: bool = True,
        kept: Kept | None = None,
        watch: Callable[[Told], None] = lambda _told: None,
    ) -> None:
        self._id = lane_id = lane.id
        self._leads_out = lane.direction is Direction.EXIT
        self._clock = clock
        self._barrier = barrier
        self._kept = kept
        self._front = Front(lane_id, time, clock, indicator, texts, watch)
        self._times = times
        self._passage = Passage(
            standing=Standing(lane_id, self._leads_out, at_once, unknown_counts),
            move=way.move,
            journal=journal,
            time=time,
            clock=clock,
            barrier=barrier,
            hold_s=times.hold_s,
            journal_wait_s=journal_wait_s,
            forced=self._front.alarm,
        )
        self._orders = OrderBook(
            passage=self._passage,
            way=way,
            journal=journal,
            time=time,
            clock=clock,
            journal_wait_s=journal_wait_s,
        )
        self._reader: ReaderWorker | None = None
        self._tally = Tally(lane_id, journal, time, clock)
        self._taps = Taps(
            way=way,
            passage=self._passage,
            front=self._front,
            tally=self._tally,
            time=time,
            clock=clock,
            journal_wait_s=journal_wait_s,
        )
        self._conversing: tuple[int, float] | None = None  # tap, since
        self._hung_since: float | None = None
        self._tap = 0  # the last one that we know of

    @property
    def id(self) -> str:
        """As in the configuration."""
        return self._id

    @property
    def standing(self) -> Standing:
        """How it stands now."""
        return self._passage.standing

    def begin(self, reader: ReaderWorker, heard: Callable[[BarrierEvent], None]) -> None:
        """Begin as the lane was left; ``heard`` is what the barrier tells."""
        self._reader = reader
        self._front.on_reader = reader.show
        kept = self._kept
        open_ = kept is not None and (kept.burning or kept.mode is Mode.FREE_PASSAGE)
        self._barrier.start(heard, held=open_)
        self._passage.begin(self._kept)
        self._front.stand(rest_of(self.standing))

    def end(self) -> None:
        """Settle what is open. A fire stays open."""
        self._passage.feed(Stopped())
        self._barrier.stop()
        self._tally.close()

    def expect_alarm(self) -> None:
        """An alarm is on its way: nothing is shut any more; from any thread."""
        self._passage.expect_alarm()

    def open_at_once(self) -> None:
        """A fire: open before anything else; from any thread."""
        self._passage.open_at_once()

    def hung(self) -> bool:
        """Whether a medium holds the reader past its deadline."""
        return self._hung_since is not None

    def hung_too_long(self) -> bool:
        """Whether a medium has held the reader past all patience."""
        since = self._hung_since
        return since is not None and self._clock.monotonic() - since >= self._times.hung_limit_s

    def fail(self) -> None:
        """Something unexpected happened: nobody is let in for that."""
        self._taps.refuse(
            Refusal(Reason.OUT_OF_SERVICE, {"cause": "fault"}), None, 0, self._clock.monotonic()
        )

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
                self._feed(ReaderMissing(LaneCause.READER_LOST))
            case Conversing():
                self._tap, self._conversing = message.tap, (message.tap, message.at)
            case Conversed():
                self._conversed(message)
            case Ordering():
                self._orders.obey(message)
                self._rest()
            case _:
                if isinstance(message, Faulted):
                    log.error("lane %s: %s", self._id, message.detail)
                self._feed(message)

    def tick(self) -> None:
        """Do what is due by the clock."""
        now = self._clock.monotonic()
        if self._conversing is not None and now - self._conversing[1] >= self._times.conversation_s:
            self._hung(self._conversing[1], now)
        self._passage.tick()
        self._orders.tick()
        self._rest()
        self._tally.tick()

    def _feed(self, event: Happening) -> None:
        self._passage.feed(event)
        self._rest()

    def _rest(self) -> None:
        """Show how the lane stands, and let the reader go on where nothing is in its way."""
        self._front.stand(rest_of(self.standing, hung=self.hung()))
        if self._conversing is None:
            self._go_on()

    def _conversed(self, message: Conversed) -> None:
        if self._conversing is None:
            # Its deadline is over: whatever was proved, nobody stands behind it any more.
            self._taps.spend_unused(message.result)
            self._serve()
            return
        since = self._conversing[1]
        self._conversing = None
        hops = NO_HOPS._replace(
            conversed=message.at - since, handed=max(0.0, self._clock.monotonic() - message.at)
        )
        if self._takes_taps():
            self._taps.answer(message.result, since, hops)
        else:
            self._taps.spend_unused(message.result)
            self._turn_away(since)

    # -------------------------------------------------------------- in and out of service

    def _takes_taps(self) -> bool:
        """An exit lets out without a reader too, unless an order closes it."""
        standing = self.standing
        if self._leads_out:
            return standing.can_release and not standing.closed
        return standing.stage is Stage.READY

    def _turn_away(self, since: float) -> None:
        """Somebody tapped while a fault, an order or a fire came in between; a free way needs no tap."""
        if self.standing.state is LaneState.OUT_OF_SERVICE:
            rest = rest_of(self.standing, hung=self.hung())
            cause = Refusal(Reason.OUT_OF_SERVICE) if rest is None or rest[1] is None else rest[1]
            self._taps.refuse(cause, None, 0, since)
        else:
            self._rest()

    def _hung(self, since: float, now: float) -> None:
        self._conversing, self._hung_since = None, now
        self._feed(ReaderMissing(LaneCause.READER_HUNG))
        if self._leads_out and self._takes_taps():
            self._taps.let_out(None, since)
        else:
            self._taps.tell(Refusal(Reason.OUT_OF_SERVICE, {"cause": "reader_hung"}), None, 0, since)
        if self._reader is not None:
            self._reader.nudge()

    def _serve(self) -> None:
        self._hung_since = None
        self._feed(ReaderBack())

    def _go_on(self) -> None:
        if self._reader is not None and self.standing.stage is Stage.READY:
            self._reader.go_on(self._tap)

"""One lane's barrier and rows: what ``gated.policy.lane`` says is to be done is done here.

The barrier is commanded first and the rows follow, but for a grant or an order: those are durable before
they come here. A barrier that does not obey is tried again at every tick. Rows that end a release, or tell of
a fault or a fire, must land: while the disk takes nothing they are owed.
"""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from gated.daemon.timekeeper import TimeKeeper
from gated.errors import BarrierError, StoreError
from gated.model.barrier import FireAlarm
from gated.model.event import Exited, Forced, LaneCause, LaneChanged, Settled
from gated.model.order import Mode
from gated.policy.happening import (
    Begun,
    Disobeyed,
    Effect,
    FireElsewhere,
    Happening,
    HoldAgain,
    HoldOpen,
    HoldOver,
    LetThrough,
    Obeyed,
    Shut,
    TryAgain,
    Write,
)
from gated.policy.lane import step
from gated.policy.standing import Part, Stage, Standing
from gated.ports import Barrier, Clock
from gated.store.journal import Journal
from gated.store.ticket import Kept, Move
from gated.wire.event import Stamp

log = logging.getLogger(__name__)


class Passage:
    """Used by the lane's thread, but for ``open_at_once``.

    Args:
        standing: how the lane stands before it begins.
        move: tells where so many persons of a pass count as they go in (or, below 0, out).
        hold_s: how long a release waits for somebody to pass.
        journal_wait_s: how long a settlement is waited for.
        forced: is told when somebody went in without a release.

    """

    def __init__(
        self,
        *,
        standing: Standing,
        move: Callable[[int, bytes | None], Move],
        journal: Journal,
        time: TimeKeeper,
        clock: Clock,
        barrier: Barrier,
        hold_s: float,
        journal_wait_s: float,
        forced: Callable[[], None] = lambda: None,
    ) -> None:
        self.standing = standing
        self._move = move
        self._journal = journal
        self._time = time
        self._clock = clock
        self._barrier = barrier
        self._hold_s = hold_s
        self._journal_wait_s = journal_wait_s
        self._forced = forced
        self._hold_until = math.inf
        self._alarms: deque[None] = deque()  # that stand in the lane's inbox still
        self.alarms_heard = 0

    @property
    def until(self) -> float:
        """When something is due, in monotonic seconds; what does not obey is left to the next tick."""
        return self._hold_until if self.standing.stage is Stage.RELEASED else math.inf

    def begin(self, kept: Kept | None) -> None:
        """Stand as the lane was left."""
        self.feed(Begun(Mode.NORMAL, burning=False) if kept is None else Begun(kept.mode, kept.burning))

    def feed(self, event: Happening) -> None:
        """Something happened: do what follows, and what follows from that."""
        due: deque[Happening] = deque([event])
        while due:
            happened = due.popleft()
            self.standing, effects = step(self.standing, happened)
            if isinstance(happened, FireAlarm | FireElsewhere):
                self.alarms_heard += 1
                if self._alarms:
                    self._alarms.popleft()
            for effect in effects:
                due += self._do(effect)

    def tick(self) -> None:
        """End a hold whose time is over, and try again where the barrier did not obey."""
        if self._clock.monotonic() >= self.until:
            self.feed(HoldOver())
        elif Part.COMMAND in self.standing.missing:
            self.feed(TryAgain())

    def say_again(self, cause: LaneCause) -> None:
        """Tell, and keep, how the lane stands: what was written meanwhile says otherwise."""
        self._write(Write(LaneChanged(self.standing.lane, self.standing.state, cause)))

    def open_at_once(self) -> None:
        """A fire: open before anything else, from any thread. The lane's own thread opens it again."""
        with suppress(Exception):  # whatever a driver raises, the next lane must be opened too
            self._barrier.hold_open()

    def expect_alarm(self) -> None:
        """An alarm is on its way to the lane's inbox: until it is fed nothing is shut. From any thread."""
        self._alarms.append(None)

    # -------------------------------------------------------------- what is done

    def _do(self, effect: Effect) -> list[Happening]:
        if isinstance(effect, Write):
            self._write(effect)
            return []
        if isinstance(effect, HoldAgain):
            self._hold_until = self._clock.monotonic() + self._hold_s
            return []
        try:
            self._command(effect)
        except Exception as error:  # a driver may raise what it likes: then it did not obey
            if not isinstance(error, BarrierError):
                log.exception("lane %s: unexpected", self.standing.lane)
            elif Part.COMMAND not in self.standing.missing:
                log.error("lane %s: %s", self.standing.lane, error)
            return [Disobeyed()]
        return [Obeyed()] if Part.COMMAND in self.standing.missing else []

    def _command(self, effect: LetThrough | HoldOpen | Shut) -> None:
        match effect:
            case LetThrough():
                self._hold_until = self._clock.monotonic() + self._hold_s
                self._barrier.release(effect.persons)
            case HoldOpen():
                self._barrier.hold_open()
            case Shut():
                if self._alarms:  # it burns already, and the lane will hear of it in a moment
                    return
                self._barrier.secure()
                if self._alarms:  # it broke out meanwhile, and this may have shut what was opened for it
                    self._barrier.hold_open()

    def _write(self, row: Write) -> None:
        event, lane = row.event, self.standing
        move = self._move(row.moved, row.pass_) if row.moved else None
        keep = None
        if isinstance(event, Exited) and move is not None and move.watched:
            event = replace(event, zone=move.zone, shift=move.shift)
        if isinstance(event, LaneChanged):
            log.info("lane %s: %s (%s)", lane.lane, event.state, event.cause)
            keep = Kept(lane.lane, lane.mode, lane.stage is Stage.FIRE)
        elif isinstance(event, Forced):
            log.warning("lane %s: %d went through without a release", lane.lane, event.persons)
            self._forced()
        ticket = self._journal.append(
            event,
            Stamp.of(self._time.read()),
            move=move,
            insist=not isinstance(event, Settled),  # a settlement lands as it is
            keep=keep,
        )
        if not isinstance(event, Settled):
            return
        # The next tap may be the same medium: what was given back must count for it. A stalled disk is
        # not waited for longer; the row keeps its place in the queue.
        try:
            ticket.wait(self._journal_wait_s)
        except StoreError as error:
            log.error("lane %s: %s", lane.lane, error)

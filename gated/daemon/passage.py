"""One lane's barrier: the release that is open, who passed, and shutting it again.

A release is settled once: as soon as everybody it was for has passed, or when its hold time is over and
the barrier is shut. Each passage begins the hold time anew, for the next of the party. Whoever passes
beyond a release, or without one, is counted as inside and as nothing else. A barrier that cannot be shut
puts the lane out of service and is tried again at every tick; until it obeys the release stays open, so
whoever passes pays.

An exit has no row to wait for: it is written down when it is over, as soon as the journal can be written.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass

from gated.daemon.front import Front
from gated.daemon.messages import HoldEnded
from gated.daemon.timekeeper import TimeKeeper
from gated.errors import BarrierError, StoreError
from gated.model.event import Exited, Forced, LaneCause, Settled, SettledBy, Settlement
from gated.model.venue import Direction
from gated.policy.settle import settle
from gated.ports import Barrier, Clock
from gated.store.journal import Journal
from gated.store.ticket import Move
from gated.wire.event import Stamp

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Release:
    number: int
    decision: int  # 0 = an exit, which no row decided
    persons: int
    cost: int
    pass_: bytes | None
    until: float  # monotonic seconds; endless once the barrier was shut
    passed: int = 0


class Passage:
    """Used by the lane's thread.

    Args:
        move: tells where so many persons of a pass count as they go in (or, below 0, out).
        hold_s: how long a release waits for somebody to pass.
        journal_wait_s: how long a settlement is waited for.
        post: puts a message behind those that the lane already has.

    """

    def __init__(
        self,
        *,
        lane_id: str,
        direction: Direction,
        move: Callable[[int, bytes | None], Move],
        journal: Journal,
        time: TimeKeeper,
        clock: Clock,
        barrier: Barrier,
        front: Front,
        hold_s: float,
        journal_wait_s: float,
        post: Callable[[HoldEnded], None],
    ) -> None:
        self._id = lane_id
        self._leads_out = direction is Direction.EXIT
        self._move = move
        self._journal = journal
        self._time = time
        self._clock = clock
        self._barrier = barrier
        self._front = front
        self._hold_s = hold_s
        self._journal_wait_s = journal_wait_s
        self._post = post
        self._released = 0
        self._release: _Release | None = None
        self.insecure = False  # the barrier did not obey: it may stand open

    @property
    def free(self) -> bool:
        """Whether the lane may take the next tap."""
        return self._release is None and not self.insecure

    @property
    def until(self) -> float:
        """When something is due, in monotonic seconds; one that does not obey is left to the next tick."""
        return math.inf if self._release is None or self.insecure else self._release.until

    def release(self, decision: int, persons: int, cost: int) -> bool:
        """Let ``persons`` in: the row ``decision`` is durable. False = the barrier did not obey."""
        return self._open(decision, persons, cost, None)

    def let_out(self, persons: int, pass_: bytes | None) -> bool:
        """Let ``persons`` out, of a pass if it is known. False = the barrier did not obey."""
        return self._open(0, persons, 0, pass_)

    def passed(self, persons: int) -> None:
        """Persons went through, the lane's way."""
        release = self._release
        if release is None:
            log.warning("lane %s: %d passed without a release", self._id, persons)
            self._beyond(persons)
            return
        release.passed += persons
        if release.passed < release.persons:
            if release.until < math.inf:
                release.until = self._clock.monotonic() + self._hold_s
            return
        self._settle(SettledBy.PASSAGE)

    def tick(self) -> None:
        """Shut the barrier when the hold time is over, and try again where it did not obey."""
        if self.insecure or self._clock.monotonic() >= self.until:
            secure = self._secure()
            if secure and self._release is not None:
                # Whoever passed until now has told so already: that message comes before this one.
                self._release.until = math.inf
                self._post(HoldEnded(self._release.number))

    def hold_ended(self, release: int) -> None:
        """The barrier was shut before everybody had passed."""
        if self._release is not None and self._release.number == release:
            self._settle(SettledBy.HOLD_ENDED)

    def close(self) -> None:
        """The lane stops. An open release shows at the next start as unknown; the barrier is shut.

        An exit has no row that could show it: it is written down with who went until now.
        """
        if not self.free:
            self._secure()
        if self._leads_out and self._release is not None:
            self._settle(SettledBy.HOLD_ENDED)

    def _open(self, decision: int, persons: int, cost: int, pass_: bytes | None) -> bool:
        self._released += 1
        until = self._clock.monotonic() + self._hold_s
        self._release = _Release(self._released, decision, persons, cost, pass_, until)
        try:
            self._barrier.release(persons)
        except BarrierError as error:
            log.error("lane %s: %s", self._id, error)
            self._settle(SettledBy.BARRIER_FAULT)
            self._secure()  # it may have moved all the same
            return False
        return True

    def _settle(self, by: SettledBy) -> None:
        release, self._release = self._release, None
        assert release is not None
        if self._leads_out:
            self._went_out(release.passed, release.pass_)
            return
        outcome = settle(release.persons, release.cost, release.passed)
        event = Settled(
            self._id,
            release.decision,
            Settlement.TAKEN if outcome.persons else Settlement.NOT_TAKEN,
            by,
            outcome.persons or release.persons,
            uses=outcome.uses if outcome.persons and outcome.uses < release.cost else None,
        )
        ticket = self._journal.append(event, Stamp.of(self._time.read()))
        if outcome.forced:
            self._beyond(outcome.forced)
        # The next tap may be the same medium: what was given back must count for it. A stalled disk is
        # not waited for longer; the row keeps its place in the queue.
        try:
            ticket.wait(self._journal_wait_s)
        except StoreError as error:
            log.error("lane %s: %s", self._id, error)

    def _beyond(self, persons: int) -> None:
        """Nobody was let through, or not so many: who went in is inside, who went out is not."""
        if self._leads_out:
            self._went_out(persons, None)
        else:
            event = Forced(self._id, persons)
            move = self._move(persons, None)
            self._journal.append(event, Stamp.of(self._time.read()), move=move, insist=True)

    def _went_out(self, persons: int, pass_: bytes | None) -> None:
        """Nobody waits for this row: it follows as soon as the disk takes it."""
        event = Exited(self._id, persons, pass_)
        move = self._move(-persons, pass_)
        self._journal.append(event, Stamp.of(self._time.read()), move=move, insist=True)

    def _secure(self) -> bool:
        was, self.insecure = self.insecure, False
        try:
            self._barrier.secure()
        except BarrierError as error:
            self.insecure = True
            if not was:
                log.error("lane %s: %s", self._id, error)
                self._front.fail(LaneCause.BARRIER_FAULT)
            return False
        if was:
            self._front.serve(LaneCause.BARRIER_BACK)
        return True

"""One lane's barrier: the release that is open, who passed, and shutting it again.

A release is settled once: as taken when somebody passes, as not taken when its hold time is over and
the barrier is shut. A barrier that cannot be shut puts the lane out of service and is tried again at
every tick; until it obeys the release stays open, so whoever passes pays.
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
from gated.model.event import LaneCause, Settled, SettledBy, Settlement
from gated.ports import Barrier, Clock
from gated.store.journal import Journal
from gated.wire.event import Stamp

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Release:
    decision: int
    persons: int
    until: float  # monotonic seconds; endless once the barrier was shut


class Passage:
    """Used by the lane's thread.

    Args:
        hold_s: how long a release waits for somebody to pass.
        journal_wait_s: how long a settlement is waited for.
        post: puts a message behind those that the lane already has.

    """

    def __init__(
        self,
        *,
        lane_id: str,
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
        self._journal = journal
        self._time = time
        self._clock = clock
        self._barrier = barrier
        self._front = front
        self._hold_s = hold_s
        self._journal_wait_s = journal_wait_s
        self._post = post
        self._release: _Release | None = None
        self.insecure = False  # the barrier did not obey: it may stand open

    @property
    def free(self) -> bool:
        """Whether the lane may take the next tap."""
        return self._release is None and not self.insecure

    @property
    def until(self) -> float:
        """When something is due, in monotonic seconds."""
        return math.inf if self._release is None else self._release.until

    def release(self, decision: int, persons: int) -> bool:
        """Let ``persons`` through: the row ``decision`` is durable. False = the barrier did not obey."""
        self._release = _Release(decision, persons, self._clock.monotonic() + self._hold_s)
        try:
            self._barrier.release(persons)
        except BarrierError as error:
            log.error("lane %s: %s", self._id, error)
            self._settle(Settlement.NOT_TAKEN, SettledBy.BARRIER_FAULT)
            self._secure()  # it may have moved all the same
            return False
        return True

    def passed(self, persons: int) -> None:
        """Somebody went through."""
        if self._release is None:
            log.warning("lane %s: %d passed without a release", self._id, persons)
        else:
            self._settle(Settlement.TAKEN, SettledBy.PASSAGE)

    def tick(self) -> None:
        """Shut the barrier when the hold time is over, and try again where it did not obey."""
        if self.insecure or self._clock.monotonic() >= self.until:
            secure = self._secure()
            if secure and self._release is not None:
                # Whoever passed until now has told so already: that message comes before this one.
                self._release.until = math.inf
                self._post(HoldEnded(self._release.decision))

    def hold_ended(self, decision: int) -> None:
        """The barrier was shut before anybody passed."""
        if self._release is not None and self._release.decision == decision:
            self._settle(Settlement.NOT_TAKEN, SettledBy.HOLD_ENDED)

    def close(self) -> None:
        """The lane stops. An open release shows at the next start as unknown; the barrier is shut."""
        if not self.free:
            self._secure()

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

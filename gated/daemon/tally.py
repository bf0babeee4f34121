"""What is counted instead of written row by row: repeated refusals, and media that are none of ours."""

from __future__ import annotations

from collections.abc import Hashable

from gated.daemon.timekeeper import TimeKeeper
from gated.model.event import Event, Foreign, Repeated
from gated.policy.storm import Closed, ForeignCounter, RefusalWindows
from gated.ports import Clock
from gated.store.journal import Journal
from gated.wire.event import Stamp


class Tally:
    """One lane's counts. Used by the lane's thread."""

    def __init__(self, lane_id: str, journal: Journal, time: TimeKeeper, clock: Clock) -> None:
        self._id = lane_id
        self._journal = journal
        self._time = time
        self._clock = clock
        self._windows = RefusalWindows()
        self._foreign = ForeignCounter()

    def repeats(self, key: Hashable) -> bool:
        """Count a refusal whose row was just written; False = it needs a row of its own."""
        return self._windows.repeats(key, self._clock.monotonic())

    def wrote(self, key: Hashable, decision: int) -> None:
        """The row of a refusal was written."""
        self._repeated(self._windows.wrote(key, decision, self._clock.monotonic()))

    def foreign(self) -> None:
        """Count a medium that is none of ours."""
        self._tell_foreign(self._foreign.saw(self._time.read().sample.wall))

    def tick(self) -> None:
        """Write what has run its time."""
        self._repeated(self._windows.expired(self._clock.monotonic()))
        self._tell_foreign(self._foreign.ended(self._time.read().sample.wall))

    def close(self) -> None:
        """Write what was counted so far."""
        self._repeated(self._windows.close_all())
        self._tell_foreign(self._foreign.close())

    def _repeated(self, closed: list[Closed]) -> None:
        for one in closed:
            self._append(Repeated(self._id, one.decision, one.count))

    def _tell_foreign(self, ended: tuple[int, int] | None) -> None:
        if ended is not None:
            self._append(Foreign(*ended))

    def _append(self, event: Event) -> None:
        self._journal.append(event, Stamp.of(self._time.read()))

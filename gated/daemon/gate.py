"""A gate at work: its lanes, its journal, its housekeeping, and whether all of them live."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from gated.daemon.housekeeping import Housekeeping
from gated.daemon.lane import LaneWorker
from gated.daemon.reader_worker import ReaderWorker
from gated.daemon.timekeeper import TimeKeeper
from gated.model.event import Started, Stopped
from gated.policy.happening import FireElsewhere, QuietElsewhere
from gated.ports import Clock
from gated.store.journal import Journal
from gated.wire.event import Stamp

#: A lane's thread beats every second, but for the rows that it waits for: that comes on top.
LANE_SILENT_S = 10.0
#: A reader's thread beats every second, but for a medium that holds it: for that the lane has its limit.
READER_SILENT_S = 60.0
#: SD cards stall for seconds; a row that takes longer than this will not come.
JOURNAL_STUCK_S = 30.0
_STOP_S = 5.0
_STOPPED_S = 1.0


@dataclass(frozen=True, slots=True)
class ServedLane:
    """A lane with its reader."""

    worker: LaneWorker
    reader: ReaderWorker


class Gate:
    """Starts, watches and stops the workers."""

    def __init__(
        self,
        *,
        lanes: Sequence[ServedLane],
        journal: Journal,
        housekeeping: Housekeeping,
        time: TimeKeeper,
        clock: Clock,
        version: str,
        journal_wait_s: float,
    ) -> None:
        self._lanes = lanes
        self._journal = journal
        self._housekeeping = housekeeping
        self._time = time
        self._clock = clock
        self._version = version
        self._silent_s = LANE_SILENT_S + 2 * journal_wait_s  # a tap and an order may wait one after the other
        self._journal_at: tuple[int, float] | None = None  # how far the journal was, and since when
        self._burning: set[LaneWorker] = set()  # whose own fire input is active
        self._burning_lock = threading.Lock()
        for lane in lanes:
            lane.worker.on_fire, lane.worker.on_quiet = self._burn, self._calm

    def _burn(self, alarmed: LaneWorker) -> None:
        """One fire input opens every lane; called from the thread of that barrier."""
        others = [lane.worker for lane in self._lanes if lane.worker is not alarmed]
        with self._burning_lock:
            self._burning.add(alarmed)
            for lane in others:
                lane.alarm(FireElsewhere())
        # All have heard it, and those that wait for nothing open themselves: a dead board keeps none waiting.
        for lane in (alarmed, *others):
            lane.open_at_once()

    def _calm(self, quiet: LaneWorker) -> None:
        """One is quiet again: a lane may be re-armed when those of all the others are."""
        with self._burning_lock:
            self._burning.discard(quiet)
            for lane in (one.worker for one in self._lanes):
                if lane is not quiet and not self._burning - {lane}:
                    lane.post(QuietElsewhere())

    @property
    def workers(self) -> list[LaneWorker]:
        """Of its lanes, in the order of the configuration."""
        return [lane.worker for lane in self._lanes]

    def start(self) -> int:
        """Settle what the last run left open, then serve. Returns how many releases that were."""
        stamp = Stamp.of(self._time.read())
        unsettled = self._journal.settle_unsettled(stamp)
        self._journal.start()
        self._journal.append(Started(self._version, unsettled), stamp)
        self._housekeeping.tick()  # signed time that arrived meanwhile is known before the first tap
        for lane in self._lanes:
            lane.worker.start(lane.reader)
        return unsettled

    def tick(self) -> None:
        """Housekeeping; call it about once a second."""
        self._housekeeping.tick()

    def unhealthy(self) -> str:
        """Why the way of a tap is not alive; empty = it is. The watchdog is fed on nothing else."""
        now = self._clock.monotonic()
        for lane in self._lanes:
            if lane.worker.hung_too_long():
                return "a medium holds a reader and does not let go"
            if now - lane.worker.beat > self._silent_s:
                return "a lane's worker does not answer"
            if now - lane.reader.beat > READER_SILENT_S and not lane.worker.hung():
                return "a reader's driver does not come back"
        if not self._journal.alive():
            return "nobody writes the journal"
        if not self._journal.busy:
            self._journal_at = None
        elif self._journal_at is None or self._journal_at[0] != self._journal.done:
            self._journal_at = self._journal.done, now
        elif now - self._journal_at[1] > JOURNAL_STUCK_S:
            return "the journal's disk does not answer"
        return ""

    def stop_lanes(self) -> None:
        """Stop serving."""
        for lane in self._lanes:
            lane.worker.stop(_STOP_S)

    def say_stopped(self) -> None:
        """The last row: whoever still tells central can tell it too."""
        self._journal.append(Stopped(), Stamp.of(self._time.read())).look(_STOPPED_S)

    def stop_journal(self) -> bool:
        """Write what is queued. False = the disk did not let it in time."""
        return self._journal.stop(_STOP_S)

"""Looks into the gate's files for whoever asks how it is, in a thread of its own: disks stall."""

from __future__ import annotations

import math
import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gated.daemon.knowledge import Knowledge
from gated.daemon.timekeeper import TimeKeeper
from gated.errors import StoreError
from gated.model.venue import Profile
from gated.policy.calendar import shift_of
from gated.policy.reckoning import day_time
from gated.ports import Clock
from gated.store.condition import condition

#: Between two looks the clerk rests so long, in seconds: who asks waits, and sees what is there then.
REST_S = 0.1
#: And so many times as long as a look took: the files of a gate that was offline for months are large.
REST_TIMES = 20
#: Who would have to wait longer than this is told what was there at the last look.
PATIENCE_S = 1.0

_Then = Callable[[dict[str, Any]], None]


class Clerk:
    """Tells what ``gated.store.condition`` tells, and ``inside``; ``trouble`` alone where it cannot."""

    def __init__(
        self,
        directory: Path,
        profile: Profile,
        *,
        exits_counted: bool,
        time: TimeKeeper,
        clock: Clock,
        knowledge: Knowledge,
    ) -> None:
        self._directory = directory
        self._profile = profile
        self._exits_counted = exits_counted
        self._time = time
        self._clock = clock
        self._knowledge = knowledge
        self._asked: queue.SimpleQueue[_Then | None] = queue.SimpleQueue()
        self._found: dict[str, Any] = {}
        self._rests_until = -math.inf
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="clerk", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """End it; whoever still asks is not answered."""
        self._stopping.set()
        self._asked.put(None)
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def ask(self, then: _Then) -> None:
        """``then`` is called with what the files tell, by the clerk's thread."""
        self._asked.put(then)

    def _run(self) -> None:
        while (then := self._asked.get()) is not None:
            left = self._rests_until - self._clock.monotonic()
            if left <= PATIENCE_S:
                self._stopping.wait(max(0.0, left))
                began = self._clock.monotonic()
                self._found = self._look()
                ended = self._clock.monotonic()
                self._rests_until = ended + max(REST_S, REST_TIMES * (ended - began))
            then(self._found)

    def _look(self) -> dict[str, Any]:
        profile, reading = self._profile, self._time.read()
        at = day_time(reading, profile.when_unsure)
        shift = shift_of(at, profile.timezone, profile.day_end_min)
        try:
            found = condition(self._directory, self._clock.sample().wall, shift)
        except StoreError as error:
            return {"trouble": str(error)}
        confidence = "measured" if self._exits_counted else "entries_only"
        inside = {"people": found.pop("people"), "confidence": confidence}
        knowledge = self._knowledge.told(reading.floor, profile.staleness)
        return found | {"inside": inside, "knowledge": knowledge}

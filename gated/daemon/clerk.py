"""Looks into the gate's files for whoever asks how it is, in a thread of its own: disks stall."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gated.daemon.timekeeper import TimeKeeper
from gated.errors import StoreError
from gated.model.venue import Profile
from gated.policy.calendar import shift_of
from gated.ports import Clock
from gated.store.condition import condition

#: A look is good for this long, in seconds.
FRESH_S = 2.0
#: And for so many times as long as it took: the files of a gate that was offline for months are large.
REST = 20

_Then = Callable[[dict[str, Any]], None]


class Clerk:
    """Tells what ``gated.store.condition`` tells, and ``inside``; ``trouble`` alone where it cannot."""

    def __init__(
        self, directory: Path, profile: Profile, *, exits_counted: bool, time: TimeKeeper, clock: Clock
    ) -> None:
        self._directory = directory
        self._profile = profile
        self._exits_counted = exits_counted
        self._time = time
        self._clock = clock
        self._asked: queue.SimpleQueue[_Then | None] = queue.SimpleQueue()
        self._found: dict[str, Any] = {}
        self._good_until = -1.0
        self._thread = threading.Thread(target=self._run, name="clerk", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """End it; whoever still asks is not answered."""
        self._asked.put(None)
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def ask(self, then: _Then) -> None:
        """``then`` is called with what the files tell, by the clerk's thread."""
        self._asked.put(then)

    def _run(self) -> None:
        while (then := self._asked.get()) is not None:
            began = self._clock.monotonic()
            if began >= self._good_until:
                self._found = self._look()
                ended = self._clock.monotonic()
                self._good_until = ended + max(FRESH_S, REST * (ended - began))
            then(self._found)

    def _look(self) -> dict[str, Any]:
        profile = self._profile
        shift = shift_of(self._time.read().estimate, profile.timezone, profile.day_end_min)
        try:
            found = condition(self._directory, self._clock.sample().wall, shift)
        except StoreError as error:
            return {"trouble": str(error)}
        confidence = "measured" if self._exits_counted else "entries_only"
        return found | {"inside": {"people": found.pop("people"), "confidence": confidence}}

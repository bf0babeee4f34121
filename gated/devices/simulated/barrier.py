"""A turnstile without metal: people pass, or do not, as ordered."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from gated.errors import BarrierError

log = logging.getLogger(__name__)


class SimulatedBarrier:
    """Every release is counted. While ``passes`` is set, one person passes at each."""

    def __init__(self, *, passes: bool = True) -> None:
        self.passes = passes
        self._passed: Callable[[int], None] = lambda _persons: None
        self._lock = threading.Lock()
        self._broken = False
        self.released = False
        self.releases = 0

    def break_down(self) -> None:
        """From now on it cannot be commanded."""
        self._broken = True

    def repair(self) -> None:
        """It can be commanded again."""
        self._broken = False

    def push(self) -> None:
        """Somebody pushes the arm. They pass if it is released."""
        with self._lock:
            went, self.released = self.released, False
        if went:
            self._passed(1)

    def watch(self, passed: Callable[[int], None]) -> None:
        """Call ``passed`` when somebody went through."""
        self._passed = passed

    def release(self, persons: int) -> None:
        """Let ``persons`` through."""
        if self._broken:
            raise BarrierError("the barrier does not answer", hint="check its supply and its cable")
        # The only thing of it that moves where a technician can see it; told before, never after.
        log.info("simulated barrier: released for %d", persons)
        with self._lock:
            self.released = True
            self.releases += persons
        if self.passes:
            self.push()

    def secure(self) -> None:
        """End a release."""
        if self._broken:
            raise BarrierError("the barrier does not answer", hint="check its supply and its cable")
        with self._lock:
            self.released = False

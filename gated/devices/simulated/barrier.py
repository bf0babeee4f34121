"""A turnstile without metal: people pass, or do not, as ordered."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from gated.errors import BarrierError
from gated.model.barrier import BarrierEvent, Passed, Secured

log = logging.getLogger(__name__)


class SimulatedBarrier:
    """Every release is counted. While ``passes`` is set, one person passes at each."""

    def __init__(self, *, passes: bool = True) -> None:
        self.passes = passes
        self._tell: Callable[[BarrierEvent], None] = lambda _event: None
        self._lock = threading.Lock()
        self._broken = False
        self.released = False
        self.held = False
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
            self._tell(Passed(1))

    def start(self, tell: Callable[[BarrierEvent], None]) -> None:
        """Begin, shut."""
        self._tell = tell

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
        self.held = False
        self._tell(Secured())

    def hold_open(self) -> None:
        """Stand open until ``secure``."""
        if self._broken:
            raise BarrierError("the barrier does not answer", hint="check its supply and its cable")
        with self._lock:
            self.held = True

    def stop(self) -> None:
        """Tell nothing more."""
        self._tell = lambda _event: None

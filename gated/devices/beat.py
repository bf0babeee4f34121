"""A thread that does one thing whenever it is due, and at once when it is woken."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

log = logging.getLogger(__name__)

#: After a step that failed where it should not, in seconds.
_AFTER_BUG_S = 1.0


class Beat:
    """Calls ``step(now)``, which returns when it wants to be called next, in monotonic seconds; inf = never.

    Any thread may wake and stop it. Neither raises.
    """

    def __init__(self, name: str, step: Callable[[float], float], monotonic: Callable[[], float]) -> None:
        self._step = step
        self._monotonic = monotonic
        self._woken = threading.Event()
        self._stopping = threading.Event()
        self._failed = False
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin, once. A process that may have no more threads does without this one."""
        try:
            self._thread.start()
        except RuntimeError:
            log.exception(
                "%s: has no thread and shows nothing; raise TasksMax of its unit", self._thread.name
            )

    def wake(self) -> None:
        """There is something to do now."""
        self._woken.set()

    def stop(self, timeout_s: float) -> bool:
        """Call no more steps. False = one hangs; it ends with the process."""
        self._stopping.set()
        self._woken.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._woken.clear()
            wait = max(0.0, self._due() - self._monotonic())
            self._woken.wait(min(wait, threading.TIMEOUT_MAX))

    def _due(self) -> float:
        try:
            return self._step(self._monotonic())
        except Exception:
            if not self._failed:  # it would come back every second
                log.exception("%s: unexpected", self._thread.name)
            self._failed = True
            return self._monotonic() + _AFTER_BUG_S

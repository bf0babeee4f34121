"""How long to wait before trying again: full jitter, so that a city of gates does not come back as one."""

from __future__ import annotations

from collections.abc import Callable

#: Seconds. The first wait lies below ``LEAST``, and none above ``MOST``.
LEAST_S, MOST_S = 1.0, 120.0


class Backoff:
    """Waits drawn evenly from 0 up to a ceiling that doubles with each failure."""

    def __init__(
        self, random: Callable[[], float], *, least_s: float = LEAST_S, most_s: float = MOST_S
    ) -> None:
        self._random = random  # 0 ≤ x < 1
        self._least = least_s
        self._most = most_s
        self._ceiling = least_s

    def next(self) -> float:
        """The next wait, in seconds."""
        wait = self._random() * self._ceiling
        self._ceiling = min(self._most, self._ceiling * 2)
        return wait

    def succeed(self) -> None:
        """It worked: begin anew."""
        self._ceiling = self._least

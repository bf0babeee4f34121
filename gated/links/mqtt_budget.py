"""How much of what a broker sends is read in a second."""

from __future__ import annotations

from collections.abc import Callable

#: A packet counts once more for each of these bytes: large ones cost more than their parsing.
WEIGHT_BYTES = 16_384
#: Seconds of the rate that may come at once.
BURST_S = 1.0


class Budget:
    """Packets that may be read: ``per_s`` more each second, and a second's worth at once."""

    def __init__(self, per_s: int, monotonic: Callable[[], float]) -> None:
        self._per_s = per_s
        self._monotonic = monotonic
        self._left = per_s * BURST_S
        self._at = monotonic()

    def allows(self) -> bool:
        """Whether one more may be read."""
        now = self._monotonic()
        self._left = min(self._per_s * BURST_S, self._left + (now - self._at) * self._per_s)
        self._at = now
        return self._left >= 1

    def spend(self, size: int) -> None:
        """One of ``size`` bytes is read; the last one may go below nothing."""
        self._left -= 1 + size // WEIGHT_BYTES

    def give_back(self) -> None:
        """The last one was asked for: an answer to a letter of ours."""
        self._left += 1

    def pause_s(self) -> float:
        """Seconds until one more may be read."""
        return max(0.0, (1 - self._left) / self._per_s)

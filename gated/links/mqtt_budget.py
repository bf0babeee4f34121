"""How much of what a broker sends is read in a second."""

from __future__ import annotations

from collections.abc import Callable

#: A packet counts once more for each of these bytes: large ones cost more than their parsing.
WEIGHT_BYTES = 16_384
#: Seconds of the rate that may come at once.
BURST_S = 1.0
#: Once it is used up, reading pauses for so long: waking up for every packet costs more than the packet.
PAUSE_S = 0.1


class Budget:
    """Packets that may be read: ``per_s`` more each second, and a second's worth at once."""

    def __init__(self, per_s: int, monotonic: Callable[[], float]) -> None:
        self._per_s = per_s
        self._monotonic = monotonic
        self._left = per_s * BURST_S
        self._at = monotonic()
        self._paused = False

    def allows(self) -> bool:
        """Whether one more may be read."""
        now = self._monotonic()
        self._left = min(self._per_s * BURST_S, self._left + (now - self._at) * self._per_s)
        self._at = now
        self._paused = self._left < (self._enough if self._paused else 1)
        return not self._paused

    @property
    def _enough(self) -> float:
        return max(1.0, self._per_s * PAUSE_S)

    def spend(self, size: int) -> None:
        """One of ``size`` bytes is read; the last one may go below nothing."""
        self._left -= 1 + size // WEIGHT_BYTES

    def give_back(self) -> None:
        """The last one was asked for: an answer to a letter of ours."""
        self._left += 1

    def welcome(self, size: int) -> None:
        """One of ``size`` bytes was asked for, or was news: nobody can flood us with such."""
        self._left += 1 + size // WEIGHT_BYTES

    def pause_s(self) -> float:
        """Seconds until reading goes on."""
        return max(0.0, (self._enough - self._left) / self._per_s)

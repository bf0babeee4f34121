"""When a release output is switched on and off, one pulse after the other. Pure."""

from __future__ import annotations

import math

#: Between two pulses of one output, in seconds: a turnstile must see the first one end.
GAP_S = 0.1


class Pulses:
    """Asked for one by one; ``now`` in monotonic seconds, in the order of time."""

    def __init__(self, length_s: float) -> None:
        self._length_s = length_s
        self._owed = 0
        self._ends, self._next = math.inf, -math.inf

    def ask(self) -> None:
        """One more; it follows those that are owed."""
        self._owed += 1

    def forget(self) -> None:
        """None that has not begun."""
        self._owed = 0

    def over(self, now: float) -> bool:
        """Whether the one that runs has come to its end; told once."""
        if now < self._ends:
            return False
        self.end(now)
        return True

    def end(self, now: float) -> None:
        """The one that runs, if any, is over."""
        if self._ends < math.inf:
            self._ends, self._next = math.inf, now + GAP_S

    def begins(self, now: float) -> bool:
        """Whether the next one is due; then it has begun."""
        if not self._owed or self._ends < math.inf or now < self._next:
            return False
        self._owed -= 1
        self._ends = now + self._length_s
        return True

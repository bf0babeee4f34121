"""What a release comes to when it is over."""

from __future__ import annotations

from typing import NamedTuple


class Outcome(NamedTuple):
    """Of a release: who went in on it, what stays counted, and who went in beyond it."""

    persons: int  # of those released; 0 = it was not taken, and all is given back
    uses: int
    forced: int  # counted in occupancy only: nobody paid for them


def settle(persons: int, cost: int, passed: int) -> Outcome:
    """Settle a release of ``persons`` that cost a use each, or one or none for all, after ``passed``."""
    taken = min(passed, persons)
    return Outcome(taken, min(cost, passed), passed - taken)

"""How old what a gate knows may be, and what that still allows (docs/explanation/time.md).

Knowledge is as old as the newest signed head that was applied. Its age is told by the floor of time, which
can only be too early: no clock of ours and no outage makes knowledge older than it is.
"""

from __future__ import annotations

from gated.model.decision import Question
from gated.model.venue import Freshness, Staleness

#: In place of the time of a head, where a gate had one and has lost it: older than all limits.
LOST = 0


def freshness(known_at: int | None, floor: int, limits: Staleness) -> Freshness | None:
    """How fresh knowledge is; None where nobody ever promised this gate a head: it is not judged."""
    if known_at is None:
        return None
    age = floor - known_at
    if age < limits.stale_after_s:
        return Freshness.FRESH
    return Freshness.STALE if age < limits.expired_after_s else Freshness.EXPIRED


def admits_until(question: Question, product: str) -> int | None:
    """From when on, by the floor, knowledge is too old for rights of a product; None = it never is."""
    limits, known_at = question.profile.staleness, question.known_at
    if known_at is None or product in limits.when_expired:
        return None
    return known_at + limits.expired_after_s

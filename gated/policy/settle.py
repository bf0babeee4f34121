"""What a release comes to when it is over."""

from __future__ import annotations

from typing import NamedTuple

from gated.model.event import Exited, Forced, LaneState, Settled, SettledBy, Settlement, Walked
from gated.policy.happening import Write


class Release(NamedTuple):
    """A release that is open. ``decision`` 0: somebody leaves, which no row decided."""

    decision: int
    persons: int
    cost: int
    pass_: bytes | None
    opened: int  # for how many the barrier was released so far
    passed: int = 0


class Outcome(NamedTuple):
    """Of a release: who went in on it, what stays counted, and who went in beyond it."""

    persons: int  # of those released; 0 = it was not taken, and all is given back
    uses: int
    forced: int  # counted in occupancy only: nobody paid for them


def settle(persons: int, cost: int, passed: int) -> Outcome:
    """Settle a release of ``persons`` that cost a use each, or one or none for all, after ``passed``."""
    taken = min(passed, persons)
    return Outcome(taken, min(cost, passed), passed - taken)


def settled(
    lane: str, release: Release, by: SettledBy, *, leads_out: bool, lost: bool, counts: bool
) -> tuple[Write, ...]:
    """The rows that end a release. ``lost``: of those not seen passing nobody knows, and whether such a use
    ``counts`` is for the profile to say.
    """
    if not release.decision:
        return (Write(Exited(lane, release.passed, release.pass_), -release.passed, release.pass_),)
    taken, uses, over = settle(release.persons, release.cost, release.passed)
    unknown = release.persons - taken if lost else 0
    if unknown and counts:
        uses = release.cost
    if taken:
        kept = uses if uses < release.cost else None
        event = Settled(
            lane, release.decision, Settlement.TAKEN, by, taken, uses=kept, unknown=unknown or None
        )
    else:
        outcome = Settlement.UNKNOWN if unknown else Settlement.NOT_TAKEN
        event = Settled(lane, release.decision, outcome, by, release.persons)
    return (Write(event), *beyond(lane, over, leads_out=leads_out))


def beyond(lane: str, persons: int, *, leads_out: bool) -> tuple[Write, ...]:
    """Nobody was let through, or not so many: who went in is inside, who went out is not."""
    if not persons:
        return ()
    if leads_out:
        return (Write(Exited(lane, persons), -persons),)
    return (Write(Forced(lane, persons), persons),)


def walked(lane: str, persons: int, state: LaneState, *, leads_out: bool) -> tuple[Write, ...]:
    """Who went through a lane that stood open."""
    return (Write(Walked(lane, persons, state), -persons if leads_out else persons),)

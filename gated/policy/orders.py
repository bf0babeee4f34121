"""Which orders a lane can obey now."""

from __future__ import annotations

from enum import StrEnum

from gated.model.order import Order
from gated.policy.standing import Stage, Standing


class WhyNot(StrEnum):
    """Why an order is not obeyed."""

    RELEASE_OPEN = "release_open"  # somebody may still pass: a moment later it can be
    STANDS_OPEN = "stands_open"  # whoever wants to pass can
    BARRIER_MISSING = "barrier_missing"  # it cannot be relied on
    NOT_BURNING = "not_burning"
    STILL_BURNING = "still_burning"  # a fire input of this gate is active
    JOURNAL_FAILED = "journal_failed"  # nothing is done that cannot be written down
    JOURNAL_SLOW = "journal_slow"  # it is done as soon as the disk has taken its row
    NO_ANSWER = "no_answer"  # the lane did not answer in time


def why_not(lane: Standing, order: Order) -> WhyNot | None:
    """Why an order cannot be obeyed; None = it can."""
    if order is Order.OPEN:
        if lane.can_release:
            return None
        if lane.stage in (Stage.FREE, Stage.FIRE):
            return WhyNot.STANDS_OPEN
        return WhyNot.BARRIER_MISSING if lane.release is None else WhyNot.RELEASE_OPEN
    if order is Order.REARM:
        if lane.stage is not Stage.FIRE:
            return WhyNot.NOT_BURNING
        return WhyNot.STILL_BURNING if lane.alarmed else None
    return None  # a mode can always be ordered: in a fire it waits for the re-arm

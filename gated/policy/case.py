"""One candidate before the rules: what is left of it, and at which time."""

from __future__ import annotations

from dataclasses import dataclass

from gated.model.decision import Candidate, Question
from gated.model.statement import Binding
from gated.model.time import TimeReading
from gated.model.venue import WhenUnsure
from gated.policy.reckoning import day_time
from gated.policy.terms import Terms

#: Sorts after every real time, and after every number of uses.
NEVER = 1 << 62


@dataclass(frozen=True, slots=True)
class Case:
    """A candidate with its terms, in the question it was asked in.

    Times are on the axis of the clock's estimate. Floor and ceiling go on with it, each at its distance, so
    what the floor decides is decided as much later, and what the ceiling decides as much sooner.
    """

    question: Question
    candidate: Candidate
    terms: Terms
    binding: Binding

    @property
    def now(self) -> int:
        """When the tap is."""
        return self.question.now.estimate

    @property
    def ending_lag(self) -> int:
        """How much later an end is judged to have come."""
        return self.now - ending_time(self.question)

    @property
    def beginning_lag(self) -> int:
        """How much later a beginning is judged to have come; below 0 = sooner."""
        now = self.question.now
        return now.estimate - (now.floor if _is_cautious(self.question) else latest(now))

    @property
    def floor_lag(self) -> int:
        """How far the floor is behind the estimate."""
        return self.now - self.question.now.floor

    @property
    def day_lag(self) -> int:
        """How much later than the estimate the time is by which days are told."""
        return day_time(self.question.now, self.question.profile.when_unsure) - self.now

    @property
    def expires(self) -> int:
        """First second, on the estimate's axis, at which the right or its binding is over."""
        ends = [end for end in (self.candidate.entitlement.expires, self.binding.expires) if end is not None]
        return min(ends) + self.ending_lag if ends else NEVER

    def is_reentry(self, at: int) -> bool:
        """Whether an entry costs nothing because another one cost a use shortly before."""
        paid_at, reentry_s = self.candidate.paid_at, self.terms.reentry_s
        # Not before it either: a clock that was ahead and is set right gives nobody a year of free entries.
        return paid_at is not None and 0 <= at - paid_at < reentry_s

    def left(self, *, on_day: bool) -> int | None:
        """The smallest remainder of uses, of this calendar day or but for the day; None = unlimited."""
        terms, used, elsewhere = self.terms, self.candidate.used, self.candidate.elsewhere
        left = NEVER
        if terms.total is not None:
            left = terms.total - used.total - elsewhere.total
        if terms.share is not None:
            left = min(left, terms.share - used.here - elsewhere.here)
        if on_day and terms.per_day is not None:
            left = min(left, terms.per_day - used.today - elsewhere.today)
        cap, apart = self.question.profile.apart_cap, self.candidate.apart
        if cap is not None and apart is not None and terms.counted:
            left = min(left, cap - apart)
        return None if left == NEVER else max(0, left)

    @property
    def choice(self) -> tuple[int, int, int, int, bytes]:
        """Of several that fit the least is used: what costs nothing first, then what ends first."""
        right, left = self.candidate.entitlement, self.left(on_day=True)
        return (
            0 if self.is_reentry(self.question.now.estimate) else 1,
            1 if self.terms.counted else 0,
            NEVER if right.expires is None else right.expires,
            NEVER if left is None else left,
            right.id,
        )


def latest(now: TimeReading) -> int:
    """No later than this, as far as anybody knows."""
    return now.estimate if now.ceiling is None else now.ceiling


def ending_time(question: Question) -> int:
    """``exp`` is judged by the floor: a clock that lies cannot end a right (docs/explanation/time.md)."""
    return latest(question.now) if _is_cautious(question) else question.now.floor


def _is_cautious(question: Question) -> bool:
    return question.profile.when_unsure is WhenUnsure.REFUSE

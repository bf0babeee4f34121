"""Every rule with its verdict: the decision, opened up for whoever has to explain it."""

from __future__ import annotations

from typing import NamedTuple

from gated.model.decision import Decision, Question
from gated.model.refusal import Params, Reason, Refusal
from gated.model.statement import Binding, Entitlement
from gated.model.venue import Direction
from gated.policy.case import Case
from gated.policy.decide import before_candidates, decide, next_at, open_cases
from gated.policy.rules import RULES


class Verdict(NamedTuple):
    """What one rule says. ``first`` is when it alone would pass; None = at no time, if nothing changes."""

    reason: Reason
    passes: bool
    params: Params
    first: int | None


class Judged(NamedTuple):
    """One right before every rule. ``soonest`` is when all of them pass at once."""

    right: Entitlement
    verdicts: tuple[Verdict, ...]
    soonest: int | None
    left: int | None  # uses left for this venue and day; None = unlimited


class Explanation(NamedTuple):
    """What would happen, and why. ``before`` is what was asked before any right was looked at."""

    decision: Decision
    before: tuple[Verdict, ...]
    rights: tuple[Judged, ...]
    refused: tuple[Refusal, ...]  # statements of the pass that are no rights here


def explain(question: Question) -> Explanation:
    """Judge a tap as ``decide`` does, and keep what it goes by."""
    decision = decide(question)
    if question.lane.direction is Direction.EXIT:
        return Explanation(decision, (), (), ())
    refusal, now = before_candidates(question), question.now.estimate
    reasons = [Reason.UNKNOWN_MEDIUM, Reason.DENIED]
    if refusal is not None and refusal.reason not in reasons:  # a binding that did not open
        reasons.append(refusal.reason)
    before = []
    for reason in reasons:
        refuses = refusal is not None and refusal.reason is reason
        params = refusal.params if refusal is not None and refuses else {}
        before.append(Verdict(reason, not refuses, params, None if refuses else now))
    if not isinstance(question.binding, Binding):
        return Explanation(decision, tuple(before), (), question.refused)
    cases, refused = open_cases(question)
    return Explanation(decision, tuple(before), tuple(map(_judged, cases)), tuple(refused))


def _judged(case: Case) -> Judged:
    verdicts = []
    for rule in RULES:
        first = rule.first(case, case.now)
        passes = first == case.now
        verdicts.append(Verdict(rule.reason, passes, {} if passes else rule.why(case), first))
    return Judged(case.candidate.entitlement, tuple(verdicts), next_at(case), case.left(on_day=True))

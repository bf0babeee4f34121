"""May this medium pass here, now, and if not, when? One pure function, the same everywhere.

Laws of this file:

* a candidate fails by its first failing rule, and the order of rules is the order of ``Reason``;
* of several that fail the one that would pass soonest is told; nobody is told of a door that opens later
  than another;
* whatever could not be verified arrives as a ``Refusal`` and can only ever refuse;
* whoever wants out is let out.
"""

from __future__ import annotations

from dataclasses import dataclass

from gated.model.decision import Decision, Denied, Granted, Leaving, Notice, Question, Warned
from gated.model.refusal import Reason, Refusal
from gated.model.statement import Binding
from gated.model.time import ClockQuality, TimeReading
from gated.model.venue import Direction, Passback
from gated.policy.case import NEVER, Case, ending_time, latest
from gated.policy.freshness import admits_until
from gated.policy.hours import Hours
from gated.policy.reckoning import is_open_question
from gated.policy.rules import RULES, counts, free_places, needed, retired, why_denied, why_weak
from gated.policy.terms import terms_of


def decide(question: Question) -> Decision:
    """Judge a tap."""
    if question.lane.direction is Direction.EXIT:
        return _leaving(question)
    refusal = before_candidates(question)
    if refusal is not None:
        return _denied(question, refusal)
    cases, refused = open_cases(question)
    failed = []
    # In the order in which they would be used: the first that fits is the one, and nobody asks the others.
    for case in sorted(cases, key=lambda case: case.choice):
        place = first_failing(case)
        if place is None:
            return _granted(case)
        failed.append((case, place))
    if failed:
        return _told(failed)
    return _denied(question, _without_candidates(question, refused))


def open_cases(question: Question) -> tuple[list[Case], list[Refusal]]:
    """Each candidate with its terms, and why others are none. The binding must have opened."""
    binding = question.binding
    assert isinstance(binding, Binding)
    cases, refused = [], list(question.refused)
    for candidate in question.candidates:
        try:
            terms = terms_of(candidate.entitlement, question.profile)
        except ValueError:
            refused.append(Refusal(Reason.BAD_HOURS, {"product": candidate.entitlement.product}))
        else:
            cases.append(Case(question, candidate, terms, binding))
    return cases, refused


def first_failing(case: Case) -> int | None:
    """The place in ``RULES`` of the first rule that refuses now; None = it would be granted."""
    now = case.now
    for place, rule in enumerate(RULES):
        if rule.first(case, now) != now:
            return place
    return None


def next_at(case: Case) -> int | None:
    """First second, from now on, at which every rule passes; None = at no time, if nothing else changes."""
    at = case.now
    while True:
        begun = at
        for rule in RULES:
            first = rule.first(case, at)
            if first is None:
                return None
            at = first
        if at == begun:  # no rule moved it, so all of them pass at once
            return at


# ------------------------------------------------------------------ before and without candidates


def before_candidates(question: Question) -> Refusal | None:
    """Why no right of it is looked at; None = they are."""
    if question.binding is None:
        return Refusal(Reason.UNKNOWN_MEDIUM)
    if isinstance(question.binding, Refusal):
        return question.binding
    for denial in question.denials:
        # A denial that does not verify refuses too: otherwise spoiling one byte of it would lift it.
        if isinstance(denial, Refusal):
            return denial
        if counts(denial):
            return Refusal(Reason.DENIED, why_denied(denial))
    return None


def _without_candidates(question: Question, refused: list[Refusal]) -> Refusal:
    """Nothing of this pass opened: the defect is told, not "no entitlement", or nobody would mend it."""
    if refused:
        return refused[0]
    at, least = ending_time(question), needed(question)
    if question.credential.assurance < least or retired(question, at):
        return Refusal(Reason.WEAK_CREDENTIAL, why_weak(question, least, at))
    return Refusal(Reason.NO_ENTITLEMENT)


# ------------------------------------------------------------------ answers


@dataclass(frozen=True, slots=True)
class _Share:
    """How many may pass, and what it costs."""

    persons: int
    cost: int


def _share(case: Case) -> _Share:
    terms, left, free = case.terms, case.left(on_day=True), free_places(case.question)
    free_of_charge = case.is_reentry(case.now)
    bounds = [terms.party]
    if free is not None:
        bounds.append(free)
    if terms.each and not free_of_charge and left is not None:
        bounds.append(left)
    persons = min(bounds)
    return _Share(persons, 0 if free_of_charge else persons if terms.each else 1)


def _granted(case: Case) -> Granted:
    share, left = _share(case), case.left(on_day=True)
    return Granted(
        entitlement=case.candidate.entitlement,
        cost=share.cost,
        persons=share.persons,
        left=None if left is None else left - share.cost,
        clock=_clock(case),
        warnings=_warnings(case),
    )


def _warnings(case: Case) -> tuple[Warned, ...]:
    question, told = case.question, []
    if case.terms.concession is not None:
        told.append(Warned(Notice.CONCESSION, case.terms.concession))
    inside = question.presence.inside
    if question.profile.zone(question.lane).passback is Passback.SOFT and inside:
        told.append(Warned(Notice.PASSBACK, inside))
    told += [
        Warned(Notice.RETIREMENT, retirement.ends)
        for retirement in question.profile.retirements
        if retirement.means(question.credential) and case.now >= retirement.ends - retirement.warn_s
    ]
    return tuple(told)


def _told(failed: list[tuple[Case, int]]) -> Denied:
    """Of cases in the order of choice, each with the place of the rule that it fails by."""
    judged = [(next_at(case), place, case) for case, place in failed]
    # min() takes the first of equals: what is left to decide is decided by the choice.
    soonest, place, case = min(judged, key=lambda one: (NEVER if one[0] is None else one[0], one[1]))
    refusal = Refusal(RULES[place].reason, RULES[place].why(case))
    return Denied(refusal, case.binding.pass_, case.candidate.entitlement, _clock(case), soonest)


def _denied(question: Question, refusal: Refusal) -> Denied:
    return Denied(refusal, _pass_of(question), None, question.now.quality)


def _leaving(question: Question) -> Leaving:
    return Leaving(_pass_of(question), max(1, question.presence.inside), question.now.quality)


def _pass_of(question: Question) -> bytes | None:
    return question.binding.pass_ if isinstance(question.binding, Binding) else None


def _clock(case: Case) -> ClockQuality:
    """``UNSURE`` where the answer on time would differ inside the interval of time."""
    right, now, binding = case.candidate.entitlement, case.question.now, case.binding
    profile, last = case.question.profile, latest(case.question.now)
    ends: list[int | None] = [one.ends for one in profile.retirements if one.means(case.question.credential)]
    ends.append(admits_until(case.question, right.product))
    edges = (right.not_before, right.expires, binding.not_before, binding.expires, *ends)
    if any(edge is not None and now.floor < edge <= last for edge in edges):
        return ClockQuality.UNSURE
    if case.terms.per_day is not None and profile.day_of(now.floor) != profile.day_of(last):
        return ClockQuality.UNSURE
    return ClockQuality.UNSURE if _hours_differ(case.terms.hours, now, last) else now.quality


def _hours_differ(hours: Hours | None, now: TimeReading, last: int) -> bool:
    if hours is None or now.floor == last:
        return False
    if not is_open_question(now):
        return hours.is_open(now.floor) != hours.is_open(last)
    opens, closes = hours.first_open(now.floor, last + 1), hours.first_closed(now.floor, last + 1)
    return opens is not None and closes is not None

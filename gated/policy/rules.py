"""The rules, in the order in which they are asked: the order of ``Reason``.

A rule is one function of a case and a time: the first second from then on at which it would let the tap
pass, if nothing else changed. It passes now where that is now; so a refusal and the moment at which it
ends can never tell different stories.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from gated.model.credential import Assurance
from gated.model.decision import Question
from gated.model.refusal import Params, Reason
from gated.model.statement import Denial, DenialState, TargetKind
from gated.model.time import END_OF_DAYS
from gated.model.venue import Passback, Retirement, WhenUnsure
from gated.policy.calendar import first_of_next_day, shift_end
from gated.policy.case import Case, latest
from gated.policy.freshness import admits_until
from gated.policy.reckoning import is_open_question


class Rule(NamedTuple):
    """``first(case, at)`` is the first second from ``at`` on at which it passes, None = at no time to come.

    ``why(case)`` tells what its refusal says beside its reason.
    """

    reason: Reason
    first: Callable[[Case, int], int | None]
    why: Callable[[Case], Params]


# ------------------------------------------------------------------ denied


def counts(denial: Denial) -> bool:
    """Whether a denial refuses. One that is not in force yet has not arrived: nobody knows of it."""
    return denial.state is not DenialState.LIFTED


def why_denied(denial: Denial) -> Params:
    """What a refusal by it says."""
    return {"target": TargetKind(denial.target_kind).name.lower(), "state": denial.state.name.lower()}


def _not_denied(case: Case, at: int) -> int | None:
    denial = case.candidate.denial
    return at if denial is None or not counts(denial) else None


def _why_denied(case: Case) -> Params:
    assert case.candidate.denial is not None
    return why_denied(case.candidate.denial)


# ------------------------------------------------------------------ weak_credential


def needed(question: Question) -> Assurance:
    """The weakest proof that is accepted here at all."""
    return max(question.lane.min_assurance, question.profile.min_assurance)


def retired(question: Question, at: int) -> Retirement | None:
    """What ended the time of this generation of media by ``at``."""
    for retirement in question.profile.retirements:
        if retirement.means(question.credential) and at >= retirement.ends:
            return retirement
    return None


def why_weak(question: Question, least: Assurance, at: int) -> Params:
    """What a refusal says: the end of its generation, or what was proved and what is asked."""
    over = retired(question, at)
    if over is not None:
        return {"ended": over.ends}
    return {"has": question.credential.assurance.label, "needs": Assurance(least).label}


def _needed(case: Case) -> Assurance:
    return max(needed(case.question), case.terms.min_assurance)


def _strong_enough(case: Case, at: int) -> int | None:
    weak = case.question.credential.assurance < _needed(case)
    return None if weak or retired(case.question, at - case.ending_lag) else at


def _why_weak(case: Case) -> Params:
    return why_weak(case.question, _needed(case), case.now - case.ending_lag)


# ------------------------------------------------------------------ wrong_venue, expired, not_yet_valid


def _right_venue(case: Case, at: int) -> int | None:
    return at if case.terms.here else None


def _why_elsewhere(case: Case) -> Params:
    return {"product": case.candidate.entitlement.product}


def _not_over(case: Case, at: int) -> int | None:
    return at if at < case.expires else None


def _why_over(case: Case) -> Params:
    ends = case.binding.expires
    if ends is not None and case.now - case.ending_lag >= ends:
        return {"what": "binding", "expires": ends}
    return {"expires": case.candidate.entitlement.expires or 0}


def _begun(case: Case, at: int) -> int | None:
    begins = max(case.candidate.entitlement.not_before, case.binding.not_before)
    first = max(at, begins + case.beginning_lag)
    return first if first < END_OF_DAYS else None


def _why_early(case: Case) -> Params:
    begins = case.binding.not_before
    if case.now - case.beginning_lag < begins:
        return {"what": "binding", "not_before": begins}
    return {"not_before": case.candidate.entitlement.not_before}


# ------------------------------------------------------------------ knowledge_expired


def _known_enough(case: Case, at: int) -> int | None:
    """By the floor, always: it can only be too early, so nobody is refused for our clock's sake."""
    ends = admits_until(case.question, case.candidate.entitlement.product)
    return at if ends is None or at - case.floor_lag < ends else None


def _why_unknown(case: Case) -> Params:
    known_at = case.question.known_at
    return {"known_at": known_at} if known_at else {}


# ------------------------------------------------------------------ uses_exhausted


def _has_uses(case: Case, at: int) -> int | None:
    if case.is_reentry(at):
        return at
    paying, paid_at = _has_uses_to_pay(case, at), case.candidate.paid_at
    if paid_at is None or not case.is_reentry(paid_at) or paid_at < at:
        return paying
    return paid_at if paying is None else min(paid_at, paying)


def _has_uses_to_pay(case: Case, at: int) -> int | None:
    if case.left(on_day=False) == 0 or case.terms.per_day == 0:
        return None
    profile, lag = case.question.profile, case.day_lag
    another_day = profile.day_of(at + lag) != profile.day_of(case.now + lag)
    if another_day or case.left(on_day=True) != 0:
        return at
    return first_of_next_day(at + lag, profile.timezone) - lag


def _why_exhausted(case: Case) -> Params:
    terms, used, elsewhere = case.terms, case.candidate.used, case.candidate.elsewhere
    limits = (
        ("total", terms.total, used.total + elsewhere.total),
        ("venue", terms.share, used.here + elsewhere.here),
        ("day", terms.per_day, used.today + elsewhere.today),
    )
    for per, limit, spent in limits:
        if limit is not None and spent >= limit:
            return {"per": per, "limit": limit, "used": spent}
    return {"per": "apart", "limit": case.question.profile.apart_cap or 0, "used": case.candidate.apart or 0}


# ------------------------------------------------------------------ outside_hours


def _within_hours(case: Case, at: int) -> int | None:
    hours, now = case.terms.hours, case.question.now
    if hours is None:
        return at
    # A right that is over still has hours: whether they are open now is asked on its own.
    before = max(case.expires, at + 1)
    if not is_open_question(now):
        return hours.first_open(at, before)
    # Any time between floor and ceiling may be the true one: open at one of them, or at every one.
    behind, ahead = case.floor_lag, latest(now) - case.now
    if case.question.profile.when_unsure is WhenUnsure.ADMIT:
        first = hours.first_open(at - behind, before + ahead)
        return None if first is None else max(at, first - ahead)
    first = hours.first_open_throughout(at - behind, before - behind, behind + ahead)
    return None if first is None else first + behind


# ------------------------------------------------------------------ passback, venue_full


def _may_enter(case: Case, at: int) -> int | None:
    question = case.question
    zone, presence = question.profile.zone(question.lane), question.presence
    if zone.passback in (Passback.NONE, Passback.SOFT) or presence.inside == 0:
        return at
    free = _shift_end(case)
    # An interval whose beginning nobody knows has no end of its own.
    if zone.passback is Passback.TIMED and presence.last_in is not None:
        free = min(free, presence.last_in + zone.interval_s)
    return max(at, free)


def _why_inside(case: Case) -> Params:
    question = case.question
    return {"inside": question.presence.inside, "zone": question.profile.zone(question.lane).id}


def free_places(question: Question) -> int | None:
    """How many more the venue holds; None = nobody counts."""
    capacity = question.profile.capacity
    return None if capacity is None else max(0, capacity - question.occupancy.inside)


def _has_room(case: Case, at: int) -> int | None:
    if free_places(case.question) != 0:
        return at
    # Nobody is inside any more when the venue's day ends: whoever left unseen is forgotten.
    return max(at, _shift_end(case)) if case.question.profile.capacity else None


def _why_full(case: Case) -> Params:
    question = case.question
    told: dict[str, int | str] = {"capacity": question.profile.capacity or 0}
    if not question.occupancy.exits_counted:
        told["exits"] = "not_measured"
    return told


def _shift_end(case: Case) -> int:
    profile, lag = case.question.profile, case.day_lag
    return shift_end(case.now + lag, profile.timezone, profile.day_end_min) - lag


# ------------------------------------------------------------------ all


def _nothing(_case: Case) -> Params:
    return {}


RULES: tuple[Rule, ...] = (
    Rule(Reason.DENIED, _not_denied, _why_denied),
    Rule(Reason.WEAK_CREDENTIAL, _strong_enough, _why_weak),
    Rule(Reason.WRONG_VENUE, _right_venue, _why_elsewhere),
    Rule(Reason.EXPIRED, _not_over, _why_over),
    Rule(Reason.NOT_YET_VALID, _begun, _why_early),
    Rule(Reason.KNOWLEDGE_EXPIRED, _known_enough, _why_unknown),
    Rule(Reason.USES_EXHAUSTED, _has_uses, _why_exhausted),
    Rule(Reason.OUTSIDE_HOURS, _within_hours, _nothing),
    Rule(Reason.PASSBACK, _may_enter, _why_inside),
    Rule(Reason.VENUE_FULL, _has_room, _why_full),
)

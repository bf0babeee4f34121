"""May this medium pass here, now? One pure function, asked in one order.

Laws of this file:

* the first check that fails decides, and the order is the order of ``Reason``;
* a check sees the question and one candidate, and nothing else exists for it;
* whatever could not be verified arrives as a ``Refusal`` and can only ever refuse.
"""

from __future__ import annotations

from collections.abc import Callable

from gated.model.credential import Assurance
from gated.model.decision import Candidate, Decision, Denied, Granted, Question
from gated.model.refusal import Reason, Refusal
from gated.model.statement import Binding, Denial, DenialState, TargetKind
from gated.model.time import ClockQuality
from gated.model.venue import Product, WhenUnsure

#: Stands for a product that the profile does not list: no venue sells it.
_UNLISTED = Product(id="", venues=())
#: Sorts after every real expiry and every real number of uses.
_NEVER = 1 << 62

_FAR: dict[Reason, int] = {reason: place for place, reason in enumerate(Reason)}


def decide(question: Question) -> Decision:
    """Judge a tap."""
    refusal = _before_candidates(question)
    if refusal is not None:
        return _denied(question, refusal)
    failed: list[tuple[int, tuple[int, ...], Candidate, Refusal]] = []
    fit: list[Candidate] = []
    for candidate in question.candidates:
        verdict = _first_failing(question, candidate)
        if verdict is None:
            fit.append(candidate)
        else:
            failed.append((_FAR[verdict.reason], _choice(question, candidate), candidate, verdict))
    if fit:
        best = fit[0] if len(fit) == 1 else min(fit, key=lambda candidate: _choice(question, candidate))
        return _granted(question, best)
    if failed:
        *_, candidate, verdict = min(failed, key=lambda entry: entry[:2])
        return _denied(question, verdict, candidate)
    # Nothing of this pass opened: the defect is told, not "no entitlement", or nobody would ever mend it.
    return _denied(question, question.refused[0] if question.refused else Refusal(Reason.NO_ENTITLEMENT))


def _before_candidates(question: Question) -> Refusal | None:
    if question.binding is None:
        return Refusal(Reason.UNKNOWN_MEDIUM)
    if isinstance(question.binding, Refusal):
        return question.binding
    for denial in question.denials:
        # A denial that does not verify refuses too: otherwise spoiling one byte of it would lift it.
        if isinstance(denial, Refusal):
            return denial
        if denial.state is not DenialState.LIFTED:
            return _told(denial)
    if _over(question.binding.expires, question):
        return Refusal(Reason.EXPIRED, {"what": "binding", "expires": question.binding.expires or 0})
    if not _has_begun(question.binding.not_before, question):
        return Refusal(Reason.NOT_YET_VALID, {"what": "binding", "not_before": question.binding.not_before})
    return None


# ------------------------------------------------------------------ the checks, in their order


def _denied_itself(_question: Question, candidate: Candidate) -> Refusal | None:
    denial = candidate.denial
    if denial is None or denial.state is DenialState.LIFTED:
        return None
    return _told(denial)


def _strong_enough(question: Question, candidate: Candidate) -> Refusal | None:
    own = candidate.entitlement.min_assurance
    needed = max(
        question.lane.min_assurance,
        question.profile.min_assurance,
        own if own is not None else _product(question, candidate).min_assurance,
    )
    if question.credential.assurance >= needed:
        return None
    return Refusal(
        Reason.WEAK_CREDENTIAL,
        {"has": question.credential.assurance.label, "needs": Assurance(needed).label},
    )


def _right_venue(question: Question, candidate: Candidate) -> Refusal | None:
    product, own = _product(question, candidate), candidate.entitlement.venues
    # Where the catalogue lacks the product its rules are unknown, whatever the entitlement says itself.
    venues = product.venues if own is None or product is _UNLISTED else own
    if venues is None or question.profile.venue in venues:
        return None
    return Refusal(Reason.WRONG_VENUE, {"product": candidate.entitlement.product})


def _not_over(question: Question, candidate: Candidate) -> Refusal | None:
    expires = candidate.entitlement.expires
    if expires is None or not _over(expires, question):
        return None
    return Refusal(Reason.EXPIRED, {"expires": expires})


def _begun(question: Question, candidate: Candidate) -> Refusal | None:
    not_before = candidate.entitlement.not_before
    if _has_begun(not_before, question):
        return None
    return Refusal(Reason.NOT_YET_VALID, {"not_before": not_before})


def _uses_left(question: Question, candidate: Candidate) -> Refusal | None:
    limit = _limit(question, candidate)
    if limit is None or _used(candidate) < limit:
        return None
    return Refusal(Reason.USES_EXHAUSTED, {"limit": limit, "used": _used(candidate)})


Check = Callable[[Question, Candidate], Refusal | None]

#: Asked in this order, which is the order of ``Reason``.
CHECKS: tuple[Check, ...] = (
    _denied_itself,
    _strong_enough,
    _right_venue,
    _not_over,
    _begun,
    _uses_left,
)


def _first_failing(question: Question, candidate: Candidate) -> Refusal | None:
    for check in CHECKS:
        refusal = check(question, candidate)
        if refusal is not None:
            return refusal
    return None


# ------------------------------------------------------------------ what the checks are made of


def _product(question: Question, candidate: Candidate) -> Product:
    return question.profile.products.get(candidate.entitlement.product, _UNLISTED)


def _limit(question: Question, candidate: Candidate) -> int | None:
    own = candidate.entitlement.uses
    return own if own is not None else _product(question, candidate).uses


def _used(candidate: Candidate) -> int:
    return candidate.used.total + candidate.elsewhere.total


def _over(expires: int | None, question: Question) -> bool:
    """``exp`` is judged by the floor: a clock that lies cannot end a right (docs/explanation/time.md)."""
    if expires is None:
        return False
    by = question.now.estimate if question.profile.when_unsure is WhenUnsure.REFUSE else question.now.floor
    return by >= expires


def _has_begun(not_before: int, question: Question) -> bool:
    by = question.now.floor if question.profile.when_unsure is WhenUnsure.REFUSE else question.now.estimate
    return by >= not_before


def _choice(question: Question, candidate: Candidate) -> tuple[int, ...]:
    """Which entitlement is used: unlimited, then the earliest expiry, the fewest left, the id."""
    limit = _limit(question, candidate)
    expires = candidate.entitlement.expires
    return (
        0 if limit is None else 1,
        _NEVER if expires is None else expires,
        _NEVER if limit is None else limit - _used(candidate),
        int.from_bytes(candidate.entitlement.id, "big"),
    )


def _told(denial: Denial) -> Refusal:
    return Refusal(
        Reason.DENIED,
        {"target": TargetKind(denial.target_kind).name.lower(), "state": denial.state.name.lower()},
    )


def _granted(question: Question, candidate: Candidate) -> Granted:
    limit = _limit(question, candidate)
    return Granted(
        entitlement=candidate.entitlement,
        cost=1,
        persons=1,
        left=None if limit is None else limit - _used(candidate) - 1,
        clock=_clock(question, candidate),
    )


def _denied(question: Question, refusal: Refusal, candidate: Candidate | None = None) -> Denied:
    binding = question.binding
    return Denied(
        refusal=refusal,
        pass_=None if binding is None or isinstance(binding, Refusal) else binding.pass_,
        entitlement=None if candidate is None else candidate.entitlement,
        clock=_clock(question, candidate),
    )


def _clock(question: Question, candidate: Candidate | None) -> ClockQuality:
    """``UNSURE`` where the answer on validity would differ inside the interval of time."""
    if candidate is None:
        return question.now.quality
    right, now, binding = candidate.entitlement, question.now, question.binding
    latest = now.estimate if now.ceiling is None else now.ceiling
    assert isinstance(binding, Binding)  # or no candidate would have been looked at
    for edge in (right.not_before, right.expires, binding.not_before, binding.expires):
        if edge is not None and now.floor < edge <= latest:
            return ClockQuality.UNSURE
    return now.quality

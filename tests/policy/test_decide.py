"""The rules of a tap: each check, their order, and which entitlement is used."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import pytest

from gated.model.credential import Assurance
from gated.model.decision import Denied, Granted, Question
from gated.model.refusal import Reason, Refusal
from gated.model.statement import DenialState, TargetKind
from gated.model.time import ClockQuality
from gated.model.venue import Lane, WhenUnsure
from gated.policy import decide as rules
from gated.policy.decide import decide
from questions import NOW, PASS, bound, candidate, credential, denied, profile, question, reading, right

REFUSE = WhenUnsure.REFUSE


def told(asked: Question) -> tuple[Reason, dict[str, Any]]:
    decision = decide(asked)
    assert isinstance(decision, Denied)
    return decision.refusal.reason, dict(decision.refusal.params)


def used(asked: Question) -> int:
    """The number of the entitlement that a granted tap uses."""
    decision = decide(asked)
    assert isinstance(decision, Granted)
    return int.from_bytes(decision.entitlement.id, "big")


def test_a_right_that_fits_is_granted():
    expected = Granted(right(), cost=1, persons=1, left=None, clock=ClockQuality.GOOD)
    assert expected == decide(question(candidate()))


def test_what_is_left_counts_this_use_and_those_made_elsewhere():
    expected = Granted(right(product="swim3"), cost=1, persons=1, left=0, clock=ClockQuality.GOOD)
    assert expected == decide(question(candidate(used=1, elsewhere=1, product="swim3")))


# ---------------------------------------------------------------- before any entitlement


@dataclass(frozen=True)
class Before:
    says: str
    changes: dict[str, Any]
    reason: Reason
    params: dict[str, Any]
    knows_pass: bool = True


DEFECT = Refusal(Reason.BAD_SIGNATURE, {"kid": "00000000"})
BEFORE = (
    Before("a medium bound to nothing", {"binding": None}, Reason.UNKNOWN_MEDIUM, {}, knows_pass=False),
    Before(
        "a binding that does not open",
        {"binding": DEFECT},
        Reason.BAD_SIGNATURE,
        {"kid": "00000000"},
        knows_pass=False,
    ),
    Before(
        "a pass that is revoked",
        {"denials": (denied(),)},
        Reason.DENIED,
        {"target": "pass", "state": "revoked"},
    ),
    Before(
        "a credential that is blocked",
        {"denials": (denied(DenialState.BLOCKED, TargetKind.CREDENTIAL),)},
        Reason.DENIED,
        {"target": "credential", "state": "blocked"},
    ),
    Before(
        "a denial behind one that was lifted",
        {"denials": (denied(DenialState.LIFTED), denied(DenialState.BLOCKED))},
        Reason.DENIED,
        {"target": "pass", "state": "blocked"},
    ),
    Before("a denial that does not open", {"denials": (DEFECT,)}, Reason.BAD_SIGNATURE, {"kid": "00000000"}),
    Before(
        "a binding that is over",
        {"binding": bound(expires=NOW)},
        Reason.EXPIRED,
        {"what": "binding", "expires": NOW},
    ),
    Before(
        "a binding that has not begun",
        {"binding": bound(not_before=NOW + 1)},
        Reason.NOT_YET_VALID,
        {"what": "binding", "not_before": NOW + 1},
    ),
)


@pytest.mark.parametrize("row", BEFORE, ids=lambda row: row.says)
def test_nothing_is_asked_of_the_rights_of(row):
    decision = decide(question(candidate(), **row.changes))
    expected = Denied(
        Refusal(row.reason, row.params), PASS if row.knows_pass else None, None, ClockQuality.GOOD
    )
    assert expected == decision


def test_a_lifted_denial_refuses_nothing():
    lifted = denied(DenialState.LIFTED)
    asked = question(candidate(denial=denied(DenialState.LIFTED, TargetKind.ENTITLEMENT)), denials=(lifted,))
    assert isinstance(decide(asked), Granted)


def test_a_pass_without_rights_has_no_entitlement():
    assert (Reason.NO_ENTITLEMENT, {}) == told(question())


def test_where_no_right_opened_the_first_defect_is_told():
    second = Refusal(Reason.TRUNCATED)
    assert (Reason.BAD_SIGNATURE, {"kid": "00000000"}) == told(question(refused=(DEFECT, second)))


def test_a_right_that_does_not_open_spoils_no_other():
    assert isinstance(decide(question(candidate(), refused=(DEFECT,))), Granted)


def test_a_right_that_opened_and_failed_is_told_rather_than_one_that_did_not_open():
    assert Reason.EXPIRED is told(question(candidate(expires=NOW), refused=(DEFECT,)))[0]


# ---------------------------------------------------------------- each check of a right


@dataclass(frozen=True)
class Check:
    says: str
    candidate: dict[str, Any]
    refusal: tuple[Reason, dict[str, Any]] | None = None  # None = granted
    asked: dict[str, Any] | None = None


def weak(has: str, needs: str):
    return Reason.WEAK_CREDENTIAL, {"has": has, "needs": needs}


STATIC, UID = credential(Assurance.STATIC_SIGNED), credential(Assurance.UID_ONLY)
UNSURE_BEFORE = reading(NOW - 100, NOW)
CHECKS = (
    Check(
        "denied itself",
        {"denial": denied(DenialState.BLOCKED, TargetKind.ENTITLEMENT)},
        (Reason.DENIED, {"target": "entitlement", "state": "blocked"}),
    ),
    Check("no strength but a product that wants little", {"product": "weak"}, None, {"credential": UID}),
    Check("a bare UID", {}, weak("uid-only", "static-signed"), {"credential": UID}),
    Check(
        "the product wants more",
        {"product": "strong"},
        weak("static-signed", "asymmetric"),
        {"credential": STATIC},
    ),
    Check(
        "the right wants more than its product",
        {"min_assurance": Assurance.SYMMETRIC_MUTUAL},
        weak("static-signed", "symmetric-mutual"),
        {"credential": STATIC},
    ),
    Check(
        "the right wants less than its product",
        {"product": "strong", "min_assurance": Assurance.UID_ONLY},
        None,
        {"credential": UID},
    ),
    Check(
        "the lane wants more",
        {},
        weak("static-signed", "asymmetric"),
        {"credential": STATIC, "lane": Lane("in-1", min_assurance=Assurance.ASYMMETRIC)},
    ),
    Check(
        "the venue wants more",
        {},
        weak("static-signed", "symmetric-rolling"),
        {"credential": STATIC, "profile": profile(min_assurance=Assurance.SYMMETRIC_ROLLING)},
    ),
    Check("a product of this venue among others", {"product": "here"}),
    Check(
        "a product of another venue", {"product": "elsewhere"}, (Reason.WRONG_VENUE, {"product": "elsewhere"})
    ),
    Check("a product nobody lists", {"product": "ski"}, (Reason.WRONG_VENUE, {"product": "ski"})),
    Check(
        "a product nobody lists, with its venue and uses",
        {"product": "ski", "venues": ("bron",), "uses": 3},
        (Reason.WRONG_VENUE, {"product": "ski"}),
    ),
    Check(
        "its own venues before its product's",
        {"venues": ("vaise",)},
        (Reason.WRONG_VENUE, {"product": "season"}),
    ),
    Check("no end", {"expires": None}),
    Check("its last second", {"expires": NOW + 1}),
    Check("its first second no longer valid", {"expires": NOW}, (Reason.EXPIRED, {"expires": NOW})),
    Check("over by an estimate that may be wrong", {"expires": NOW}, None, {"now": UNSURE_BEFORE}),
    Check(
        "over by an estimate, where the venue refuses",
        {"expires": NOW},
        (Reason.EXPIRED, {"expires": NOW}),
        {"now": UNSURE_BEFORE, "profile": profile(when_unsure=REFUSE)},
    ),
    Check("its first second", {"not_before": NOW}),
    Check("a second early", {"not_before": NOW + 1}, (Reason.NOT_YET_VALID, {"not_before": NOW + 1})),
    Check("begun by the estimate alone", {"not_before": NOW}, None, {"now": UNSURE_BEFORE}),
    Check(
        "begun by the estimate alone, where the venue refuses",
        {"not_before": NOW},
        (Reason.NOT_YET_VALID, {"not_before": NOW}),
        {"now": UNSURE_BEFORE, "profile": profile(when_unsure=REFUSE)},
    ),
    Check("begun by the floor, where the venue refuses", {}, None, {"profile": profile(when_unsure=REFUSE)}),
    Check("its last use", {"product": "swim3", "used": 2}),
    Check("all uses", {"product": "swim3", "used": 3}, (Reason.USES_EXHAUSTED, {"limit": 3, "used": 3})),
    Check(
        "all uses, some elsewhere",
        {"product": "swim3", "used": 1, "elsewhere": 3},
        (Reason.USES_EXHAUSTED, {"limit": 3, "used": 4}),
    ),
    Check("more uses than its product", {"product": "swim3", "uses": 5, "used": 4}),
    Check("a right to nothing", {"uses": 0}, (Reason.USES_EXHAUSTED, {"limit": 0, "used": 0})),
)


@pytest.mark.parametrize("row", CHECKS, ids=lambda row: row.says)
def test_a_right_is_judged_by(row):
    asked = question(candidate(**row.candidate), **(row.asked or {}))
    if row.refusal is None:
        assert isinstance(decide(asked), Granted)
    else:
        assert row.refusal == told(asked)
        assert right(**without_history(row.candidate)) == decide(asked).entitlement


def without_history(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in {"used", "elsewhere", "denial"}}


def test_a_binding_is_over_by_the_floor_unless_the_venue_refuses():
    asked = question(candidate(), binding=bound(expires=NOW), now=UNSURE_BEFORE)
    assert isinstance(decide(asked), Granted)
    assert Reason.EXPIRED is told(replace(asked, profile=profile(when_unsure=REFUSE)))[0]


def test_a_binding_that_may_not_have_begun_is_refused_where_the_venue_refuses():
    asked = question(candidate(not_before=NOW - 200), binding=bound(not_before=NOW), now=UNSURE_BEFORE)
    assert isinstance(decide(asked), Granted)
    assert Reason.NOT_YET_VALID is told(replace(asked, profile=profile(when_unsure=REFUSE)))[0]


# ---------------------------------------------------------------- which one is told, which one is used

FAILING = (
    (Reason.DENIED, {"denial": denied(kind=TargetKind.ENTITLEMENT)}),
    (Reason.WEAK_CREDENTIAL, {"min_assurance": Assurance.ASYMMETRIC}),
    (Reason.WRONG_VENUE, {"venues": ("vaise",)}),
    (Reason.EXPIRED, {"expires": NOW}),
    (Reason.NOT_YET_VALID, {"not_before": NOW + 5}),
    (Reason.USES_EXHAUSTED, {"uses": 0}),
)


@pytest.mark.parametrize(("first", "second"), list(pairwise(FAILING)), ids=lambda pair: str(pair[0]))
def test_checks_are_asked_in_the_order_of_the_reasons(first, second):
    both = {**second[1], **first[1]}
    if {first[0], second[0]} == {Reason.EXPIRED, Reason.NOT_YET_VALID}:
        both = {"expires": NOW, "not_before": NOW + 5}
    assert first[0] is told(question(candidate(**both), credential=STATIC))[0]


@pytest.mark.parametrize(("first", "second"), list(pairwise(FAILING)), ids=lambda pair: str(pair[0]))
def test_of_two_rights_that_fail_the_reason_that_stands_first_is_told(first, second):
    rights = (candidate(1, **second[1]), candidate(2, **first[1]))
    for order in (rights, rights[::-1]):
        assert first[0] is told(question(*order, credential=STATIC))[0]


def test_of_rights_that_fail_alike_the_one_that_would_be_used_first_is_told():
    sooner, later = candidate(2, expires=NOW - 50), candidate(1, expires=NOW)
    assert (Reason.EXPIRED, {"expires": NOW - 50}) == told(question(later, sooner))


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        pytest.param(
            {"expires": None}, {"product": "swim3", "expires": NOW + 1}, id="unlimited before counted"
        ),
        pytest.param({"expires": NOW + 5}, {"expires": NOW + 6}, id="the earlier end"),
        pytest.param({"expires": NOW + 5}, {"expires": None}, id="an end before none"),
        pytest.param({"product": "swim3", "used": 2}, {"product": "swim3", "used": 1}, id="the fewest left"),
        pytest.param(
            {"product": "swim3", "elsewhere": 2}, {"uses": 2}, id="the fewest left, uses elsewhere too"
        ),
    ],
)
def test_of_two_rights_that_fit_this_one_is_used(better, worse):
    for order in (
        (candidate(9, **better), candidate(1, **worse)),
        (candidate(1, **worse), candidate(9, **better)),
    ):
        assert 9 == used(question(*order))


def test_of_equals_the_smaller_id_is_used():
    assert 3 == used(question(candidate(4), candidate(3), candidate(5)))


def test_a_right_that_fits_is_used_though_a_better_one_failed():
    assert 2 == used(question(candidate(1, expires=NOW), candidate(2)))


# ---------------------------------------------------------------- what is said of the clock


@pytest.mark.parametrize(
    ("now", "fields", "clock"),
    [
        pytest.param(reading(), {}, "good", id="a good clock"),
        pytest.param(reading(quality=ClockQuality.AHEAD), {}, "ahead", id="a clock far ahead"),
        pytest.param(UNSURE_BEFORE, {"expires": NOW}, "unsure", id="may be over"),
        pytest.param(UNSURE_BEFORE, {"expires": NOW + 1}, "good", id="is not over by any clock"),
        pytest.param(UNSURE_BEFORE, {"not_before": NOW}, "unsure", id="may not have begun"),
        pytest.param(UNSURE_BEFORE, {"not_before": NOW - 100}, "good", id="has begun by every clock"),
        pytest.param(
            reading(NOW, NOW, ceiling=NOW + 9), {"expires": NOW + 9}, "unsure", id="the ceiling says so"
        ),
        pytest.param(reading(NOW, NOW, ceiling=NOW + 9), {"expires": None}, "good", id="nothing ends"),
    ],
)
def test_a_decision_says_how_far_to_believe_the_clock(now, fields, clock):
    assert clock == decide(question(candidate(**{"not_before": NOW - 500, **fields}), now=now)).clock


def test_a_refused_right_says_it_too():
    asked = question(candidate(expires=NOW), now=UNSURE_BEFORE, profile=profile(when_unsure=REFUSE))
    assert ClockQuality.UNSURE is decide(asked).clock


def test_a_grant_whose_binding_may_be_over_says_that_the_clock_is_unsure():
    asked = question(candidate(not_before=NOW - 500), binding=bound(expires=NOW), now=UNSURE_BEFORE)
    assert ClockQuality.UNSURE is decide(asked).clock


def test_the_checks_stand_in_the_order_that_their_reasons_have():
    assert 6 == len(rules.CHECKS)
    places = [list(Reason).index(reason) for reason, _ in FAILING]
    assert sorted(places) == places

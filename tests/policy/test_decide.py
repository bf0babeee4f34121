"""The decision: one question, one thing changed at a time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gated.model.credential import Assurance
from gated.model.decision import Denied, Granted
from gated.model.refusal import Reason, Refusal
from gated.model.statement import DenialState, TargetKind
from gated.model.time import ClockQuality
from gated.model.venue import Lane, WhenUnsure
from gated.policy.decide import CHECKS, decide
from questions import NOW, bound, candidate, credential, denied, profile, question, reading


def refused(asked):
    decision = decide(asked)
    assert isinstance(decision, Denied)
    return str(decision.refusal.reason), dict(decision.refusal.params)


def granted(asked):
    decision = decide(asked)
    assert isinstance(decision, Granted), decision
    return decision


def test_a_fitting_right_is_granted_at_the_cost_of_one_use():
    decision = granted(question(candidate(product="swim3")))
    assert (1, 1, 2) == (decision.cost, decision.persons, decision.left)
    assert granted(question(candidate())).left is None


BEFORE = {
    "nobody's medium": ({"binding": None}, ("unknown_medium", {})),
    "a binding that does not open": (
        {"binding": Refusal(Reason.BAD_SIGNATURE)},
        ("bad_signature", {}),
    ),
    "a denied pass": ({"denials": (denied(),)}, ("denied", {"target": "pass", "state": "revoked"})),
    "a blocked credential": (
        {"denials": (denied(DenialState.BLOCKED, TargetKind.CREDENTIAL),)},
        ("denied", {"target": "credential", "state": "blocked"}),
    ),
    "a denial that does not open": (
        {"denials": (denied(DenialState.LIFTED), Refusal(Reason.UNKNOWN_KEY))},
        ("unknown_key", {}),
    ),
    "a binding that is over": (
        {"binding": bound(expires=NOW)},
        ("expired", {"what": "binding", "expires": NOW}),
    ),
    "a binding that has not begun": (
        {"binding": bound(not_before=NOW + 1)},
        ("not_yet_valid", {"what": "binding", "not_before": NOW + 1}),
    ),
}


@pytest.mark.parametrize("case", BEFORE)
def test_before_any_right_is_looked_at(case):
    changes, expected = BEFORE[case]
    assert expected == refused(question(candidate(), **changes))


def test_a_lifted_denial_refuses_nothing():
    lifted = denied(DenialState.LIFTED)
    assert granted(question(candidate(denial=lifted), denials=(lifted,)))


def test_a_binding_with_an_end_ahead_is_good():
    assert granted(question(candidate(), binding=bound(expires=NOW + 1, not_before=NOW)))


RIGHTS = {
    "denied itself": (
        candidate(denial=denied(kind=TargetKind.ENTITLEMENT)),
        ("denied", {"target": "entitlement", "state": "revoked"}),
    ),
    "too strong for this medium": (
        candidate(min_assurance=Assurance.ASYMMETRIC),
        ("weak_credential", {"has": "static-signed", "needs": "asymmetric"}),
    ),
    "of a product that asks for more": (
        candidate(product="strong"),
        ("weak_credential", {"has": "static-signed", "needs": "asymmetric"}),
    ),
    "of another venue by its product": (
        candidate(product="elsewhere"),
        ("wrong_venue", {"product": "elsewhere"}),
    ),
    "of another venue itself": (candidate(venues=("vaise",)), ("wrong_venue", {"product": "season"})),
    "of a product nobody sells here": (candidate(product="unheard"), ("wrong_venue", {"product": "unheard"})),
    "over": (candidate(expires=NOW), ("expired", {"expires": NOW})),
    "not begun": (candidate(not_before=NOW + 1), ("not_yet_valid", {"not_before": NOW + 1})),
    "used up": (candidate(product="swim3", used=3), ("uses_exhausted", {"limit": 3, "used": 3})),
    "used up elsewhere": (
        candidate(product="swim3", used=1, elsewhere=2),
        ("uses_exhausted", {"limit": 3, "used": 3}),
    ),
    "of no uses": (candidate(uses=0), ("uses_exhausted", {"limit": 0, "used": 0})),
}


@pytest.mark.parametrize("case", RIGHTS)
def test_a_right_is_refused_that_is(case):
    right, expected = RIGHTS[case]
    assert expected == refused(question(right, credential=credential(Assurance.STATIC_SIGNED)))


EDGES = {
    "its last second": candidate(expires=NOW + 1),
    "its first second": candidate(not_before=NOW),
    "its last use": candidate(product="swim3", used=2),
    "no end": candidate(expires=None),
    "its own venue": candidate(product="elsewhere", venues=("bron",)),
    "one venue of several": candidate(product="here"),
    "its own uses above the product's": candidate(product="swim3", uses=4, used=3),
    "its own assurance below the product's": candidate(product="strong", min_assurance=Assurance.UID_ONLY),
}


@pytest.mark.parametrize("case", EDGES)
def test_a_right_is_granted_in(case):
    assert granted(question(EDGES[case], credential=credential(Assurance.STATIC_SIGNED)))


@pytest.mark.parametrize("where", ["lane", "profile"])
def test_lane_and_venue_may_ask_for_more(where):
    strict = {
        "lane": {"lane": Lane("in-1", min_assurance=Assurance.ASYMMETRIC)},
        "profile": {"profile": profile(min_assurance=Assurance.ASYMMETRIC)},
    }[where]
    asked = question(candidate(), **strict)
    assert granted(asked)
    assert "weak_credential" == refused(replace(asked, credential=credential(Assurance.SYMMETRIC_MUTUAL)))[0]


def test_the_first_failing_check_in_order_is_told():
    everything_wrong = candidate(
        denial=denied(kind=TargetKind.ENTITLEMENT), product="elsewhere", expires=NOW,
        not_before=NOW + 5, uses=0, min_assurance=Assurance.ASYMMETRIC,
    )  # fmt: skip
    weak = credential(Assurance.UID_ONLY)
    mended = [
        ("denied", {"denial": None}),
        ("weak_credential", {"min_assurance": Assurance.UID_ONLY}),
        ("wrong_venue", {"venues": ("bron",)}),
        ("expired", {"expires": NOW + 9}),
        ("not_yet_valid", {"not_before": NOW}),
        ("uses_exhausted", {"uses": 1}),
    ]
    assert len(CHECKS) == len(mended)
    right = everything_wrong
    for reason, mend in mended:
        assert reason == refused(question(right, credential=weak))[0]
        if "denial" in mend:
            right = replace(right, denial=None)
        else:
            right = replace(right, entitlement=replace(right.entitlement, **mend))
    assert granted(question(right, credential=weak))


def test_of_several_refused_rights_the_first_in_the_order_of_checks_is_told():
    used_up, over = candidate(1, product="swim3", used=3), candidate(2, expires=NOW)
    decision = decide(question(used_up, over))
    assert ("expired", over.entitlement) == (decision.refusal.reason, decision.entitlement)


def test_no_right_at_all_says_so_and_a_defect_says_more():
    assert "no_entitlement" == refused(question())[0]
    assert "bad_signature" == refused(question(refused=(Refusal(Reason.BAD_SIGNATURE),)))[0]
    assert granted(question(candidate(), refused=(Refusal(Reason.BAD_SIGNATURE),)))


CHOICES = {
    "unlimited before counted": [candidate(2), candidate(1, product="swim3")],
    "the earliest end": [candidate(2, expires=NOW + 5), candidate(1, expires=NOW + 6)],
    "an end before none": [candidate(2), candidate(1, expires=None)],
    "the fewest left": [candidate(2, product="swim3", used=2), candidate(1, product="swim3", used=1)],
    "the smaller id": [candidate(1), candidate(2)],
}


@pytest.mark.parametrize("case", CHOICES)
def test_of_several_rights_is_used(case):
    first, second = CHOICES[case]
    for order in ((first, second), (second, first)):
        assert first.entitlement == granted(question(*order)).entitlement


# ------------------------------------------------------------------ time


def test_an_end_is_judged_by_the_floor_and_marked_where_the_estimate_differs():
    asked = question(candidate(expires=NOW + 10), now=reading(NOW, NOW + 50))
    assert ClockQuality.UNSURE is granted(asked).clock
    strict = replace(asked, profile=profile(when_unsure=WhenUnsure.REFUSE))
    assert "expired" == refused(strict)[0]
    assert ClockQuality.UNSURE is decide(strict).clock


def test_a_begin_is_judged_by_the_estimate_unless_the_venue_says_otherwise():
    asked = question(candidate(not_before=NOW + 10), now=reading(NOW, NOW + 50))
    assert ClockQuality.UNSURE is granted(asked).clock
    assert "not_yet_valid" == refused(replace(asked, profile=profile(when_unsure=WhenUnsure.REFUSE)))[0]
    sure = question(candidate(), profile=profile(when_unsure=WhenUnsure.REFUSE))
    assert ClockQuality.GOOD is granted(sure).clock


def test_a_known_ceiling_counts_for_what_is_unsure():
    asked = question(candidate(expires=NOW + 100), now=reading(NOW, ceiling=NOW + 200))
    assert ClockQuality.UNSURE is granted(asked).clock
    assert ClockQuality.GOOD is granted(question(candidate(expires=None), now=reading(NOW))).clock


def test_a_refusal_without_a_right_bears_the_clock_as_it_is():
    behind = reading(quality=ClockQuality.BEHIND)
    assert ClockQuality.BEHIND is decide(question(binding=None, now=behind)).clock


def test_a_refusal_names_the_pass_once_the_medium_is_known():
    assert decide(question(binding=None)).pass_ is None
    assert decide(question(binding=Refusal(Reason.MISPLACED))).pass_ is None
    assert bound().pass_ == decide(question()).pass_

"""Of several rights: which one is used, which one is told, and that rules are asked in their order."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, pairwise
from typing import Any

import pytest

from gated.model.credential import Assurance
from gated.model.decision import Denied, Granted, Occupancy, Presence, Uses
from gated.model.refusal import Reason
from gated.model.statement import TargetKind
from gated.model.venue import Passback, Product
from gated.policy.case import NEVER
from gated.policy.decide import decide, open_cases
from questions import (
    NOW,
    PRODUCTS,
    candidate,
    credential,
    denied,
    guarded,
    later,
    profile,
    question,
    reading,
    right,
    told,
    used,
)

SHOP = profile(products={**PRODUCTS, "bundle": Product("bundle", per_venue=(("vaise", 1),))})

# ---------------------------------------------------------------- which one is used

#: Each is used before all that follow: it is worse than the next in every later criterion.
WINDOW = {"reentry_s": 60, "paid_at": NOW - 9}
BY = {
    "an open window": ({**WINDOW, "uses": 9, "expires": None}, {"expires": NOW + 5}),
    "unlimited": ({"expires": None}, {"uses": 3, "used": 2, "expires": NOW + 1}),
    "unlimited by its share of another venue": (
        {"product": "bundle", "expires": None},
        {"uses": 3, "used": 2},
    ),
    "counted in all": ({"expires": None}, {"uses": 9}),
    "counted here": ({"expires": None}, {"per_venue": (("bron", 9),)}),
    "unlimited though limited per day": ({"per_day": 9, "expires": None}, {"uses": 1, "expires": NOW + 1}),
    "the earlier end": (
        {"uses": 9, "expires": NOW + 5},
        {"uses": 1, "expires": NOW + 6},
    ),
    "an end before none": ({"uses": 9, "expires": NOW + 5}, {"uses": 1, "expires": None}),
    "the fewest left": ({"uses": 3, "used": 2}, {"uses": 3, "used": 1}),
    "the fewest left, of the share": ({"uses": 9, "per_venue": (("bron", 1),)}, {"uses": 2}),
    "the fewest left, of the day": ({"uses": 9, "per_day": 1}, {"uses": 2}),
    "the fewest left today": ({"per_day": 3, "used": Uses(2, 2)}, {"per_day": 2}),
    "the fewest left, some used elsewhere": ({"uses": 3, "elsewhere": 2}, {"uses": 2}),
    "a limit per day before none": ({"per_day": 100}, {}),
}


@pytest.mark.parametrize(("better", "worse"), BY.values(), ids=BY)
def test_of_two_rights_that_fit_this_one_is_used(better, worse):
    for order in (
        (candidate(9, **better), candidate(1, **worse)),
        (candidate(1, **worse), candidate(9, **better)),
    ):
        assert 9 == used(question(*order, profile=SHOP))


def test_of_equals_the_smaller_id_is_used():
    assert 3 == used(question(candidate(4), candidate(3), candidate(5)))
    large, small = candidate(1 << 60), candidate(256)
    assert 256 == used(question(large, small))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({}, (1, 0, NOW + 1000, NEVER), id="unlimited"),
        pytest.param({"expires": None}, (1, 0, NEVER, NEVER), id="without end"),
        pytest.param({**WINDOW, "uses": 3, "used": 3}, (0, 1, NOW + 1000, 0), id="a window"),
        pytest.param(
            {"reentry_s": 9, "paid_at": NOW - 9}, (1, 0, NOW + 1000, NEVER), id="a window that closed"
        ),
        pytest.param({"uses": 9, "per_day": 4}, (1, 1, NOW + 1000, 4), id="counted"),
    ],
)
def test_what_a_choice_goes_by(fields, expected):
    cases, _ = open_cases(question(candidate(7, **fields)))
    assert (*expected, bytes(7) + b"\x07") == cases[0].choice


def test_a_window_is_preferred_as_long_as_it_is_open():
    asked = question(candidate(1), candidate(9, **WINDOW, uses=9))
    assert [9, 9, 1] == [used(later(asked, at)) for at in (NOW, NOW + 50, NOW + 51)]


def test_a_right_that_fits_is_used_though_a_better_one_failed():
    assert 2 == used(question(candidate(1, expires=NOW), candidate(2)))
    assert 2 == used(question(candidate(2), candidate(1, uses=0)))


# ---------------------------------------------------------------- rules in their order

#: What makes each rule refuse, beside the others: by fields of the right, and of the question.
FAILING: dict[Reason, tuple[dict[str, Any], dict[str, Any]]] = {
    Reason.DENIED: ({"denial": denied(kind=TargetKind.ENTITLEMENT)}, {}),
    Reason.WEAK_CREDENTIAL: ({}, {"credential": credential(Assurance.UID_ONLY)}),
    Reason.WRONG_VENUE: ({"venues": ("vaise",)}, {}),
    Reason.EXPIRED: ({"expires": NOW}, {}),
    Reason.NOT_YET_VALID: ({"not_before": NOW + 5}, {}),
    Reason.USES_EXHAUSTED: ({"uses": 0}, {}),
    Reason.OUTSIDE_HOURS: ({"hours": "07:00-09:00"}, {}),
    Reason.PASSBACK: ({}, {"presence": Presence(1, NOW - 5)}),
    Reason.VENUE_FULL: ({}, {"occupancy": Occupancy(3)}),
}
VENUE = guarded(Passback.HARD, capacity=3)


@pytest.mark.parametrize(("first", "second"), list(combinations(FAILING, 2)), ids=str)
def test_of_two_rules_that_refuse_the_first_is_told(first, second):
    (one, asked), (other, asked_too) = FAILING[first], FAILING[second]
    decision = decide(question(candidate(**{**other, **one}), profile=VENUE, **{**asked_too, **asked}))
    assert first is decision.refusal.reason


@pytest.mark.parametrize("reason", FAILING, ids=str)
def test_each_rule_refuses_alone(reason):
    fields, asked = FAILING[reason]
    assert reason is told(question(candidate(**fields), profile=VENUE, **asked))[0]
    assert isinstance(decide(question(candidate(), profile=VENUE)), Granted)


# ---------------------------------------------------------------- which one is told

#: Those that a right fails for itself, and for good: only the order of reasons tells them apart.
FOR_GOOD = {
    Reason.DENIED: {"denial": denied(kind=TargetKind.ENTITLEMENT)},
    Reason.WEAK_CREDENTIAL: {"min_assurance": Assurance.ASYMMETRIC},
    Reason.WRONG_VENUE: {"venues": ("vaise",)},
    Reason.EXPIRED: {"expires": NOW},
    Reason.NOT_YET_VALID: {"not_before": NOW + 5, "expires": NOW + 5},
    Reason.USES_EXHAUSTED: {"uses": 0},
    Reason.OUTSIDE_HOURS: {"hours": "2020 Jan 1"},
}
STATIC = credential(Assurance.STATIC_SIGNED)


@pytest.mark.parametrize(("first", "second"), list(pairwise(FOR_GOOD)), ids=str)
def test_of_two_rights_that_never_open_the_reason_that_stands_first_is_told(first, second):
    rights = (candidate(1, **FOR_GOOD[second]), candidate(2, **FOR_GOOD[first]))
    for order in (rights, rights[::-1]):
        asked = question(*order, credential=STATIC)
        decision = decide(asked)
        assert (first, None) == (decision.refusal.reason, decision.next_at)
        assert right(2).id == decision.entitlement.id


@pytest.mark.parametrize(
    ("told_of", "other", "reason", "next_at"),
    [
        pytest.param(
            {"not_before": NOW + 5}, {"expires": NOW}, Reason.NOT_YET_VALID, NOW + 5, id="sooner than never"
        ),
        pytest.param(
            {"hours": "06:30-09:00", "expires": None},
            {"not_before": NOW + 1801, "expires": None},
            Reason.OUTSIDE_HOURS,
            NOW + 1800,
            id="sooner than a second later",
        ),
        pytest.param(
            {"not_before": NOW + 1800, "expires": None},
            {"hours": "06:30-09:00", "expires": None},
            Reason.NOT_YET_VALID,
            NOW + 1800,
            id="at the same time, the reason that stands first",
        ),
        pytest.param(
            {"not_before": NOW + 5, "expires": NOW + 9},
            {"not_before": NOW + 5, "expires": NOW + 10},
            Reason.NOT_YET_VALID,
            NOW + 5,
            id="at the same time for the same reason, what would be used",
        ),
        pytest.param(
            {"expires": NOW - 50}, {"expires": NOW}, Reason.EXPIRED, None, id="never, what would be used"
        ),
        pytest.param(
            {"uses": 0, "expires": None},
            {"hours": "2020 Jan 1", "expires": NOW + 5},
            Reason.USES_EXHAUSTED,
            None,
            id="never, the reason before the choice",
        ),
    ],
)
def test_of_two_rights_that_fail_this_one_is_told(told_of, other, reason, next_at):
    rights = (candidate(2, **told_of), candidate(1, **other))
    for order in (rights, rights[::-1]):
        decision = decide(question(*order))
        assert isinstance(decision, Denied)
        assert (reason, next_at) == (decision.refusal.reason, decision.next_at)
        assert rights[0].entitlement == decision.entitlement


def test_of_two_rights_that_fail_alike_the_smaller_id_is_told():
    rights = (candidate(2, uses=3, used=3), candidate(1, uses=1, used=1), candidate(3, uses=0))
    assert right(1, uses=1) == decide(question(*rights)).entitlement


def test_the_next_time_is_when_all_rules_pass_at_once():
    # It begins at 06:10, is open from 06:30, its day is used up, and whoever is inside leaves at 04:00.
    asked = question(
        candidate(not_before=NOW + 600, expires=None, hours="06:30-09:00", per_day=1, used=Uses(1, 1)),
        profile=VENUE,
        presence=Presence(1, NOW - 5),
    )
    tomorrow = NOW + 86400 + 1800
    assert tomorrow == decide(asked).next_at
    assert isinstance(decide(later(asked, tomorrow - 1)), Denied)
    assert isinstance(decide(later(asked, tomorrow)), Granted)


def test_the_clock_of_a_refusal_is_that_of_the_right_told():
    asked = question(candidate(1, not_before=NOW + 5), candidate(2, not_before=NOW - 50, uses=0))
    asked = replace(asked, now=reading(NOW - 90, NOW))
    assert "good" == decide(asked).clock
    sooner = replace(asked, candidates=asked.candidates[1:])
    assert "unsure" == decide(sooner).clock

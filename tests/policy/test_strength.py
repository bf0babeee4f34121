"""How strongly a medium must prove itself, when a generation of them ends, and where a right is good."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import pytest

from gated.model.credential import Assurance, Credential
from gated.model.decision import Denied, Granted, Notice, Warned
from gated.model.refusal import Reason, Refusal
from gated.model.time import ClockQuality
from gated.model.venue import Lane, Product, Retirement, WhenUnsure
from gated.policy.decide import decide
from gated.policy.rules import needed
from questions import (
    NOW,
    PASS,
    PRODUCTS,
    candidate,
    closes,
    credential,
    granted,
    later,
    profile,
    question,
    reading,
    right,
    told,
)

UID, STATIC = credential(Assurance.UID_ONLY), credential(Assurance.STATIC_SIGNED)
LANE = Lane("in-1", min_assurance=Assurance.SYMMETRIC_MUTUAL)
VENUE = profile(min_assurance=Assurance.SYMMETRIC_ROLLING)


class Row(NamedTuple):
    says: str
    has: Assurance
    needs: Assurance | None  # None = granted
    right: dict = {}  # noqa: RUF012  # never changed
    asked: dict = {}  # noqa: RUF012


A = Assurance
STRENGTH = (
    Row("a product that says nothing wants more than a UID", A.UID_ONLY, A.STATIC_SIGNED),
    Row("and no more than a signature", A.STATIC_SIGNED, None),
    Row("a product that wants little", A.UID_ONLY, None, {"product": "weak"}),
    Row("a product that wants more", A.SYMMETRIC_MUTUAL, A.ASYMMETRIC, {"product": "strong"}),
    Row("a product that wants all", A.ASYMMETRIC, None, {"product": "strong"}),
    Row(
        "a right that wants more than its product",
        A.STATIC_SIGNED,
        A.SYMMETRIC_MUTUAL,
        {"min_assurance": A.SYMMETRIC_MUTUAL},
    ),
    Row(
        "a right that wants less than its product",
        A.UID_ONLY,
        None,
        {"product": "strong", "min_assurance": A.UID_ONLY},
    ),
    Row("the lane", A.SYMMETRIC_ROLLING, A.SYMMETRIC_MUTUAL, {}, {"lane": LANE}),
    Row("exactly the lane", A.SYMMETRIC_MUTUAL, None, {}, {"lane": LANE}),
    Row("the venue", A.STATIC_SIGNED, A.SYMMETRIC_ROLLING, {}, {"profile": VENUE}),
    Row("exactly the venue", A.SYMMETRIC_ROLLING, None, {}, {"profile": VENUE}),
    Row(
        "the strictest of lane and venue",
        A.SYMMETRIC_ROLLING,
        A.SYMMETRIC_MUTUAL,
        {},
        {"lane": LANE, "profile": VENUE},
    ),
    Row(
        "a right cannot want less than the venue",
        A.UID_ONLY,
        A.SYMMETRIC_ROLLING,
        {"min_assurance": A.UID_ONLY},
        {"profile": VENUE},
    ),
)


@pytest.mark.parametrize("row", STRENGTH, ids=lambda row: row.says)
def test_the_strictest_of_lane_venue_and_right_is_asked(row):
    asked = question(candidate(**row.right), credential=credential(row.has), **row.asked)
    if row.needs is None:
        assert isinstance(decide(asked), Granted)
        return
    expected = Refusal(Reason.WEAK_CREDENTIAL, {"has": row.has.label, "needs": row.needs.label})
    assert Denied(expected, PASS, right(**row.right), ClockQuality.GOOD, None) == decide(asked)


def test_what_is_needed_at_all_is_the_stricter_of_lane_and_venue():
    assert Assurance.SYMMETRIC_MUTUAL is needed(question(lane=LANE, profile=VENUE))
    assert Assurance.SYMMETRIC_ROLLING is needed(question(profile=VENUE))


# ---------------------------------------------------------------- retirement

ENDS = NOW + 1000
BY_SCHEME = Retirement(ENDS, 300, scheme="pkoc")
BY_ASSURANCE = Retirement(ENDS, 300, assurance=Assurance.ASYMMETRIC)
ANY_UNSURE = pytest.mark.parametrize("unsure", list(WhenUnsure))
LASTING = {"expires": None}


def retiring(*retirements: Retirement, unsure=WhenUnsure.ADMIT, **asked):
    venue = profile(retirements=retirements, when_unsure=unsure)
    return question(candidate(**LASTING), profile=venue, **asked)


@pytest.mark.parametrize("retirement", [BY_SCHEME, BY_ASSURANCE], ids=["by scheme", "by assurance"])
@ANY_UNSURE
def test_a_generation_is_warned_then_refused(retirement, unsure):
    asked = retiring(retirement, unsure=unsure)
    warned = (Warned(Notice.RETIREMENT, ENDS),)
    assert () == granted(later(asked, ENDS - 301)).warnings
    assert warned == granted(later(asked, ENDS - 300)).warnings
    assert warned == granted(later(asked, ENDS - 1)).warnings
    closes(asked, Reason.WEAK_CREDENTIAL, ENDS)
    assert (Reason.WEAK_CREDENTIAL, {"ended": ENDS}) == told(later(asked, ENDS))


@pytest.mark.parametrize(
    "retirement",
    [Retirement(NOW, scheme="uid"), Retirement(NOW, assurance=Assurance.SYMMETRIC_MUTUAL), Retirement(NOW)],
    ids=["another scheme", "another assurance", "nothing"],
)
def test_other_media_go_on(retirement):
    assert () == granted(retiring(replace(retirement, warn_s=9))).warnings


def test_without_a_warning_period_nothing_is_said_before():
    asked = retiring(Retirement(ENDS, scheme="pkoc"))
    assert () == granted(later(asked, ENDS - 1)).warnings
    closes(asked, Reason.WEAK_CREDENTIAL, ENDS)


def test_the_first_of_two_that_is_over_is_told_and_each_that_comes_is_warned_of():
    later_one = Retirement(ENDS + 50, 2000, assurance=Assurance.ASYMMETRIC)
    both = retiring(later_one, BY_SCHEME)
    assert (Warned(Notice.RETIREMENT, ENDS + 50), Warned(Notice.RETIREMENT, ENDS)) == granted(
        later(both, ENDS - 1)
    ).warnings
    assert (Reason.WEAK_CREDENTIAL, {"ended": ENDS}) == told(later(both, ENDS + 49))
    assert (Reason.WEAK_CREDENTIAL, {"ended": ENDS + 50}) == told(later(both, ENDS + 50))


def test_the_end_of_a_generation_is_judged_by_the_floor():
    asked = retiring(BY_SCHEME, now=reading(NOW - 100, NOW))
    assert (Warned(Notice.RETIREMENT, ENDS),) == granted(later(asked, ENDS + 99)).warnings
    closes(asked, Reason.WEAK_CREDENTIAL, ENDS + 100)


def test_the_end_of_a_generation_is_judged_by_the_estimate_where_the_venue_refuses():
    asked = retiring(BY_SCHEME, unsure=WhenUnsure.REFUSE, now=reading(NOW - 50, NOW))
    asked = replace(asked, candidates=(candidate(**LASTING, not_before=0),))
    closes(asked, Reason.WEAK_CREDENTIAL, ENDS)
    assert (Reason.WEAK_CREDENTIAL, {"ended": ENDS}) == told(later(asked, ENDS))


def test_a_generation_that_is_over_is_told_before_its_weakness():
    asked = retiring(
        Retirement(NOW, assurance=Assurance.UID_ONLY), credential=Credential("uid", b"u", Assurance.UID_ONLY)
    )
    assert (Reason.WEAK_CREDENTIAL, {"ended": NOW}) == told(asked)


def test_a_weak_medium_is_told_so_while_its_generation_may_not_be_over():
    asked = retiring(Retirement(NOW, scheme="pkoc"), now=reading(NOW - 100, NOW), credential=UID)
    expected = (Reason.WEAK_CREDENTIAL, {"has": "uid-only", "needs": "static-signed"})
    assert expected == told(asked)
    assert (Reason.WEAK_CREDENTIAL, {"ended": NOW}) == told(later(asked, NOW + 100))


def test_a_right_that_opens_after_its_medium_is_retired_has_no_next_time():
    asked = question(candidate(not_before=ENDS, **LASTING), profile=profile(retirements=(BY_SCHEME,)))
    decision = decide(asked)
    assert (Reason.NOT_YET_VALID, None) == (decision.refusal.reason, decision.next_at)
    in_time = question(candidate(not_before=ENDS - 1, **LASTING), profile=asked.profile)
    assert ENDS - 1 == decide(in_time).next_at


# ---------------------------------------------------------------- where

TWO = Product("two", venues=("vaise", "bron"), per_venue=(("vaise", 1), ("bron", 2)))
SHOP = profile(products={**PRODUCTS, "two": TWO})


@pytest.mark.parametrize(
    ("fields", "good"),
    [
        pytest.param({"product": "here"}, True, id="a product of this venue among others"),
        pytest.param({"product": "elsewhere"}, False, id="a product of another venue"),
        pytest.param({"product": "ski"}, False, id="a product nobody lists"),
        pytest.param(
            {"product": "ski", "venues": ("bron",)}, False, id="a product nobody lists, with its venue"
        ),
        pytest.param({"venues": ("vaise",)}, False, id="its own venues before its product's none"),
        pytest.param({"product": "elsewhere", "venues": ("bron",)}, True, id="its own before its product's"),
        pytest.param({"venues": ()}, False, id="no venue at all"),
    ],
)
def test_a_right_is_good_where_it_or_its_product_says(fields, good):
    asked = question(candidate(**fields), profile=SHOP)
    if good:
        assert isinstance(decide(asked), Granted)
        return
    expected = Refusal(Reason.WRONG_VENUE, {"product": fields.get("product", "season")})
    assert Denied(expected, PASS, right(**fields), ClockQuality.GOOD, None) == decide(asked)


# ---------------------------------------------------------------- concession


@pytest.mark.parametrize(
    ("fields", "warned"),
    [
        pytest.param({}, (), id="none"),
        pytest.param({"concession": "student"}, (Warned(Notice.CONCESSION, "student"),), id="its own"),
        pytest.param({"product": "young"}, (Warned(Notice.CONCESSION, "child"),), id="its product's"),
        pytest.param(
            {"product": "young", "concession": "student"},
            (Warned(Notice.CONCESSION, "student"),),
            id="its own before its product's",
        ),
    ],
)
def test_a_concession_is_told_to_staff(fields, warned):
    shop = profile(products={**PRODUCTS, "young": Product("young", concession="child")})
    assert warned == granted(question(candidate(**fields), profile=shop)).warnings

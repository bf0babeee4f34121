"""How often a right may be used: in all, on a day, here, and while nobody knows what others counted."""

from __future__ import annotations

from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from gated.model.decision import Denied, Granted, Uses
from gated.model.refusal import Reason
from gated.model.venue import Product
from gated.policy.decide import decide
from questions import (
    NOW,
    PARIS,
    PRODUCTS,
    asked_at,
    candidate,
    granted,
    lasting,
    later,
    moment,
    opens,
    profile,
    question,
    right,
    told,
)

SHARES = (("vaise", 1), ("bron", 2))
BUNDLE = Product("bundle", per_venue=SHARES)
SHOP = profile(products={**PRODUCTS, "bundle": BUNDLE, "daily": Product("daily", per_day=2)})


def exhausted(per: str, limit: int, used: int):
    return Reason.USES_EXHAUSTED, {"per": per, "limit": limit, "used": used}


@pytest.mark.parametrize(
    ("fields", "left"),
    [
        pytest.param({}, None, id="no limit"),
        pytest.param({"used": Uses(90, 80, 70)}, None, id="no limit, used often"),
        pytest.param({"uses": 3}, 2, id="in all"),
        pytest.param({"uses": 3, "used": 2}, 0, id="the last in all"),
        pytest.param({"uses": 3, "used": 1, "elsewhere": 1}, 0, id="the last in all, one elsewhere"),
        pytest.param({"product": "swim3", "uses": 5, "used": 4}, 0, id="more uses than its product"),
        pytest.param({"per_day": 3}, 2, id="on a day"),
        pytest.param({"per_day": 3, "used": Uses(9, 2, 9)}, 0, id="the last of a day"),
        pytest.param(
            {"per_day": 3, "used": Uses(9, 1), "elsewhere": Uses(9, 1)}, 0, id="the last, elsewhere"
        ),
        pytest.param({"product": "daily", "used": Uses(1, 1)}, 0, id="on a day, by its product"),
        pytest.param({"product": "daily", "per_day": 4, "used": Uses(1, 1)}, 2, id="its own number on a day"),
        pytest.param({"product": "bundle"}, 1, id="a share of this venue"),
        pytest.param({"product": "bundle", "used": Uses(7, 7, 1)}, 0, id="the last of a share"),
        pytest.param(
            {"product": "bundle", "used": Uses(9, 9, 0), "elsewhere": Uses(9, 9, 1)},
            0,
            id="a share, elsewhere",
        ),
        pytest.param({"per_venue": (("vaise", 1),), "used": Uses(9)}, None, id="a share of another venue"),
        pytest.param({"product": "bundle", "per_venue": (("bron", 5),)}, 4, id="its own share"),
        pytest.param({"product": "bundle", "per_venue": ()}, None, id="its own shares are none"),
        pytest.param(
            {"product": "bundle", "per_venue": (("vaise", 1),)}, None, id="its own shares replace all others"
        ),
        pytest.param({"uses": 9, "per_day": 4, "per_venue": (("bron", 7),)}, 3, id="the day is the smallest"),
        pytest.param({"uses": 3, "per_day": 4, "per_venue": (("bron", 7),)}, 2, id="all is the smallest"),
        pytest.param(
            {"uses": 9, "per_day": 4, "per_venue": (("bron", 2),)}, 1, id="the share is the smallest"
        ),
    ],
)
def test_a_use_is_granted_and_counted(fields, left):
    decision = granted(question(candidate(**fields), profile=SHOP))
    assert (1, left) == (decision.cost, decision.left)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        pytest.param({"product": "swim3", "used": 3}, exhausted("total", 3, 3), id="in all"),
        pytest.param(
            {"product": "swim3", "used": 1, "elsewhere": 3},
            exhausted("total", 3, 4),
            id="more than all, elsewhere",
        ),
        pytest.param({"uses": 0}, exhausted("total", 0, 0), id="a right to nothing"),
        pytest.param({"per_venue": (("bron", 0),)}, exhausted("venue", 0, 0), id="a share of nothing"),
        pytest.param({"per_day": 0}, exhausted("day", 0, 0), id="a day of nothing"),
        pytest.param(
            {"product": "bundle", "used": Uses(1, 0, 1), "elsewhere": Uses(1, 0, 1)},
            exhausted("venue", 2, 2),
            id="a share",
        ),
        pytest.param(
            {"uses": 1, "per_venue": (("bron", 1),), "per_day": 1, "used": Uses(1, 1, 1)},
            exhausted("total", 1, 1),
            id="all of them",
        ),
        pytest.param(
            {"uses": 9, "per_venue": (("bron", 1),), "per_day": 1, "used": Uses(1, 1, 1)},
            exhausted("venue", 1, 1),
            id="a share before a day",
        ),
    ],
)
def test_a_right_that_is_used_up_has_no_next_time(fields, expected):
    asked = question(candidate(**fields), profile=SHOP)
    decision = decide(asked)
    assert isinstance(decision, Denied)
    assert (expected, None) == (told(asked), decision.next_at)
    assert isinstance(decide(later(asked, NOW + 900)), Denied)


def test_a_day_that_is_used_up_is_another_one_at_midnight():
    asked = question(lasting(per_day=2, used=Uses(5, 1, 5), elsewhere=Uses(5, 2, 0)))
    assert exhausted("day", 2, 3) == told(asked)
    opens(asked, Reason.USES_EXHAUSTED, moment("2026-11-25T00:00:00+00:00"))


@pytest.mark.parametrize(
    "fields",
    [{"uses": 3, "used": Uses(3, 3)}, {"per_venue": (("bron", 1),), "used": Uses(1, 1, 1)}, {"uses": 0}],
    ids=["in all", "the share", "nothing"],
)
def test_another_day_helps_nobody_who_has_nothing_left(fields):
    decision = decide(question(lasting(**{"per_day": 1, **fields})))
    assert (Reason.USES_EXHAUSTED, None) == (decision.refusal.reason, decision.next_at)


def test_of_a_day_that_comes_after_the_end_nobody_is_told():
    asked = question(candidate(per_day=1, used=Uses(1, 1), expires=moment("2026-11-25T00:00:00+00:00")))
    assert decide(asked).next_at is None
    longer = question(candidate(per_day=1, used=Uses(1, 1), expires=moment("2026-11-25T00:00:01+00:00")))
    opens(longer, Reason.USES_EXHAUSTED, moment("2026-11-25T00:00:00+00:00"))


def test_a_right_that_begins_on_another_day_has_that_day_before_it():
    asked = question(candidate(per_day=1, used=Uses(1, 1), not_before=NOW + 86400, expires=None))
    opens(asked, Reason.NOT_YET_VALID, NOW + 86400)
    today = question(candidate(per_day=1, used=Uses(1, 1), not_before=NOW + 3600, expires=None))
    opens(today, Reason.NOT_YET_VALID, moment("2026-11-25T00:00:00+00:00"))


# ---------------------------------------------------------------- whose midnight

LOS_ANGELES = ZoneInfo("America/Los_Angeles")
DAYS = (
    pytest.param(PARIS, "2026-07-14T10:00:00+02:00", "2026-07-15T00:00:00+02:00", id="east of UTC"),
    pytest.param(PARIS, "2026-07-14T01:30:00+02:00", "2026-07-15T00:00:00+02:00", id="the day before in UTC"),
    pytest.param(LOS_ANGELES, "2026-07-14T10:00:00-07:00", "2026-07-15T00:00:00-07:00", id="west of UTC"),
    pytest.param(
        LOS_ANGELES, "2026-07-14T18:00:00-07:00", "2026-07-15T00:00:00-07:00", id="the day after in UTC"
    ),
    pytest.param(PARIS, "2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00", id="a day of 23 hours"),
    pytest.param(PARIS, "2026-03-28T23:59:59+01:00", "2026-03-29T00:00:00+01:00", id="the day before it"),
    pytest.param(
        PARIS, "2026-10-25T02:30:00+02:00", "2026-10-26T00:00:00+01:00", id="a day of 25 hours, 2 a.m."
    ),
    pytest.param(
        PARIS, "2026-10-25T02:30:00+01:00", "2026-10-26T00:00:00+01:00", id="a day of 25 hours, 2 again"
    ),
    pytest.param(PARIS, "2028-02-28T12:00:00+01:00", "2028-02-29T00:00:00+01:00", id="to the leap day"),
    pytest.param(PARIS, "2028-02-29T12:00:00+01:00", "2028-03-01T00:00:00+01:00", id="after the leap day"),
    pytest.param(PARIS, "2027-02-28T12:00:00+01:00", "2027-03-01T00:00:00+01:00", id="no leap day"),
    pytest.param(PARIS, "2026-12-31T23:59:59+01:00", "2027-01-01T00:00:00+01:00", id="a new year"),
)


@pytest.mark.parametrize(("zone", "now", "midnight"), DAYS)
def test_a_day_ends_at_midnight_where_the_venue_is(zone, now, midnight):
    used_up = lasting(per_day=1, used=Uses(1, 1, 1))
    opens(
        asked_at(moment(now), used_up, profile=profile(timezone=zone)),
        Reason.USES_EXHAUSTED,
        moment(midnight),
    )


# ---------------------------------------------------------------- while uses elsewhere are unknown


@pytest.mark.parametrize(
    ("cap", "apart", "fields", "left"),
    [
        pytest.param(None, 50, {"uses": 9}, 8, id="no cap"),
        pytest.param(0, None, {"uses": 9}, 8, id="they are known"),
        pytest.param(3, 2, {"uses": 9}, 0, id="the last of a cap"),
        pytest.param(3, 0, {"uses": 9}, 2, id="the first of a cap"),
        pytest.param(3, 0, {"uses": 2}, 1, id="a cap above the limit"),
        pytest.param(3, 2, {"per_venue": (("bron", 9),)}, 0, id="a share is counted"),
        pytest.param(0, 0, {}, None, id="an unlimited right is not"),
        pytest.param(0, 5, {"per_day": 4}, 3, id="a limit per day alone does not count"),
        pytest.param(0, 0, {"per_venue": (("vaise", 9),)}, None, id="nor does a share of another venue"),
    ],
)
def test_a_gate_that_stands_apart_grants(cap, apart, fields, left):
    assert left == granted(question(candidate(apart=apart, **fields), profile=profile(apart_cap=cap))).left


@pytest.mark.parametrize(
    ("cap", "apart", "fields"),
    [(0, 0, {"uses": 9}), (3, 3, {"uses": 9}), (3, 7, {"per_venue": (("bron", 9),)})],
    ids=["a cap of none", "a cap that is reached", "a cap that is passed"],
)
def test_a_gate_that_stands_apart_refuses(cap, apart, fields):
    asked = question(candidate(apart=apart, **fields), profile=profile(apart_cap=cap))
    assert exhausted("apart", cap, apart) == told(asked)
    assert decide(asked).next_at is None


def test_a_cap_is_not_lifted_by_another_day():
    asked = question(lasting(uses=9, per_day=1, apart=1, used=Uses(1, 1)), profile=profile(apart_cap=1))
    assert exhausted("day", 1, 1) == told(asked)
    assert decide(asked).next_at is None


# ---------------------------------------------------------------- re-entry

HOUR = 3600


def back(paid_at: int | None, at: int = NOW, **fields):
    return asked_at(at, lasting(**{"reentry_s": HOUR, "uses": 3, "used": 3, "paid_at": paid_at, **fields}))


def test_an_entry_from_a_clock_that_was_ahead_opens_its_window_when_its_time_has_come():
    ahead = back(NOW + 100)
    assert exhausted("total", 3, 3) == told(ahead)
    assert NOW + 100 == decide(ahead).next_at
    assert 0 == granted(back(NOW + 100, at=NOW + 100)).cost
    per_day = {"uses": None, "per_day": 1, "used": Uses(1, 1, 1)}
    midnight = decide(back(NOW + 200 * 86400, **per_day)).next_at
    assert NOW < midnight <= NOW + 86400
    assert NOW + 60 == decide(back(NOW + 60, **per_day)).next_at


def test_an_entry_costs_nothing_until_the_window_closes():
    asked = back(NOW)
    for at in (NOW, NOW + 1, NOW + HOUR - 1):
        decision = granted(later(asked, at))
        assert (0, 1, 0) == (decision.cost, decision.persons, decision.left)
    for at in (NOW + HOUR, NOW + HOUR + 1):
        assert exhausted("total", 3, 3) == told(later(asked, at))


def test_after_the_window_an_entry_costs_a_use_again():
    asked = back(NOW, uses=5)
    assert (0, 2) == (granted(later(asked, NOW + HOUR - 1)).cost, granted(later(asked, NOW + HOUR - 1)).left)
    assert (1, 1) == (granted(later(asked, NOW + HOUR)).cost, granted(later(asked, NOW + HOUR)).left)


@pytest.mark.parametrize(
    "fields",
    [{"paid_at": None}, {"reentry_s": None}, {"reentry_s": 0}],
    ids=["nothing was paid", "no rule", "a window of nothing"],
)
def test_without_a_window_every_entry_costs(fields):
    assert exhausted("total", 3, 3) == told(back(**{"paid_at": NOW, **fields}))


def test_a_window_is_its_products_unless_it_says_its_own():
    shop = profile(products={**PRODUCTS, "museum": Product("museum", reentry_s=HOUR, uses=1)})
    paid = {"product": "museum", "used": 1, "paid_at": NOW - HOUR + 1}
    assert 0 == granted(question(candidate(**paid), profile=shop)).cost
    assert exhausted("total", 1, 1) == told(question(candidate(**paid, reentry_s=HOUR - 1), profile=shop))


def test_a_window_crosses_midnight():
    paid = moment("2026-11-24T23:30:00+00:00")
    asked = back(paid, paid, per_day=1, uses=9, used=Uses(1, 1, 1))
    assert [0, 0, 1] == [granted(later(asked, paid + wait)).cost for wait in (1799, 3599, 3600)]
    assert Uses(1, 0, 1) == later(asked, paid + 1800).candidates[0].used


@pytest.mark.parametrize(
    ("fields", "asked", "reason"),
    [
        pytest.param({"hours": "08:00-09:00"}, {}, Reason.OUTSIDE_HOURS, id="hours"),
        pytest.param({"expires": NOW}, {}, Reason.EXPIRED, id="the end"),
        pytest.param({"venues": ("vaise",)}, {}, Reason.WRONG_VENUE, id="the venue"),
        pytest.param({}, {"profile": profile(capacity=0)}, Reason.VENUE_FULL, id="free places"),
    ],
)
def test_a_window_waives_uses_alone(fields, asked, reason):
    assert reason is told(replace(back(NOW - 9, **fields), **asked))[0]


def test_a_window_waives_a_cap_and_a_share_and_a_day():
    fields = {"per_day": 0, "per_venue": (("bron", 0),), "apart": 7}
    asked = replace(back(NOW - 9, **fields), profile=profile(apart_cap=0))
    assert isinstance(decide(asked), Granted)


def test_of_hours_that_open_after_the_window_nobody_without_uses_is_told():
    shut = back(NOW, hours="07:00-09:00")
    assert decide(shut).next_at is None
    in_time = back(NOW, hours="07:00-09:00", reentry_s=HOUR + 1)
    opens(in_time, Reason.OUTSIDE_HOURS, NOW + HOUR)


def test_the_entitlement_told_is_the_one_that_is_used_up():
    decision = decide(question(candidate(4, uses=0)))
    assert right(4, uses=0) == decision.entitlement

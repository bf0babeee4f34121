"""Hours, who is inside already, how many the venue holds, and how many one tap lets in."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from gated.model.decision import EMPTY, Granted, Notice, Occupancy, Presence, Warned
from gated.model.refusal import Reason
from gated.model.venue import Lane, Passback, Product, Zone
from gated.policy.decide import decide
from gated.policy.rules import free_places
from questions import (
    NOW,
    PARIS,
    PRODUCTS,
    asked_at,
    candidate,
    closes,
    granted,
    guarded,
    lasting,
    later,
    moment,
    opens,
    profile,
    question,
    told,
)

FRENCH = profile(timezone=PARIS, country="FR")


def hours(text: str, now: str, venue=FRENCH):
    return asked_at(moment(now), lasting(hours=text), profile=venue)


@pytest.mark.parametrize(
    ("text", "now", "shut_at", "open_at"),
    [
        pytest.param(
            "07:00-09:00",
            "2026-07-14T07:00:00+02:00",
            "2026-07-14T09:00:00+02:00",
            "2026-07-15T07:00:00+02:00",
            id="every morning",
        ),
        pytest.param(
            "Mo-Fr 07:00-09:00",
            "2026-07-17T08:00:00+02:00",
            "2026-07-17T09:00:00+02:00",
            "2026-07-20T07:00:00+02:00",
            id="over a weekend",
        ),
        pytest.param(
            "22:00-02:00",
            "2026-07-14T23:00:00+02:00",
            "2026-07-15T02:00:00+02:00",
            "2026-07-15T22:00:00+02:00",
            id="past midnight",
        ),
        pytest.param(
            "Mo-Su 10:00-18:00; PH off",
            "2026-07-13T12:00:00+02:00",
            "2026-07-13T18:00:00+02:00",
            "2026-07-15T10:00:00+02:00",
            id="over the national holiday",
        ),
        pytest.param(
            "22:00-06:00",
            "2026-03-28T23:00:00+01:00",
            "2026-03-29T06:00:00+02:00",
            "2026-03-29T22:00:00+02:00",
            id="a night without its third hour",
        ),
        pytest.param(
            "22:00-06:00",
            "2026-10-24T23:00:00+02:00",
            "2026-10-25T06:00:00+01:00",
            "2026-10-25T22:00:00+01:00",
            id="a night with its third hour twice",
        ),
        pytest.param(
            "Feb 29 10:00-12:00",
            "2028-02-29T11:00:00+01:00",
            "2028-02-29T12:00:00+01:00",
            "2032-02-29T10:00:00+01:00",
            id="once in four years",
        ),
        pytest.param(
            "2026 Jul 4-Aug 31",
            "2026-08-01T00:00:00+02:00",
            "2026-09-01T00:00:00+02:00",
            None,
            id="a summer that does not come again",
        ),
    ],
)
def test_hours_open_and_close(text, now, shut_at, open_at):
    asked, again = hours(text, now), None if open_at is None else moment(open_at)
    closes(asked, Reason.OUTSIDE_HOURS, moment(shut_at), again)
    if again is not None:
        opens(later(asked, moment(shut_at)), Reason.OUTSIDE_HOURS, again)


def test_hours_say_nothing_beside_their_reason():
    assert (Reason.OUTSIDE_HOURS, {}) == told(hours("07:00-09:00", "2026-07-14T06:59:59+02:00"))


def test_hours_are_its_products_unless_it_says_its_own():
    shop = profile(products={**PRODUCTS, "early": Product("early", hours="05:00-06:00")})
    assert Reason.OUTSIDE_HOURS is told(question(candidate(product="early"), profile=shop))[0]
    asked = question(candidate(product="early", hours="06:00-07:00"), profile=shop)
    assert None is granted(asked).left


def test_hours_are_those_of_the_venues_zone_country_and_place():
    west = profile(timezone=ZoneInfo("America/Los_Angeles"))
    opens(
        hours("07:00-09:00", "2026-07-14T10:00:00+02:00", west),
        Reason.OUTSIDE_HOURS,
        moment("2026-07-14T07:00:00-07:00"),
    )
    holiday = hours("PH 10:00-12:00", "2026-07-04T10:00:00+02:00")
    opens(holiday, Reason.OUTSIDE_HOURS, moment("2026-07-14T10:00:00+02:00"))
    sunny = profile(timezone=PARIS, coordinates=(45.76, 4.84))
    assert isinstance(decide(hours("sunrise-sunset", "2026-07-14T12:00:00+02:00", sunny)), Granted)
    assert (Reason.BAD_HOURS, {"product": "season"}) == told(
        hours("sunrise-sunset", "2026-07-14T12:00:00+02:00")
    )


# ---------------------------------------------------------------- who is inside already

NIGHT = moment("2026-11-25T04:00:00+00:00")


def inside(passback: Passback, number: int = 1, last_in: int | None = NOW - 60, interval_s: int = 0, **venue):
    return question(
        lasting(), profile=guarded(passback, interval_s, **venue), presence=Presence(number, last_in)
    )


def test_without_anti_passback_nobody_asks_who_is_inside():
    assert () == granted(inside(Passback.NONE)).warnings
    assert () == granted(question(lasting(), presence=Presence(3, NOW))).warnings


def test_soft_lets_in_and_says_how_many_are_inside():
    assert (Warned(Notice.PASSBACK, 2),) == granted(inside(Passback.SOFT, 2)).warnings
    assert () == granted(inside(Passback.SOFT, 0, NOW - 60)).warnings


def test_each_warning_stands_beside_the_others():
    asked = question(
        lasting(concession="student"), profile=guarded(Passback.SOFT), presence=Presence(1, NOW - 60)
    )
    assert (Warned(Notice.CONCESSION, "student"), Warned(Notice.PASSBACK, 1)) == granted(asked).warnings


def test_hard_refuses_until_the_venues_day_ends():
    asked = inside(Passback.HARD, 2)
    assert (Reason.PASSBACK, {"inside": 2, "zone": "bron"}) == told(asked)
    opens(asked, Reason.PASSBACK, NIGHT)


@pytest.mark.parametrize("passback", [Passback.HARD, Passback.TIMED, Passback.SOFT])
def test_nobody_is_refused_for_having_been_inside(passback):
    assert () == granted(inside(passback, 0, interval_s=9000)).warnings


@pytest.mark.parametrize(
    ("zone", "day_end", "now", "ends"),
    [
        pytest.param(PARIS, "04:00", "2026-07-14T03:59:00+02:00", "2026-07-14T04:00:00+02:00", id="at four"),
        pytest.param(
            PARIS, "04:00", "2026-07-14T04:00:00+02:00", "2026-07-15T04:00:00+02:00", id="from four on"
        ),
        pytest.param(
            PARIS, "00:00", "2026-07-14T23:59:59+02:00", "2026-07-15T00:00:00+02:00", id="at midnight"
        ),
        pytest.param(
            PARIS, "00:00", "2026-07-14T00:00:00+02:00", "2026-07-15T00:00:00+02:00", id="from midnight on"
        ),
        pytest.param(PARIS, "04:00", "2026-03-28T12:00:00+01:00", "2026-03-29T04:00:00+02:00", id="23 hours"),
        pytest.param(PARIS, "04:00", "2026-10-24T12:00:00+02:00", "2026-10-25T04:00:00+01:00", id="25 hours"),
        pytest.param(
            PARIS, "05:30", "2028-02-28T12:00:00+01:00", "2028-02-29T05:30:00+01:00", id="a leap day"
        ),
        pytest.param(
            ZoneInfo("America/Los_Angeles"),
            "04:00",
            "2026-07-14T18:00:00-07:00",
            "2026-07-15T04:00:00-07:00",
            id="west of UTC",
        ),
    ],
)
def test_a_venues_day_ends_by_its_own_clock(zone, day_end, now, ends):
    minutes = int(day_end[:2]) * 60 + int(day_end[3:])
    venue = guarded(Passback.HARD, timezone=zone, day_end_min=minutes)
    asked = asked_at(moment(now), lasting(), profile=venue, presence=Presence(1, moment(now) - 9))
    opens(asked, Reason.PASSBACK, moment(ends))
    full = asked_at(
        moment(now),
        lasting(),
        profile=profile(timezone=zone, day_end_min=minutes, capacity=5),
        occupancy=Occupancy(5),
    )
    opens(full, Reason.VENUE_FULL, moment(ends))


def test_timed_refuses_until_the_interval_is_over():
    opens(inside(Passback.TIMED, interval_s=600), Reason.PASSBACK, NOW + 540)
    assert () == granted(inside(Passback.TIMED, interval_s=60)).warnings
    opens(inside(Passback.TIMED, interval_s=61), Reason.PASSBACK, NOW + 1)
    assert (Reason.PASSBACK, {"inside": 1, "zone": "bron"}) == told(inside(Passback.TIMED, interval_s=61))


def test_timed_refuses_no_longer_than_the_venues_day():
    opens(inside(Passback.TIMED, interval_s=9 * 86400), Reason.PASSBACK, NIGHT)
    opens(inside(Passback.TIMED, interval_s=NIGHT - NOW + 60), Reason.PASSBACK, NIGHT)
    opens(inside(Passback.TIMED, interval_s=NIGHT - NOW + 59), Reason.PASSBACK, NIGHT - 1)


def test_an_entry_at_a_time_nobody_knows_is_inside_until_the_venues_day_ends():
    opens(inside(Passback.TIMED, last_in=None, interval_s=600), Reason.PASSBACK, NIGHT)


def test_a_zone_is_the_lanes():
    zones = {"bron": Zone("bron", Passback.HARD), "pool": Zone("pool"), "sauna": Zone("sauna", Passback.HARD)}
    asked = {"profile": profile(zones=zones), "presence": Presence(1, NOW - 9)}
    assert () == granted(question(lasting(), lane=Lane("in-1", zone="pool"), **asked)).warnings
    there = question(lasting(), lane=Lane("in-2", zone="sauna"), **asked)
    assert (Reason.PASSBACK, {"inside": 1, "zone": "sauna"}) == told(there)


# ---------------------------------------------------------------- how many the venue holds


def full(capacity: int, number: int, **more):
    return question(lasting(), profile=profile(capacity=capacity), occupancy=Occupancy(number, **more))


@pytest.mark.parametrize(
    ("capacity", "number", "free"), [(None, 9, None), (3, 0, 3), (3, 2, 1), (3, 3, 0), (3, 8, 0), (0, 0, 0)]
)
def test_free_places_are_counted(capacity, number, free):
    assert free == free_places(full(capacity, number))


def test_the_last_place_is_given_away():
    assert 1 == granted(full(3, 2)).persons
    assert 1 == granted(question(lasting(), occupancy=Occupancy(900))).persons


@pytest.mark.parametrize("number", [3, 4])
def test_a_full_venue_refuses_until_its_day_ends(number):
    assert (Reason.VENUE_FULL, {"capacity": 3}) == told(full(3, number))
    opens(full(3, number), Reason.VENUE_FULL, NIGHT)


def test_a_venue_that_sees_nobody_leave_says_so():
    told_ = told(full(3, 3, exits_counted=False))
    assert (Reason.VENUE_FULL, {"capacity": 3, "exits": "not_measured"}) == told_
    assert EMPTY == Occupancy(0, exits_counted=True)


def test_a_venue_for_nobody_never_opens():
    assert (Reason.VENUE_FULL, {"capacity": 0}) == told(full(0, 0))
    assert decide(full(0, 0)).next_at is None

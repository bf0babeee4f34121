"""When a right is valid, by which of a gate's times, and what is said of the clock."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gated.model.decision import Denied, Granted
from gated.model.refusal import Reason
from gated.model.time import END_OF_DAYS, END_OF_TIME, ClockQuality
from gated.model.venue import Retirement, WhenUnsure
from gated.policy.decide import decide
from questions import (
    NOW,
    PARIS,
    bound,
    candidate,
    closes,
    lasting,
    later,
    moment,
    opens,
    profile,
    question,
    reading,
    told,
)

CAUTIOUS = profile(when_unsure=WhenUnsure.REFUSE)
BEHIND = reading(NOW - 100, NOW)


def test_the_first_second_of_validity():
    opens(question(candidate(not_before=NOW + 1)), Reason.NOT_YET_VALID, NOW + 1)
    opens(question(candidate(not_before=NOW + 500)), Reason.NOT_YET_VALID, NOW + 500)
    assert isinstance(decide(question(candidate(not_before=NOW))), Granted)


def test_the_last_second_of_validity():
    closes(question(candidate(expires=NOW + 500)), Reason.EXPIRED, NOW + 500)
    assert isinstance(decide(question(candidate(expires=NOW + 1))), Granted)
    assert (Reason.EXPIRED, {"expires": NOW}) == told(question(candidate(expires=NOW)))


def test_a_right_without_end_has_none():
    assert isinstance(decide(later(question(candidate(expires=None)), END_OF_DAYS - 1)), Granted)


@pytest.mark.parametrize("lag", [0, 100])
def test_a_beginning_that_no_calendar_knows_never_comes(lag):
    def asked(begins: int):
        return question(candidate(not_before=begins, expires=None, per_day=1), now=reading(NOW - lag, NOW))

    opens(asked(END_OF_DAYS - 1), Reason.NOT_YET_VALID, END_OF_DAYS - 1)
    for begins in (END_OF_DAYS, END_OF_TIME):
        decision = decide(asked(begins))
        assert (Reason.NOT_YET_VALID, None) == (decision.refusal.reason, decision.next_at)


def test_a_right_that_ends_before_it_begins_never_opens():
    decision = decide(question(candidate(not_before=NOW + 9, expires=NOW + 9)))
    assert Reason.NOT_YET_VALID is decision.refusal.reason
    assert decision.next_at is None


def test_what_ended_at_the_beginning_of_time_says_so():
    assert (Reason.EXPIRED, {"expires": 0}) == told(question(candidate(not_before=0, expires=0)))


def test_the_29th_of_february_is_a_day_like_another():
    begins, ends = moment("2028-02-29T00:00:00+01:00"), moment("2028-03-01T00:00:00+01:00")
    day = candidate(not_before=begins, expires=ends)
    before = question(day, now=reading(begins - 7200), profile=profile(timezone=PARIS))
    opens(before, Reason.NOT_YET_VALID, begins)
    closes(before, Reason.EXPIRED, ends)
    assert 86400 == ends - begins


# ---------------------------------------------------------------- a binding


def test_a_binding_begins_and_ends_like_a_right():
    opens(question(candidate(), binding=bound(not_before=NOW + 7)), Reason.NOT_YET_VALID, NOW + 7)
    closes(question(candidate(), binding=bound(expires=NOW + 7)), Reason.EXPIRED, NOW + 7)


@pytest.mark.parametrize(
    ("right", "binding", "expected"),
    [
        pytest.param(
            {"not_before": NOW + 9},
            {"not_before": NOW + 5},
            (Reason.NOT_YET_VALID, {"what": "binding", "not_before": NOW + 5}),
            id="neither has begun",
        ),
        pytest.param(
            {"not_before": NOW + 9},
            {"not_before": NOW},
            (Reason.NOT_YET_VALID, {"not_before": NOW + 9}),
            id="the binding has begun just now",
        ),
        pytest.param(
            {"expires": NOW - 5},
            {"expires": NOW},
            (Reason.EXPIRED, {"what": "binding", "expires": NOW}),
            id="both are over",
        ),
        pytest.param(
            {"expires": NOW - 5},
            {"expires": NOW + 1},
            (Reason.EXPIRED, {"expires": NOW - 5}),
            id="the binding has a second left",
        ),
    ],
)
def test_of_right_and_binding_this_one_is_told(right, binding, expected):
    assert expected == told(question(candidate(**right), binding=bound(**binding)))


@pytest.mark.parametrize(
    ("right", "binding"), [(NOW + 9, NOW + 5), (NOW + 5, NOW + 9)], ids=["the right last", "the binding last"]
)
def test_both_must_have_begun(right, binding):
    opens(
        question(candidate(not_before=right), binding=bound(not_before=binding)),
        Reason.NOT_YET_VALID,
        NOW + 9,
    )


@pytest.mark.parametrize(
    ("right", "binding"), [(NOW + 9, NOW + 5), (NOW + 5, NOW + 9), (None, NOW + 5), (NOW + 5, None)]
)
def test_the_earlier_end_is_the_end(right, binding):
    closes(question(candidate(expires=right), binding=bound(expires=binding)), Reason.EXPIRED, NOW + 5)


# ---------------------------------------------------------------- a clock that may be wrong


def test_an_end_is_judged_by_the_floor():
    asked = question(candidate(not_before=0, expires=NOW), now=BEHIND)
    closes(asked, Reason.EXPIRED, NOW + 100)
    closes(question(candidate(), now=BEHIND, binding=bound(expires=NOW)), Reason.EXPIRED, NOW + 100)


def test_an_end_is_judged_by_the_estimate_where_the_venue_refuses():
    asked = question(candidate(not_before=0, expires=NOW + 9), now=BEHIND, profile=CAUTIOUS)
    closes(asked, Reason.EXPIRED, NOW + 9)
    over = question(candidate(not_before=0, expires=NOW), now=BEHIND, profile=CAUTIOUS)
    assert (Reason.EXPIRED, {"expires": NOW}) == told(over)
    assert (Reason.EXPIRED, {"expires": NOW - 200}) == told(
        question(
            candidate(not_before=0, expires=NOW - 200),
            now=BEHIND,
            binding=bound(not_before=0, expires=NOW - 99),
        )
    )
    ended = replace(over, binding=bound(not_before=0, expires=NOW - 50))
    assert (Reason.EXPIRED, {"what": "binding", "expires": NOW - 50}) == told(ended)


def test_a_beginning_is_judged_by_the_estimate():
    opens(question(candidate(not_before=NOW + 9), now=BEHIND), Reason.NOT_YET_VALID, NOW + 9)
    assert isinstance(decide(question(candidate(not_before=NOW), now=BEHIND)), Granted)


def test_a_beginning_is_judged_by_the_floor_where_the_venue_refuses():
    asked = question(candidate(not_before=NOW), now=BEHIND, profile=CAUTIOUS, binding=bound(not_before=0))
    assert (Reason.NOT_YET_VALID, {"not_before": NOW}) == told(asked)
    opens(asked, Reason.NOT_YET_VALID, NOW + 100)
    young = question(
        candidate(not_before=0), now=BEHIND, profile=CAUTIOUS, binding=bound(not_before=NOW - 99)
    )
    assert (Reason.NOT_YET_VALID, {"what": "binding", "not_before": NOW - 99}) == told(young)
    opens(young, Reason.NOT_YET_VALID, NOW + 1)


def test_the_bound_of_the_search_is_the_end_by_the_floor():
    # The hours open again at NOW + 3600: by the estimate that is after the end, by the floor it is not.
    hours = candidate(not_before=0, expires=NOW + 3550, hours="07:00-09:00")
    opens(question(hours, now=BEHIND), Reason.OUTSIDE_HOURS, NOW + 3600)
    sure = decide(question(hours))
    assert (Reason.OUTSIDE_HOURS, None) == (sure.refusal.reason, sure.next_at)


@pytest.mark.parametrize(("expires", "next_at"), [(NOW + 3600, None), (NOW + 3601, NOW + 3600)])
def test_the_next_time_is_before_the_end(expires, next_at):
    decision = decide(question(candidate(expires=expires, hours="07:00-09:00")))
    assert (Reason.OUTSIDE_HOURS, next_at) == (decision.refusal.reason, decision.next_at)


# ---------------------------------------------------------------- what is said of the clock


def fits(**changes):
    return candidate(**{"not_before": NOW - 500, **changes})


CEILING = reading(NOW, NOW, ceiling=NOW + 9)
#: By the floor it is the day before, in the venue's zone.
OVER_MIDNIGHT = reading(NOW - 7 * 3600, NOW)


@pytest.mark.parametrize(
    ("now", "fields", "asked", "clock"),
    [
        pytest.param(reading(), {}, {}, "good", id="a good clock"),
        pytest.param(reading(quality=ClockQuality.AHEAD), {}, {}, "ahead", id="a clock far ahead"),
        pytest.param(BEHIND, {"expires": NOW}, {}, "unsure", id="may be over"),
        pytest.param(BEHIND, {"expires": NOW + 1}, {}, "good", id="is not over by any clock"),
        pytest.param(BEHIND, {"expires": None}, {}, "good", id="never over"),
        pytest.param(BEHIND, {"not_before": NOW}, {}, "unsure", id="may not have begun"),
        pytest.param(BEHIND, {"not_before": NOW - 99}, {}, "unsure", id="may just not have begun"),
        pytest.param(BEHIND, {"not_before": NOW - 100}, {}, "good", id="has begun by every clock"),
        pytest.param(CEILING, {"expires": NOW + 9}, {}, "unsure", id="over by the ceiling"),
        pytest.param(CEILING, {"expires": NOW + 10}, {}, "good", id="not over by the ceiling"),
        pytest.param(
            BEHIND, {}, {"binding": bound(not_before=0, expires=NOW)}, "unsure", id="its binding may be over"
        ),
        pytest.param(
            BEHIND, {}, {"binding": bound(not_before=NOW)}, "unsure", id="its binding may not have begun"
        ),
        pytest.param(
            BEHIND,
            {},
            {"profile": profile(retirements=(Retirement(NOW, scheme="pkoc"),))},
            "unsure",
            id="its medium may be retired",
        ),
        pytest.param(
            BEHIND,
            {},
            {"profile": profile(retirements=(Retirement(NOW, scheme="uid"),))},
            "good",
            id="other media may be retired",
        ),
        pytest.param(OVER_MIDNIGHT, {"not_before": 0, "per_day": 3}, {}, "unsure", id="which day it is"),
        pytest.param(OVER_MIDNIGHT, {"not_before": 0}, {}, "good", id="which day it is, where no rule asks"),
        pytest.param(BEHIND, {"per_day": 3}, {}, "good", id="the same day by every clock"),
        pytest.param(BEHIND, {"hours": "06:00-07:00"}, {}, "unsure", id="may not be open"),
        pytest.param(BEHIND, {"hours": "05:00-07:00"}, {}, "good", id="open by every clock"),
        pytest.param(CEILING, {"hours": "05:00-06:00"}, {}, "good", id="closed by every clock"),
        pytest.param(
            reading(NOW, NOW, ceiling=NOW + 3600), {"hours": "06:00-07:00"}, {}, "unsure", id="may be closed"
        ),
    ],
)
def test_a_decision_says_how_far_to_believe_the_clock(now, fields, asked, clock):
    asked = {"binding": bound(not_before=0), **asked}
    assert clock == decide(question(fits(**fields), now=now, **asked)).clock


def test_a_refused_right_says_it_too():
    asked = question(fits(expires=NOW), now=BEHIND, profile=CAUTIOUS, binding=bound(not_before=0))
    decision = decide(asked)
    assert isinstance(decision, Denied)
    assert ClockQuality.UNSURE is decision.clock


def test_hours_are_judged_by_the_estimate():
    # By the floor of an hour ago they are shut, and the venue that refuses what is unsure agrees.
    for venue in (profile(), CAUTIOUS):
        asked = question(
            lasting(hours="06:00-07:00"),
            now=reading(NOW - 3600, NOW),
            profile=venue,
            binding=bound(not_before=0),
        )
        assert ClockQuality.UNSURE is decide(asked).clock
        closes(asked, Reason.OUTSIDE_HOURS, NOW + 3600, NOW + 86400)

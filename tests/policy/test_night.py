"""A gate that was off for nobody knows how long: neither is yesterday revived nor is today shut out.

The power went at ten in the evening and the clock stands still since: it may be any time up to the next one.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from gated.model.decision import Denied, Granted, Occupancy, Presence, Uses
from gated.model.refusal import Reason
from gated.model.time import ClockQuality
from gated.model.venue import Passback, Retirement, WhenUnsure
from gated.policy.decide import decide
from questions import bound, candidate, guarded, lasting, moment, opens, profile, question, reading, told

EVENING = moment("2026-11-24T22:00:00+00:00")
MORNING = moment("2026-11-25T08:00:00+00:00")
NIGHT = reading(EVENING, EVENING, ceiling=EVENING + 86400, quality=ClockQuality.BEHIND)
ADMITS = profile()
REFUSES = profile(when_unsure=WhenUnsure.REFUSE)


def asked(*candidates, now=NIGHT, **changes):
    return question(*candidates, **{"binding": bound(not_before=0), "now": now, **changes})


def both(*candidates, **changes):
    """The answers of a venue that admits what is unsure, and of one that does not."""
    return [
        decide(asked(*candidates, profile=replace(changes.get("profile", ADMITS), when_unsure=when)))
        for when in (WhenUnsure.ADMIT, WhenUnsure.REFUSE)
    ]


def differ(answers, reason):
    """One venue admits, the other refuses, and both say that they were not sure."""
    admits, refuses = answers
    assert isinstance(admits, Granted)
    assert isinstance(refuses, Denied)
    assert reason is refuses.refusal.reason
    assert (ClockQuality.UNSURE, ClockQuality.UNSURE) == (admits.clock, refuses.clock)


def agree(answers, kind, clock=ClockQuality.BEHIND):
    assert [kind, kind] == [type(answer) for answer in answers]
    assert [clock, clock] == [answer.clock for answer in answers]


@pytest.mark.parametrize("begins", [EVENING + 1, MORNING, EVENING + 86400])
def test_a_right_that_begins_within_the_night_is_taken_as_begun_or_is_not(begins):
    differ(both(lasting(not_before=begins)), Reason.NOT_YET_VALID)


def test_a_right_that_begins_after_the_longest_night_has_not_begun():
    agree(both(lasting(not_before=EVENING + 86401)), Denied)
    opens(asked(lasting(not_before=EVENING + 86500)), Reason.NOT_YET_VALID, EVENING + 100)


def test_a_right_that_had_begun_before_has_begun():
    agree(both(lasting(not_before=EVENING)), Granted)


@pytest.mark.parametrize("ends", [EVENING + 1, MORNING, EVENING + 86400])
def test_a_right_that_ends_within_the_night_is_good_or_is_not(ends):
    differ(both(candidate(not_before=0, expires=ends)), Reason.EXPIRED)


def test_a_right_that_was_over_before_the_night_is_over():
    agree(both(candidate(not_before=0, expires=EVENING)), Denied)
    assert (Reason.EXPIRED, {"expires": EVENING}) == told(asked(candidate(not_before=0, expires=EVENING)))


def test_a_right_that_ends_after_the_longest_night_is_good():
    agree(both(candidate(not_before=0, expires=EVENING + 86401)), Granted)


def test_a_binding_and_a_generation_of_media_are_judged_as_rights_are():
    refused = asked(lasting(), binding=bound(not_before=MORNING), profile=REFUSES)
    assert (Reason.NOT_YET_VALID, {"what": "binding", "not_before": MORNING}) == told(refused)
    retires = (Retirement(MORNING, scheme="pkoc"),)
    differ(both(lasting(), profile=profile(retirements=retires)), Reason.WEAK_CREDENTIAL)


@pytest.mark.parametrize(
    ("hours", "kind"),
    [
        ("07:00-19:00", None),
        ("Tu 22:00-24:00", None),
        ("We 21:00-22:00", None),
        ("Tu-We", Granted),
        ("24/7", Granted),
        ("Mo", Denied),
        ("Th", Denied),
        ("Tu 10:00-22:00", Denied),
    ],
)
def test_hours_that_are_open_at_some_time_of_the_night_are_open_or_are_not(hours, kind):
    answers = both(lasting(hours=hours))
    if kind is None:
        differ(answers, Reason.OUTSIDE_HOURS)
    else:
        agree(answers, kind)


def test_when_hours_open_again_is_told_by_what_may_be_the_time():
    opens(asked(lasting(hours="Th 08:00-19:00")), Reason.OUTSIDE_HOURS, EVENING + 10 * 3600)
    cautious = asked(lasting(hours="Fr-Su"), profile=REFUSES)
    opens(cautious, Reason.OUTSIDE_HOURS, moment("2026-11-27T00:00:00+00:00"))
    never = decide(asked(lasting(hours="Fr-Su 08:00-19:00"), profile=REFUSES))
    assert (Reason.OUTSIDE_HOURS, None) == (never.refusal.reason, never.next_at)


def test_hours_are_those_of_a_right_that_is_not_over():
    """By the floor it ends before they are open at every time that is possible."""
    right = candidate(not_before=0, expires=moment("2026-11-28T12:00:00+00:00"), hours="Fr-Su")
    assert decide(asked(right, profile=REFUSES)).next_at is not None
    right = candidate(not_before=0, expires=moment("2026-11-27T12:00:00+00:00"), hours="Fr-Su")
    assert None is decide(asked(right, profile=REFUSES)).next_at


# ---------------------------------------------------------------- which day it is


def test_who_was_here_yesterday_may_come_today():
    """Ten hours are the middle of the night that is possible: it is taken to be the next day."""
    once = lasting(per_day=1, used=Uses(1, 0, 1))  # of the day before: that of the middle is not used
    agree(both(once), Granted, ClockQuality.UNSURE)
    opens(asked(lasting(per_day=1, used=Uses(1, 1, 1))), Reason.USES_EXHAUSTED, EVENING + 14 * 3600)


def test_a_venue_that_refuses_tells_the_day_by_the_clock():
    cautious = asked(lasting(per_day=1, used=Uses(1, 1, 1)), profile=REFUSES)
    opens(cautious, Reason.USES_EXHAUSTED, EVENING + 2 * 3600)


@pytest.mark.parametrize(("venue", "again_h"), [(ADMITS, 18), (REFUSES, 6)])
def test_whoever_is_inside_is_forgotten_when_the_service_day_of_the_middle_ends(venue, again_h):
    zones = replace(guarded(Passback.HARD), when_unsure=venue.when_unsure)
    inside = asked(lasting(), profile=zones, presence=Presence(1, EVENING - 60))
    opens(inside, Reason.PASSBACK, EVENING + again_h * 3600)
    full = asked(lasting(), profile=replace(venue, capacity=2), occupancy=Occupancy(2))
    opens(full, Reason.VENUE_FULL, EVENING + again_h * 3600)


def test_a_clock_that_is_believed_leaves_nothing_open():
    """Also far from the floor: an evening's floor and a battery's morning."""
    now = reading(EVENING, MORNING)
    assert isinstance(decide(asked(lasting(hours="07:00-09:00"), now=now)), Granted)
    assert (Reason.OUTSIDE_HOURS, {}) == told(asked(lasting(hours="20:00-23:00"), now=now))
    sure = reading(MORNING, MORNING, ceiling=MORNING + 2)
    assert ClockQuality.GOOD is decide(asked(lasting(hours="07:00-09:00", per_day=1), now=sure)).clock

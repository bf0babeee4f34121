"""How old what a gate knows may be, to the second."""

from __future__ import annotations

import pytest

from gated.model.decision import Denied, Granted
from gated.model.refusal import Reason
from gated.model.time import ClockQuality
from gated.model.venue import Direction, Freshness, Lane, Staleness, WhenUnsure
from gated.policy.decide import decide
from gated.policy.freshness import LOST, admits_until, freshness
from questions import NOW, candidate, closes, lasting, profile, question, reading, told

H = 3600
USUAL = Staleness()
SHORT = Staleness(H, 2 * H, frozenset({"swim3"}))


@pytest.mark.parametrize(
    ("limits", "age", "state"),
    [
        (USUAL, -9, Freshness.FRESH),
        (USUAL, 0, Freshness.FRESH),
        (USUAL, 24 * H - 1, Freshness.FRESH),
        (USUAL, 24 * H, Freshness.STALE),
        (USUAL, 24 * H + 1, Freshness.STALE),
        (USUAL, 168 * H - 1, Freshness.STALE),
        (USUAL, 168 * H, Freshness.EXPIRED),
        (USUAL, 168 * H + 1, Freshness.EXPIRED),
        (SHORT, H - 1, Freshness.FRESH),
        (SHORT, H, Freshness.STALE),
        (SHORT, 2 * H, Freshness.EXPIRED),
        (Staleness(H, H), H - 1, Freshness.FRESH),
        (Staleness(H, H), H, Freshness.EXPIRED),
    ],
)
def test_the_edges_of_age(limits, age, state):
    assert state is freshness(NOW - age, NOW, limits)


def test_what_nobody_promised_is_not_judged_and_what_was_lost_is_expired():
    assert None is freshness(None, NOW, USUAL)
    assert Freshness.EXPIRED is freshness(LOST, NOW, USUAL)
    assert isinstance(decide(question(lasting(), known_at=None)), Granted)
    assert (Reason.KNOWLEDGE_EXPIRED, {}) == told(question(lasting(), known_at=LOST))


def test_a_tap_is_granted_until_the_last_second_and_refused_from_then_on():
    known_at = NOW - 168 * H + 50
    closes(question(lasting(), known_at=known_at), Reason.KNOWLEDGE_EXPIRED, NOW + 50)
    assert (Reason.KNOWLEDGE_EXPIRED, {"known_at": NOW - 168 * H}) == told(
        question(lasting(), known_at=NOW - 168 * H)
    )


def test_stale_knowledge_admits():
    assert isinstance(decide(question(lasting(), known_at=NOW - 167 * H)), Granted)


def test_what_the_venue_names_is_good_all_the_same():
    asked = question(lasting(product="swim3"), known_at=LOST, profile=profile(staleness=SHORT))
    assert isinstance(decide(asked), Granted)
    assert None is admits_until(asked, "swim3")
    asked = question(lasting(), known_at=LOST, profile=profile(staleness=SHORT))
    assert (Reason.KNOWLEDGE_EXPIRED, {}) == told(asked)
    assert LOST + 2 * H == admits_until(asked, "season")


@pytest.mark.parametrize("when", WhenUnsure)
def test_age_is_told_by_the_floor_whatever_our_clock_says(when):
    """A clock that lies refuses nobody, nor does the venue's caution."""
    venue = profile(when_unsure=when)
    asked = question(lasting(), known_at=NOW - 167 * H, profile=venue, now=reading(NOW, NOW + 300 * 86400))
    answer = decide(asked)
    assert isinstance(answer, Granted)
    assert ClockQuality.UNSURE is answer.clock
    sure = question(lasting(), known_at=NOW - 167 * H, profile=venue)
    assert ClockQuality.GOOD is decide(sure).clock


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"expires": NOW}, Reason.EXPIRED),
        ({"not_before": NOW + 1}, Reason.NOT_YET_VALID),
        ({"venues": ("vaise",)}, Reason.WRONG_VENUE),
        ({"uses": 0}, Reason.KNOWLEDGE_EXPIRED),
        ({"hours": "20:00-21:00"}, Reason.KNOWLEDGE_EXPIRED),
    ],
)
def test_what_is_wrong_with_a_right_is_told_before_and_what_passes_after(fields, reason):
    assert reason is told(question(candidate(**fields), known_at=LOST))[0]


def test_no_exit_asks_how_old_knowledge_is():
    leaving = question(lasting(), known_at=LOST, lane=Lane("out", Direction.EXIT))
    assert not isinstance(decide(leaving), Denied)

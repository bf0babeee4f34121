"""What each tap of a scenario comes to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gated.model.decision import (
    NOBODY,
    Candidate,
    Denied,
    Granted,
    Leaving,
    Notice,
    Occupancy,
    Presence,
    Uses,
    Warned,
)
from gated.model.refusal import Reason, Refusal
from gated.model.rules import PartyUses
from gated.model.time import ClockQuality, ClockSample, TimeReading
from gated.model.venue import Direction, Lane, Passback
from gated.policy.rehearsal import Played, Rehearsal, Tap
from questions import PARIS, PASS, guarded, moment
from scenes import CARD, HOUR, LIDO, OUT, START, STRANGER, VENUES, carried, granted, held, play, scenario, tap

# ---------------------------------------------------------------- what a tap comes to


def test_a_grant():
    own = held(uses=3)
    (played,) = play(tap(), rights=(own,))
    decision = Granted(own, 1, 1, 2, ClockQuality.GOOD)
    assert Played(tap(), decision, own.id, 2, 1, 1) == played
    assert (None, None, ()) == (played.refusal, played.next_at, played.warnings)


def test_a_refusal_of_a_right():
    own = held(not_before=START + HOUR)
    (played,) = play(tap(persons=1), rights=(own,))
    refusal = Refusal(Reason.NOT_YET_VALID, {"not_before": START + HOUR})
    decision = Denied(refusal, PASS, own, ClockQuality.GOOD, START + HOUR)
    assert Played(tap(), decision, own.id, None, 0, 0) == played
    assert (refusal, START + HOUR, ()) == (played.refusal, played.next_at, played.warnings)


def test_a_refusal_of_a_medium_that_nobody_knows():
    (played,) = play(tap(medium=None))
    decision = Denied(Refusal(Reason.UNKNOWN_MEDIUM), None, None, ClockQuality.GOOD, None)
    assert Played(tap(medium=None), decision, None, None, 0, 0) == played


@pytest.mark.parametrize(("persons", "released"), [(0, 1), (1, 1), (3, 3)])
def test_an_exit(persons, released):
    (played,) = play(tap(direction=OUT, persons=persons))
    expected = tap(direction=OUT, persons=persons)
    assert Played(expected, Leaving(PASS, 1, ClockQuality.GOOD), None, None, released, persons) == played
    assert (None, None, ()) == (played.refusal, played.next_at, played.warnings)


def test_an_exit_of_a_stranger_lowers_what_is_inside():
    full = {**VENUES, "bron": replace(LIDO, capacity=1)}
    taps = (tap(), tap(1), tap(2, direction=OUT, medium=None), tap(3))
    assert [True, False, True, True] == granted(play(*taps, venues=full))


def test_warnings_are_told_beside_a_grant():
    (played,) = play(tap(), rights=(held(concession="student"),))
    assert (Warned(Notice.CONCESSION, "student"),) == played.warnings


# ---------------------------------------------------------------- parties, and what is given back


def left(*taps: Tap, **rules) -> list[tuple[int, int, int | None]]:
    return [(one.released, one.passed, one.left) for one in play(*taps, rights=(held(**rules),))]


@pytest.mark.parametrize(
    ("persons", "rules", "expected"),
    [
        pytest.param(4, {"party": 4, "uses": 9}, (4, 4, 5), id="a party"),
        pytest.param(2, {"party": 4, "uses": 9}, (4, 2, 7), id="two of it stayed"),
        pytest.param(0, {"party": 4, "uses": 9}, (4, 0, 9), id="nobody went"),
        pytest.param(4, {"party": 4, "uses": 3}, (3, 4, 0), id="one beyond the release"),
        pytest.param(3, {"party": 4, "party_uses": PartyUses.ONCE, "uses": 9}, (4, 3, 8), id="once for all"),
        pytest.param(
            0, {"party": 4, "party_uses": PartyUses.ONCE, "uses": 9}, (4, 0, 9), id="once, nobody went"
        ),
        pytest.param(1, {}, (1, 1, None), id="unlimited"),
        pytest.param(1, {"uses": 9, "per_day": 2}, (1, 1, 1), id="the smallest remainder"),
    ],
)
def test_a_release_is_settled_by_how_many_passed(persons, rules, expected):
    assert [expected] == left(tap(persons=persons), **rules)


def test_uses_are_counted_from_tap_to_tap():
    assert [(1, 1, 1), (1, 0, 1), (1, 1, 0), (0, 0, None)] == left(
        tap(), tap(1, persons=0), tap(2), tap(3), uses=2
    )


def test_whoever_is_forced_takes_a_place_and_no_use():
    venues = {**VENUES, "bron": replace(LIDO, capacity=4)}
    family = held(party=4, per_venue=(("bron", 2),))
    played = play(tap(persons=4), tap(1, medium="m2"), rights=(family, held(2, pass_=b"q" * 16)),
                  media={"m1": carried(), "m2": carried(pools=b"q" * 16)}, venues=venues)  # fmt: skip
    assert [(2, 4, 0), (0, 0, None)] == [(one.released, one.passed, one.left) for one in played]
    assert Refusal(Reason.VENUE_FULL, {"capacity": 4, "exits": "not_measured"}) == played[1].refusal


# ---------------------------------------------------------------- who is inside


def test_an_exit_of_some_leaves_the_others_inside_and_never_less_than_nobody():
    venues = {**VENUES, "bron": replace(LIDO, capacity=4)}
    rehearsal = Rehearsal(
        scenario(
            tap(persons=3), tap(1, direction=OUT, persons=2), tap(2, direction=OUT, persons=9),
            rights=(held(party=4),), venues=venues,
        )
    )  # fmt: skip
    played, inside = rehearsal.play(), []
    for _ in range(3):
        next(played)
        asked = rehearsal.question(tap(9))
        inside.append((asked.presence, asked.occupancy))
    assert [
        (Presence(3, START), Occupancy(3)),
        (Presence(1, START), Occupancy(1)),
        (Presence(0, START), Occupancy(0)),
    ] == inside


def test_nobody_leaves_on_a_pass_by_a_medium_nobody_knows():
    rehearsal = Rehearsal(scenario(tap(), tap(1, direction=OUT, medium=None)))
    list(rehearsal.play())
    assert (Presence(1, START), Occupancy(0)) == (
        rehearsal.question(tap(9)).presence, rehearsal.question(tap(9)).occupancy
    )  # fmt: skip


@pytest.mark.parametrize("passback", [Passback.HARD, Passback.TIMED, Passback.SOFT])
def test_a_tap_that_nobody_took_marks_nobody_as_inside(passback):
    venues = {"bron": replace(guarded(passback, 600, timezone=PARIS))}
    played = play(tap(persons=0), tap(1), venues=venues)
    assert [(None, ()), (None, ())] == [(one.refusal, one.warnings) for one in played]


def test_anti_passback_ends_with_an_exit_and_with_the_venues_day():
    venues = {"bron": guarded(Passback.HARD, timezone=PARIS)}
    day_end = moment("2026-07-15T04:00:00+02:00") - START
    taps = (tap(), tap(60), tap(120, direction=OUT), tap(180), tap(day_end - 1), tap(day_end))
    played = play(*taps, venues=venues)
    assert [True, False, True, True, False, True] == granted(played)
    assert [START + day_end] * 2 == [played[1].next_at, played[4].next_at]


def test_a_venues_day_ends_for_those_whom_nobody_saw_leave():
    venues = {"bron": replace(LIDO, capacity=1, day_end_min=0)}
    midnight = moment("2026-07-15T00:00:00+02:00") - START
    played = play(tap(), tap(1), tap(midnight - 1), tap(midnight), venues=venues)
    assert [True, False, False, True] == granted(played)
    assert Refusal(Reason.VENUE_FULL, {"capacity": 1, "exits": "not_measured"}) == played[1].refusal


def test_a_venue_with_an_exit_counts_who_leaves():
    venues = {**VENUES, "bron": replace(LIDO, capacity=1)}
    taps = (tap(), tap(1), tap(2, "vaise", OUT))
    assert {"capacity": 1, "exits": "not_measured"} == play(*taps, venues=venues)[1].refusal.params
    assert {"capacity": 1} == play(*taps[:2], tap(2, direction=OUT), venues=venues)[1].refusal.params


# ---------------------------------------------------------------- re-entry


def test_an_entry_that_cost_a_use_opens_a_window_where_it_was_made():
    rules = {"uses": 2, "reentry_s": HOUR}
    taps = (tap(), tap(HOUR - 1), tap(HOUR - 1, "vaise"), tap(HOUR - 1), tap(HOUR))
    played = play(*taps, rights=(held(**rules),))
    assert [1, 1, 0, 0, None] == [one.left for one in played]
    assert [True, True, True, True, False] == granted(played)


def test_an_entry_that_nobody_took_opens_no_window():
    played = play(tap(persons=0), tap(1), tap(2), rights=(held(uses=2, reentry_s=HOUR),))
    assert [2, 1, 1] == [one.left for one in played]


# ---------------------------------------------------------------- what is asked


def test_a_tap_asks_all_that_is_known():
    own, other = held(1), held(2, pass_=b"q" * 16)
    rehearsal = Rehearsal(scenario(tap(), rights=(own, other)))
    list(rehearsal.play())
    later = tap(60)
    asked = rehearsal.question(later)
    sample = ClockSample(START + 60, 0.0, "0" * 16)
    assert TimeReading(START + 60, START + 60, None, ClockQuality.GOOD, sample) == asked.now
    assert (Candidate(own, Uses(1, 1, 1), Uses(), None, START),) == asked.candidates
    assert (CARD, carried().bindings["pools"], (), ()) == (
        asked.credential, asked.binding, asked.refused, asked.denials
    )  # fmt: skip
    assert (Lane("entry"), LIDO) == (asked.lane, asked.profile)
    assert (Presence(1, START), Occupancy(1, exits_counted=False)) == (asked.presence, asked.occupancy)


def test_a_medium_nobody_knows_proves_what_the_scenario_says():
    asked = Rehearsal(scenario()).question(tap(medium=None, direction=OUT))
    assert (STRANGER, None, (), NOBODY) == (asked.credential, asked.binding, asked.candidates, asked.presence)
    assert Lane("exit", Direction.EXIT) == asked.lane

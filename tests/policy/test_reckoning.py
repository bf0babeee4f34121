"""What a gate may believe of the time."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from gated.model.time import BoundsNote, ClockQuality, ClockSample, TimeReading
from gated.model.venue import WhenUnsure
from gated.policy.reckoning import (
    EARLIEST,
    NIGHT_S,
    PLAUSIBLE_AHEAD_S,
    STILL_S,
    TOLERATED_BEHIND_S,
    Bounds,
    Ceiling,
    Floor,
    Start,
    begun,
    day_time,
    is_leap,
    learnt,
    pulsed,
    raised,
)

AT = 1_795_500_000
FLOOR = Floor(at=AT, boottime=100.0, boot="a" * 16)


def sample(wall: int, boottime: float = 100.0, boot: str = "a" * 16) -> ClockSample:
    return ClockSample(wall, boottime, boot)


@dataclass(frozen=True)
class Reckoned:
    says: str
    wall: int
    quality: ClockQuality
    estimate: int


ROWS = (
    Reckoned("the floor itself", AT, ClockQuality.GOOD, AT),
    Reckoned("a bank holiday later", AT + 86400, ClockQuality.GOOD, AT + 86400),
    Reckoned("a little behind", AT - TOLERATED_BEHIND_S, ClockQuality.GOOD, AT),
    Reckoned("too far behind", AT - TOLERATED_BEHIND_S - 1, ClockQuality.BEHIND, AT),
    Reckoned("1970", 0, ClockQuality.BEHIND, AT),
    Reckoned(
        "as far ahead as is plausible", AT + PLAUSIBLE_AHEAD_S, ClockQuality.GOOD, AT + PLAUSIBLE_AHEAD_S
    ),
    Reckoned("further ahead", AT + PLAUSIBLE_AHEAD_S + 1, ClockQuality.AHEAD, AT),
)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.says)
def test_a_clock_is_judged_against_the_floor_and_never_believed_below_it(row):
    clocks = sample(row.wall)
    reading = Bounds(FLOOR).reckon(clocks)
    assert row.quality is reading.quality
    assert row.estimate == reading.estimate
    assert AT == reading.floor
    assert reading.ceiling is None
    assert clocks == reading.sample


@pytest.mark.parametrize(
    ("boottime", "boot", "carried"),
    [
        pytest.param(100.0, "a" * 16, AT, id="the same moment"),
        pytest.param(160.9, "a" * 16, AT + 60, id="whole seconds of the same boot"),
        pytest.param(40.0, "a" * 16, AT, id="a boot clock that ran back"),
        pytest.param(9000.0, "b" * 16, AT, id="another boot"),
    ],
)
def test_the_floor_is_carried_on_within_one_boot_and_stands_still_across_boots(boottime, boot, carried):
    assert carried == FLOOR.carried_to(sample(0, boottime, boot))
    assert carried == Bounds(FLOOR).reckon(sample(0, boottime, boot)).estimate


def test_a_signed_time_raises_the_floor():
    clocks = sample(0, 130.0)
    assert Floor(AT + 500, 130.0, "a" * 16) == raised(FLOOR, AT + 500, clocks)


def test_an_older_signed_time_leaves_the_floor_where_it_was_carried_to():
    for signed in (AT - 500, AT + 29):
        clocks = sample(0, 131.0)
        assert AT + 30 == raised(FLOOR, signed, clocks).carried_to(clocks)


def test_no_gate_believes_a_time_before_this_software_was_written():
    assert 1_795_478_400 == EARLIEST


@pytest.mark.parametrize(
    ("wall", "signed", "leap"),
    [
        pytest.param(AT, AT + PLAUSIBLE_AHEAD_S, False, id="as far ahead as is plausible"),
        pytest.param(AT, AT + PLAUSIBLE_AHEAD_S + 1, True, id="further ahead of a good clock"),
        pytest.param(
            AT + 86400, AT + 86400 + PLAUSIBLE_AHEAD_S, False, id="measured from the clock, not the floor"
        ),
        pytest.param(0, AT + 2 * PLAUSIBLE_AHEAD_S, False, id="a clock in 1970 has no say"),
        pytest.param(AT, AT - 86400, False, id="earlier"),
    ],
)
def test_a_signed_time_may_not_leap_ahead_of_a_good_clock(wall, signed, leap):
    assert leap == is_leap(signed, Bounds(FLOOR).reckon(sample(wall)))


# ---------------------------------------------------------------- a fresh answer of central


def pulse(signed: int = AT + 100, rtt_s: float = 0.2, boottime: float = 200.0) -> Bounds:
    return pulsed(Bounds(FLOOR, None, Start(FLOOR)), signed, rtt_s, sample(0, boottime))


@pytest.mark.parametrize(
    ("rtt_s", "ceiling"),
    [(0.0, AT + 100), (0.001, AT + 101), (1.0, AT + 101), (1.001, AT + 102), (1.999, AT + 102)],
)
def test_a_fresh_answer_bounds_the_time_on_both_sides(rtt_s, ceiling):
    bounds = pulse(rtt_s=rtt_s)
    assert Bounds(Floor(AT + 100, 200.0, "a" * 16), Ceiling(ceiling, 200.0, "a" * 16)) == bounds
    reading = bounds.reckon(sample(AT + 100, 200.0))
    assert (AT + 100, AT + 100, ceiling + 1) == (reading.floor, reading.estimate, reading.ceiling)
    assert ClockQuality.GOOD is reading.quality


@pytest.mark.parametrize(
    ("waited_s", "floor", "ceiling"),
    [
        pytest.param(1, AT + 100, AT + 103, id="a second, as long as it may really have been"),
        pytest.param(2000, AT + 2099, AT + 2102, id="half an hour: a second of drift"),
        pytest.param(7 * 86400, AT + 604_597, AT + 605_204, id="a week: five minutes"),
    ],
)
def test_both_are_carried_on_by_the_boot_clock_which_may_run_wrong(waited_s, floor, ceiling):
    reading = pulse(rtt_s=0.0).reckon(sample(0, 200.0 + waited_s))
    assert (floor, ceiling) == (reading.floor, reading.ceiling)
    assert (AT + 100 + waited_s, ClockQuality.BEHIND) == (reading.estimate, reading.quality)


def test_after_a_boot_no_ceiling_is_left():
    reading = pulse().reckon(sample(AT + 300, 5.0, "b" * 16))
    assert (AT + 100, None, ClockQuality.GOOD) == (reading.floor, reading.ceiling, reading.quality)


@dataclass(frozen=True)
class Clamped:
    says: str
    wall: int
    quality: ClockQuality
    estimate: int


LOW, HIGH = AT + 100, AT + 102


@pytest.mark.parametrize(
    "row",
    [
        Clamped("the floor", LOW, ClockQuality.GOOD, LOW),
        Clamped("between", LOW + 1, ClockQuality.GOOD, LOW + 1),
        Clamped("the ceiling", HIGH, ClockQuality.GOOD, HIGH),
        Clamped("a little over", HIGH + 1, ClockQuality.GOOD, HIGH),
        Clamped("as much over as is tolerated", HIGH + TOLERATED_BEHIND_S, ClockQuality.GOOD, HIGH),
        Clamped("one second more", HIGH + TOLERATED_BEHIND_S + 1, ClockQuality.AHEAD, LOW),
        Clamped("a day ahead", AT + 86400, ClockQuality.AHEAD, LOW),
        Clamped("twenty years ahead", AT + 20 * 365 * 86400, ClockQuality.AHEAD, LOW),
        Clamped("as much behind as is tolerated", LOW - TOLERATED_BEHIND_S, ClockQuality.GOOD, LOW),
        Clamped("one second less", LOW - TOLERATED_BEHIND_S - 1, ClockQuality.BEHIND, LOW),
        Clamped("a day behind", AT - 86400, ClockQuality.BEHIND, LOW),
        Clamped("twenty years behind", AT - 20 * 365 * 86400, ClockQuality.BEHIND, LOW),
        Clamped("1970", 0, ClockQuality.BEHIND, LOW),
    ],
    ids=lambda row: row.says,
)
def test_between_floor_and_ceiling_a_clock_is_used_and_far_outside_it_is_not(row):
    reading = pulse().reckon(sample(row.wall, 200.0))
    assert (LOW, HIGH) == (reading.floor, reading.ceiling)
    assert (row.quality, row.estimate) == (reading.quality, reading.estimate)


@pytest.mark.parametrize("signed", [0, AT - 500, AT + 98])
def test_an_answer_below_the_floor_moves_nothing(signed):
    """What was signed later than is true cannot be taken back."""
    before = Bounds(FLOOR, None, Start(FLOOR))
    assert before == pulsed(before, signed, 0.0, sample(0, 200.0))
    assert before != pulsed(before, AT + 99, 0.0, sample(0, 200.0))


# ---------------------------------------------------------------- without power


EVENING = AT + 50_000
NOTE = BoundsNote("a" * 16, 900.0, EVENING, EVENING + 9, EVENING + 3, None)


def after_boot(wall: int, *, durable: int = EVENING, note: BoundsNote | None = NOTE, later: int = 0):
    """What is believed ``later`` seconds after a daemon began in another boot."""
    bounds = begun(durable, note, sample(wall, 40.0, "b" * 16))
    return bounds, bounds.reckon(sample(wall + later, 40.0 + later, "b" * 16))


@pytest.mark.parametrize(
    ("says", "wall", "quality", "ceiling"),
    [
        ("stood still", EVENING + 3, ClockQuality.UNSURE, True),
        ("went on as it booted", EVENING + 60, ClockQuality.UNSURE, True),
        ("is no later than boots take", EVENING + 3 + STILL_S, ClockQuality.UNSURE, True),
        ("is later", EVENING + 3 + STILL_S + 1, ClockQuality.GOOD, False),
        ("has a battery", EVENING + 36_000, ClockQuality.GOOD, False),
        ("is a little behind", EVENING - TOLERATED_BEHIND_S, ClockQuality.UNSURE, True),
        ("is behind", EVENING - TOLERATED_BEHIND_S - 1, ClockQuality.BEHIND, True),
        ("is in 1970", 40, ClockQuality.BEHIND, True),
        ("is far ahead", EVENING + PLAUSIBLE_AHEAD_S + 1, ClockQuality.AHEAD, True),
    ],
)
def test_a_clock_that_may_have_stood_still_says_nothing_of_the_night(says, wall, quality, ceiling):
    _, reading = after_boot(wall)
    assert (EVENING, quality) == (reading.floor, reading.quality)
    assert (EVENING + 3 + NIGHT_S + 1 if ceiling else None) == reading.ceiling
    if quality in (ClockQuality.BEHIND, ClockQuality.AHEAD):
        assert EVENING + 3 == reading.estimate
    else:
        assert max(EVENING, wall) == reading.estimate


def test_the_night_goes_on_with_the_boot_clock_until_central_answers():
    bounds, reading = after_boot(40, later=4000)
    assert (EVENING + 3998, EVENING + 4003) == (reading.floor, reading.estimate)
    assert EVENING + 3 + NIGHT_S + 4002 + 1 == reading.ceiling
    clocks = sample(4040, 4040.0, "b" * 16)
    answered = pulsed(bounds, EVENING + 40_000, 0.1, clocks).reckon(clocks)
    assert (EVENING + 40_000, EVENING + 40_002) == (answered.floor, answered.ceiling)


def test_without_a_note_the_durable_floor_is_all_there_is():
    _, reading = after_boot(40, note=None)
    assert (EVENING, EVENING, EVENING + NIGHT_S + 1) == (reading.floor, reading.estimate, reading.ceiling)


def test_a_clock_that_agrees_with_what_was_signed_since_is_believed():
    wall = EVENING + 500
    bounds, before = after_boot(wall)
    assert ClockQuality.UNSURE is before.quality
    clocks = sample(wall, 40.0, "b" * 16)
    after = learnt(bounds, EVENING + 480, clocks).reckon(clocks)
    assert (EVENING + 480, None, ClockQuality.GOOD) == (after.floor, after.ceiling, after.quality)


def test_what_was_signed_before_the_night_ends_nothing():
    """Statements of the evening, brought in the morning, to a box that stood still since."""
    bounds, before = after_boot(40)
    clocks = sample(40, 40.0, "b" * 16)
    assert before == learnt(bounds, EVENING - 5, clocks).reckon(clocks)
    later = learnt(bounds, EVENING + 7200, clocks).reckon(clocks)
    assert (EVENING + 7200, EVENING + 3 + NIGHT_S + 1) == (later.floor, later.ceiling)


def test_what_was_signed_after_the_longest_night_begins_another():
    bounds, _ = after_boot(40)
    clocks = sample(40, 40.0, "b" * 16)
    month = EVENING + 30 * 86400
    later = learnt(bounds, month, clocks).reckon(clocks)
    assert (month, month + NIGHT_S + 1) == (later.floor, later.ceiling)


@pytest.mark.parametrize("ceiling", [None, EVENING + 9])
def test_a_daemon_that_is_started_again_goes_on_where_it_was(ceiling):
    """Within one boot: the box had power, whatever its clock says."""
    start = None if ceiling is not None else (EVENING - 700, 100.0, EVENING - 650, False)
    note = replace(NOTE, ceiling=ceiling, start=start)
    clocks = sample(0, 1000.0)
    bounds = begun(EVENING - 5, note, clocks)
    reading = bounds.reckon(clocks)
    assert EVENING + 99 == reading.floor
    assert (EVENING + 111 if ceiling is not None else EVENING - 650 + NIGHT_S + 902) == reading.ceiling
    assert replace(note, boottime=1000.0, floor=EVENING + 99, wall=0) == replace(
        bounds.note(clocks), ceiling=ceiling
    )


def test_a_floor_that_became_durable_after_the_note_counts():
    clocks = sample(EVENING + 9000, 1000.0)
    reading = begun(EVENING + 9000, NOTE, clocks).reckon(clocks)
    assert EVENING + 9000 == reading.floor


def test_a_box_that_has_seen_nothing_begins_with_this_software():
    reading = begun(0, None, sample(0)).reckon(sample(0))
    assert (EARLIEST, EARLIEST + NIGHT_S + 1) == (reading.floor, reading.ceiling)
    good = begun(0, None, sample(AT + 10**6)).reckon(sample(AT + 10**6))
    assert (None, ClockQuality.GOOD) == (good.ceiling, good.quality)


# ---------------------------------------------------------------- which day it is


@pytest.mark.parametrize(
    ("quality", "estimate", "ceiling", "admits"),
    [
        pytest.param(ClockQuality.GOOD, AT + 5, AT + 100, AT + 5, id="a clock that is believed"),
        pytest.param(ClockQuality.GOOD, AT + 5, None, AT + 5, id="and nothing above it"),
        pytest.param(ClockQuality.BEHIND, AT + 5, None, AT + 5, id="one that is not, and nothing above it"),
        pytest.param(ClockQuality.BEHIND, AT + 5, AT + 86400, AT + 43200, id="the middle of a night"),
        pytest.param(ClockQuality.AHEAD, AT + 5, AT + 100, AT + 50, id="the middle"),
        pytest.param(ClockQuality.UNSURE, AT + 80, AT + 100, AT + 80, id="not before the estimate"),
    ],
)
def test_days_are_told_by_the_middle_of_what_is_possible(quality, estimate, ceiling, admits):
    now = TimeReading(AT, estimate, ceiling, quality, sample(0))
    assert admits == day_time(now, WhenUnsure.ADMIT)
    assert estimate == day_time(now, WhenUnsure.REFUSE)

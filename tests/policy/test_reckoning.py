"""What a gate may believe of the time."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from gated.model.time import ClockQuality, ClockSample
from gated.policy.reckoning import (
    EARLIEST,
    PLAUSIBLE_AHEAD_S,
    TOLERATED_BEHIND_S,
    Floor,
    is_leap,
    raised,
    reckon,
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
    reading = reckon(FLOOR, clocks)
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
    assert carried == reckon(FLOOR, sample(0, boottime, boot)).estimate


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
    assert leap == is_leap(signed, reckon(FLOOR, sample(wall)))

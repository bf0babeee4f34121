"""What holds of the time a gate believes, whatever its clocks say and however letters are delayed.

The world knows the true time. Central signs it, rounded down to the second; the gate's boot clock runs wrong
by as much as a kernel lets it; its system clock says whatever it likes.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from gated.model.time import BoundsNote, ClockQuality, ClockSample
from gated.policy.reckoning import (
    DRIFT_PPM,
    EARLIEST,
    NIGHT_S,
    SURE_RTT_S,
    TOLERATED_BEHIND_S,
    Bounds,
    begun,
    is_leap,
    learnt,
    pulsed,
)

MORE = int(os.environ.get("GATED_FUZZ", "1"))
DAY_S = 86400
TRUE = float(EARLIEST + 100 * DAY_S)


def often(examples: int):
    return settings(max_examples=examples * MORE, deadline=None)


@dataclass
class Box:
    """A gate's clocks and what it holds, beside the true time."""

    true: float = TRUE
    wall: float = TRUE
    boottime: float = 30.0
    boot: int = 1
    durable: int = EARLIEST
    note: BoundsNote | None = None
    pulsed_in: int = 0  # the boot in which central last answered in time
    bounds: Bounds = field(init=False)

    def __post_init__(self) -> None:
        self.bounds = begun(self.durable, None, self.sample())

    def sample(self) -> ClockSample:
        return ClockSample(int(self.wall), self.boottime, f"{self.boot:016x}")

    def waits(self, seconds: float, ppm: int) -> None:
        """Time passes for all; the boot clock, and with it the system clock, runs wrong by ``ppm``."""
        self.true += seconds
        self.boottime += seconds * (1 + ppm / 1e6)
        self.wall += seconds * (1 + ppm / 1e6)

    def is_set(self, wall: float) -> None:
        """Whatever NTP, a technician or a dead battery says."""
        self.wall = wall

    def asks(self, there_s: float, back_s: float, ppm: int) -> None:
        """A question on its way, and the answer: what central signs is true as it signs it."""
        self.waits(there_s, ppm)
        signed = int(self.true)
        self.waits(back_s, ppm)
        rtt_s = (there_s + back_s) * (1 + ppm / 1e6)
        if rtt_s < SURE_RTT_S:
            self.bounds = pulsed(self.bounds, signed, rtt_s, self.sample())
            self.pulsed_in = self.boot
        else:
            self.bounds = learnt(self.bounds, signed, self.sample())

    def hears(self, ago_s: float) -> None:
        """Something that central signed a while ago."""
        self.bounds = learnt(self.bounds, int(self.true - ago_s), self.sample())

    def persists(self) -> None:
        sample = self.sample()
        self.durable = max(self.durable, self.bounds.reckon(sample).floor)
        self.note = self.bounds.note(sample)

    def starts_again(self) -> None:
        """The daemon, within this boot: what it had not made durable is gone."""
        self.bounds = begun(self.durable, self.note, self.sample())
        self.pulsed_in = 0 if self.bounds.ceiling is None else self.boot

    def boots(self, off_s: float, wall: float | None) -> None:
        """Power comes back. None = a battery has kept the system clock going."""
        self.true += off_s
        self.wall = self.wall + off_s if wall is None else wall
        self.boot, self.boottime = self.boot + 1, 0.0
        self.bounds = begun(self.durable, self.note, self.sample())


PPM = st.integers(-DRIFT_PPM, DRIFT_PPM) | st.sampled_from([-DRIFT_PPM, 0, DRIFT_PPM])
WALLS = st.sampled_from([0.0, TRUE - 7000 * DAY_S, TRUE + 7000 * DAY_S]) | st.floats(
    TRUE - 3 * DAY_S, TRUE + 30 * DAY_S
)
SECONDS = st.floats(0, 5) | st.floats(0, 3 * DAY_S)
DELAYS = st.floats(0, 1) | st.floats(0, 15)
ACTS = st.one_of(
    st.tuples(st.just("waits"), SECONDS, PPM),
    st.tuples(st.just("is_set"), WALLS),
    st.tuples(st.just("asks"), DELAYS, DELAYS, PPM),
    st.tuples(st.just("hears"), st.floats(0, 40 * DAY_S)),
    st.tuples(st.just("persists")),
    st.tuples(st.just("starts_again")),
    st.tuples(st.just("boots"), st.floats(0, 3 * DAY_S), st.none() | WALLS),
)


@often(300)
@given(st.lists(ACTS, max_size=30))
def test_the_true_time_lies_within_the_interval(acts):
    box, floor = Box(), EARLIEST
    for what, *arguments in acts:
        if what in ("boots", "starts_again"):
            floor = box.durable  # what was not durable may be lost
        getattr(box, what)(*arguments)
        reading = box.bounds.reckon(box.sample())
        true = int(box.true)
        assert floor <= reading.floor <= true
        assert reading.floor <= reading.estimate
        floor = reading.floor
        if reading.ceiling is not None:
            assert reading.estimate <= reading.ceiling
            if box.pulsed_in == box.boot:
                assert true <= reading.ceiling
        else:  # nothing bounds it from above but what a clock says that nothing speaks against
            assert ClockQuality.GOOD is reading.quality
        if box.pulsed_in == box.boot and abs(box.wall - box.true) <= 1:
            assert ClockQuality.GOOD is reading.quality


@often(100)
@given(st.lists(ACTS, max_size=12), WALLS)
def test_no_clock_moves_floor_or_ceiling(acts, wall):
    """The same twice, but that the system clock of the other box is set, again and again."""
    one, other = Box(), Box()
    for what, *arguments in acts:
        if what == "boots" and one.pulsed_in != one.boot:
            continue  # then a clock may say how long the box was off
        getattr(one, what)(*arguments)
        if what != "is_set":
            getattr(other, what)(*arguments)
        other.is_set(wall)
        mine, its = one.bounds.reckon(one.sample()), other.bounds.reckon(other.sample())
        assert mine.floor == its.floor
        if one.pulsed_in == one.boot:
            assert mine.ceiling == its.ceiling


@often(100)
@given(st.floats(0, 10 * DAY_S), st.floats(0, NIGHT_S - 2), WALLS, PPM, st.booleans())
def test_after_a_night_without_power_the_morning_is_possible_whatever_the_clock_says(
    up_s, off_s, wall, ppm, clean
):
    """Unless a clock that nothing speaks against says what time it is."""
    box = Box()
    box.asks(0.1, 0.1, ppm)
    box.waits(up_s, ppm)
    if not clean:
        box.persists()
        box.waits(min(890.0, off_s / 2), ppm)
        off_s /= 2
    else:
        box.persists()
    box.boots(off_s, wall)
    reading = box.bounds.reckon(box.sample())
    assert reading.floor <= int(box.true)
    if reading.ceiling is None:
        assert ClockQuality.GOOD is reading.quality
        return
    # The boot clock ran on for days without a pulse: as much as it may have run wrong, a night is shorter.
    assert int(box.true) <= reading.ceiling + (up_s + 900) * 2 * DRIFT_PPM / 1e6 + 1


@often(100)
@given(st.lists(ACTS, max_size=12), st.integers(0, 1 << 40))
def test_a_leap_is_judged_by_a_clock_that_is_believed_and_by_no_other(acts, signed):
    box = Box()
    for what, *arguments in acts:
        getattr(box, what)(*arguments)
    reading = box.bounds.reckon(box.sample())
    believed = ClockQuality.GOOD is reading.quality
    assert is_leap(signed, reading) == (believed and signed > reading.estimate + 400 * DAY_S)
    assert not believed or box.wall >= reading.floor - TOLERATED_BEHIND_S

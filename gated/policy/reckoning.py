"""From clocks that may lie and a time that was signed to what a gate may believe.

Source: docs/explanation/time.md. Only signed time moves floor and ceiling, so neither a wrong battery nor a
lying NTP server can revive an expired right or end a valid one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from gated.model.time import BoundsNote, ClockQuality, ClockSample, TimeReading
from gated.model.venue import WhenUnsure

#: A system clock further ahead of signed time than this is called ahead: a year offline is plausible.
PLAUSIBLE_AHEAD_S = 400 * 86400
#: No gate runs before this software was written: the floor of a box that has never seen a signed time.
EARLIEST = 1_795_478_400  # 2026-11-24T00:00:00Z
#: A system clock so little outside of what is signed is called good: whole seconds and slow drift.
TOLERATED_BEHIND_S = 60
#: The kernel lets nobody slew its clocks faster (MAXFREQ), and a crystal is ten times better: so far may
#: the boot clock run wrong, in parts of a million. The ceiling has a second more.
DRIFT_PPM, DRIFT_S = 500, 1
#: An answer of central that took longer bounds the time from below alone; seconds.
SURE_RTT_S = 2.0
#: A box without a clock battery comes back with the time at which it went. That was saved as it stopped;
#: after a power cut the floor may be a quarter of an hour older, and a card may take minutes to be checked.
STILL_S = 1200
#: So long at most a box is taken to have been without power where no clock says how long.
NIGHT_S = 86400


@dataclass(frozen=True, slots=True)
class Floor:
    """No earlier than ``at`` when the boot ``boot`` was ``boottime`` seconds old."""

    at: int
    boottime: float
    boot: str

    def carried_to(self, sample: ClockSample) -> int:
        """The floor at ``sample``: carried on within one boot, standing still across boots."""
        return self.at + int(_since(self, sample) * (1 - DRIFT_PPM / 1e6))

    def likely_at(self, sample: ClockSample) -> int:
        """What time it is if the floor was right then, and the boot clock is."""
        return self.at + int(_since(self, sample))


@dataclass(frozen=True, slots=True)
class Ceiling:
    """No later than ``at`` when the boot ``boot`` was ``boottime`` seconds old."""

    at: int
    boottime: float
    boot: str

    def carried_to(self, sample: ClockSample) -> int | None:
        """The ceiling at ``sample``; None in another boot."""
        if sample.boot != self.boot:
            return None
        return self.at + DRIFT_S + math.ceil(_since(self, sample) * (1 + DRIFT_PPM / 1e6))


@dataclass(frozen=True, slots=True)
class Start:
    """How a box stood as its daemon first read the clocks of a boot.

    Args:
        floor: what was durable. Nobody knows how long before it was so.
        seen: the newest time of a system clock that was believed and durable; 0 = none.
        signed: whether a signed time has raised the floor in this boot.

    """

    floor: Floor
    seen: int = 0
    signed: bool = False

    def evening(self, sample: ClockSample) -> int:
        """What time it is if the box was off for no time."""
        return max(self.floor.at, self.seen) + int(_since(self.floor, sample))

    def morning(self, sample: ClockSample) -> int | None:
        """What time it is if the box was off for as long as it may have been."""
        began = max(self.floor.at, self.seen)
        return Ceiling(began + NIGHT_S, self.floor.boottime, self.floor.boot).carried_to(sample)

    def is_still(self, sample: ClockSample) -> bool:
        """Whether the system clock may have stood still while the box was off."""
        return not self.signed and sample.wall <= self.evening(sample) + STILL_S


@dataclass(frozen=True, slots=True)
class Bounds:
    """All that a gate holds of the time beside its clocks.

    ``ceiling`` is None until central answered within ``SURE_RTT_S`` in this boot; ``start`` counts so long.
    """

    floor: Floor
    ceiling: Ceiling | None = None
    start: Start | None = None

    def note(self, sample: ClockSample) -> BoundsNote:
        """What of them a daemon that is started again may go on with."""
        start, ceiling, good = self.start, self.ceiling, self._judge(sample) is ClockQuality.GOOD
        return BoundsNote(
            boot=sample.boot,
            boottime=sample.boottime,
            floor=self.floor.carried_to(sample),
            ceiling=None if ceiling is None else ceiling.carried_to(sample),
            wall=sample.wall if good else 0,
            start=None if start is None else (start.floor.at, start.floor.boottime, start.seen, start.signed),
        )

    def _judge(self, sample: ClockSample) -> ClockQuality:
        low = self.floor.carried_to(sample)
        high = None if self.ceiling is None else self.ceiling.carried_to(sample)
        if sample.wall < low - TOLERATED_BEHIND_S:
            return ClockQuality.BEHIND
        most = low + PLAUSIBLE_AHEAD_S if high is None else high + TOLERATED_BEHIND_S
        if sample.wall > most:
            return ClockQuality.AHEAD
        if high is None and self.start is not None and self.start.is_still(sample):
            return ClockQuality.UNSURE
        return ClockQuality.GOOD

    def reckon(self, sample: ClockSample) -> TimeReading:
        """Read the clocks against what is signed.

        A clock that is not believed says nothing of how long the box was off either: that is a night at most.
        """
        low, quality = self.floor.carried_to(sample), self._judge(sample)
        high = None if self.ceiling is None else self.ceiling.carried_to(sample)
        if high is None and quality is not ClockQuality.GOOD and self.start is not None:
            high = self.start.morning(sample)
        if high is not None:
            high = max(low, high)
        estimate = sample.wall
        if quality in (ClockQuality.BEHIND, ClockQuality.AHEAD):
            estimate = self.floor.likely_at(sample)
            if self.ceiling is None and self.start is not None:
                estimate = max(estimate, self.start.evening(sample))
        estimate = max(low, estimate) if high is None else min(max(low, estimate), high)
        return TimeReading(floor=low, estimate=estimate, ceiling=high, quality=quality, sample=sample)


def _since(earlier: Floor | Ceiling, sample: ClockSample) -> float:
    """Seconds of the boot clock; none in another boot, or where it ran back."""
    return max(0.0, sample.boottime - earlier.boottime) if sample.boot == earlier.boot else 0.0


# ------------------------------------------------------------------ what moves them


def begun(durable: int, note: BoundsNote | None, sample: ClockSample) -> Bounds:
    """What a daemon begins with: the durable floor, and its own note of this boot or of an earlier one."""
    durable = max(EARLIEST, durable)
    if note is None or note.boot != sample.boot:
        floor = Floor(durable, sample.boottime, sample.boot)
        return Bounds(floor, None, Start(floor, 0 if note is None else note.wall))
    floor = Floor(note.floor, note.boottime, note.boot)
    if durable > floor.carried_to(sample):
        floor = Floor(durable, sample.boottime, sample.boot)
    ceiling = None if note.ceiling is None else Ceiling(note.ceiling, note.boottime, note.boot)
    start = None
    if note.start is not None:
        at, boottime, seen, signed = note.start
        start = Start(Floor(at, boottime, note.boot), seen, signed)
    return Bounds(floor, ceiling, start)


def raised(floor: Floor, signed: int, sample: ClockSample) -> Floor:
    """The floor after a signed time was verified at ``sample``; it never goes back."""
    if signed <= floor.carried_to(sample):
        return floor
    return Floor(signed, sample.boottime, sample.boot)


def learnt(bounds: Bounds, signed: int, sample: ClockSample) -> Bounds:
    """After a signed time was verified: certainly that is over. It may be old, so it bounds nothing else."""
    floor, start = raised(bounds.floor, signed, sample), bounds.start
    if start is not None and floor is not bounds.floor:
        morning = start.morning(sample)
        # It was off for longer than a night: since when it was signed nobody knows either.
        known = start.floor if morning is not None and signed <= morning else floor
        start = Start(known, start.seen, signed=True)
    return Bounds(floor, bounds.ceiling, start)


def pulsed(bounds: Bounds, signed: int, rtt_s: float, sample: ClockSample) -> Bounds:
    """After central answered our fresh number ``rtt_s`` after we asked, and within ``SURE_RTT_S``.

    A time that was over by what was signed before contradicts it: such an answer moves nothing.
    """
    latest = signed + math.ceil(rtt_s)
    if latest < bounds.floor.carried_to(sample):
        return bounds
    return Bounds(raised(bounds.floor, signed, sample), Ceiling(latest, sample.boottime, sample.boot))


def is_leap(signed: int, reading: TimeReading) -> bool:
    """Whether a signed time is implausibly later than clocks that agree with what was signed before.

    A floor never comes down, so a wrong clock of central's would end every right in the city. A clock that
    is not believed has no say: a gate that was stored for years must learn what time it is.
    """
    return reading.quality is ClockQuality.GOOD and signed > reading.estimate + PLAUSIBLE_AHEAD_S


# ------------------------------------------------------------------ what is judged by what


def is_open_question(now: TimeReading) -> bool:
    """Whether no clock is believed, so that any time between floor and ceiling is as good as another."""
    return now.quality is not ClockQuality.GOOD and now.ceiling is not None


def day_time(now: TimeReading, when_unsure: WhenUnsure) -> int:
    """The time by which the calendar day and the service day are told.

    Where no clock is believed, a venue that admits takes the middle of what is possible: of an evening on
    which the power went that is the next day, of a morning the same one. One that refuses takes the earliest.
    """
    if not is_open_question(now) or when_unsure is WhenUnsure.REFUSE or now.ceiling is None:
        return now.estimate
    return max(now.estimate, (now.floor + now.ceiling) // 2)

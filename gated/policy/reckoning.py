"""From clocks that may lie and a time that was signed to what a gate may believe.

Source: docs/explanation/time.md. Only signed time moves the floor, so neither a wrong battery nor a
lying NTP server can revive an expired right or end a valid one.
"""

from __future__ import annotations

from dataclasses import dataclass

from gated.model.time import ClockQuality, ClockSample, TimeReading

#: A system clock further ahead of signed time than this is called ahead: a year offline is plausible.
PLAUSIBLE_AHEAD_S = 400 * 86400
#: No gate runs before this software was written: the floor of a box that has never seen a signed time.
EARLIEST = 1_795_478_400  # 2026-11-24T00:00:00Z
#: A system clock this little behind is called good: whole seconds and slow drift, not a lost battery.
TOLERATED_BEHIND_S = 60


@dataclass(frozen=True, slots=True)
class Floor:
    """No earlier than ``at`` when the boot ``boot`` was ``boottime`` seconds old."""

    at: int
    boottime: float
    boot: str

    def carried_to(self, sample: ClockSample) -> int:
        """The floor at ``sample``: carried on within one boot, standing still across boots."""
        if sample.boot != self.boot:
            return self.at
        return self.at + max(0, int(sample.boottime - self.boottime))


def reckon(floor: Floor, sample: ClockSample) -> TimeReading:
    """Read the clocks against the floor. Nothing bounds the clock from above yet: no ceiling."""
    low = floor.carried_to(sample)
    if sample.wall < low - TOLERATED_BEHIND_S:
        quality = ClockQuality.BEHIND
    elif sample.wall > low + PLAUSIBLE_AHEAD_S:
        quality = ClockQuality.AHEAD
    else:
        quality = ClockQuality.GOOD
    return TimeReading(
        floor=low, estimate=max(low, sample.wall), ceiling=None, quality=quality, sample=sample
    )


def is_leap(signed: int, reading: TimeReading) -> bool:
    """Whether a signed time is implausibly later than clocks that agree with what was signed before.

    A floor never comes down, so a wrong clock of central's would end every right in the city. A clock that
    is behind the floor has no say: a gate that was stored for years must learn what time it is.
    """
    return reading.quality is ClockQuality.GOOD and signed > reading.estimate + PLAUSIBLE_AHEAD_S


def raised(floor: Floor, signed: int, sample: ClockSample) -> Floor:
    """The floor after a signed time was verified at ``sample``; it never goes back."""
    return Floor(at=max(signed, floor.carried_to(sample)), boottime=sample.boottime, boot=sample.boot)

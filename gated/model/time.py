"""Time as a gate can honestly know it: an interval with a best estimate (docs/explanation/time.md)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

#: Seconds since 1970: far beyond any date, well inside a double. No statement and no key ends later.
END_OF_TIME = 1 << 40
#: 9999-01-01T00:00:00Z. A signed time may be later, but no calendar has a day for it.
END_OF_DAYS = 253_370_764_800


class ClockQuality(StrEnum):
    """How the system clock stood to what is signed, when an event happened."""

    GOOD = "good"
    BEHIND = "behind"  # earlier than signed time: it is not used
    AHEAD = "ahead"  # later than signed time allows: it is not used
    UNSURE = "unsure"  # it may have stood still, or the answer would differ inside the interval


@dataclass(frozen=True, slots=True)
class ClockSample:
    """What the machine's clocks said at one moment."""

    wall: int  # seconds since 1970, as the system clock claims
    boottime: float  # seconds since this boot, suspend included (CLOCK_BOOTTIME)
    boot: str  # 16 hex digits of the kernel's boot id


@dataclass(frozen=True, slots=True)
class TimeReading:
    """``floor`` ≤ ``estimate`` ≤ ``ceiling``, in seconds since 1970.

    ``floor`` is carried on from the newest signed time and can only be too early, ``ceiling`` only too late;
    it is None where nothing bounds the clock from above.
    """

    floor: int
    estimate: int
    ceiling: int | None
    quality: ClockQuality
    sample: ClockSample


@dataclass(frozen=True, slots=True)
class BoundsNote:
    """What a daemon leaves to the next one of what it holds of the time.

    ``floor`` and ``ceiling`` are those of the moment at which the boot ``boot`` was ``boottime`` seconds old,
    and ``wall`` what the system clock said then; 0 = it was not believed. ``start`` is how this boot began:
    the floor that was durable, the boot clock then, ``wall`` of the boot before, and whether a signed time
    came since; None once central has answered.
    """

    boot: str
    boottime: float
    floor: int
    ceiling: int | None
    wall: int
    start: tuple[int, float, int, bool] | None

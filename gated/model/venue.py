"""The venue's side of a decision: its products and its lanes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from enum import StrEnum
from functools import lru_cache

from gated.model.credential import Assurance

MAX_USES = (1 << 31) - 1
MAX_PRODUCTS = 1000


class Direction(StrEnum):
    """Which way a lane leads. Venues that count people inside have both."""

    ENTRY = "entry"
    EXIT = "exit"


class WhenUnsure(StrEnum):
    """What counts where the answer differs between the floor and the estimate of time."""

    ADMIT = "admit"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Product:
    """A catalogue entry whose rules an entitlement refers to."""

    id: str
    venues: tuple[str, ...] | None = None  # None = every venue of the sector
    uses: int | None = None  # None = unlimited
    min_assurance: Assurance = Assurance.STATIC_SIGNED  # uid-only media need a product that says so


@dataclass(frozen=True, slots=True)
class Profile:
    """A venue's rules."""

    venue: str
    sector: str
    timezone: tzinfo  # calendar days are the venue's
    version: int
    min_assurance: Assurance = Assurance.UID_ONLY
    when_unsure: WhenUnsure = WhenUnsure.ADMIT
    unknown_counts: bool = True  # a release whose passage nobody saw (power cut) costs its use
    products: Mapping[str, Product] = field(default_factory=dict)

    def day_of(self, at: int) -> int:
        """The venue's calendar day of a time in seconds since 1970, as yyyymmdd."""
        return _day(at // _QUARTER_S, self.timezone)


#: Zones differ from UTC by whole quarters of an hour, so a day begins with one.
_QUARTER_S = 900


@lru_cache(maxsize=8)
def _day(quarter: int, zone: tzinfo) -> int:
    local = datetime.fromtimestamp(quarter * _QUARTER_S, zone)
    return local.year * 10000 + local.month * 100 + local.day


@dataclass(frozen=True, slots=True)
class Lane:
    """One walkway: what a decision needs to know of it."""

    id: str
    direction: Direction = Direction.ENTRY
    min_assurance: Assurance = Assurance.UID_ONLY

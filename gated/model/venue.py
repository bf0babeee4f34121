"""The venue's side of a decision: its products and its lanes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from enum import StrEnum
from functools import lru_cache

from gated.model.credential import Assurance, Credential
from gated.model.rules import Rules
from gated.model.time import END_OF_DAYS

MAX_PRODUCTS = 1000
#: A product may be good in a whole city; a right names fewer venues, for it must stay small.
MAX_PRODUCT_VENUES = 1000
MAX_ZONES = 64
MAX_RETIREMENTS = 32
MAX_PEOPLE = 1_000_000
_COUNTRY = re.compile(r"[A-Z]{2}\Z")


class Direction(StrEnum):
    """Which way a lane leads. Venues that count people inside have both."""

    ENTRY = "entry"
    EXIT = "exit"

    @property
    def word(self) -> str:
        """As a visitor says it: ``in`` or ``out``."""
        return "in" if self is Direction.ENTRY else "out"


class WhenUnsure(StrEnum):
    """What counts where the answer differs between the floor and the estimate of time."""

    ADMIT = "admit"
    REFUSE = "refuse"


class Passback(StrEnum):
    """What becomes of an entry with a pass of which somebody is inside already."""

    NONE = "none"
    SOFT = "soft"  # granted, and recorded
    TIMED = "timed"  # refused within an interval of the last entry
    HARD = "hard"  # refused


@dataclass(frozen=True, slots=True)
class Product(Rules):
    """A catalogue entry whose rules an entitlement refers to."""

    id: str
    min_assurance: Assurance = field(default=Assurance.STATIC_SIGNED, kw_only=True)  # uid-only must be said

    def __hash__(self) -> int:
        """By the id: a tap looks up what follows from its products, and eleven fields take long to hash."""
        return hash(self.id)


@dataclass(frozen=True, slots=True)
class Zone:
    """A guarded area: where anti-passback asks who is inside."""

    id: str
    passback: Passback = Passback.NONE
    interval_s: int = 0  # of ``TIMED``


@dataclass(frozen=True, slots=True)
class Retirement:
    """A generation of media that stops being accepted: those of a scheme, or of an assurance."""

    ends: int  # first second at which they are refused
    warn_s: int = 0  # how long before that they are warned
    scheme: str | None = None
    assurance: Assurance | None = None

    def means(self, credential: Credential) -> bool:
        """Whether a medium is one of them."""
        return credential.assurance is self.assurance or credential.scheme == self.scheme


class Freshness(StrEnum):
    """How old what a gate knows is, against its venue's limits."""

    FRESH = "fresh"
    STALE = "stale"  # it still admits, and says so
    EXPIRED = "expired"  # what it admits then, the venue names


@dataclass(frozen=True, slots=True)
class Staleness:
    """From which age on knowledge is stale, and expired, in seconds; 0 < stale_after_s ≤ expired_after_s."""

    stale_after_s: int = 24 * 3600
    expired_after_s: int = 168 * 3600
    when_expired: frozenset[str] = frozenset()  # products whose rights are good all the same


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
    country: str | None = None  # ISO 3166-1 alpha-2: whose public holidays are meant
    coordinates: tuple[float, float] | None = None  # latitude, longitude: when the sun rises
    capacity: int | None = None  # people inside at once
    day_end_min: int = 4 * 60  # minutes after midnight at which nobody is inside any more
    zones: Mapping[str, Zone] = field(default_factory=dict)
    retirements: tuple[Retirement, ...] = ()
    apart_cap: int | None = None  # uses of a counted right while those elsewhere are unknown; None = any
    staleness: Staleness = Staleness()

    def day_of(self, at: int) -> int:
        """The venue's calendar day of a time in seconds since 1970, as yyyymmdd."""
        return day_of(at, self.timezone)

    def zone(self, lane: Lane) -> Zone:
        """Where a lane leads. A venue that names no zones is one, without anti-passback."""
        name = lane.zone or self.venue
        return self.zones.get(name) or Zone(name)


def is_country(text: str) -> bool:
    """Whether a text has the form of ISO 3166-1 alpha-2."""
    return _COUNTRY.match(text) is not None


#: Zones differ from UTC by whole quarters of an hour, so a day begins with one.
_QUARTER_S = 900


def day_of(at: int, zone: tzinfo) -> int:
    """The calendar day of a time in seconds since 1970, as yyyymmdd."""
    return _day(min(at, END_OF_DAYS) // _QUARTER_S, zone)


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
    zone: str = ""  # where it leads; empty = the venue as a whole

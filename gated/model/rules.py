"""What a product says of its rights, and what a right says differently for itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TypedDict

from gated.model.credential import Assurance

MAX_USES = (1 << 31) - 1
#: Persons that one tap lets through. A class with its teachers is about 35, two coaches about 120.
MAX_PARTY = 200
MAX_REENTRY_S = 31 * 86400
#: As long as OpenStreetMap lets a value be.
MAX_HOURS_CHARS = 255
#: A right names no more: a statement stays small.
MAX_VENUES = 8


class PartyUses(StrEnum):
    """What a party costs."""

    EACH = "each"  # a use for each person
    ONCE = "once"  # one use for the tap


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Each rule that may be said. ``None`` = not said: of a right "as the product", of both "no limit"."""

    venues: tuple[str, ...] | None = None  # None = every venue of the sector
    uses: int | None = None  # in all
    per_day: int | None = None  # on one calendar day of the venue
    per_venue: tuple[tuple[str, int], ...] | None = None  # shares of a bundle
    hours: str | None = None  # OpenStreetMap opening_hours
    party: int | None = None  # persons in one tap; None = 1
    party_uses: PartyUses | None = None  # None = each
    reentry_s: int | None = None  # an entry costs nothing within so many seconds of one that did
    min_assurance: Assurance | None = None
    concession: str | None = None  # staff may ask for proof of it

    def __post_init__(self) -> None:
        """Raises ``ValueError`` for a share of a venue where the right is not good."""
        if self.per_venue is not None and self.venues is not None:
            for venue, _ in self.per_venue:
                if venue not in self.venues:
                    raise ValueError(f"a share for {venue!r}, which is not among its venues")


class Said(TypedDict, total=False):
    """The fields of ``Rules``, for those who pass them on by name."""

    venues: tuple[str, ...] | None
    uses: int | None
    per_day: int | None
    per_venue: tuple[tuple[str, int], ...] | None
    hours: str | None
    party: int | None
    party_uses: PartyUses | None
    reentry_s: int | None
    min_assurance: Assurance | None
    concession: str | None


def in_order(shares: Mapping[str, int]) -> tuple[tuple[str, int], ...]:
    """Shares as ``Rules.per_venue`` holds them: in the order in which a statement bears them."""
    return tuple(sorted(shares.items(), key=lambda share: (len(share[0]), share[0])))

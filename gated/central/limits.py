"""How often a right may be used: what it says itself, and otherwise what its product says at a venue.

It is the part of docs/reference/profile.md, "How product and right combine", that speaks of uses, read from
the profiles that gates get; a property test holds it against the rules by which gates decide.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from gated.model.rules import MAX_USES


@dataclass(frozen=True, slots=True)
class Said:
    """What a right or a product says of uses. None = nothing: as the product, which then has no limit."""

    total: int | None = None
    per_day: int | None = None
    shares: Mapping[str, int] | None = None  # by venue
    reentry_s: int | None = None


class Limits(NamedTuple):
    """Of a right at one venue; None = no limit. ``asked``: whether any rule asks how often it was used."""

    total: int | None
    per_day: int | None
    share: int | None
    asked: bool


#: Of a right that nobody knows: it has no limit that could be passed, and its uses are told all the same.
UNKNOWN = Limits(None, None, None, asked=True)


@dataclass(frozen=True, slots=True)
class _Venue:
    unknown_counts: bool = True
    products: Mapping[str, Said] = field(default_factory=dict)


class VenueRules:
    """The profiles of an office's venues, read again where they change. Used by one thread."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._read: dict[str, tuple[tuple[int, int], _Venue]] = {}
        self._now: dict[str, _Venue] = {}
        self._asked: dict[str, bool] = {}  # by product

    def refresh(self) -> None:
        """Look at the files again when they are asked for next."""
        self._now.clear()
        self._asked.clear()

    def unknown_counts(self, venue: str) -> bool:
        """Whether a release whose passage nobody saw costs its use there."""
        return self._of(venue).unknown_counts

    def limits(self, venue: str, product: str, own: Said) -> Limits:
        """The limits of a right there."""
        at = self._of(venue).products.get(product)
        if at is None:  # good nowhere there, or no profile is here: what the right says itself is all
            at = Said()
        total = at.total if own.total is None else own.total
        per_day = at.per_day if own.per_day is None else own.per_day
        shares = at.shares if own.shares is None else own.shares
        reentry_s = at.reentry_s if own.reentry_s is None else own.reentry_s
        share = None if shares is None else shares.get(venue)
        asked = any(limit is not None for limit in (total, per_day, share, reentry_s))
        return Limits(total, per_day, share, asked)

    def asks_anywhere(self, product: str, own: Said) -> bool:
        """Whether at any venue a rule asks how often a right was used. Nobody is told of others' visits."""
        if own != Said():
            return True
        if product not in self._asked:
            said = [at.products[product] for at in map(self._of, self._venues()) if product in at.products]
            self._asked[product] = not said or any(one != Said() for one in said)
        return self._asked[product]

    def _venues(self) -> list[str]:
        files = [] if self._folder is None else self._folder.glob("profile-*.json")
        return [path.name[len("profile-") : -len(".json")] for path in files]

    def _of(self, venue: str) -> _Venue:
        if venue not in self._now:
            self._now[venue] = self._look(venue)
        return self._now[venue]

    def _look(self, venue: str) -> _Venue:
        if self._folder is None:
            return _Venue()
        path = self._folder / f"profile-{venue}.json"
        try:
            stat = path.stat()
            mark = stat.st_mtime_ns, stat.st_size
            known = self._read.get(venue)
            if known is None or known[0] != mark:
                self._read[venue] = known = mark, _venue(json.loads(path.read_bytes()))
        except (OSError, ValueError, TypeError, AttributeError, RecursionError):
            return self._read[venue][1] if venue in self._read else _Venue()
        return known[1]


def _venue(document: Any) -> _Venue:
    return _Venue(
        document.get("unknown_counts") is not False,
        {str(one["id"]): _product(one) for one in document.get("products", []) if "id" in one},
    )


def _product(table: Mapping[str, Any]) -> Said:
    """A product of a profile, whose form is for gates to judge: here a limit that is none is no limit."""
    uses = table.get("uses")
    said = uses if isinstance(uses, dict) else {"total": uses}
    shares = said.get("per_venue")
    return Said(
        total=_number(said.get("total")),
        per_day=_number(said.get("per_day")),
        shares={venue: _number(one) or 0 for venue, one in shares.items()}
        if isinstance(shares, dict)
        else None,
        reentry_s=1 if table.get("reentry") is not None else None,
    )


def _number(value: object) -> int | None:
    return value if type(value) is int and 0 <= value <= MAX_USES else None

"""What counts for one right at one venue: what it says itself, and otherwise what its product says."""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import tzinfo
from functools import lru_cache
from operator import attrgetter
from typing import Any

from gated.model.credential import Assurance
from gated.model.refusal import Reason, Refusal
from gated.model.rules import PartyUses, Rules
from gated.model.statement import Entitlement, Statement
from gated.model.venue import Direction, Lane, Passback, Product, Profile
from gated.policy.hours import Hours, read_hours

#: Stands for a product that the profile does not list: its rules are unknown, so it is good nowhere.
_UNLISTED = Product(id="", venues=(), min_assurance=Assurance.UID_ONLY)


@dataclass(frozen=True, slots=True)
class Terms:
    """The rules of a right, as they apply at one venue. ``None`` = no limit."""

    here: bool  # whether it is good at this venue at all
    total: int | None
    per_day: int | None
    share: int | None  # of this venue
    hours: Hours | None
    party: int
    each: bool  # whether each person costs a use
    reentry_s: int
    min_assurance: Assurance
    concession: str | None

    @property
    def counted(self) -> bool:
        """Whether its uses come to an end: a limit per day alone does not end a season pass."""
        return self.total is not None or self.share is not None


def asks_uses(right: Entitlement, profile: Profile) -> bool:
    """Whether any rule asks how often a right was used. Of a season pass none does, and it has the most."""
    try:
        terms = terms_of(right, profile)
    except ValueError:  # it opens nothing, however often it was used
        return False
    return terms.counted or terms.per_day is not None or terms.reentry_s > 0


def watches(profile: Profile, lane: Lane) -> bool:
    """Whether the venue watches who is inside where a lane leads: by anti-passback or capacity."""
    return profile.zone(lane).passback is not Passback.NONE or profile.capacity is not None


def asks_who_is_inside(profile: Profile, lane: Lane) -> bool:
    """Whether any rule asks it: anti-passback and capacity going in, and always going out."""
    return watches(profile, lane) or lane.direction is Direction.EXIT


def terms_of(right: Entitlement, profile: Profile) -> Terms:
    """Put a right and its product together. Raises ``ValueError`` for hours that nobody can keep."""
    product = profile.products.get(right.product, _UNLISTED)
    place = profile.timezone, profile.country, profile.coordinates
    return _together(_OWN(right), product, profile.venue, *place)


def usable(statement: Statement, profile: Profile) -> Statement | Refusal:
    """The statement, unless it is a right whose own hours this venue cannot keep: it would open nothing."""
    if isinstance(statement, Entitlement) and statement.hours is not None:
        try:
            read_hours(statement.hours, profile.timezone, profile.country, profile.coordinates)
        except ValueError:
            return Refusal(Reason.BAD_HOURS, {"product": statement.product})
    return statement


_FIELDS = tuple(field.name for field in fields(Rules))
_OWN = attrgetter(*_FIELDS)


@lru_cache(maxsize=1024)  # most rights say nothing themselves: a venue has as many terms as products
def _together(
    own: tuple[Any, ...],
    product: Product,
    venue: str,
    timezone: tzinfo,
    country: str | None,
    coordinates: tuple[float, float] | None,
) -> Terms:
    said = {
        name: mine if mine is not None else getattr(product, name)
        for name, mine in zip(_FIELDS, own, strict=True)
    }
    venues, hours = said["venues"], said["hours"]
    return Terms(
        # Where the catalogue lacks the product, no venue that the right names itself helps.
        here=product is not _UNLISTED and (venues is None or venue in venues),
        total=said["uses"],
        per_day=said["per_day"],
        share=dict(said["per_venue"] or ()).get(venue),
        hours=None if hours is None else read_hours(hours, timezone, country, coordinates),
        party=said["party"] or 1,
        each=said["party_uses"] is not PartyUses.ONCE,
        reentry_s=said["reentry_s"] or 0,
        min_assurance=said["min_assurance"] or Assurance.UID_ONLY,
        concession=said["concession"],
    )

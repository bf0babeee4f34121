"""What counts for one right at one venue: what it says itself, and otherwise what its product says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from gated.model.credential import Assurance
from gated.model.rules import PartyUses
from gated.model.statement import Entitlement
from gated.model.venue import Product, Profile
from gated.policy.hours import Hours, read_hours

T = TypeVar("T")

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


def terms_of(right: Entitlement, profile: Profile) -> Terms:
    """Put a right and its product together. Raises ``ValueError`` for hours that nobody can keep."""
    product = profile.products.get(right.product, _UNLISTED)
    # Where the catalogue lacks the product, no venue that the right names itself helps.
    venues = product.venues if product is _UNLISTED else _said(right.venues, product.venues)
    shares = dict(_said(right.per_venue, product.per_venue) or ())
    hours = _said(right.hours, product.hours)
    return Terms(
        here=venues is None or profile.venue in venues,
        total=_said(right.uses, product.uses),
        per_day=_said(right.per_day, product.per_day),
        share=shares.get(profile.venue),
        hours=None
        if hours is None
        else read_hours(hours, profile.timezone, profile.country, profile.coordinates),
        party=_said(right.party, product.party) or 1,
        each=_said(right.party_uses, product.party_uses) is not PartyUses.ONCE,
        reentry_s=_said(right.reentry_s, product.reentry_s) or 0,
        min_assurance=product.min_assurance if right.min_assurance is None else right.min_assurance,
        concession=_said(right.concession, product.concession),
    )


def _said(own: T | None, product: T | None) -> T | None:
    return product if own is None else own

"""A venue's profile as the trust repository delivers it (docs/reference/profile.md)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo
from typing import Any

from gated.model.credential import Assurance
from gated.model.document import DocumentError, Table
from gated.model.rules import MAX_USES
from gated.model.venue import MAX_PRODUCTS, Product, Profile, WhenUnsure

PROFILE_VERSION = 1


def read_profile(document: Any, zone: Callable[[str], tzinfo]) -> Profile:
    """Read a parsed profile. ``zone`` finds a time zone by name; its ``ValueError`` is told.

    Raises ``DocumentError``.
    """
    top = Table(document)
    top.whole("v", least=PROFILE_VERSION, most=PROFILE_VERSION)
    products: dict[str, Product] = {}
    for table in top.tables("products", most=MAX_PRODUCTS):
        product = _product(table)
        if product.id in products:
            raise DocumentError(table.path("id"), f"{product.id!r} stands twice")
        products[product.id] = product
    profile = Profile(
        venue=top.text("venue"),
        sector=top.text("sector"),
        timezone=top.checked("timezone", zone),
        version=top.whole("version"),
        min_assurance=top.checked("min_assurance", Assurance.from_label, Assurance.UID_ONLY),
        when_unsure=top.checked("when_unsure", WhenUnsure, WhenUnsure.ADMIT),
        unknown_counts=top.flag("unknown_counts", default=True),
        products=products,
    )
    top.done()
    return profile


def _product(table: Table) -> Product:
    venues = table.texts_or_none("venues")
    product = Product(
        id=table.text("id"),
        venues=None if venues is None else tuple(venues),
        uses=table.whole_or_none("uses", most=MAX_USES),
        min_assurance=table.checked("min_assurance", Assurance.from_label, Assurance.STATIC_SIGNED),
    )
    table.done()
    return product

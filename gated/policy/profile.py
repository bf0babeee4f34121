"""A venue's profile as the trust repository delivers it (docs/reference/profile.md)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import tzinfo
from typing import Any

from gated.model.credential import Assurance
from gated.model.document import DocumentError, Table
from gated.model.venue import (
    MAX_PEOPLE,
    MAX_PRODUCT_VENUES,
    MAX_PRODUCTS,
    MAX_RETIREMENTS,
    MAX_ZONES,
    Passback,
    Product,
    Profile,
    Retirement,
    Staleness,
    WhenUnsure,
    Zone,
    is_country,
)
from gated.policy.hours import read_hours
from gated.policy.rules_file import read_rules

PROFILE_VERSION = 1
#: Presence is forgotten when the venue's day ends.
MAX_PASSBACK_S = 86400
MAX_WARN_S = 366 * 86400
#: A gate that is connected hears of a new head every five minutes.
LEAST_STALE_S, MAX_STALE_S = 3600, 366 * 86400
_CAP = re.compile(r"cap:([1-9][0-9]{0,8})\Z")


def read_profile(document: Any, zone: Callable[[str], tzinfo]) -> Profile:
    """Read a parsed profile. ``zone`` finds a time zone by name; its ``ValueError`` is told.

    Raises ``DocumentError``.
    """
    top = Table(document)
    top.whole("v", least=PROFILE_VERSION, most=PROFILE_VERSION)
    venue = top.text("venue")
    profile = Profile(
        venue=venue,
        sector=top.text("sector"),
        timezone=top.checked("timezone", zone),
        version=top.whole("version"),
        min_assurance=top.checked("minimum_assurance", Assurance.from_label, Assurance.UID_ONLY),
        when_unsure=top.checked("when_unsure", WhenUnsure, WhenUnsure.ADMIT),
        unknown_counts=top.flag("unknown_counts", default=True),
        country=read_country(top),
        coordinates=read_coordinates(top),
        capacity=top.whole_or_none("capacity", least=1, most=MAX_PEOPLE),
        day_end_min=top.clock_time("day_end", "04:00"),
        zones=_zones(top, venue),
        retirements=tuple(
            read_retirement(table) for table in top.tables("retirements", least=0, most=MAX_RETIREMENTS)
        ),
        apart_cap=_apart_cap(top),
    )
    products = _products(top, profile)
    profile = replace(profile, products=products, staleness=_staleness(top, products))
    top.done()
    return profile


def read_country(table: Table) -> str | None:
    """``country``, by its two letters. Raises ``DocumentError``."""
    return table.checked("country", _country) if table.has("country") else None


def read_coordinates(table: Table) -> tuple[float, float] | None:
    """``coordinates``, as (latitude, longitude) in degrees. Raises ``DocumentError``."""
    if not table.has("coordinates"):
        return None
    latitude, longitude = table.numbers("coordinates", most=(90.0, 180.0))
    return latitude, longitude


def read_zone(table: Table, name: str, *, least_s: int = 1, most_s: int = MAX_PASSBACK_S) -> Zone:
    """``passback`` and ``passback_interval`` of a zone or of a whole venue. Raises ``DocumentError``."""
    passback = table.checked("passback", _passback, Passback.NONE)
    interval_s = table.duration_or_none("passback_interval", least_s=least_s, most_s=most_s)
    if passback is Passback.TIMED and interval_s is None:
        raise DocumentError(table.path("passback_interval"), "is missing: timed passback needs it")
    return Zone(name, passback, interval_s or 0)


def read_retirement(table: Table) -> Retirement:
    """One table of ``retirements``. Raises ``DocumentError``."""
    if table.has("scheme") is table.has("assurance"):
        raise DocumentError(table.path("scheme"), "say either a scheme or an assurance")
    retirement = Retirement(
        ends=table.moment("ends"),
        warn_s=table.duration("warn", "P0D", most_s=MAX_WARN_S),
        scheme=table.name_or_none("scheme"),
        assurance=table.checked("assurance", Assurance.from_label) if table.has("assurance") else None,
    )
    table.done()
    return retirement


def _products(top: Table, profile: Profile) -> dict[str, Product]:
    products: dict[str, Product] = {}
    for table in top.tables("products", most=MAX_PRODUCTS):
        product = Product(
            id=table.text("id"),
            **read_rules(table, least_assurance=Assurance.STATIC_SIGNED, most_venues=MAX_PRODUCT_VENUES),
        )
        table.done()
        if product.id in products:
            raise DocumentError(table.path("id"), f"{product.id!r} stands twice")
        check_hours(table, product.hours, profile.timezone, profile.country, profile.coordinates)
        products[product.id] = product
    return products


def check_hours(
    table: Table,
    hours: str | None,
    timezone: tzinfo,
    country: str | None,
    coordinates: tuple[float, float] | None = None,
) -> None:
    """Raises ``DocumentError`` at ``hours`` for those that a venue there cannot keep."""
    if hours is None:
        return
    try:
        read_hours(hours, timezone, country, coordinates)
    except ValueError as error:
        raise DocumentError(table.path("hours"), str(error)) from None


def _zones(top: Table, venue: str) -> dict[str, Zone]:
    whole = read_zone(top, venue)
    if not top.has("zones"):
        return {} if whole.passback is Passback.NONE else {venue: whole}
    for key in ("passback", "passback_interval"):
        if top.has(key):
            raise DocumentError(top.path(key), "is said of each zone where zones are named")
    zones: dict[str, Zone] = {}
    for table in top.tables("zones", most=MAX_ZONES):
        zone = read_zone(table, table.name("id"))
        table.done()
        if zone.id in zones:
            raise DocumentError(table.path("id"), f"{zone.id!r} stands twice")
        zones[zone.id] = zone
    return zones


def _apart_cap(top: Table) -> int | None:
    return top.checked("counted_when_apart", apart_cap) if top.has("counted_when_apart") else None


def _staleness(top: Table, known: Mapping[str, Product]) -> Staleness:
    if not top.has("staleness"):
        return Staleness()
    table, usual = top.table("staleness"), Staleness()
    stale_s = table.duration_or_none("stale_after", least_s=LEAST_STALE_S, most_s=MAX_STALE_S)
    expired_s = table.duration_or_none("expired_after", least_s=LEAST_STALE_S, most_s=MAX_STALE_S)
    products = table.texts_or_none("when_expired") or []
    for name in products:
        if name not in known:
            raise DocumentError(table.path("when_expired"), f"{name!r} is no product of this profile")
    limits = Staleness(
        stale_after_s=stale_s or usual.stale_after_s,
        expired_after_s=expired_s or usual.expired_after_s,
        when_expired=frozenset(products),
    )
    if limits.expired_after_s < limits.stale_after_s:
        raise DocumentError(table.path("expired_after"), "must not be shorter than stale_after")
    table.done()
    return limits


def apart_cap(text: str) -> int | None:
    """``counted_when_apart`` as a number of uses; None = any. Raises ``ValueError``."""
    match = _CAP.match(text)
    if match is not None:
        return int(match[1])
    if text not in ("allow", "deny"):
        raise ValueError('must be "allow", "deny" or "cap:" and a number from 1, such as "cap:2"')
    return None if text == "allow" else 0


def _country(text: str) -> str:
    if not is_country(text):
        raise ValueError("must be the two capital letters of a country, such as FR")
    return text


def _passback(text: str) -> Passback:
    try:
        return Passback(text)
    except ValueError:
        raise ValueError(f"must be one of: {', '.join(Passback)}") from None

"""Rules as files for people say them: the products of a profile, the tables of a rehearsal."""

from __future__ import annotations

from typing import Any

from gated.model.credential import Assurance
from gated.model.document import DocumentError, Table
from gated.model.name import NAME_FORM, is_name
from gated.model.rules import (
    MAX_HOURS_CHARS,
    MAX_PARTY,
    MAX_REENTRY_S,
    MAX_USES,
    MAX_VENUES,
    PartyUses,
    in_order,
)


def read_rules(
    table: Table, *, least_assurance: Assurance | None, most_venues: int = MAX_VENUES
) -> dict[str, Any]:
    """The fields of a ``Rules`` that a table says; what it does not say is None.

    Keys that are no rules are left for the caller to ask for. Hours are read as a text: whether they
    can be kept depends on the venue (``gated.policy.hours``).

    Args:
        table: a table with the keys of docs/reference/profile.md.
        least_assurance: what counts where ``minimum_assurance`` is absent.
        most_venues: how many venues and shares it may name.

    Raises ``DocumentError``.

    """
    venues = table.names_or_none("venues", most=most_venues)
    hours = table.text("hours") if table.has("hours") else None
    if hours is not None and len(hours) > MAX_HOURS_CHARS:
        raise DocumentError(table.path("hours"), f"must have at most {MAX_HOURS_CHARS} characters")
    return {
        "venues": venues,
        **_uses(table, venues, most_venues),
        "hours": hours,
        "party": table.whole_or_none("party", least=1, most=MAX_PARTY),
        "party_uses": table.checked("party_uses", _party_uses) if table.has("party_uses") else None,
        "reentry_s": table.duration_or_none("reentry", least_s=1, most_s=MAX_REENTRY_S),
        "min_assurance": (
            table.checked("minimum_assurance", Assurance.from_label)
            if table.has("minimum_assurance")
            else least_assurance
        ),
        "concession": table.name_or_none("concession"),
    }


def _uses(table: Table, venues: tuple[str, ...] | None, most_venues: int) -> dict[str, Any]:
    """A number is short for the total."""
    if not table.holds_table("uses"):
        return {"uses": table.whole_or_none("uses", most=MAX_USES), "per_day": None, "per_venue": None}
    inner = table.table("uses")
    said = {
        "uses": inner.whole_or_none("total", most=MAX_USES),
        "per_day": inner.whole_or_none("per_day", most=MAX_USES),
        "per_venue": _shares(inner, venues, most_venues) if inner.has("per_venue") else None,
    }
    inner.done()
    return said


def _shares(uses: Table, venues: tuple[str, ...] | None, most_venues: int) -> tuple[tuple[str, int], ...]:
    inner = uses.table("per_venue")
    named = inner.keys()
    if not 1 <= len(named) <= most_venues:
        raise DocumentError(uses.path("per_venue"), f"must name 1 to {most_venues} venues")
    for venue in named:
        if not is_name(venue):
            raise DocumentError(inner.path(venue), f"is no name of a venue: use {NAME_FORM}")
        if venues is not None and venue not in venues:
            raise DocumentError(inner.path(venue), "is not among its venues")
    return in_order({venue: inner.whole(venue, most=MAX_USES) for venue in named})


def _party_uses(text: str) -> PartyUses:
    try:
        return PartyUses(text)
    except ValueError:
        raise ValueError(f"must be one of: {', '.join(PartyUses)}") from None

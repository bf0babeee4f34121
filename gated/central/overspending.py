"""Rights that were used more often than they allow: gates that were apart did not know of each other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from gated.central import ledger_uses as uses
from gated.central.ledger import Ledger
from gated.central.ledger_uses import Used
from gated.central.limits import Limits, VenueRules

#: Code of an alarm (docs/reference/central.md).
OVERSPENT = "overspent"
TOTAL, DAY, VENUE = "total", "day", "venue"


@dataclass(frozen=True, slots=True)
class Overspent:
    """A limit that was passed. ``of`` is the day (yyyymmdd) or the venue, empty of the total."""

    per: str
    of: str
    allowed: int
    used: int
    rows: tuple[Used, ...]  # by which gates, when


def exceeded(rows: Sequence[Used], limits: dict[str, Limits]) -> Iterator[Overspent]:
    """What of a right's uses is beyond its limits, which are told for each venue where it was used.

    Where profiles of venues disagree the largest limit counts: below it each gate did as it was told.
    """
    total = _largest(limits[row.venue].total for row in rows)
    yield from _beyond(TOTAL, "", total, rows)
    days: dict[int, list[Used]] = defaultdict(list)
    venues: dict[str, list[Used]] = defaultdict(list)
    for row in rows:
        days[row.day].append(row)
        venues[row.venue].append(row)
    for day, those in sorted(days.items()):
        yield from _beyond(DAY, str(day), _largest(limits[row.venue].per_day for row in those), those)
    for venue, those in sorted(venues.items()):
        yield from _beyond(VENUE, venue, limits[venue].share, those)


def _largest(limits: Iterable[int | None]) -> int | None:
    told = list(limits)
    return None if not told or None in told else max(limit for limit in told if limit is not None)


def _beyond(per: str, of: str, allowed: int | None, rows: Sequence[Used]) -> Iterator[Overspent]:
    used = sum(row.taken for row in rows)
    if allowed is not None and used > allowed:
        yield Overspent(per, of, allowed, used, tuple(rows))


def overspent(ledger: Ledger, rules: VenueRules, sector: str, cti: bytes) -> list[Overspent]:
    """Which limits of a right are passed, by what is known now."""
    found = uses.entitled(ledger, sector, cti)
    if found is None:
        return []
    rows = uses.used_of(ledger, sector, cti)
    limits = {row.venue: rules.limits(row.venue, *found) for row in rows}
    return list(exceeded(rows, limits))


def check(ledger: Ledger, rules: VenueRules, sector: str, cti: bytes, now: int) -> bool:
    """Keep what is overspent of a right that was just used. Whether anything is."""
    found = overspent(ledger, rules, sector, cti)
    uses.note_overspent(
        ledger, [(sector, cti, one.per, one.of, one.allowed, one.used, now, now) for one in found]
    )
    return bool(found)

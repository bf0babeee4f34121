"""Uses and people inside, counted in memory: what the store keeps, in its plainest form.

A rehearsal counts with it, and tests hold the store against it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from gated.model.decision import NOBODY, Granted, Presence, Uses
from gated.policy.settle import Outcome, settle


@dataclass(frozen=True, slots=True)
class Release:
    """A grant in its place: what is settled."""

    number: int
    cti: bytes
    pass_: bytes
    venue: str
    zone: str
    day: int  # yyyymmdd in the venue's zone
    shift: int  # yyyymmdd of the venue's service day
    at: int
    persons: int
    cost: int


@dataclass(frozen=True, slots=True)
class Entry:
    """Where and when a tap is made."""

    venue: str
    zone: str
    day: int
    shift: int
    at: int


class Book:
    """All that is known of uses and of who is inside. What is reserved counts until it is settled."""

    def __init__(self) -> None:
        self._uses: dict[bytes, Counter[tuple[str, int]]] = {}  # by right; by venue and day
        self._paid_at: dict[tuple[bytes, str], int] = {}
        self._inside: dict[tuple[bytes, str, int], Presence] = {}  # by pass, zone, shift
        self._occupancy: Counter[tuple[str, int]] = Counter()  # by venue, shift
        self._open: dict[int, Release] = {}
        self._released = 0

    # -------------------------------------------------------------- what is known

    def uses(self, cti: bytes, venue: str, day: int) -> tuple[Uses, Uses]:
        """Of a right: (at this venue, at all others), on this day and in all."""
        here, elsewhere = [0, 0, 0], [0, 0, 0]
        counts = Counter(self._uses.get(cti, {}))
        for one in self._open.values():
            if one.cti == cti:
                counts[one.venue, one.day] += one.cost
        for (place, on), count in counts.items():
            spent = here if place == venue else elsewhere
            spent[0] += count
            spent[1] += count if on == day else 0
            spent[2] += count if place == venue else 0
        return Uses(*here), Uses(*elsewhere)

    def paid_at(self, cti: bytes, venue: str) -> int | None:
        """The newest entry at a venue that cost a use and was taken."""
        return self._paid_at.get((cti, venue))

    def presence(self, pass_: bytes, zone: str, shift: int) -> Presence:
        """How many of a pass are inside a zone, open releases among them."""
        found = self._inside.get((pass_, zone, shift), NOBODY)
        for one in self._open.values():
            if (one.pass_, one.zone, one.shift) == (pass_, zone, shift):
                found = Presence(found.inside + one.persons, max(found.last_in or 0, one.at))
        return found

    def occupancy(self, venue: str, shift: int) -> int:
        """How many people are inside a venue, open releases among them."""
        open_ = [one.persons for one in self._open.values() if (one.venue, one.shift) == (venue, shift)]
        return self._occupancy[venue, shift] + sum(open_)

    # -------------------------------------------------------------- what happens

    def reserve(self, granted: Granted, where: Entry) -> Release:
        """Count a grant tentatively."""
        right = granted.entitlement
        self._released += 1
        release = Release(
            self._released, right.id, right.pass_, where.venue, where.zone, where.day, where.shift, where.at,
            granted.persons, granted.cost,
        )  # fmt: skip
        self._open[release.number] = release
        return release

    def settle(self, release: Release, passed: int) -> Outcome:
        """Make a release final after ``passed`` went in. Raises ``KeyError`` a second time."""
        del self._open[release.number]
        outcome = settle(release.persons, release.cost, passed)
        if outcome.uses:
            self._uses.setdefault(release.cti, Counter())[release.venue, release.day] += outcome.uses
            paid = self._paid_at.get((release.cti, release.venue), release.at)
            self._paid_at[release.cti, release.venue] = max(paid, release.at)
        if outcome.persons:
            place = release.pass_, release.zone, release.shift
            found = self._inside.get(place, NOBODY)
            self._inside[place] = Presence(
                found.inside + outcome.persons, max(found.last_in or 0, release.at)
            )
        self._occupancy[release.venue, release.shift] += outcome.persons + outcome.forced
        return outcome

    def leave(self, pass_: bytes | None, where: Entry, persons: int) -> None:
        """``persons`` went out."""
        inside = self._occupancy[where.venue, where.shift]
        self._occupancy[where.venue, where.shift] = max(0, inside - persons)
        if pass_ is not None:
            place = pass_, where.zone, where.shift
            found = self._inside.get(place, NOBODY)
            self._inside[place] = Presence(max(0, found.inside - persons), found.last_in)

"""What a tap must know of the journal: how often rights were used here, and who is inside."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from gated.model.decision import UNUSED, Presence, Uses
from gated.store.connection import errors_of, open_reader, store_error

#: Rights recalled with one statement. A pass has few.
_SLICE = 16

# In the order of the primary key: nothing is sorted. Of a reservation it is not known yet that it is paid.
_RECALL = (
    "SELECT cti, venue, sum(taken), coalesce(sum(taken) FILTER (WHERE day = ?1), 0), max(last_at)"
    " FROM counter WHERE cti IN (RIGHTS) GROUP BY cti, venue"
    " UNION ALL SELECT cti, venue, uses, uses * (day = ?1), NULL FROM reservation WHERE cti IN (RIGHTS)"
)
_RECALL_SOME = tuple(
    _RECALL.replace("RIGHTS", ", ".join(f"?{number + 2}" for number in range(count)))
    for count in range(_SLICE + 1)
)
_INSIDE = (
    "SELECT 1, 0, inside, come, gone, last_in FROM presence WHERE pass = ?1 AND zone = ?2 AND shift = ?3"
    " UNION ALL SELECT 0, 1, inside, come, gone, NULL FROM occupancy WHERE shift = ?3 UNION ALL"
    " SELECT pass IS ?1 AND zone = ?2, 1, persons, persons, 0, nullif(at, 0) FROM reservation"
    " WHERE shift = ?3 AND NOT leads_out"
)


class Counted(NamedTuple):
    """What the journal knows of a right.

    ``uses`` are taken and reserved, by this gate. ``paid_at`` is the newest entry at the venue asked for that
    cost a use and was taken, in seconds since 1970; None = there was none, or it was counted by an earlier
    release, which kept no time.
    """

    uses: Uses
    paid_at: int | None


NEVER_USED = Counted(UNUSED, None)


_HIGHEST = "SELECT counter FROM rolling WHERE id = ?"


class Seen(NamedTuple):
    """People that this gate saw on a service day. ``inside`` never falls below 0 on the way; whoever is just
    let in has come.
    """

    inside: int = 0
    come: int = 0
    gone: int = 0
    last_in: int | None = None

    def and_(self, other: Seen) -> Seen:
        """Both."""
        return Seen(
            self.inside + other.inside,
            self.come + other.come,
            self.gone + other.gone,
            later(self.last_in, other.last_in),
        )


class UsesReader:
    """Reads the journal beside its writer. One per lane: used by one thread. Raises ``StoreError``."""

    def __init__(self, journal: Path) -> None:
        self._path = journal
        with errors_of(journal, "read"):
            self._connection = open_reader(journal)

    def recall(self, rights: Sequence[bytes], venue: str, day: int) -> dict[bytes, Counted]:
        """What is known of each right, those never used among them; ``day`` is yyyymmdd.

        One statement for up to 16 rights.
        """
        found = dict.fromkeys(rights, NEVER_USED)
        asked = list(found)
        for first in range(0, len(asked), _SLICE):
            some = asked[first : first + _SLICE]
            for cti, where, taken, today, last_at in self._ask(_RECALL_SOME[len(some)], (day, *some)):
                (total, of_day, here), paid_at = found[cti]
                if where == venue:
                    here += taken
                    paid_at = later(paid_at, last_at)
                found[cti] = Counted(Uses(total + taken, of_day + today, here), paid_at)
        return found

    def inside(self, pass_: bytes, zone: str, shift: int) -> tuple[Presence, int]:
        """(how many of a pass are in a zone, how many people in the venue); whoever is just let in counts.

        ``shift`` is yyyymmdd.
        """
        of_pass, of_venue = self.seen(pass_, zone, shift)
        return Presence(of_pass.inside, of_pass.last_in), of_venue.inside

    def seen(self, pass_: bytes, zone: str, shift: int) -> tuple[Seen, Seen]:
        """As ``inside``, with who came and who went: (of the pass in the zone, of all in the venue)."""
        in_zone, in_venue = Seen(), Seen()
        for of_pass, of_venue, *people in self._ask(_INSIDE, (pass_, zone, shift)):
            one = Seen(*people)
            if of_pass:
                in_zone = in_zone.and_(one)
            if of_venue:
                in_venue = in_venue.and_(one)
        return in_zone, in_venue

    def was_shown(self, id_: bytes, counter: int) -> bool:
        """Whether a medium with a rolling proof showed this number or a higher one (``store.rolling``).

        A look, and no more: what counts is ``RollingFloors.rise``.
        """
        return any(counter <= highest for (highest,) in self._ask(_HIGHEST, (id_,)))

    def _ask(self, sql: str, values: tuple[Any, ...]) -> list[Any]:
        try:
            return self._connection.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise store_error(self._path, error, "read") from error

    def close(self) -> None:
        """Close the file."""
        with errors_of(self._path, "read"):
            self._connection.close()


def later(one: int | None, other: int | None) -> int | None:
    """The later of two times of which each may be unknown."""
    if one is None or other is None:
        return other if one is None else one
    return max(one, other)

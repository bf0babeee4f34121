"""Uses and people at other gates, as central tells them: merged by taking the larger, recalled at a tap.

They stand in ``delta.db``, because they can be fetched again, and a tap reads them in the picture of the
cache that it has opened anyway. What central has of this very gate is kept too. Its journal knows better; but
of a journal that was lost it is all that is left, and what it lacks of the journal nobody else knows of yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from gated.model.decision import UNUSED, Presence, Uses
from gated.store.cache import Cache
from gated.store.uses import Seen, later

_SLICE = 16

_USED = (
    "SELECT 0, cti, venue, sum(counts), coalesce(sum(counts) FILTER (WHERE day = ?1), 0), max(last_at),"
    " sum(confirmed) FROM main.used WHERE cti IN (RIGHTS) GROUP BY cti, venue"
)
_PEOPLE = (
    "SELECT 1, NULL, NULL, sum(came), sum(went), max(last_in), 0 FROM main.people"
    " WHERE pass = ?2 AND zone = ?3 AND shift = ?4 AND came + went > 0"
    " UNION ALL SELECT 2, NULL, NULL, sum(came), sum(went), NULL, 0 FROM main.people"
    " WHERE pass = x'' AND zone = '' AND shift = ?4 AND came + went > 0"
)
_USED_SOME = tuple(
    _USED.replace("RIGHTS", ", ".join(f"?{number + 5}" for number in range(count)))
    for count in range(_SLICE + 1)
)
_BOTH_SOME = tuple(f"{used} UNION ALL {_PEOPLE}" for used in _USED_SOME)


class UsedElsewhere(NamedTuple):
    """Of a right. ``confirmed``: how many uses of this gate's own journal central has."""

    uses: Uses = UNUSED
    paid_at: int | None = None
    confirmed: int = 0


NOT_ELSEWHERE = UsedElsewhere()


class PeopleElsewhere(NamedTuple):
    """Who came and who went by other gates: of a pass in a zone, and of all in the venue."""

    of_pass: Seen | None = None  # None = nothing is known
    of_venue: Seen | None = None


def together(seen: Seen, elsewhere: Seen | None) -> Presence:
    """Who is inside by what all gates saw. Where only this one saw anybody, its own count is the better one:
    it knows in which order they came and went.
    """
    if elsewhere is None:
        return Presence(seen.inside, seen.last_in)
    inside = seen.come - seen.gone + elsewhere.come - elsewhere.gone
    return Presence(max(0, inside), later(seen.last_in, elsewhere.last_in))


class ElsewhereReader:
    """Recalls within the picture of a cache. One per lane. All it raises is ``StoreError``."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache

    def recall(
        self, rights: Sequence[bytes], venue: str, day: int, inside: tuple[bytes, str, int] | None
    ) -> tuple[dict[bytes, UsedElsewhere], PeopleElsewhere]:
        """What is known of rights, and of who is ``inside`` (pass, zone, shift; None = nobody asks).

        One statement for up to 16 rights and people, and none where nothing was ever told.
        """
        found: dict[bytes, UsedElsewhere] = {}
        people: list[Seen | None] = [None, None]
        if not self._cache.knows_elsewhere or not (rights or inside):
            return found, PeopleElsewhere()
        for first in range(0, max(1, len(rights)), _SLICE):
            some = rights[first : first + _SLICE]
            with_people = inside is not None and first == 0
            queries = _BOTH_SOME if with_people else _USED_SOME
            values = (day, *(inside or (None, None, None)), *some)
            for what, cti, where, count, more, last_at, confirmed in self._cache.select(
                queries[len(some)], values
            ):
                if what:
                    people[what - 1] = None if count is None else Seen(0, count, more, last_at)
                    continue
                here, paid_at = (count, last_at) if where == venue else (0, None)
                known = found.get(cti)
                if known is not None:  # at another venue too
                    (total, today, so_far), before, own = known
                    count, more, here = count + total, more + today, here + so_far  # noqa: PLW2901
                    paid_at, confirmed = later(paid_at, before), confirmed + own  # noqa: PLW2901
                found[cti] = UsedElsewhere(Uses(count, more, here), paid_at, confirmed)
        return found, PeopleElsewhere(*people)

"""How rights were used and who is inside, per gate and day: rows only grow, and bear their last change."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from gated.central.ledger import Ledger
from gated.central.limits import Said
from gated.model.rules import MAX_USES
from gated.model.statement import Entitlement
from gated.wire.uses import MAX_RECORDS, PresenceRecord, UseRecord, Uses

_TAKE = (
    "INSERT INTO used (sector, cti, gate, day, venue, taken, last_at, seq) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT DO UPDATE SET taken = min(taken + excluded.taken, ?), seq = excluded.seq,"
    " last_at = max(last_at, excluded.last_at)"
)
_MOVE = (
    "INSERT INTO presence (sector, pass, venue, zone, shift, gate, come, gone, last_in, seq)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
    " come = min(come + excluded.come, ?11), gone = min(gone + excluded.gone, ?11), seq = excluded.seq,"
    " last_in = coalesce(max(last_in, excluded.last_in), last_in, excluded.last_in)"
)
_SINCE = (
    "SELECT seq, 0, cti, gate, day, venue, taken, last_at, NULL, NULL FROM used"
    " WHERE sector = ?1 AND seq > ?2 AND seq <= ?3 UNION ALL"
    " SELECT seq, 1, pass, gate, shift, venue, come, last_in, gone, zone FROM presence"
    " WHERE sector = ?1 AND seq > ?2 AND seq <= ?3 ORDER BY seq LIMIT ?4"
)


class UseKey(NamedTuple):
    """Whose uses, where and when."""

    sector: str
    cti: bytes
    gate: str
    day: int
    venue: str


class PresenceKey(NamedTuple):
    """Who went through which gate into which zone, on which service day."""

    sector: str
    pass_: bytes
    venue: str
    zone: str
    shift: int
    gate: str


class Moved(NamedTuple):
    """People who came and went; ``last_in`` None = nobody came."""

    come: int = 0
    gone: int = 0
    last_in: int | None = None


class Used(NamedTuple):
    """A row of ``used``."""

    gate: str
    day: int
    venue: str
    taken: int
    last_at: int


# ------------------------------------------------------------------ counting


def newest(ledger: Ledger, sector: str) -> int:
    """The number of a sector's last change; 0 = there was none."""
    rows = ledger.rows("SELECT seq FROM use_seq WHERE sector = ?", (sector,))
    return int(rows[0][0]) if rows else 0


def add(
    ledger: Ledger, taken: Mapping[UseKey, tuple[int, int]], moved: Mapping[PresenceKey, Moved]
) -> dict[str, tuple[int, int]]:
    """Add uses (how many, the newest at) and people to what is there. Within a transaction.

    Returns for each sector the number before and the newest one after.
    """
    changed: dict[str, tuple[int, int]] = {}
    for key, (uses, at) in taken.items():
        seq = _next(ledger, changed, key.sector)
        ledger.execute(_TAKE, (*key, min(uses, MAX_USES), at, seq, MAX_USES))
    for place, people in moved.items():
        seq = _next(ledger, changed, place.sector)
        come, gone = min(people.come, MAX_USES), min(people.gone, MAX_USES)
        ledger.execute(_MOVE, (*place, come, gone, people.last_in, seq, MAX_USES))
    ledger.executemany(
        "INSERT INTO use_seq VALUES (?, ?) ON CONFLICT DO UPDATE SET seq = excluded.seq",
        [(sector, upto) for sector, (_, upto) in changed.items()],
    )
    return changed


def _next(ledger: Ledger, changed: dict[str, tuple[int, int]], sector: str) -> int:
    if sector not in changed:
        before = newest(ledger, sector)
        changed[sector] = before, before
    before, upto = changed[sector]
    changed[sector] = before, upto + 1
    return upto + 1


def forget_presence(ledger: Ledger, shift: int) -> None:
    """Erase who was inside on service days before ``shift`` (yyyymmdd)."""
    ledger.execute("DELETE FROM presence WHERE shift < ?", (shift,))


# ------------------------------------------------------------------ telling


def since(ledger: Ledger, sector: str, after: int, upto: int, at: int) -> Uses:
    """The records of a sector changed after a number, up to another, as many as a message has.

    A record bears its newest number alone, so what it said under an older one is not told again.
    """
    rows = ledger.rows(_SINCE, (sector, after, upto, MAX_RECORDS + 1))
    if len(rows) > MAX_RECORDS:
        rows = rows[:MAX_RECORDS]
        upto = rows[-1][0]
    used, people = [], []
    for _, present, key, gate, day, venue, count, told, gone, zone in rows:
        # What is later than now cannot be: the clock of this machine was set back.
        last = None if told is None else min(told, at)
        if present:
            people.append(PresenceRecord(key, venue, zone, day, gate, count, gone, last))
        else:
            used.append(UseRecord(key, gate, day, venue, count, last or 0))
    return Uses(sector, after, upto, at, tuple(used), tuple(people))


# ------------------------------------------------------------------ rights and their limits


def note_entitled(ledger: Ledger, right: Entitlement) -> None:
    """Remember what a right says of its uses; the highest revision counts."""
    shares = None if right.per_venue is None else json.dumps(dict(right.per_venue), sort_keys=True)
    ledger.execute(
        "INSERT INTO entitled VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
        " product = excluded.product, total = excluded.total, per_day = excluded.per_day,"
        " shares = excluded.shares, reentry = excluded.reentry, revision = excluded.revision"
        " WHERE excluded.revision >= revision",
        (
            *(right.sector, right.id, right.product, right.uses, right.per_day, shares),
            *(right.reentry_s, right.revision),
        ),
    )


def entitled(ledger: Ledger, sector: str, cti: bytes) -> tuple[str, Said] | None:
    """(product, what the right says itself); None = it was not issued here."""
    rows = ledger.rows(
        "SELECT product, total, per_day, shares, reentry FROM entitled WHERE sector = ? AND cti = ?",
        (sector, cti),
    )
    if not rows:
        return None
    product, total, per_day, shares, reentry = rows[0]
    return product, Said(total, per_day, None if shares is None else json.loads(shares), reentry)


def used_of(ledger: Ledger, sector: str, cti: bytes) -> list[Used]:
    """All that is known of a right's uses, by day and gate."""
    rows = ledger.rows(
        "SELECT gate, day, venue, taken, last_at FROM used WHERE sector = ? AND cti = ? ORDER BY day, gate",
        (sector, cti),
    )
    return [Used(*row) for row in rows]


def note_overspent(ledger: Ledger, rows: Iterable[tuple[Any, ...]]) -> None:
    """Remember limits that were passed: sector, cti, per, of, allowed, used, since, latest."""
    ledger.executemany(
        "INSERT INTO overspent VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
        " allowed = excluded.allowed, used = excluded.used, latest = excluded.latest",
        rows,
    )


def overspent_rights(ledger: Ledger) -> list[tuple[str, bytes]]:
    """(sector, cti) of each right of which a limit was once passed."""
    return [tuple(row) for row in ledger.rows("SELECT DISTINCT sector, cti FROM overspent ORDER BY 1, 2")]


def overspent_by(ledger: Ledger) -> Counter[str]:
    """By gate: how many rights it had a part in of which a limit was once passed."""
    return Counter(
        dict(
            ledger.rows(
                "SELECT gate, count(DISTINCT used.cti) FROM used JOIN overspent USING (sector, cti)"
                " GROUP BY gate"
            )
        )
    )

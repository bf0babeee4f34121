"""What a row changes in the tables that count: uses, and who is inside. All within the row's transaction."""

from __future__ import annotations

import sqlite3
from datetime import date, timedelta

from gated.errors import StoreError
from gated.model.event import Settled, Settlement
from gated.model.order import Mode
from gated.store.ticket import Kept, Move, Reservation

_RESERVE = (
    "INSERT INTO reservation (id, lane, cti, venue, day, uses, persons, keep_until, pass, zone, shift, at,"
    " leads_out) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)
_SETTLE = (
    "DELETE FROM reservation WHERE id = ?"
    " RETURNING lane, cti, venue, day, uses, persons, keep_until, pass, zone, shift, at,"
    " leads_out"
)
# max() of two is NULL where one of them is.
_TAKE = (
    "INSERT INTO counter (cti, venue, day, taken, keep_until, last_at) VALUES (?, ?, ?, ?, ?, nullif(?, 0))"
    " ON CONFLICT (cti, venue, day) DO UPDATE SET taken = taken + excluded.taken,"
    " keep_until = excluded.keep_until,"
    " last_at = coalesce(max(last_at, excluded.last_at), last_at, excluded.last_at)"
)
# Beside who is inside, who came and who went are kept: another gate of the venue may have seen the rest.
_COME = (
    "INSERT INTO presence (pass, zone, shift, inside, come, last_in) VALUES (?1, ?2, ?3, ?4, ?4, ?5)"
    " ON CONFLICT (pass, zone, shift) DO UPDATE SET inside = inside + excluded.inside,"
    " come = come + excluded.come,"
    " last_in = coalesce(max(last_in, excluded.last_in), last_in, excluded.last_in)"
)
_FILL = (
    "INSERT INTO occupancy (shift, inside, come) VALUES (?1, ?2, ?2)"
    " ON CONFLICT (shift) DO UPDATE SET inside = inside + excluded.inside, come = come + excluded.come"
)
# Whoever leaves and was not seen coming in leaves nobody less than nobody.
_GO = (
    "INSERT INTO presence (pass, zone, shift, inside, gone) VALUES (?, ?, ?, 0, ?)"
    " ON CONFLICT (pass, zone, shift) DO UPDATE SET inside = max(0, inside - excluded.gone),"
    " gone = gone + excluded.gone"
)
_EMPTY = (
    "INSERT INTO occupancy (shift, inside, gone) VALUES (?, 0, ?)"
    " ON CONFLICT (shift) DO UPDATE SET inside = max(0, inside - excluded.gone), gone = gone + excluded.gone"
)


_KEEP = (
    "INSERT INTO standing (lane, mode, burning) VALUES (?, ?, ?)"
    " ON CONFLICT (lane) DO UPDATE SET mode = excluded.mode, burning = excluded.burning"
)


def reserve(connection: sqlite3.Connection, row_id: int, new: Reservation) -> None:
    """Count a grant tentatively. It touches no counter (ADR 0009)."""
    connection.execute(_RESERVE, (row_id, *new))


def settle(connection: sqlite3.Connection, row_id: int, event: Settled, *, unknown_counts: bool) -> None:
    """Make final what the grant in a row reserved, or give it back.

    Raises ``StoreError`` where nothing is open under that id, and where more would stay than was reserved.
    """
    row = connection.execute(_SETTLE, (row_id,)).fetchone()
    if row is None:
        raise StoreError(f"journal: row {event.decision} has nothing to settle")
    left = Reservation(*row)
    if event.outcome is Settlement.TAKEN:
        uses = left.uses if event.uses is None else event.uses
        if not (0 <= uses <= left.uses and 0 <= event.persons <= left.persons):
            raise StoreError(
                f"journal: row {event.decision} reserved {left.uses} uses for {left.persons} persons,"
                f" and cannot be settled with {uses} for {event.persons}"
            )
        _take(connection, left, uses)
        moved = -event.persons if left.leads_out else event.persons
        count(connection, Move(left.shift, left.zone, left.pass_, moved), left.at)
    elif event.outcome is Settlement.UNKNOWN and unknown_counts:
        _take(connection, left, left.uses)


def _take(connection: sqlite3.Connection, left: Reservation, uses: int) -> None:
    if uses:
        connection.execute(_TAKE, (left.cti, left.venue, left.day, uses, left.keep_until, left.at))


def keep(connection: sqlite3.Connection, kept: Kept) -> None:
    """Keep how a lane stands by order."""
    connection.execute(_KEEP, kept)


def kept(connection: sqlite3.Connection) -> dict[str, Kept]:
    """How lanes stand by order; a lane of which nothing is kept stands as any new one."""
    rows = connection.execute("SELECT lane, mode, burning FROM standing")
    return {lane: Kept(lane, Mode(mode), bool(burning)) for lane, mode, burning in rows}


def count(connection: sqlite3.Connection, move: Move, at: int | None = None) -> None:
    """Count people in or out; ``at`` is told of those who came in after a tap."""
    shift, zone, pass_, persons, _ = move
    if persons > 0:
        connection.execute(_FILL, (shift, persons))
        if pass_ is not None:
            connection.execute(_COME, (pass_, zone, shift, persons, at))
    elif persons < 0:
        connection.execute(_EMPTY, (shift, -persons))
        if pass_ is not None:
            connection.execute(_GO, (pass_, zone, shift, -persons))


def forget(connection: sqlite3.Connection, ended: int, shift: int) -> None:
    """Erase what need not be kept any longer: see ``Journal.forget_counters``."""
    connection.execute("DELETE FROM counter WHERE keep_until <= ?", (ended,))
    if shift:
        before = date(shift // 10000, shift // 100 % 100, shift % 100) - timedelta(days=1)
        oldest = (before.year * 10000 + before.month * 100 + before.day,)
        connection.execute("DELETE FROM presence WHERE shift < ?", oldest)
        connection.execute("DELETE FROM occupancy WHERE shift < ?", oldest)

"""Rows leave the delta once the snapshot that counts has the same, or newer; few at a time."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from gated.store.connection import in_transaction, reader_uri
from gated.store.feed_marks import Marks, read_marks

#: Rows looked at in one transaction: a writer of live statements waits a few milliseconds at most.
PURGE_ROWS = 500

_SOME = "SELECT max(rowid) FROM (SELECT rowid FROM main.statement WHERE rowid > ? ORDER BY rowid LIMIT ?)"
_BESIDE = (
    "FROM main.statement AS d LEFT JOIN named.statement AS s"
    " ON s.key = d.key AND s.kind = d.kind AND s.id = d.id WHERE d.rowid > :after AND d.rowid <= :upto"
)
# What the feed said must be in the snapshot too, or the set of the head would lack it. FED stands for it.
_COVERED = (
    f"DELETE FROM main.statement WHERE rowid IN (SELECT d.rowid {_BESIDE} AND s.rank >= d.rank AND"  # noqa: S608  # ours
    " (d.fed_at IS NULL OR d.fed_at < :low OR (d.fed_at <= :high AND d.fed IS FED)))"
)
# Rows of pages are not opened when they arrive. Past a new snapshot of the feed they need to be genuine to
# stay: whoever had a key for heads could have set ranks that no statement reaches.
_UNOPENED = (
    f"SELECT d.rowid, d.key, d.kind, d.id, d.rank, d.token {_BESIDE} AND d.fed_at < :low"
    " AND (s.rank IS NULL OR s.rank < d.rank)"
)


class Placed(NamedTuple):
    """A row and what it claims."""

    key: bytes
    kind: int
    id: bytes
    rank: int
    token: bytes


#: Whether a row may stay though the feed does not know it.
Genuine = Callable[[Placed], bool]


def purge(
    connection: sqlite3.Connection,
    snapshot: Path,
    after_step: Callable[[str], None] = lambda _step: None,
    genuine: Genuine = lambda _row: True,
) -> None:
    """Let rows go that ``snapshot``, which the pointer names, makes needless."""
    connection.execute("ATTACH ? AS named", (reader_uri(snapshot, immutable=True),))
    try:
        fed = "s.fed" if _has_fed(connection) else "NULL"
        after = 0
        while (upto := connection.execute(_SOME, (after, PURGE_ROWS)).fetchone()[0]) is not None:
            bounds, marks = {"after": after, "upto": upto}, read_marks(connection)
            in_transaction(connection, partial(_purge_some, connection, fed, bounds, marks, genuine))
            after_step("purged")
            after = upto
    finally:
        connection.execute("DETACH named")


def _purge_some(
    connection: sqlite3.Connection, fed: str, bounds: dict[str, int], marks: Marks, genuine: Genuine
) -> None:
    bound = bounds | marks._asdict()
    connection.execute(_COVERED.replace("FED", fed), bound)
    for rowid, *row in connection.execute(_UNOPENED, bound).fetchall():
        if not genuine(Placed(*row)):
            connection.execute("DELETE FROM main.statement WHERE rowid = ?", (rowid,))


def _has_fed(connection: sqlite3.Connection) -> bool:
    found = connection.execute("SELECT 1 FROM pragma_table_info('statement', 'named') WHERE name = 'fed'")
    return found.fetchone() is not None

"""What central must remember to issue rightly: revisions of rights, numbers of denials. SQLite."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

migrations = Migrations("gated.central")


@migrations(name="0001_numbers")
def _numbers(db: Database) -> None:
    # The highest number handed out for a key: a binding's index, a right's id, a denial's target.
    db.execute(
        "CREATE TABLE number (sector TEXT NOT NULL, what TEXT NOT NULL, key BLOB NOT NULL,"
        " number INTEGER NOT NULL, PRIMARY KEY (sector, what, key)) WITHOUT ROWID"
    )


@migrations(name="0002_revoked")
def _revoked(db: Database) -> None:
    # Targets refused for good.
    db.execute(
        "CREATE TABLE revoked (sector TEXT NOT NULL, what TEXT NOT NULL, key BLOB NOT NULL,"
        " PRIMARY KEY (sector, what, key)) WITHOUT ROWID"
    )


class Ledger:
    """Central's memory. Several commands may use it side by side."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None, timeout=5.0)
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=FULL")
        database = Database(self._connection)
        if migrations.pending(database):
            migrations.apply(database)

    def next(self, sector: str, what: str, key: bytes) -> int:
        """The next number, from 0, durable before it is used: a number is never handed out twice."""
        rows = self._connection.execute(
            "INSERT INTO number VALUES (?, ?, ?, 0)"
            " ON CONFLICT (sector, what, key) DO UPDATE SET number = number + 1 RETURNING number",
            (sector, what, key),
        )
        return int(rows.fetchall()[0][0])

    def revoke(self, sector: str, what: str, key: bytes) -> None:
        """Remember that a target is refused for good, durable before anybody is told."""
        self._connection.execute("INSERT OR IGNORE INTO revoked VALUES (?, ?, ?)", (sector, what, key))

    def is_revoked(self, sector: str, what: str, key: bytes) -> bool:
        """Whether a target is refused for good."""
        found = self._connection.execute(
            "SELECT 1 FROM revoked WHERE sector = ? AND what = ? AND key = ?", (sector, what, key)
        )
        return found.fetchone() is not None

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

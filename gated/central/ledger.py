"""Central's memory: one SQLite file, which several commands and workers use side by side.

This file has the connection and what issuing must remember: revisions of rights, numbers of denials. The
rest of the tables stands in ``ledger_statements``, ``ledger_gates`` and ``ledger_events``.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from gated.central.ledger_schema import migrations
from gated.errors import StoreError

#: Its name in an office's directory.
LEDGER = "central.db"
#: How long to wait while another worker writes. A commit takes milliseconds; beyond this something is stuck.
BUSY_S = 5.0
#: Bunches of batches are larger than SQLite's usual 1000 pages, which would then be copied at each commit.
_CHECKPOINT_PAGES = 8000
_ATTEMPTS = 50

_HINTS = {
    sqlite3.SQLITE_BUSY: "another process holds it: is a backup or a long command running?",
    sqlite3.SQLITE_FULL: "make room on the disk",
    sqlite3.SQLITE_READONLY: "it must belong to the user that runs this, and the disk must not be read-only",
}
_OTHER = "check that file, its owner and its disk; what was not acknowledged is told again by the gates"


class Ledger:
    """The file. Used by one thread at a time; each worker and command has its own.

    What it raises is ``StoreError``; opening raises ``sqlite3.Error``.
    """

    def __init__(self, path: Path, *, busy_s: float = BUSY_S) -> None:
        self.path = path
        self._connection = sqlite3.connect(
            path, isolation_level=None, timeout=busy_s, check_same_thread=False
        )
        try:
            _use_wal(self._connection)
            self._connection.execute("PRAGMA synchronous=FULL")
            self._connection.execute(f"PRAGMA wal_autocheckpoint={_CHECKPOINT_PAGES}")
            database = Database(self._connection)
            if migrations.pending(database):
                self._connection.execute("BEGIN IMMEDIATE")  # one of several that start at once
                migrations.apply(database)
                self._connection.execute("COMMIT")
        except BaseException:
            self._connection.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    # -------------------------------------------------------------- for the other ledger modules

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of it, durable at the end, or nothing. One within another is a part of it.

        It holds the only right to write from its beginning, so workers wait for each other and never
        deadlock; after ``BUSY_S`` the wait ends with ``StoreError``.
        """
        if self._is_open():
            yield
            return
        self.execute("BEGIN IMMEDIATE")
        try:
            yield
            self.execute("COMMIT")
        except BaseException:
            # A failed COMMIT has already rolled back, or not: both are possible, both end here.
            if self._is_open():
                self._connection.execute("ROLLBACK")
            raise

    @contextmanager
    def picture(self) -> Iterator[None]:
        """All that is read within belongs to one moment, while others go on writing."""
        if self._is_open():
            yield
            return
        self.execute("BEGIN")
        try:
            yield
        finally:
            self.execute("ROLLBACK")

    def _is_open(self) -> bool:
        return self._connection.in_transaction

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """What a query finds."""
        with self._errors():
            return self._connection.execute(sql, parameters).fetchall()

    def each(self, sql: str, parameters: Sequence[Any] = ()) -> Iterator[tuple[Any, ...]]:
        """What a query finds, row by row: it may be more than memory holds."""
        with self._errors():
            yield from self._connection.execute(sql, parameters)

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Change something; the id of a new row."""
        with self._errors():
            return self._connection.execute(sql, parameters).lastrowid or 0

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Change much."""
        with self._errors():
            self._connection.executemany(sql, rows)

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_MISUSE) & 0xFF
            name = getattr(error, "sqlite_errorname", type(error).__name__)
            raise StoreError(
                f"{self.path} cannot be used ({name}: {error})", hint=_HINTS.get(code, _OTHER)
            ) from error

    # -------------------------------------------------------------- numbers

    def next(self, sector: str, what: str, key: bytes) -> int:
        """The next number, from 0, durable before anybody is told: a number is never handed out twice."""
        rows = self.rows(
            "INSERT INTO number VALUES (?, ?, ?, 0)"
            " ON CONFLICT (sector, what, key) DO UPDATE SET number = number + 1 RETURNING number",
            (sector, what, key),
        )
        return int(rows[0][0])

    def revoke(self, sector: str, what: str, key: bytes) -> None:
        """Remember that a target is refused for good, durable before anybody is told."""
        self.execute("INSERT OR IGNORE INTO revoked VALUES (?, ?, ?)", (sector, what, key))

    def is_revoked(self, sector: str, what: str, key: bytes) -> bool:
        """Whether a target is refused for good."""
        found = self.rows(
            "SELECT 1 FROM revoked WHERE sector = ? AND what = ? AND key = ?", (sector, what, key)
        )
        return bool(found)


def _use_wal(connection: sqlite3.Connection) -> None:
    """Of a new file only one may do it, and SQLite waits for nobody here: so wait for a lock instead."""
    for _ in range(_ATTEMPTS):
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
        else:
            return
        with suppress(sqlite3.OperationalError):
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
    connection.execute("PRAGMA journal_mode=WAL")

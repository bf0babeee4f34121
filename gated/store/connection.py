"""Connections with the pragmas that each file's lifetime asks for, and what their errors mean."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from gated.errors import StoreError

if TYPE_CHECKING:
    from sqlite_utils.migrations import Migrations

#: Another process (an import beside the daemon) holds a write lock for milliseconds; a second is plenty.
BUSY_S = 1.0

#: The only codes that speak of the file's content. All others speak of the disk, the owner or the moment.
DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)

_ROOM = "make room on the disk: docs/how-to/recover-a-full-disk.md"
_OWNER = "it must be there and belong to the daemon's user (ls -l), and the disk must not be read-only"
_BUSY = "another process holds it: wait for it and try again"
_DAMAGED = "restart the gate: damaged files are set aside"
_OTHER = "is the disk failing? see dmesg, and docs/how-to/recover-a-full-disk.md"
_HINTS = {
    sqlite3.SQLITE_FULL: _ROOM,
    sqlite3.SQLITE_IOERR_SHMSIZE: _ROOM,  # no room for the index of the write-ahead log (measured)
    sqlite3.SQLITE_READONLY: _OWNER,
    sqlite3.SQLITE_CANTOPEN: _OWNER,
    sqlite3.SQLITE_PERM: _OWNER,
    sqlite3.SQLITE_AUTH: _OWNER,
    sqlite3.SQLITE_BUSY: _BUSY,
    sqlite3.SQLITE_LOCKED: _BUSY,
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
}


def open_writer(path: Path, migrations: Migrations, page_bytes: int = 4096) -> sqlite3.Connection:
    """Open a file for its writer and bring its schema up to date.

    WAL with ``synchronous=FULL`` is one fdatasync per commit and loses nothing at a power cut;
    NORMAL lost rows in 40 of 60 simulated cuts. ``secure_delete`` because erased must mean gone.
    """
    # By its URI, so that a snapshot can be attached by one that says immutable.
    connection = _connect(f"{path.absolute().as_uri()}?mode=rwc", uri=True)
    try:
        connection.execute(f"PRAGMA page_size={page_bytes}")  # of a new file; an old one keeps its own
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA secure_delete=ON")
        connection.execute("PRAGMA foreign_keys=ON")
        from sqlite_utils import Database  # noqa: PLC0415  # whoever only reads is spared its weight

        database = Database(connection)
        if migrations.pending(database):
            migrations.apply(database)
    except BaseException:
        connection.close()
        raise
    return connection


def open_reader(path: Path, *, immutable: bool = False) -> sqlite3.Connection:
    """Open a live file for reading only, or a snapshot, which never changes under its name."""
    return _connect(reader_uri(path, immutable=immutable), uri=True)


def reader_uri(path: Path, *, immutable: bool) -> str:
    """How SQLite is told to read a file. Of an immutable one it takes no locks and looks for no WAL."""
    return f"{path.absolute().as_uri()}?mode=ro" + ("&immutable=1" if immutable else "")


def _connect(target: str, *, uri: bool) -> sqlite3.Connection:
    connection = sqlite3.connect(
        target, uri=uri, isolation_level=None, timeout=BUSY_S, check_same_thread=False
    )
    try:
        # Python's own rows are tuples; a cache of statements is what makes them "prepared".
        connection.execute("PRAGMA cache_size=-4000")
    except BaseException:
        connection.close()
        raise
    return connection


def in_transaction(connection: sqlite3.Connection, work: Callable[[], object]) -> None:
    """Do ``work`` in one transaction: all of it, or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        work()
        connection.execute("COMMIT")
    except BaseException:
        # A failed COMMIT has already rolled back, or not: both are possible, both end here.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def primary_code(error: sqlite3.Error) -> int:
    """SQLite's result code without its extension. What Python itself raises has none and counts as misuse."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_MISUSE) & 0xFF


def store_error(path: Path, error: sqlite3.Error, done: str) -> StoreError:
    """What could not be ``done`` (read, written) with a file, and why; the code decides on the hint."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_MISUSE)
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    hint = _HINTS.get(code) or _HINTS.get(primary_code(error), _OTHER)
    return StoreError(f"{path} cannot be {done} ({name}: {error})", hint=hint)


@contextmanager
def errors_of(path: Path, done: str) -> Iterator[None]:
    """Raise what SQLite says of a file as ``StoreError``."""
    try:
        yield
    except sqlite3.Error as error:
        raise store_error(path, error, done) from error

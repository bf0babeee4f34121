"""Folding the delta into a new snapshot, so that a power cut at any step loses nothing.

The steps: 1 build beside, under a new name; 2 make it durable; 3 the pointer names it, in one
transaction of ``delta.db``; 4 rows it covers leave the delta, few at a time; 5 the old snapshot goes.
A crash before 3 leaves an unnamed file, which the next start removes; a crash after 3 leaves rows and
a file too many, which do no harm. A statement that arrives while the snapshot is built bears a
higher position than the snapshot covers, so step 4 leaves it where it is.

A snapshot is never renamed over another: readers may have it open (ADR 0005).
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path

from gated.errors import StoreError
from gated.store.cache import read_pointer
from gated.store.connection import errors_of, in_transaction, open_reader, open_writer
from gated.store.directory import DELTA, FOLDING, SNAPSHOTS, held, sync_directory
from gated.store.feed_marks import COUNTED, Marks, read_marks
from gated.store.purge import purge
from gated.store.schema import SNAPSHOT_TABLE, cache_migrations

_BUILD_PAGES = 2000
_PREFIX, _SUFFIX = SNAPSHOTS.split("*")
_IN_ORDER = "SELECT key, kind, id, rank, token, position, FED FROM statement ORDER BY key, kind, id"

#: (key, kind number, id, rank, token, position, rank as the feed said it or None)
StatementRow = tuple[bytes, int, bytes, int, bytes, int, int | None]
Step = Callable[[str], None]


def fold(directory: Path, after_step: Step = lambda _step: None) -> str:
    """Build and activate a snapshot of all that the cache holds. Returns the name of the one that counts.

    An incomplete cache is left as it is: what a fold would remove may be wanted yet.
    ``after_step`` is told the name of each step that was made; tests cut the power there.
    Raises ``StoreError``.
    """
    with held(directory / FOLDING) as alone:
        if not alone:
            raise StoreError("another process is building a snapshot", hint="wait for it and try again")
        return _fold_alone(directory, after_step)


def _fold_alone(directory: Path, after_step: Step) -> str:
    delta = directory / DELTA
    try:
        with errors_of(delta, "written"), closing(open_writer(delta, cache_migrations)) as connection:
            return _fold(directory, connection, after_step)
    except OSError as error:
        raise StoreError(
            f"{error.filename or directory} cannot be written ({error.strerror})",
            hint="see docs/how-to/recover-a-full-disk.md",
        ) from error


def _fold(directory: Path, connection: sqlite3.Connection, after_step: Step) -> str:
    delta = directory / DELTA
    connection.execute("BEGIN")
    old, position, complete = read_pointer(connection, delta)
    (generation,) = connection.execute("SELECT generation FROM feed").fetchone()
    # Two snapshots never bear one name: a reader that holds the one would take the other for it.
    name = f"{_PREFIX}{position}{f'.{generation}' if generation else ''}{_SUFFIX}"
    if name == old or not complete:
        connection.execute("COMMIT")
        return old
    rows = _merged(rows_of(directory, old), _delta_rows(connection, read_marks(connection)))
    write_snapshot(directory / name, rows, after_step)
    connection.execute("COMMIT")  # the reading transaction: it held one picture of the delta
    point = "UPDATE pointer SET snapshot = ?, covers = ?"
    in_transaction(connection, lambda: connection.execute(point, (name, position)))
    after_step("pointed")
    purge(connection, directory / name, after_step)
    remove_unnamed(directory, name)
    after_step("removed")
    return name


def write_snapshot(path: Path, rows: Iterable[StatementRow], after_step: Step = lambda _step: None) -> None:
    """Write rows, sorted by (key, kind, id), into a new snapshot and make it durable, or leave nothing.

    Raises ``StoreError`` and ``OSError``.
    """
    path.unlink(missing_ok=True)  # left by a crash before it was named
    try:
        with errors_of(path, "written"):
            _fill(path, rows)
        after_step("built")
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
        sync_directory(path.parent)
    except BaseException:
        # Half a snapshot would keep a full disk full.
        path.unlink(missing_ok=True)
        raise
    after_step("durable")


def _fill(path: Path, rows: Iterable[StatementRow]) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as new:
        new.execute("PRAGMA journal_mode=OFF")
        new.execute("PRAGMA synchronous=OFF")
        new.execute(f"PRAGMA cache_size={_BUILD_PAGES}")
        new.execute(SNAPSHOT_TABLE)
        new.execute("BEGIN")
        new.executemany("INSERT INTO statement VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        new.execute("COMMIT")


def remove_unnamed(directory: Path, named: str) -> None:
    """Remove snapshots that the pointer does not name: left by a crash, or done with.

    Only while nobody builds one (``FOLDING`` is held) and the cache is complete: of an incomplete one
    they may hold the last trace of a denial.
    """
    for path in directory.glob(SNAPSHOTS):
        if path.name != named:
            path.unlink()


def rows_of(directory: Path, snapshot: str) -> Iterator[StatementRow]:
    """The rows of a snapshot in order; none where its name is empty. Raises ``StoreError``."""
    if not snapshot:
        return
    path = directory / snapshot
    with errors_of(path, "read"), closing(open_reader(path, immutable=True)) as connection:
        fed = "fed" if says_what_was_fed(connection) else "NULL"
        yield from connection.execute(_IN_ORDER.replace("FED", fed))


def says_what_was_fed(connection: sqlite3.Connection, schema: str = "main") -> bool:
    """Whether a snapshot has the column: those of earlier releases do not."""
    found = connection.execute(
        "SELECT 1 FROM pragma_table_info('statement', ?) WHERE name = 'fed'", (schema,)
    )
    return found.fetchone() is not None


def _delta_rows(connection: sqlite3.Connection, marks: Marks) -> Iterator[StatementRow]:
    yield from connection.execute(_IN_ORDER.replace("FED", COUNTED), marks._asdict())


def _merged(left: Iterator[StatementRow], right: Iterator[StatementRow]) -> Iterator[StatementRow]:
    """Both in one order; of two rows of one place the one of higher rank, of equals the newer."""
    a, b = next(left, None), next(right, None)
    while a is not None or b is not None:
        if b is None or (a is not None and a[:3] < b[:3]):
            assert a is not None
            yield a
            a = next(left, None)
        elif a is None or b[:3] < a[:3]:
            yield b
            b = next(right, None)
        else:
            fed = max((one[6] for one in (a, b) if one[6] is not None), default=None)
            yield (*max(b, a, key=lambda row: row[3])[:6], fed)
            a, b = next(left, None), next(right, None)

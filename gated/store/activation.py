"""A snapshot of the feed begins to count, so that a power cut at any step loses nothing.

The steps, where ``store/building.py`` has left a durable file beside: 1 it takes a name that no snapshot ever
had; 2 one transaction of ``delta.db`` names it, and its head, and begins a generation in which no older
mark counts; 3 rows that it covers leave the delta, few at a time; 4 the old snapshot and the spool go. After
a crash before 2 the old one counts, and an unnamed file goes at the next start; after it the new one does.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from gated.errors import StoreError
from gated.store.cache import read_pointer
from gated.store.connection import errors_of, in_transaction, open_writer
from gated.store.directory import DELTA, SNAPSHOTS, sync_directory
from gated.store.feed import Applied
from gated.store.purge import Genuine, purge
from gated.store.schema import cache_migrations
from gated.store.snapshot import Step, remove_unnamed

_PREFIX, _SUFFIX = SNAPSHOTS.split("*")


def activate(
    directory: Path,
    built: Path,
    applied: Applied,
    rows: int,
    genuine: Genuine,
    after_step: Step = lambda _step: None,
) -> None:
    """Let the snapshot in ``built`` count, which agrees with the head in ``applied``. Raises ``StoreError``.

    The caller holds ``FOLDING``. ``genuine`` says whether a row that the feed does not know may stay.
    """
    delta = directory / DELTA
    try:
        with errors_of(delta, "written"), closing(open_writer(delta, cache_migrations)) as connection:
            (generation,) = connection.execute("SELECT generation + 1 FROM feed").fetchone()
            name = _fresh_name(directory, generation)
            built.rename(directory / name)
            sync_directory(directory)
            after_step("named")
            _point(connection, delta, name, applied, rows)
            after_step("pointed")
            purge(connection, directory / name, after_step, genuine)
        remove_unnamed(directory, name)
        after_step("removed")
    except OSError as error:
        raise StoreError(
            f"{error.filename or directory} cannot be written ({error.strerror})",
            hint="see docs/how-to/recover-a-full-disk.md",
        ) from error


def _fresh_name(directory: Path, generation: int) -> str:
    """A reader that holds a snapshot of one name would take another of that name for it."""
    number = 0
    while True:
        name = f"{_PREFIX}feed-{generation}{f'.{number}' if number else ''}{_SUFFIX}"
        if not (directory / name).exists():
            return name
        number += 1


def _point(connection: sqlite3.Connection, delta: Path, name: str, applied: Applied, rows: int) -> None:
    def point() -> None:
        _, position, _ = read_pointer(connection, delta)
        connection.execute("UPDATE pointer SET snapshot = ?, covers = position, complete = 1", (name,))
        connection.execute(
            "UPDATE feed SET head = ?, version = ?, position = ?, at = ?, seen = ?,"
            " generation = generation + 1",
            (applied.token, applied.version, applied.position, applied.at, position),
        )
        connection.execute(
            "INSERT INTO intake (accepted, known, refused, time_token) VALUES (?, 0, '{}', NULL)", (rows,)
        )

    in_transaction(connection, point)

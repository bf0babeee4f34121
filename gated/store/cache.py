"""What central gave the gate, recalled at a tap: an immutable snapshot and what came after it.

The two are read as one: ``delta.db`` in a read transaction, the snapshot attached beside it. Rows
leave the delta only after the pointer, in the same file, names a snapshot that covers them; so a
transaction that sees the old pointer still sees the rows, and nothing falls in between.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

from gated.errors import StoreError
from gated.model.statement import KIND_NUMBERS, Kind
from gated.store.connection import errors_of, open_reader, reader_uri, store_error
from gated.store.directory import DELTA

_KINDS = {number: kind for kind, number in KIND_NUMBERS.items()}

#: Keys that are looked up with one statement. A pass has few rights.
_SLICE = 16
_DELTA_ONLY = "SELECT key, kind, id, rank, token FROM main.statement WHERE key IN (KEYS)"
_BOTH = (
    "SELECT key, kind, id, rank, token FROM main.statement WHERE key IN (KEYS)"
    " UNION ALL SELECT key, kind, id, rank, token FROM snapshot.statement WHERE key IN (KEYS)"
)


def _for_each_count(query: str) -> tuple[str, ...]:
    counts = range(_SLICE + 1)
    return tuple(query.replace("KEYS", ", ".join(f"?{at + 1}" for at in range(count))) for count in counts)


_QUERIES_DELTA_ONLY, _QUERIES_BOTH = _for_each_count(_DELTA_ONLY), _for_each_count(_BOTH)
_POINTER = "SELECT snapshot, position, complete FROM pointer"
# At each tap: where it points to, and whether anything is known of uses elsewhere.
_PICTURE = (
    "SELECT snapshot, position, complete,"
    " EXISTS (SELECT 1 FROM used) OR EXISTS (SELECT 1 FROM people) FROM pointer"
)


class Token(NamedTuple):
    """A row of the cache. Nothing in it is believed before it was opened."""

    key: bytes
    kind: Kind
    token: bytes
    id: bytes
    rank: int


def read_pointer(connection: sqlite3.Connection, path: Path) -> tuple[str, int, bool]:
    """(name of the snapshot that counts, newest position, complete). Raises ``StoreError``."""
    snapshot, position, complete, *_ = _checked(connection.execute(_POINTER).fetchone(), path)
    return snapshot, position, bool(complete)


def _checked(row: tuple[Any, ...] | None, path: Path) -> tuple[Any, ...]:
    if row is None or type(row[0]) is not str or type(row[1]) is not int:
        raise StoreError(
            f"{path} names no snapshot: its pointer was edited",
            hint="stop the gate, move this file away, start the gate and import a full file with --complete",
        )
    return row


class Cache:
    """Recalls tokens by key. One per lane: used by one thread. All it raises is ``StoreError``."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._path = directory / DELTA
        with errors_of(self._path, "read"):
            self._connection = open_reader(self._path)
        self._attached = ""
        self._queries = _QUERIES_DELTA_ONLY
        #: Whether, in this picture, anything is known of uses elsewhere.
        self.knows_elsewhere = False

    def __enter__(self) -> Self:
        """Begin one picture of the cache; all that is recalled until the end belongs to it.

        Raises ``StoreError``, also where a damaged file was set aside and nothing replaced it yet:
        an empty list of denials would be a lie.
        """
        try:
            complete = self._begin()
        except sqlite3.Error as error:
            self._end()
            raise store_error(self._path, error, "read") from error
        except StoreError:
            self._end()
            raise
        if not complete:
            self._end()
            raise StoreError(
                "the cache is incomplete: a damaged file was set aside, or one was lost",
                hint="import a full file: gated stick import --complete FILE",
            )
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def recall(self, *keys: bytes) -> list[Token]:
        """Tokens under some keys, for each id the one of the highest rank. Raises ``StoreError``."""
        best: dict[tuple[object, ...], Token] = {}
        for first in range(0, len(keys), _SLICE):
            some = keys[first : first + _SLICE]
            try:
                rows = self._connection.execute(self._queries[len(some)], some).fetchall()
            except sqlite3.Error as error:
                raise store_error(self._path, error, "read") from error
            for row in rows:
                token = self._token(*row)
                place = row[:3]  # key, kind, id
                known = best.get(place)
                # Of equals the first: the delta's came later than the snapshot's.
                if known is None or token.rank > known.rank:
                    best[place] = token
        return list(best.values())

    def select(self, sql: str, values: Sequence[object]) -> list[Any]:
        """What another part of ``delta.db`` holds in this picture. Raises ``StoreError``."""
        try:
            return self._connection.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise store_error(self._path, error, "read") from error

    def close(self) -> None:
        """Close the files. Raises ``StoreError``."""
        with errors_of(self._path, "read"):
            self._connection.close()

    def _token(self, key: bytes, kind: object, row_id: object, rank: object, token: object) -> Token:
        """SQLite keeps what it is given, whatever the column says: an edited row may hold anything."""
        if (
            type(kind) is int
            and kind in _KINDS
            and type(row_id) is bytes
            and type(rank) is int
            and type(token) is bytes
        ):
            return Token(key, _KINDS[kind], token, row_id, rank)
        raise StoreError(
            f"{self._path} or its snapshot holds a row that no import wrote",
            hint="keep the files for whoever investigates: docs/how-to/replace-a-damaged-file.md",
        )

    def _begin(self) -> bool:
        """Whether the cache is complete."""
        while True:
            self._connection.execute("BEGIN")
            row = _checked(self._connection.execute(_PICTURE).fetchone(), self._path)
            snapshot, _, complete, self.knows_elsewhere = row
            if snapshot == self._attached:
                return bool(complete)
            self._connection.execute("COMMIT")
            self._attach(snapshot)

    def _end(self) -> None:
        try:
            if self._connection.in_transaction:
                self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise store_error(self._path, error, "read") from error

    def _attach(self, snapshot: str) -> None:
        if self._attached:
            self._connection.execute("DETACH snapshot")
            self._attached, self._queries = "", _QUERIES_DELTA_ONLY
        if snapshot:
            uri = reader_uri(self._directory / snapshot, immutable=True)
            self._connection.execute("ATTACH ? AS snapshot", (uri,))
            self._attached, self._queries = snapshot, _QUERIES_BOTH

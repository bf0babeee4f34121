"""What central gave the gate, recalled at a tap: an immutable snapshot and what came after it.

The two are read as one: ``delta.db`` in a read transaction, the snapshot attached beside it. Rows
leave the delta only after the pointer, in the same file, names a snapshot that covers them; so a
transaction that sees the old pointer still sees the rows, and nothing falls in between.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from gated.errors import StoreError
from gated.model.statement import Kind
from gated.store.connection import open_reader
from gated.store.directory import DELTA

#: How kinds stand in the table.
KIND_NUMBERS = {Kind.BINDING: 0, Kind.ENTITLEMENT: 1, Kind.DENIAL: 2}
_KINDS = {number: kind for kind, number in KIND_NUMBERS.items()}

_DELTA_ONLY = "SELECT kind, id, rank, token FROM main.statement WHERE key = ?1"
_BOTH = (
    "SELECT kind, id, rank, token FROM main.statement WHERE key = ?1"
    " UNION ALL SELECT kind, id, rank, token FROM snapshot.statement WHERE key = ?1"
)


@dataclass(frozen=True, slots=True)
class Token:
    """A row of the cache. Nothing in it is believed before it was opened."""

    kind: Kind
    token: bytes


class Cache:
    """Recalls tokens by key. One per lane: used by one thread."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        try:
            self._connection = open_reader(directory / DELTA)
        except sqlite3.Error as error:
            raise _unreadable(directory / DELTA, error) from error
        self._attached = ""
        self._query = _DELTA_ONLY

    def __enter__(self) -> Self:
        """Begin one picture of the cache; all that is recalled until the end belongs to it.

        Raises ``StoreError``, also where a damaged file was set aside and nothing replaced it yet:
        an empty list of denials would be a lie.
        """
        try:
            while True:
                self._connection.execute("BEGIN")
                snapshot, complete = self._connection.execute(
                    "SELECT snapshot, complete FROM pointer"
                ).fetchone()
                if snapshot == self._attached:
                    break
                self._connection.execute("COMMIT")
                self._attach(snapshot)
        except sqlite3.Error as error:
            self._end()
            raise _unreadable(self._directory / DELTA, error) from error
        if not complete:
            self._end()
            raise StoreError(
                "the cache is incomplete: a damaged file was set aside",
                hint="import a full file: gated stick import --complete FILE",
            )
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def recall(self, key: bytes) -> list[Token]:
        """Tokens under a key, for each id the one of the highest rank. Raises ``StoreError``."""
        try:
            rows = self._connection.execute(self._query, (key,)).fetchall()
        except sqlite3.Error as error:
            raise _unreadable(self._directory / DELTA, error) from error
        if len(rows) < 2:
            return [Token(_KINDS[kind], token) for kind, _, _, token in rows]
        best: dict[tuple[int, bytes], tuple[int, bytes]] = {}
        for kind, row_id, rank, token in rows:
            known = best.get((kind, row_id))
            if known is None or rank > known[0]:
                best[kind, row_id] = rank, token
        return [Token(_KINDS[kind], token) for (kind, _), (_, token) in best.items()]

    def close(self) -> None:
        """Close the files."""
        self._connection.close()

    def _end(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("COMMIT")

    def _attach(self, snapshot: str) -> None:
        if self._attached:
            self._connection.execute("DETACH snapshot")
            self._attached, self._query = "", _DELTA_ONLY
        if snapshot:
            # immutable: SQLite takes no locks on it and looks for no WAL; it never changes under its name.
            uri = f"{(self._directory / snapshot).absolute().as_uri()}?mode=ro&immutable=1"
            self._connection.execute("ATTACH ? AS snapshot", (uri,))
            self._attached, self._query = snapshot, _BOTH


def _unreadable(path: Path, error: sqlite3.Error) -> StoreError:
    return StoreError(
        f"{path} cannot be read ({error})", hint="restart the gate: damaged files are set aside"
    )

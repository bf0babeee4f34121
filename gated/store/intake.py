"""Taking statements in: each is opened first, and nothing older ever replaces anything newer."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path

from gated.errors import StoreError
from gated.model.refusal import Reason, Refusal
from gated.model.statement import Binding, Denial, Entitlement, Kind, Statement
from gated.store.cache import KIND_NUMBERS
from gated.store.connection import in_transaction, open_reader, open_writer
from gated.store.directory import DELTA
from gated.store.schema import cache_migrations

#: Statements taken in with one commit. Verifying 200 takes some 20 ms here and 80 ms on a Pi.
BATCH = 200
#: More rows than this in the delta are worth folding into a snapshot (``gated stick import`` does).
FOLD_AT = 20_000

#: Opens a token; whoever imports hands in keys and time.
Open = Callable[[bytes], Statement | Refusal]


@dataclass(slots=True)
class Intake:
    """What became of the statements of one import."""

    accepted: int = 0
    known: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    #: Place in the file (from 1) and reason of the first refusals, for the person who imports.
    examples: list[tuple[int, Refusal]] = field(default_factory=list)
    #: The statement with the newest signed time that may move the floor.
    time_token: bytes | None = None
    newest: int = 0


_MAX_EXAMPLES = 20


class StatementStore:
    """The writer of ``delta.db``. Used by one thread; other processes may read and write beside it."""

    def __init__(self, directory: Path, sector: str) -> None:
        self._directory = directory
        self._sector = sector
        self._path = directory / DELTA
        try:
            self._connection = open_writer(self._path, cache_migrations)
        except sqlite3.Error as error:
            raise _failed(self._path, error) from error

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def take_in(
        self,
        tokens: Iterable[bytes | Refusal],
        open_token: Open,
        moves_time: Callable[[bytes], bool] = lambda _token: False,
        progress: Callable[[int], None] = lambda _count: None,
    ) -> Intake:
        """Open tokens and keep those that are newer than what is here. Raises ``StoreError``.

        A token that is already a ``Refusal`` could not be read from its file and is counted.
        """
        result = Intake()
        numbered = enumerate(tokens, start=1)
        try:
            while batch := list(islice(numbered, BATCH)):
                opened = [
                    (number, token, token if isinstance(token, Refusal) else open_token(token))
                    for number, token in batch
                ]
                in_transaction(self._connection, partial(self._batch, opened, result, moves_time))
                progress(batch[-1][0])
            self._note(result)
        except sqlite3.Error as error:
            raise _failed(self._path, error) from error
        return result

    def mark(self, *, complete: bool) -> None:
        """Say whether denials may be missing: after a damaged file was set aside they may."""

        def work() -> None:
            self._connection.execute("UPDATE pointer SET complete = ?", (complete,))

        in_transaction(self._connection, work)

    def forget_snapshot(self) -> None:
        """The snapshot was set aside: nothing is named until a full file is imported."""

        def work() -> None:
            self._connection.execute("UPDATE pointer SET snapshot = '', covers = 0, complete = 0")

        in_transaction(self._connection, work)

    def snapshot(self) -> str:
        """The name of the snapshot that counts; empty = none yet."""
        return str(self._connection.execute("SELECT snapshot FROM pointer").fetchone()[0])

    def is_complete(self) -> bool:
        """Whether the cache holds all that central gave."""
        return bool(self._connection.execute("SELECT complete FROM pointer").fetchone()[0])

    def delta_rows(self) -> int:
        """Rows that no snapshot covers yet."""
        return int(self._connection.execute("SELECT count(*) FROM statement").fetchone()[0])

    def pending_intakes(self) -> Iterator[tuple[int, Intake]]:
        """Imports that the journal has not told yet, with their row's id."""
        rows = self._connection.execute(
            "SELECT id, accepted, known, refused, time_token FROM intake ORDER BY id"
        )
        for row_id, accepted, known, refused, token in rows.fetchall():
            yield row_id, Intake(accepted, known, Counter(json.loads(refused)), [], token)

    def told(self, intake_id: int) -> None:
        """The journal has told of this import."""

        def work() -> None:
            self._connection.execute("DELETE FROM intake WHERE id = ?", (intake_id,))

        in_transaction(self._connection, work)

    # -------------------------------------------------------------- one batch

    def _batch(
        self,
        opened: list[tuple[int, bytes | Refusal, Statement | Refusal]],
        result: Intake,
        moves_time: Callable[[bytes], bool],
    ) -> None:
        (position,) = self._connection.execute("SELECT position FROM pointer").fetchone()
        snapshot = self._snapshot_connection()
        try:
            for number, token, statement in opened:
                verdict = self._one(token, statement, position + 1, snapshot)
                if isinstance(verdict, Refusal):
                    result.refused[str(verdict.reason)] += 1
                    if len(result.examples) < _MAX_EXAMPLES:
                        result.examples.append((number, verdict))
                    continue
                if verdict:
                    position += 1
                    result.accepted += 1
                else:
                    result.known += 1
                assert isinstance(token, bytes)
                assert not isinstance(statement, Refusal)
                if statement.issued_at > result.newest and moves_time(token):
                    result.newest, result.time_token = statement.issued_at, token
        finally:
            if snapshot is not None:
                snapshot.close()
        self._connection.execute("UPDATE pointer SET position = ?", (position,))

    def _one(
        self,
        token: bytes | Refusal,
        statement: Statement | Refusal,
        position: int,
        snapshot: sqlite3.Connection | None,
    ) -> bool | Refusal:
        """True = kept, False = known already."""
        if isinstance(statement, Refusal):
            return statement
        if statement.sector != self._sector:
            return Refusal(Reason.FOREIGN_SECTOR, {"sector": statement.sector})
        kind, row_id = place_of(statement)
        key = (statement.key, KIND_NUMBERS[kind], row_id)
        known = self._known(self._connection, key)
        if snapshot is not None:
            known = max(filter(None, (known, self._known(snapshot, key))), default=None)
        if known is not None:
            rank, old = known
            if rank > statement.rank:
                return Refusal(Reason.OLDER_REVISION, {"has": rank, "offered": statement.rank})
            if rank == statement.rank:
                return False if old == token else Refusal(Reason.CONFLICTING_REVISION, {"revision": rank})
        self._connection.execute(
            "INSERT OR REPLACE INTO statement VALUES (?, ?, ?, ?, ?, ?)",
            (*key, statement.rank, token, position),
        )
        return True

    def _known(
        self, connection: sqlite3.Connection, key: tuple[bytes, int, bytes]
    ) -> tuple[int, bytes] | None:
        row: tuple[int, bytes] | None = connection.execute(
            "SELECT rank, token FROM statement WHERE key = ? AND kind = ? AND id = ?", key
        ).fetchone()
        return row

    def _snapshot_connection(self) -> sqlite3.Connection | None:
        name = self.snapshot()
        if not name:
            return None
        uri = f"{(self._directory / name).absolute().as_uri()}?mode=ro&immutable=1"
        return sqlite3.connect(uri, uri=True, isolation_level=None)

    def _note(self, result: Intake) -> None:
        def work() -> None:
            self._connection.execute(
                "INSERT INTO intake (accepted, known, refused, time_token) VALUES (?, ?, ?, ?)",
                (result.accepted, result.known, json.dumps(result.refused), result.time_token),
            )

        in_transaction(self._connection, work)


def cache_status(directory: Path) -> dict[str, str | int | bool]:
    """The cache in numbers. Raises ``StoreError``."""
    try:
        connection = open_reader(directory / DELTA)
        try:
            snapshot, position, complete = connection.execute(
                "SELECT snapshot, position, complete FROM pointer"
            ).fetchone()
            (rows,) = connection.execute("SELECT count(*) FROM statement").fetchone()
        finally:
            connection.close()
    except sqlite3.Error as error:
        raise StoreError(f"{directory / DELTA} cannot be read ({error})") from error
    return {"snapshot": snapshot, "position": position, "delta_rows": rows, "complete": bool(complete)}


def place_of(statement: Statement) -> tuple[Kind, bytes]:
    """The kind and the id under which a statement stands beside its key."""
    match statement:
        case Binding():
            return Kind.BINDING, b""
        case Entitlement():
            return Kind.ENTITLEMENT, statement.id
        case Denial():
            return Kind.DENIAL, bytes([statement.target_kind])


def _failed(path: Path, error: sqlite3.Error) -> StoreError:
    return StoreError(f"{path} cannot be written ({error})", hint="is there room on the disk?")

"""Taking statements in: each is opened first, and nothing older ever replaces anything newer."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path

from gated.errors import GatedError, StoreError
from gated.model.refusal import Reason, Refusal
from gated.model.statement import KIND_NUMBERS, Statement, place_of
from gated.store.cache import read_pointer
from gated.store.connection import errors_of, in_transaction, open_reader, open_writer
from gated.store.directory import DELTA
from gated.store.schema import cache_migrations

#: Statements taken in with one commit. Verifying 200 takes some 20 ms here and 80 ms on a Pi.
BATCH = 200
#: More rows than this in the delta are worth folding into a snapshot (``gated stick import`` does).
FOLD_AT = 20_000

#: Opens a token; whoever imports hands in keys and time.
Open = Callable[[bytes], Statement | Refusal]


_MAX_EXAMPLES = 20
#: Where statements stand: the file and a connection to it.
_Place = tuple[Path, sqlite3.Connection]


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
    #: What broke after these statements were taken in; they are in force all the same.
    trouble: GatedError | None = None

    def add(self, batch: Intake) -> None:
        """Count a batch that was taken in."""
        self.accepted += batch.accepted
        self.known += batch.known
        self.refused.update(batch.refused)
        self.examples += batch.examples[: _MAX_EXAMPLES - len(self.examples)]
        self.time_token = batch.time_token or self.time_token
        self.newest = batch.newest


class StatementStore:
    """The writer of ``delta.db``. Used by one thread; other processes may read and write beside it.

    All it raises is ``StoreError``.
    """

    def __init__(self, directory: Path, sector: str) -> None:
        self._directory = directory
        self._sector = sector
        self._path = directory / DELTA
        with errors_of(self._path, "written"):
            self._connection = open_writer(self._path, cache_migrations)

    def close(self) -> None:
        """Close the file."""
        with errors_of(self._path, "written"):
            self._connection.close()

    def take_in(
        self,
        tokens: Iterable[bytes | Refusal],
        open_token: Open,
        moves_time: Callable[[bytes], bool] = lambda _token: False,
        progress: Callable[[int], None] = lambda _count: None,
        *,
        only_new: bool = False,
    ) -> Intake:
        """Open tokens and keep those that are newer than what is here.

        A token that is already a ``Refusal`` could not be read from its file and is counted. Each batch
        is noted for the journal in its own transaction: what is in force is told, whatever comes after.
        A breakage after the first batch stands in the result. With ``only_new`` a batch that changed
        nothing is not noted: what strangers send must not fill the journal.
        """
        result = Intake()
        numbered = enumerate(tokens, start=1)
        while batch := list(islice(numbered, BATCH)):
            opened = [
                (number, token, token if isinstance(token, Refusal) else open_token(token))
                for number, token in batch
            ]
            part = Intake(newest=result.newest)
            try:
                with errors_of(self._path, "written"):
                    in_transaction(
                        self._connection,
                        partial(self._batch, opened, part, open_token, moves_time, only_new=only_new),
                    )
            except StoreError as error:
                if batch[0][0] == 1:
                    raise
                result.trouble = error
                break
            result.add(part)
            progress(batch[-1][0])
        return result

    def mark(self, *, complete: bool) -> None:
        """Say whether denials may be missing: after a damaged file was set aside they may."""
        self._change("UPDATE pointer SET complete = ?", complete)

    def forget_snapshot(self, name: str) -> None:
        """This snapshot is gone: nothing is named until a full file is imported."""
        self._change(
            "UPDATE feed SET head = x'' WHERE EXISTS (SELECT 1 FROM pointer WHERE snapshot = ?)", name
        )
        self._change("UPDATE pointer SET snapshot = '', covers = 0, complete = 0 WHERE snapshot = ?", name)

    def snapshot(self) -> str:
        """The name of the snapshot that counts; empty = none yet."""
        return self._pointer()[0]

    def is_complete(self) -> bool:
        """Whether the cache holds all that central gave."""
        return self._pointer()[2]

    def position(self) -> int:
        """How many statements were ever accepted: grows with each."""
        return self._pointer()[1]

    def delta_rows(self) -> int:
        """Rows that no snapshot covers yet."""
        with errors_of(self._path, "read"):
            return int(self._connection.execute("SELECT count(*) FROM statement").fetchone()[0])

    def pending_intakes(self) -> list[tuple[int, Intake]]:
        """Batches that the journal has not told yet, with their row's id, which grows."""
        with errors_of(self._path, "read"):
            rows = self._connection.execute(
                "SELECT id, accepted, known, refused, time_token FROM intake ORDER BY id"
            ).fetchall()
        try:
            return [(row[0], _noted(*row[1:])) for row in rows]
        except (AttributeError, TypeError, ValueError) as error:
            raise StoreError(f"{self._path} holds an intake that no import wrote ({error})") from error

    def told(self, upto: int) -> None:
        """The journal has told of the batches up to this id."""
        self._change("DELETE FROM intake WHERE id <= ?", upto)

    def _pointer(self) -> tuple[str, int, bool]:
        with errors_of(self._path, "read"):
            return read_pointer(self._connection, self._path)

    def _change(self, sql: str, value: int | str) -> None:
        with errors_of(self._path, "written"):
            in_transaction(self._connection, lambda: self._connection.execute(sql, (value,)))

    # -------------------------------------------------------------- one batch

    def _batch(
        self,
        opened: list[tuple[int, bytes | Refusal, Statement | Refusal]],
        result: Intake,
        open_token: Open,
        moves_time: Callable[[bytes], bool],
        *,
        only_new: bool,
    ) -> None:
        snapshot, position, _ = self._pointer()
        with self._places(snapshot) as places:
            for number, token, statement in opened:
                verdict = self._one(token, statement, position + 1, places, open_token)
                if isinstance(verdict, Refusal):
                    result.refused[str(verdict.reason)] += 1
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
        if only_new and not result.accepted:
            return
        self._connection.execute("UPDATE pointer SET position = ?", (position,))
        self._connection.execute(
            "INSERT INTO intake (accepted, known, refused, time_token) VALUES (?, ?, ?, ?)",
            (result.accepted, result.known, json.dumps(result.refused), result.time_token),
        )

    def _one(
        self,
        token: bytes | Refusal,
        statement: Statement | Refusal,
        position: int,
        places: Sequence[_Place],
        open_token: Open,
    ) -> bool | Refusal:
        """True = kept, False = known already."""
        if isinstance(statement, Refusal):
            return statement
        if statement.sector != self._sector:
            return Refusal(Reason.FOREIGN_SECTOR, {"sector": statement.sector})
        kind, row_id = place_of(statement)
        key = (statement.key, KIND_NUMBERS[kind], row_id)
        known = [found for place in places if (found := _known(place, key)) is not None]
        if known:
            rank, old = max(known, key=lambda found: found[0])
            if rank > statement.rank:
                return Refusal(Reason.OLDER_REVISION, {"has": rank, "offered": statement.rank})
            if rank == statement.rank:
                # The statements are compared, not the bytes: whoever holds an ES256 token can make a second
                # one of it that verifies, (r, n-s) for (r, s).
                there = statement if old == token else open_token(old)
                if there == statement:
                    return False
                # One that does not open gives nobody anything, and makes room for one that does.
                if not isinstance(there, Refusal):
                    return Refusal(Reason.CONFLICTING_REVISION, {"revision": rank})
        self._connection.execute(
            # What the feed has said of the place stands: it is no part of this statement.
            "INSERT INTO statement (key, kind, id, rank, token, position) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET"
            " rank = excluded.rank, token = excluded.token, position = excluded.position",
            (*key, statement.rank, token, position),
        )
        return True

    @contextmanager
    def _places(self, snapshot: str) -> Iterator[Sequence[_Place]]:
        """The delta and, behind it, the snapshot."""
        delta = (self._path, self._connection)
        if not snapshot:
            yield [delta]
            return
        path = self._directory / snapshot
        with errors_of(path, "read"):
            connection = open_reader(path, immutable=True)
        try:
            yield [delta, (path, connection)]
        finally:
            connection.close()


def _known(place: _Place, key: tuple[bytes, int, bytes]) -> tuple[int, bytes] | None:
    path, connection = place
    with errors_of(path, "read"):
        row: tuple[int, bytes] | None = connection.execute(
            # As what they should be: in an edited row they may be anything.
            "SELECT ifnull(CAST(rank AS INTEGER), -1), ifnull(CAST(token AS BLOB), x'') FROM statement"
            " WHERE key = ? AND kind = ? AND id = ?",
            key,
        ).fetchone()
    return row


def _noted(accepted: int, known: int, refused: str, token: bytes | None) -> Intake:
    counts = {str(reason): int(count) for reason, count in json.loads(refused).items()}
    return Intake(int(accepted), int(known), Counter(counts), [], token if isinstance(token, bytes) else None)


def cache_status(directory: Path) -> dict[str, str | int | bool]:
    """The cache in numbers. Raises ``StoreError``."""
    path = directory / DELTA
    with errors_of(path, "read"), closing(open_reader(path)) as connection:
        snapshot, position, complete = read_pointer(connection, path)
        (rows,) = connection.execute("SELECT count(*) FROM statement").fetchone()
    return {"snapshot": snapshot, "position": position, "delta_rows": rows, "complete": complete}

"""How far the feed has come in this cache, and how a few statements of it are taken in.

``apply`` in steps: 1 the rows are in force, and bear marks that do not count yet; 2 the set they make is
compared with the head's; 3 one row names the head, and the marks count. A crash before 3 leaves statements in
force that are as genuine as any (each is verified at every tap), and the old head with its old set.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

from gated.errors import StoreError
from gated.model.statement import Row
from gated.store.cache import read_pointer
from gated.store.connection import errors_of, in_transaction, open_writer
from gated.store.directory import DELTA
from gated.store.feed_marks import Marks, read_marks
from gated.store.feed_set import FedSet, SetBuckets, attach_snapshot
from gated.store.schema import cache_migrations
from gated.store.snapshot import says_what_was_fed
from gated.wire.setdigest import bucket_of

#: Rows of one transaction: a writer of live statements waits a few milliseconds at most.
STEP_ROWS = 200
#: Buckets that are read at once before a head is applied; some 0.6 ms each with two million rows.
MOST_BUCKETS = 300

_BRING = (
    "INSERT INTO statement (key, kind, id, rank, token, position, fed, fed_at)"
    " VALUES (:key, :kind, :id, :rank, :token, :position, :fed, :fed_at) ON CONFLICT DO UPDATE SET"
    " token = CASE WHEN excluded.rank >= rank THEN excluded.token ELSE token END,"
    " position = CASE WHEN excluded.rank > rank THEN excluded.position ELSE position END,"
    " rank = max(rank, excluded.rank),"
    " was = CASE WHEN excluded.fed IS NOT NULL AND fed_at BETWEEN :low AND :high THEN fed ELSE was END,"
    " was_at = CASE WHEN excluded.fed IS NOT NULL AND fed_at BETWEEN :low AND :high THEN fed_at"
    " ELSE was_at END,"
    " fed = coalesce(excluded.fed, fed), fed_at = coalesce(excluded.fed_at, fed_at)"
)
_RANKS = (
    "SELECT max(rank) FROM (SELECT rank FROM main.statement WHERE key = ?1 AND kind = ?2 AND id = ?3 {also})"
)
_ALSO = "UNION ALL SELECT rank FROM snapshot.statement WHERE key = ?1 AND kind = ?2 AND id = ?3"
# Of one that the feed confirms as it stands.
_CONFIRM = (
    "UPDATE statement SET fed = rank, fed_at = :fed_at,"
    " was = CASE WHEN fed_at BETWEEN :low AND :high THEN fed ELSE was END,"
    " was_at = CASE WHEN fed_at BETWEEN :low AND :high THEN fed_at ELSE was_at END"
    " WHERE key = :key AND kind = :kind AND id = :id AND rank = :rank"
)
_UNFED = (
    "SELECT key, kind, id, rank FROM statement WHERE (fed IS NULL OR fed < rank) AND position > ? LIMIT ?"
)


@dataclass(frozen=True, slots=True)
class Applied:
    """The head that the cache agrees with; ``token`` empty = none."""

    token: bytes = b""
    version: int = 0
    position: int = 0
    at: int = 0


@dataclass(frozen=True, slots=True)
class Promise:
    """What a head says of the set at its position."""

    position: int
    digest: bytes
    rows: int


class FeedStore:
    """The feed's writer of ``delta.db``. Used by one thread, beside other writers. Raises ``StoreError``."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._path = directory / DELTA
        self.buckets = SetBuckets()
        self._attached = ""
        with errors_of(self._path, "written"):
            self._connection = open_writer(self._path, cache_migrations)

    def close(self) -> None:
        """Close the file."""
        with errors_of(self._path, "written"):
            self._connection.close()

    @property
    def directory(self) -> Path:
        """The state directory."""
        return self._directory

    # -------------------------------------------------------------- how far it has come

    def applied(self) -> Applied:
        """The head that counts."""
        with errors_of(self._path, "read"):
            row = self._connection.execute("SELECT head, version, position, at FROM feed").fetchone()
        if row is None or tuple(map(type, row)) != (bytes, int, int, int) or not row[0]:
            return Applied()
        return Applied(*row)

    def marks(self) -> Marks:
        """The marks that count."""
        with errors_of(self._path, "read"):
            return read_marks(self._connection)

    def holds_anything(self) -> bool:
        """Whether a tap could find anything here: a denial is in a hurry only then."""
        with errors_of(self._path, "read"):
            snapshot, _, complete = read_pointer(self._connection, self._path)
            found = self._connection.execute("SELECT 1 FROM statement LIMIT 1").fetchone()
        return complete and (bool(snapshot) or found is not None)

    def doubt(self, head: bytes) -> None:
        """The set is not that of this head: admit nobody until the feed has brought it anew.

        Where another head counts by now, nothing is said of that. Empty: of whichever counts.
        """
        self._forget(head, "UPDATE pointer SET complete = 0")

    def forget_head(self, head: bytes) -> None:
        """Nobody can tell whether the set is right: it is fetched anew; what is here goes on to count."""
        self._forget(head, "")

    def _forget(self, head: bytes, also: str) -> None:
        def forget() -> None:
            ended = self._connection.execute(
                "UPDATE feed SET head = x'' WHERE head = ?1 OR ?1 = x''", (head,)
            )
            if also and ended.rowcount:
                self._connection.execute(also)

        with errors_of(self._path, "written"):
            in_transaction(self._connection, forget)

    # -------------------------------------------------------------- a few statements

    def bring(self, rows: Iterable[Row], *, marked: bool) -> set[int]:
        """Put rows in force where they are newer; ``marked``: the feed said so. The buckets they are in.

        A mark counts once the feed has come to the number of its row. Each step is a transaction of its own.
        """
        touched: set[int] = set()
        self._attach()
        remaining: Iterator[Row] = iter(rows)
        while some := list(islice(remaining, STEP_ROWS)):
            with errors_of(self._path, "written"):
                in_transaction(self._connection, partial(self._bring, some, marked=marked))
            touched.update(bucket_of(row.key) for row in some)
        return touched

    def _bring(self, rows: Sequence[Row], *, marked: bool) -> None:
        _, position, _ = read_pointer(self._connection, self._path)
        marks, new = read_marks(self._connection), 0
        ranks = _RANKS.format(also=_ALSO if self._attached else "")
        for row in rows:
            (known,) = self._connection.execute(ranks, row[:3]).fetchone()
            is_new = known is None or row.rank > known
            if not is_new and not marked:
                continue
            new += is_new
            place = dict(zip(("key", "kind", "id", "rank", "token"), row[:5], strict=True))
            mark = (
                {"fed": row.rank, "fed_at": marks.at(row.number)} if marked else {"fed": None, "fed_at": None}
            )
            bound = place | mark | marks._asdict() | {"position": position + new}
            self._connection.execute(_BRING, bound)
        if new:
            self._connection.execute("UPDATE pointer SET position = ?", (position + new,))
            self._note(new)

    def _note(self, accepted: int) -> None:
        self._connection.execute(
            "INSERT INTO intake (accepted, known, refused, time_token) VALUES (?, 0, ?, NULL)",
            (accepted, json.dumps({})),
        )

    def agrees(self, promise: Promise, touched: set[int], *, thorough: bool = False) -> bool | None:
        """Whether the set with all marks up to the promised position is the promised one.

        None: that cannot be said at once, for too many buckets have to be read; ``thorough`` reads them all.
        """
        unknown = self.buckets.unknown
        if not thorough and len(unknown) + len(touched) > MOST_BUCKETS:
            return None
        marks = self.marks()
        for number in unknown:
            self.buckets.put(number, *self._bucket(number, marks))
        changed = {number: self._bucket(number, marks.upto(promise.position)) for number in touched}
        digest, rows = self.buckets.total(changed)
        if (digest, rows) != (promise.digest, promise.rows):
            return False
        for number, found in changed.items():
            self.buckets.put(number, *found)
        return True

    def confirm_live(self, promise: Promise) -> set[int] | None:
        """Whether live statements are exactly what is missing to the promise; then they bear its marks.

        The buckets they are in, or None where they are not.
        """
        with errors_of(self._path, "read"):
            (seen,) = self._connection.execute("SELECT seen FROM feed").fetchone()
            found = self._connection.execute(_UNFED, (seen, MOST_BUCKETS + 1)).fetchall()
        touched = {bucket_of(key) for key, *_ in found}
        if len(self.buckets.unknown) + len(touched) > MOST_BUCKETS:
            return None
        # In a transaction that is rolled back where they are not: the marks of a guess would count later.
        self._attach()
        with errors_of(self._path, "written"):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                marks = read_marks(self._connection)
                for key, kind, row_id, rank in found:
                    bound = {"key": key, "kind": kind, "id": row_id, "rank": rank}
                    bound |= marks._asdict() | {"fed_at": marks.at(promise.position)}
                    self._connection.execute(_CONFIRM, bound)
                agreed = bool(self.agrees(promise, touched))
                self._connection.execute("COMMIT" if agreed else "ROLLBACK")
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
        return touched if agreed else None

    def advance(self, applied: Applied, base: bytes) -> None:
        """This head counts from now on in place of ``base``, and with it the marks up to its position.

        Raises ``StoreError`` where another head counts by now, or none: the set may have been found wrong.
        """
        changed = 0

        def point() -> None:
            nonlocal changed
            _, position, _ = read_pointer(self._connection, self._path)
            changed = self._connection.execute(
                "UPDATE feed SET head = ?, version = ?, position = ?, at = ?, seen = ? WHERE head = ?",
                (applied.token, applied.version, applied.position, applied.at, position, base),
            ).rowcount

        with errors_of(self._path, "written"):
            in_transaction(self._connection, point)
        if not changed:
            raise StoreError("the cache was changed by somebody else", hint="it is tried again")

    # -------------------------------------------------------------- inside

    def _attach(self) -> None:
        snapshot, _, _ = read_pointer(self._connection, self._path)
        if snapshot != self._attached:
            with errors_of(self._directory / snapshot, "read"):
                attach_snapshot(self._connection, self._directory / snapshot if snapshot else Path())
            self._attached = snapshot

    def _bucket(self, number: int, marks: Marks) -> tuple[bytes, int]:
        self._attach()
        with errors_of(self._path, "read"):
            fed = bool(self._attached) and says_what_was_fed(self._connection, "snapshot")
            return FedSet(self._connection, "snapshot" if fed else "").bucket(number, marks)

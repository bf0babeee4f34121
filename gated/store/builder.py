"""Builds a snapshot of the feed from the spool while the spool still grows; a process of its own.

Nothing it makes counts before the parent says so: it leaves a file beside, durable and compared with the
head: its order, its numbers, how many places it has and their digest as a set.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from operator import itemgetter
from pathlib import Path
from typing import Any

from gated.errors import StoreError
from gated.model.statement import Kind
from gated.model.trust import Algorithm, KeySet, TrustedKey
from gated.store.builder_pages import PageRefusedError, PageRow, Pages, Pending, check_numbers, in_order
from gated.store.building import BUILDING
from gated.store.cache import read_pointer
from gated.store.child import Parent, lower
from gated.store.connection import open_reader, reader_uri
from gated.store.directory import DELTA, sync_directory
from gated.store.feed_marks import COUNTED, marks_of, read_marks
from gated.store.feed_set import FedSet
from gated.store.genuine import is_genuine
from gated.store.purge import Placed
from gated.store.setcheck import told_buckets
from gated.store.snapshot import says_what_was_fed
from gated.store.spool import FEED, SPOOL
from gated.store.tables import SNAPSHOT_TABLE
from gated.wire.blob import BlobError
from gated.wire.manifest import Manifest, read_manifest
from gated.wire.setdigest import BUCKETS, EMPTY, bucket_of, first_key, set_digest

_CACHE_PAGES = 2000
#: Written back after so many bytes, so that a flush of the journal beside us never waits for more
#: (ext4 writes what is new of all files before it commits a change of any).
FLUSH_BYTES = 256 << 10
#: Pages between two lines that tell how far it is.
_TELL_PAGES = 20

_INSERT = "INSERT INTO statement VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?4)"
_FEED = (
    _INSERT + " ON CONFLICT DO UPDATE SET fed = max(ifnull(fed, -1), excluded.fed),"
    " position = CASE WHEN excluded.rank >= rank THEN excluded.position ELSE position END,"
    " token = CASE WHEN excluded.rank >= rank THEN excluded.token ELSE token END,"
    " rank = max(rank, excluded.rank)"
)
_KEEP = (
    "INSERT INTO statement VALUES (?1, ?2, ?3, ?4, ?5, ?6, NULL) ON CONFLICT DO UPDATE SET"
    " rank = excluded.rank, token = excluded.token, position = excluded.position WHERE excluded.rank > rank"
)
_NEWER = (
    "SELECT o.key, o.kind, o.id, o.rank, o.token, o.position FROM old.statement AS o"
    " LEFT JOIN main.statement AS n ON n.key = o.key AND n.kind = o.kind AND n.id = o.id"
    " WHERE o.key >= ? AND o.key < ? AND (n.rank IS NULL OR o.rank > n.rank)"
)
_COPY = (
    "INSERT INTO statement SELECT key, kind, id, rank, token, position, FED FROM old.statement"
    " WHERE key >= ? AND key < ? ORDER BY key, kind, id"
)
#: Buckets copied or compared in one go.
_SLICE = 64


class Builder:
    """One build."""

    def __init__(self, parent: Parent) -> None:
        job = parent.job
        self._parent = parent
        self._job: dict[str, Any] = job
        self._state = Path(job["state"])
        self._pages = Pages(self._state / FEED / SPOOL, parent)
        self._path = self._state / FEED / BUILDING
        self._path.unlink(missing_ok=True)
        self._db = sqlite3.connect(
            f"{self._path.absolute().as_uri()}?mode=rwc", uri=True, isolation_level=None
        )
        self._file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        self._buckets: list[tuple[bytes, int]] = [(EMPTY, 0)] * BUCKETS
        self._unflushed = self._built = 0

    def build(self) -> None:
        """Build it, and make it durable. Raises ``PageRefusedError`` and what SQLite and the disk raise."""
        for pragma in (
            "journal_mode=OFF",
            "synchronous=OFF",
            f"cache_size={_CACHE_PAGES}",
            "locking_mode=EXCLUSIVE",
        ):
            self._db.execute(f"PRAGMA {pragma}")
        self._db.execute(SNAPSHOT_TABLE)
        manifest = read_manifest(self._pages.blob(bytes.fromhex(self._job["manifest"])))
        with closing(open_reader(self._state / DELTA)) as delta:
            old, _, _ = read_pointer(delta, self._state / DELTA)
            if old:
                self._db.execute("ATTACH ? AS old", (reader_uri(self._state / old, immutable=True),))
            self._db.execute("BEGIN")
            if self._job["onto"]:
                self._continue(delta, bool(old))
            else:
                self._begin(manifest)
            touched = self._deltas(manifest)
        if self._job["onto"]:
            touched = set(range(BUCKETS))
        self._recount(touched)
        self._compare()
        if old and not self._job["onto"]:
            self._keep_newer()
        self._db.execute("COMMIT")
        self._db.close()
        os.fsync(self._file)
        sync_directory(self._path.parent)

    @property
    def buckets(self) -> list[tuple[bytes, int]]:
        """The set that was built."""
        return self._buckets

    # -------------------------------------------------------------- where it begins

    def _begin(self, manifest: Manifest) -> None:
        """The manifest's snapshot, in order; its digest as it comes by."""
        snapshot = manifest.snapshot
        count, pending = 0, Pending(self._buckets)
        for rows in in_order(
            self._pages.rows(snapshot.denials, denials=True), self._pages.rows(snapshot.pages, denials=False)
        ):
            if max(map(itemgetter(5), rows)) > snapshot.position:
                raise PageRefusedError("numbers")
            self._db.executemany(_INSERT, rows)
            pending.add(rows)
            count += len(rows)
            self._step(rows)
        pending.finish()
        if count != snapshot.rows:
            raise PageRefusedError("rows_differ")

    def _continue(self, delta: sqlite3.Connection, has_old: bool) -> None:  # noqa: FBT001  # one caller, beside
        """What the cache has from the feed: its snapshot, and what marks that count say of the delta."""
        if has_old:
            fed = "fed" if says_what_was_fed(self._db, "old") else "NULL"
            for first, end in _slices():
                self._db.execute(_COPY.replace("FED", fed), (first, end))
                self._flush()
        delta.execute("BEGIN")
        marks = read_marks(delta)._asdict()
        fed_rows = delta.execute(
            f"SELECT key, kind, id, rank, token, position, {COUNTED} AS counted FROM statement"  # noqa: S608  # ours
            " WHERE counted IS NOT NULL",
            marks,
        )
        for *row, fed in fed_rows:
            self._db.execute(_KEEP, row)
            self._db.execute(
                "UPDATE statement SET fed = max(ifnull(fed, -1), ?) WHERE key = ? AND kind = ? AND id = ?",
                (fed, *row[:3]),
            )
        delta.execute("COMMIT")

    # -------------------------------------------------------------- what came after

    def _deltas(self, manifest: Manifest) -> set[int]:
        touched: set[int] = set()
        for delta in manifest.deltas:
            if self._job["onto"] and delta.last <= self._job["after"]:
                continue
            for name, denials in ((delta.denials, True), (delta.others, False)):
                if name is not None:
                    rows = self._pages.page(name, denials=denials)
                    check_numbers(rows, delta)
                    self._db.executemany(_FEED, rows)
                    touched.update(bucket_of(row[0]) for row in rows)
                    self._step(rows)
        return touched

    def _keep_newer(self) -> None:
        """What the cache has and the feed has not, or has older: it stays if it is genuine."""
        keys, floor = _keys(self._job["keys"]), self._job["floor"]
        for first, end in _slices():
            for row in self._db.execute(_NEWER, (first, end)).fetchall():
                if is_genuine(Placed(*row[:5]), keys, floor, self._job["sector"]):
                    self._db.execute(_KEEP, row)
            self._flush()

    # -------------------------------------------------------------- what the head promised

    def _recount(self, touched: set[int]) -> None:
        fed = FedSet(self._db, "main", has_delta=False)
        marks = marks_of(0, 0)
        for number in sorted(touched):
            self._buckets[number] = fed.bucket(number, marks)
            self._parent.look()

    def _compare(self) -> None:
        if sum(places for _, places in self._buckets) != self._job["rows"]:
            raise PageRefusedError("rows_differ")
        if set_digest([digest for digest, _ in self._buckets]).hex() != self._job["digest"]:
            raise PageRefusedError("set_differs")

    # -------------------------------------------------------------- the disk

    def _step(self, rows: Sequence[PageRow]) -> None:
        self._built += 1
        self._unflushed += sum(map(len, map(itemgetter(4), rows))) + 64 * len(rows)
        if self._unflushed >= FLUSH_BYTES:
            self._flush()
        if self._built % _TELL_PAGES == 0:
            self._parent.tell(pages=self._built)
        self._parent.look()

    def _flush(self) -> None:
        self._unflushed = 0
        os.fdatasync(self._file)
        self._parent.look()


def _slices() -> Iterator[tuple[bytes, bytes]]:
    for number in range(0, BUCKETS, _SLICE):
        yield first_key(number), first_key(number + _SLICE)


def _keys(told: Sequence[dict[str, Any]]) -> KeySet:
    return {
        bytes.fromhex(key["kid"]): TrustedKey(
            bytes.fromhex(key["kid"]),
            Algorithm(key["algorithm"]),
            bytes.fromhex(key["public"]),
            frozenset(key["sectors"]),
            frozenset(map(Kind, key["kinds"])),
            key["not_before"],
            key["expires"],
        )
        for key in told
    }


def main() -> None:
    """Build, and tell."""
    lower()
    parent = Parent()
    try:
        builder = Builder(parent)
        builder.build()
        parent.tell(built=True, buckets=told_buckets(builder.buckets))
    except PageRefusedError as refused:
        parent.tell(refused=refused.code)
    except BlobError as error:
        parent.tell(refused=error.code)
    except (OSError, sqlite3.Error, StoreError) as error:
        parent.tell(trouble=str(error))


if __name__ == "__main__":
    main()

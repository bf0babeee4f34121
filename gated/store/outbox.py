"""What central has not acknowledged: the journal is the queue, and this reads it past a cursor (ADR 0006).

Ids count rows through all epochs of the file, so one number is the cursor; a batch never crosses an epoch.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from gated.errors import StoreError
from gated.store.connection import BUSY_S, errors_of, open_reader
from gated.wire.batch import MAX_BATCH_BYTES, MAX_EVENTS, Batch
from gated.wire.event import digest
from gated.wire.state import MAX_EPOCHS, EpochState
from gated.wire.verdict import Place

#: What a payload holds beside the events (docs/reference/sync.md).
_FRAME_BYTES = 256
_HOUR_S = 3600


class Told(NamedTuple):
    """A batch, and the id of its newest row."""

    batch: Batch
    last_id: int


class _Epoch(NamedTuple):
    """One epoch; ``end`` is the id of its newest row."""

    name: str
    gate: str
    base: int
    genesis: bytes
    end: int
    newest: bool


class Outbox:
    """Reads the journal for the central system. Used by one thread. All it raises is ``StoreError``.

    Args:
        journal: ``journal.db``.
        gate: as whom it tells. Who only looks at the cursor may leave it out.

    """

    def __init__(self, journal: Path, gate: str = "") -> None:
        self._path = journal
        self._gate = gate
        with errors_of(journal, "read"):
            self._connection = open_reader(journal)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def acknowledged(self) -> tuple[int, int]:
        """(id of the newest row that central has, time of its receipt); zeros where there is none."""
        with errors_of(self._path, "read"):
            found = self._connection.execute(
                "SELECT id, at FROM acknowledged ORDER BY id DESC, hour DESC LIMIT 1"
            ).fetchone()
        return found or (0, 0)

    def newest(self) -> int:
        """The id of the newest row."""
        with errors_of(self._path, "read"):
            (newest,) = self._connection.execute("SELECT id FROM head").fetchone()
        return int(newest)

    def batch(self, after: int) -> Told | None:
        """The rows that follow row ``after``; None where there are none.

        Raises ``StoreError`` also where the journal was changed: what does not follow from the chain is not
        told, and a person must look. And where rows of another name are left: under ours they would be
        another gate's.
        """
        with self._picture():
            found = self._connection.execute(
                "SELECT id, body, digest FROM event WHERE id > ? ORDER BY id LIMIT ?", (after, MAX_EVENTS)
            ).fetchall()
            if not found:
                return None
            first = found[0][0]
            epoch = next(one for one in self._epochs() if one.base < first)
            prev = epoch.genesis if first == epoch.base + 1 else self._digest_of(first - 1)
        if epoch.gate != self._gate:
            raise StoreError(
                f"{self._path} holds rows of gate {epoch.gate!r} that central has not signed for",
                hint="give gate.id that name until `gated status` says 0 unsent, or move state_dir away",
            )
        if prev is None:
            raise self._changed(first - 1)
        bodies = self._bodies(found, prev, epoch.end)
        erased = first > max(after, epoch.base) + 1
        batch = Batch(self._gate, epoch.name, first - epoch.base, prev, tuple(bodies), erased)
        return Told(batch, first + len(bodies) - 1)

    def _bodies(self, found: list[tuple[int, str, bytes]], prev: bytes, end: int) -> list[str]:
        """What of some rows goes into one batch."""
        first = found[0][0]
        size, link, bodies = _FRAME_BYTES, prev, list[str]()
        for number, (row_id, body, noted) in enumerate(found):
            if row_id != first + number:
                break  # a gap: what stands before it is told first
            size += len(body.encode()) + 1
            if row_id > end or size > MAX_BATCH_BYTES:
                break
            link = digest(link, body)
            if link != noted:
                raise self._changed(row_id)
            bodies.append(body)
        if not bodies:
            raise self._changed(first)
        return bodies

    def place(self, epoch: str, seq: int) -> Place | None:
        """Where a seq stands, 0 being the beginning of its epoch; None where we told no such epoch."""
        with self._picture():
            for one in self._epochs():
                if (one.name, one.gate) == (epoch, self._gate):
                    row_id = one.base + seq
                    link = one.genesis if seq == 0 else self._digest_of(row_id)
                    return Place(row_id, link, one.base, one.end, one.newest)
        return None

    def epochs(self, acknowledged: int) -> tuple[EpochState, ...]:
        """Our epochs of which rows are left, and the newest; oldest first, beside the cursor."""
        with self._picture():
            found, anchor = self._epochs(), self._anchor()[0]
        told = [
            EpochState(
                one.name,
                oldest=min(max(anchor - one.base, 0), one.end - one.base) + 1,
                last=one.end - one.base,
                acked=min(max(acknowledged - one.base, 0), one.end - one.base),
            )
            for one in found
            if one.gate == self._gate and (one.newest or one.end > anchor)
        ]
        return tuple(reversed(told[:MAX_EPOCHS]))

    def erasable(self, floor: int, retention_s: float) -> int:
        """The newest row whose receipt came ``retention_s`` before ``floor``; 0 = none that is left."""
        with errors_of(self._path, "read"):
            (due,) = self._connection.execute(
                "SELECT coalesce(max(id), 0) FROM acknowledged WHERE hour <= ?",
                (int(floor - retention_s) // _HOUR_S - 1,),
            ).fetchone()
            return int(due) if due > self._anchor()[0] else 0

    def oldest(self) -> int:
        """The id of the oldest row that is left, if any is."""
        with errors_of(self._path, "read"):
            return self._anchor()[0] + 1

    # -------------------------------------------------------------- rows

    def _epochs(self) -> list[_Epoch]:
        """All epochs, the newest first."""
        end, newest, found = self.newest(), True, list[_Epoch]()
        for name, gate, base, link in self._connection.execute(
            "SELECT epoch, gate, base, genesis FROM epoch ORDER BY no DESC"
        ).fetchall():
            found.append(_Epoch(name, gate, base, link, end, newest))
            end, newest = base, False
        return found

    @contextmanager
    def _picture(self) -> Iterator[None]:
        """One picture of the file, while its writer goes on."""
        with errors_of(self._path, "read"):
            self._connection.execute("BEGIN")
            try:
                yield
            finally:
                self._connection.execute("COMMIT")

    def _digest_of(self, row_id: int) -> bytes | None:
        found = self._connection.execute("SELECT digest FROM event WHERE id = ?", (row_id,)).fetchone()
        if found is None:
            anchor, link = self._anchor()
            return link if anchor == row_id else None
        return bytes(found[0])

    def _anchor(self) -> tuple[int, bytes]:
        return self._connection.execute("SELECT id, digest FROM anchor").fetchone() or (0, b"")

    def _changed(self, row_id: int) -> StoreError:
        return StoreError(
            f"{self._path}: row {row_id} was changed or is missing, and what follows is not sent",
            hint="gated journal verify says more",
        )


def note_cursor(connection: sqlite3.Connection, row_id: int, floor: int, at: int) -> None:
    """Central has everything up to a row, and nothing beyond. Work for the journal's thread."""
    connection.execute("UPDATE acknowledged SET id = min(id, ?)", (row_id,))
    connection.execute(
        "INSERT INTO acknowledged VALUES (?, ?, ?) ON CONFLICT (hour)"
        " DO UPDATE SET id = max(id, excluded.id), at = excluded.at",
        (floor // _HOUR_S, row_id, at),
    )
    # Hours whose rows are erased say nothing any more, but for the newest, which is the cursor.
    connection.execute(
        "DELETE FROM acknowledged WHERE id < (SELECT coalesce(max(id), 0) FROM anchor)"
        " AND hour < (SELECT max(hour) FROM acknowledged)"
    )


def erase(connection: sqlite3.Connection, upto: int) -> None:
    """Erase rows and leave an anchor of the newest. Work for the journal's thread.

    Whoever asked may have looked before central said what it has lost: nothing unacknowledged goes.
    """
    newest = connection.execute(
        "SELECT id, digest FROM event WHERE id <= ? AND id <= (SELECT max(id) FROM acknowledged)"
        " ORDER BY id DESC LIMIT 1",
        (upto,),
    ).fetchone()
    if newest is not None:
        connection.execute("INSERT OR REPLACE INTO anchor VALUES (1, ?, ?)", newest)
        connection.execute("DELETE FROM event WHERE id <= ?", newest[:1])


def empty_log(connection: sqlite3.Connection, done: Callable[[], None]) -> None:
    """Fold the write-ahead log back and cut it to nothing: it still holds what was erased.

    Work for the journal's thread, which does not wait for readers: ``done`` is called if none was at it.
    """
    connection.execute("PRAGMA busy_timeout=0")
    try:
        (busy, _, _) = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    finally:
        connection.execute(f"PRAGMA busy_timeout={int(BUSY_S * 1000)}")
    if not busy:
        done()

"""What central has not acknowledged: the journal is the queue, and this reads it past a cursor (ADR 0006).

Ids count rows through all epochs of the file, so one number is the cursor; a batch never crosses an epoch.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from gated.errors import StoreError
from gated.store.connection import BUSY_S, errors_of, open_reader
from gated.wire.batch import MAX_BATCH_BYTES, MAX_EVENTS, Batch
from gated.wire.event import digest
from gated.wire.state import MAX_EPOCHS, EpochState

#: What a payload holds beside the events (docs/reference/sync.md).
_FRAME_BYTES = 256
_HOUR_S = 3600


class Told(NamedTuple):
    """A batch, and the id of its newest row."""

    batch: Batch
    last_id: int


class Place(NamedTuple):
    """Where a seq of an epoch stands: the row's id, and the id before the epoch's first row (``base``).

    ``digest`` is None where the row was erased.
    """

    id: int
    digest: bytes | None
    base: int


class Outbox:
    """Reads the journal for the central system. Used by one thread. All it raises is ``StoreError``."""

    def __init__(self, journal: Path) -> None:
        self._path = journal
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
        told, and a person must look.
        """
        with errors_of(self._path, "read"):
            found = self._connection.execute(
                "SELECT id, body, digest FROM event WHERE id > ? ORDER BY id LIMIT ?", (after, MAX_EVENTS)
            ).fetchall()
            if not found:
                return None
            first = found[0][0]
            gate, epoch, base, end = self._epoch_of(first)
            prev = self._digest_before(first)
        if prev is None:
            raise self._changed(first - 1)
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
        told = Batch(gate, epoch, first - base, prev, tuple(bodies), erased=first > max(after, base) + 1)
        return Told(told, first + len(bodies) - 1)

    def holds(self, epoch: str) -> bool:
        """Whether rows of an epoch are left, or can still come: of the newest they can."""
        newest = self.epochs(0)[-1].epoch
        return any(
            one.oldest <= one.last or one.epoch == newest for one in self.epochs(0) if one.epoch == epoch
        )

    def knows(self, epoch: str) -> bool:
        """Whether this journal has such an epoch."""
        with errors_of(self._path, "read"):
            found = self._connection.execute("SELECT 1 FROM epoch WHERE epoch = ?", (epoch,))
            return found.fetchone() is not None

    def place(self, epoch: str, seq: int) -> Place | None:
        """Where a seq stands, 0 being the beginning of its epoch; None where this journal has no such row."""
        with errors_of(self._path, "read"):
            found = self._connection.execute(
                "SELECT base, (SELECT min(base) FROM epoch later WHERE later.no > epoch.no), genesis"
                " FROM epoch WHERE epoch = ?",
                (epoch,),
            ).fetchone()
            if found is None:
                return None
            base, end, genesis = found
            row_id = base + seq
            if row_id > (self.newest() if end is None else end):
                return None
            return Place(row_id, genesis if seq == 0 else self._digest_of(row_id), base)

    def epochs(self, acknowledged: int) -> tuple[EpochState, ...]:
        """The newest epochs as they stand, oldest first, beside the cursor."""
        with errors_of(self._path, "read"):
            found = self._connection.execute(
                "SELECT epoch, base FROM epoch ORDER BY no DESC LIMIT ?", (MAX_EPOCHS,)
            ).fetchall()
            anchor, end, states = self._anchor()[0], self.newest(), list[EpochState]()
        for epoch, base in found:
            last = end - base
            states.append(
                EpochState(
                    epoch,
                    oldest=min(max(anchor - base, 0), last) + 1,
                    last=last,
                    acked=min(max(acknowledged - base, 0), last),
                )
            )
            end = base
        return tuple(reversed(states))

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

    def _epoch_of(self, row_id: int) -> tuple[str, str, int, int]:
        """(gate, epoch, base, id of the newest row it may have) of the epoch in which a row stands."""
        gate, epoch, base, no = self._connection.execute(
            "SELECT gate, epoch, base, no FROM epoch WHERE base < ? ORDER BY no DESC LIMIT 1", (row_id,)
        ).fetchone()
        (end,) = self._connection.execute("SELECT min(base) FROM epoch WHERE no > ?", (no,)).fetchone()
        return gate, epoch, base, (1 << 62) if end is None else end

    def _digest_before(self, row_id: int) -> bytes | None:
        begun = self._connection.execute(
            "SELECT genesis FROM epoch WHERE base = ? ORDER BY no DESC LIMIT 1", (row_id - 1,)
        ).fetchone()
        return begun[0] if begun else self._digest_of(row_id - 1)

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


def note_receipt(connection: sqlite3.Connection, row_id: int, floor: int, at: int) -> None:
    """Central has everything up to a row. Work for the journal's thread."""
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


def go_back(connection: sqlite3.Connection, row_id: int) -> None:
    """Central has lost what follows a row. Work for the journal's thread."""
    connection.execute("UPDATE acknowledged SET id = min(id, ?)", (row_id,))


def erase(connection: sqlite3.Connection, upto: int) -> None:
    """Erase rows and leave an anchor of the newest. Work for the journal's thread."""
    connection.execute("INSERT OR REPLACE INTO anchor SELECT 1, id, digest FROM event WHERE id = ?", (upto,))
    connection.execute("DELETE FROM event WHERE id <= ?", (upto,))


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

"""Reading the journal: for people, for the lanes, for verification. Never writes."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gated.errors import StoreError
from gated.model.event import LaneChanged, Started
from gated.store.connection import open_reader
from gated.store.verification import Verification
from gated.wire.event import read_body

_BEGUN = "SELECT EXISTS (SELECT 1 FROM head) OR EXISTS (SELECT 1 FROM epoch) OR EXISTS (SELECT 1 FROM event)"
# CASE, for JSON functions end the query at a body that is none; AND may ask in any order.
_SETTLED = (
    "SELECT json_extract(body, '$.outcome'), count(*) FROM event"
    " WHERE CASE WHEN typeof(body) = 'text' AND json_valid(body)"
    " THEN json_extract(body, '$.kind') END = 'settled' GROUP BY 1"
)
_NEWEST_RECEIPT = (
    "SELECT id, at FROM acknowledged WHERE typeof(id) = 'integer' AND typeof(at) = 'integer'"
    " ORDER BY id DESC, hour DESC LIMIT 1"
)
_INSIDE = "SELECT inside FROM occupancy WHERE shift = ? AND typeof(inside) = 'integer'"
# Canonical JSON has a kind in one spelling: what this finds is read properly afterwards.
_OF_KIND = "SELECT id, body FROM event WHERE id > ? AND instr(body, ?) ORDER BY id"

_AS_DAEMON = "read it as the daemon's user: sudo -u gated gated …"
_DAMAGED = "see docs/how-to/replace-a-damaged-file.md"
_NO_ACCESS = {sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY}


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it stands. ``body`` is its canonical JSON, or whatever it was changed into."""

    epoch: str
    seq: int
    body: str | bytes

    @property
    def event(self) -> dict[str, Any] | None:
        """What the body tells; None = it is no event."""
        return read_body(self.body)


@dataclass(frozen=True, slots=True)
class Unsent:
    """What central has not signed for. Times in seconds since 1970; None = there is no such row."""

    rows: int
    oldest_at: int | None
    last_ack_at: int | None


@dataclass(slots=True)
class Summary:
    """The journal in numbers. ``unsettled`` releases are open now or were left by a crash."""

    epoch: str = ""
    gate: str = ""
    seq: int = 0
    rows: int = 0
    unsettled: int = 0
    settled: dict[str, int] = field(default_factory=dict)


class JournalReader:
    """A journal opened for reading, beside a running gate or after it. Raises ``StoreError``."""

    def __init__(self, journal: Path) -> None:
        self._path = journal
        try:
            journal.stat()
        except FileNotFoundError:
            raise StoreError(
                f"{journal} is not there", hint="has this gate ever run? see --state-dir"
            ) from None
        except OSError as error:
            hint = _AS_DAEMON if isinstance(error, PermissionError) else "see --state-dir"
            raise StoreError(f"{journal} cannot be read ({error.strerror})", hint=hint) from None
        with self._reading():
            self._connection = open_reader(journal)
        try:
            # Text that is no UTF-8 was changed; it must not end the reading.
            self._connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
            with self._reading():
                (begun,) = self._execute(_BEGUN).fetchone()
            if not begun:
                raise StoreError(f"{journal} has not begun yet", hint="is this gate just starting? try again")
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def rows(self, *, after: int = 0) -> Iterator[Row]:
        """Rows of the newest epoch with a seq above ``after``, in order."""
        with self._reading():
            epoch, _, base = self._newest_epoch()
            # Rows not yet told to central are those above its cursor: the primary key is their index
            # (ADR 0006).
            found = self._execute("SELECT id, body FROM event WHERE id > ? + ? ORDER BY id", (base, after))
            for row_id, body in found:
                yield Row(epoch, row_id - base, body)

    def last(self, count: int) -> list[Row]:
        """The newest rows, oldest first."""
        with self._reading():
            epoch, _, base = self._newest_epoch()
            found = self._execute(
                "SELECT id, body FROM event WHERE id > ? ORDER BY id DESC LIMIT ?", (base, count)
            ).fetchall()
        return [Row(epoch, row_id - base, body) for row_id, body in reversed(found)]

    def summary(self) -> Summary:
        """The journal in numbers."""
        with self._reading():
            epoch, gate, base = self._newest_epoch()
            newest, rows, unsettled = self._execute(
                "SELECT coalesce((SELECT id FROM head WHERE typeof(id) = 'integer'),"
                " (SELECT max(id) FROM event), 0),"
                " (SELECT count(*) FROM event), (SELECT count(*) FROM reservation)"
            ).fetchone()
            settled = dict(self._execute(_SETTLED).fetchall())
        return Summary(epoch, gate, newest - base, rows, unsettled, settled)

    def unsent(self) -> Unsent:
        """What central has not signed for; of a journal that was edited as much as can be said."""
        with self._reading():
            found = self._has("acknowledged") and self._execute(_NEWEST_RECEIPT).fetchone()
            acked, at = found or (0, None)
            (rows,) = self._execute("SELECT count(*) FROM event WHERE id > ?", (acked,)).fetchone()
            oldest = self._execute(
                "SELECT body FROM event WHERE id > ? ORDER BY id LIMIT 1", (acked,)
            ).fetchone()
        event = oldest and read_body(oldest[0])
        return Unsent(rows, event["at"] if event else None, at)

    def inside(self, shift: int) -> int:
        """How many people are inside on the venue's service day ``shift`` (yyyymmdd): those who were seen
        going in, without whoever is just let in.
        """
        with self._reading():
            if not self._has("occupancy"):  # written by an earlier release
                return 0
            found = self._execute(_INSIDE, (shift,)).fetchone()
        return 0 if found is None else int(found[0])

    def lane_changes(self) -> list[tuple[str, str, str, int]]:
        """(lane, state, cause, at) of the newest change of each lane since the gate last started."""
        lanes = {}
        with self._reading():
            started = max((row_id for row_id, _ in self._of_kind(Started.kind, 0)), default=0)
            for _, event in self._of_kind(LaneChanged.kind, started):
                lanes[event["lane"]] = event["state"], event["cause"], event["at"]
        return [(lane, *lanes[lane]) for lane in sorted(lanes)]

    def _of_kind(self, kind: str, after: int) -> Iterator[tuple[int, dict[str, Any]]]:
        for row_id, body in self._execute(_OF_KIND, (after, f'"kind":"{kind}"')):
            event = read_body(body)
            if event is not None and event["kind"] == kind:
                yield row_id, event

    def verify(self) -> Iterator[str]:
        """What is wrong with the journal, a line for each defect as it is found; nothing if it is whole.

        Checked: no number missing, every digest, the newest row, every settlement against the grant
        it names, and the counters against the rows.
        """
        with self._reading():
            self._execute("BEGIN")  # one picture of the file, while a gate goes on writing
            try:
                yield from Verification(self._connection).run()
            finally:
                if self._connection.in_transaction:
                    self._execute("ROLLBACK")

    def _newest_epoch(self) -> tuple[str, str, int]:
        """(name, gate, base). Raises ``StoreError`` where it was changed into something else."""
        found = self._execute("SELECT epoch, gate, base FROM epoch ORDER BY no DESC LIMIT 1").fetchone()
        if found is None or [str, str, int] != [type(part) for part in found]:
            raise StoreError(
                f"{self._path}: its newest epoch was changed", hint="gated journal verify says more"
            )
        epoch, gate, base = found
        return epoch, gate, base

    def _has(self, table: str) -> bool:
        return bool(self._execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone())

    def _execute(self, sql: str, values: tuple[Any, ...] = ()) -> sqlite3.Cursor:
        return self._connection.execute(sql, values)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            code = getattr(error, "sqlite_errorcode", 0) & 0xFF
            hint = _AS_DAEMON if code in _NO_ACCESS else _DAMAGED
            raise StoreError(f"{self._path} cannot be read ({error})", hint=hint) from error

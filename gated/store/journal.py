"""The journal's one writer: every row, every counter and every reservation goes through this thread.

A row is a gapless link of a chain and is durable before anybody is told that it is. A lane waits for
its row with a deadline; when it gives up, a grant that lands afterwards is given back at once, so that
nobody pays for a door that stayed shut.
"""

from __future__ import annotations

import logging
import queue
import sqlite3
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from gated.errors import StoreError
from gated.model.event import Event, Settled, SettledBy, Settlement
from gated.store.connection import in_transaction, open_writer
from gated.store.directory import BALLAST
from gated.store.epoch import begin_epoch_if_needed, read_head
from gated.store.schema import journal_migrations
from gated.store.ticket import Reservation, Ticket, Unsettled
from gated.wire.event import Stamp, body, digest

log = logging.getLogger(__name__)

#: A commit writes whole pages, and a row with its counters touches five: small ones spare the card.
PAGE_BYTES = 1024


@dataclass(frozen=True, slots=True)
class _Draft:
    event: Event
    stamp: Stamp
    reserve: Reservation | None
    settles: int | None  # id of the row whose release this one settles
    ticket: Ticket


@dataclass(frozen=True, slots=True)
class _Chore:
    """Work on the other tables, done by the same thread in a transaction of its own."""

    work: Callable[[sqlite3.Connection], None]
    ticket: Ticket


class Journal:
    """Append-only truth of a gate.

    Args:
        path: ``journal.db``. Made if it is not there.
        gate: the gate's id; part of the chain's beginning.
        machine: names the machine (its machine-id, hashed); a journal moved to another begins a new epoch.
        epoch: a fresh random epoch, used if one must begin: 16 hex digits.
        unknown_counts: whether a release found unsettled at start costs its uses.

    """

    def __init__(
        self, path: Path, *, gate: str, machine: str, epoch: str, began_at: int, unknown_counts: bool
    ) -> None:
        self._path = path
        self._unknown_counts = unknown_counts
        self._queue: queue.SimpleQueue[_Draft | _Chore | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self.busy = False  # a row is being written
        self._base = self._head_id = 0
        self._head_digest = b""
        self._epoch = ""
        try:
            self._connection = open_writer(path, journal_migrations, PAGE_BYTES)
            begin_epoch_if_needed(self._connection, gate, machine, epoch, began_at)
            self._load_head()
        except sqlite3.Error as error:
            raise _failed(path, error) from error

    # -------------------------------------------------------------- the lanes' side

    def append(self, event: Event, stamp: Stamp, reserve: Reservation | None = None) -> Ticket:
        """Queue a row. Wait on the ticket to know that it is durable."""
        ticket = Ticket()
        settles = self._base + event.decision if isinstance(event, Settled) else None
        self._queue.put(_Draft(event, stamp, reserve, settles, ticket))
        return ticket

    def raise_floors(self, values: Mapping[str, int]) -> Ticket:
        """Queue floors to be raised (``store.floors`` keeps them in their other place too)."""

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany(
                "INSERT INTO floor VALUES (?, ?)"
                " ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)",
                values.items(),
            )

        return self._chore(work)

    def forget_counters(self, ended: int) -> Ticket:
        """Queue the erasure of counters whose time to be kept was over at ``ended``."""

        def work(connection: sqlite3.Connection) -> None:
            connection.execute("DELETE FROM counter WHERE keep_until <= ?", (ended,))

        return self._chore(work)

    def _chore(self, work: Callable[[sqlite3.Connection], None]) -> Ticket:
        ticket = Ticket()
        self._queue.put(_Chore(work, ticket))
        return ticket

    def floors(self) -> dict[str, int]:
        """The floors as this file has them. Before ``start``."""
        return dict(self._connection.execute("SELECT name, value FROM floor"))

    def backlog(self) -> int:
        """Rows waiting, the one being written included."""
        return self._queue.qsize() + (1 if self.busy else 0)

    # -------------------------------------------------------------- life

    def start(self) -> None:
        """Start writing."""
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float) -> bool:
        """Write what is queued and close. False = the disk did not let it in time."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join(timeout_s)
            if self._thread.is_alive():
                return False
        self._connection.close()
        return True

    def settle_unsettled(self, stamp: Stamp) -> int:
        """At start: settle what the last run left open. Nobody can know, and the row says so."""
        found = self.unsettled()
        for left in found:
            event = Settled(
                left.lane,
                left.decision,
                Settlement.UNKNOWN,
                SettledBy.RESTART,
                left.persons,
                None if left.epoch == self._epoch else left.epoch,
            )
            self._write_durably(_Draft(event, stamp, None, left.row_id, Ticket()))
        return len(found)

    def unsettled(self) -> list[Unsettled]:
        """Releases that nobody settled, those of earlier epochs included."""
        rows = self._connection.execute(
            "SELECT r.id, r.id - e.base, e.epoch, r.lane, r.persons FROM reservation r"
            " JOIN epoch e ON e.no = (SELECT max(no) FROM epoch WHERE base < r.id) ORDER BY r.id"
        )
        return [Unsettled(*row) for row in rows]

    @property
    def epoch(self) -> str:
        """The epoch being written."""
        return self._epoch

    # -------------------------------------------------------------- the writer

    def _run(self) -> None:
        while (draft := self._queue.get()) is not None:
            self.busy = True
            try:
                if isinstance(draft, _Chore):
                    self._do(draft)
                else:
                    self._write_and_answer(draft)
            finally:
                self.busy = False

    def _do(self, chore: _Chore) -> None:
        connection = self._connection
        try:
            in_transaction(connection, lambda: chore.work(connection))
        except sqlite3.Error as error:
            self._recover()
            chore.ticket.fail(_failed(self._path, error))
        else:
            chore.ticket.land(self._head_id - self._base)

    def _write_and_answer(self, draft: _Draft) -> None:
        try:
            seq = self._write_durably(draft)
        except StoreError as error:
            log.error("%s", error)
            draft.ticket.fail(error)
        else:
            if not draft.ticket.land(seq):
                self._give_back(draft, seq)

    def _give_back(self, draft: _Draft, seq: int) -> None:
        """Its lane refused the visitor meanwhile: the use is given back at once."""
        reserve = draft.reserve
        if reserve is None:
            return
        event = Settled(reserve.lane, seq, Settlement.NOT_TAKEN, SettledBy.LATE_ROW, reserve.persons)
        self._write_and_answer(_Draft(event, draft.stamp, None, self._base + seq, Ticket()))

    def _write_durably(self, draft: _Draft) -> int:
        """One durable transaction. Returns the row's seq. Raises ``StoreError``: the row does not stand."""
        row_id = self._head_id + 1
        try:
            self._write(draft, row_id)
        except sqlite3.Error as error:
            if self._recover() == row_id:
                # The commit reported a failure and yet stands. Its lane is told of the failure.
                self._give_back(draft, row_id - self._base)
            raise _failed(self._path, error) from error
        return row_id - self._base

    def _write(self, draft: _Draft, row_id: int) -> None:
        text = body(draft.event, row_id - self._base, draft.stamp)
        link = digest(self._head_digest, text)
        connection = self._connection

        def work() -> None:
            connection.execute("INSERT INTO event (id, body, digest) VALUES (?, ?, ?)", (row_id, text, link))
            connection.execute("UPDATE head SET id = ?, digest = ? WHERE one = 1", (row_id, link))
            if draft.reserve is not None:
                self._reserve(row_id, draft.reserve)
            if draft.settles is not None and isinstance(draft.event, Settled):
                self._settle(draft.settles, draft.event.outcome)

        try:
            in_transaction(connection, work)
        except sqlite3.OperationalError as error:
            ballast = self._path.with_name(BALLAST)
            if error.sqlite_errorcode != sqlite3.SQLITE_FULL or not ballast.exists():
                raise
            ballast.unlink()
            log.critical("journal: the disk is full; its reserve was given up, make room now")
            in_transaction(connection, work)
        self._head_id, self._head_digest = row_id, link

    def _reserve(self, row_id: int, new: Reservation) -> None:
        self._connection.execute(
            "INSERT INTO reservation VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (row_id, new.lane, new.cti, new.venue, new.day, new.uses, new.persons, new.keep_until),
        )

    def _settle(self, row_id: int, outcome: Settlement) -> None:
        row = self._connection.execute(
            "DELETE FROM reservation WHERE id = ? RETURNING cti, venue, day, uses, keep_until", (row_id,)
        ).fetchone()
        if row is None:
            raise StoreError(f"journal: row {row_id - self._base} has nothing to settle")
        if outcome is Settlement.TAKEN or (outcome is Settlement.UNKNOWN and self._unknown_counts):
            self._connection.execute(
                "INSERT INTO counter (cti, venue, day, taken, keep_until) VALUES (?, ?, ?, ?, ?)"
                " ON CONFLICT (cti, venue, day) DO UPDATE SET taken = taken + excluded.taken,"
                " keep_until = excluded.keep_until",
                row,
            )

    # -------------------------------------------------------------- beginnings and repairs

    def _load_head(self) -> None:
        self._head_id, self._head_digest, self._base, self._epoch = read_head(self._connection)

    def _recover(self) -> int:
        """After an I/O error nothing the connection says can be trusted: open anew, read where we are.

        Returns the id of the newest row.
        """
        try:
            self._connection.close()
            self._connection = open_writer(self._path, journal_migrations, PAGE_BYTES)
            self._load_head()
        except sqlite3.Error as error:
            log.error("journal: still failing: %s", error)
        return self._head_id


def _failed(path: Path, error: sqlite3.Error) -> StoreError:
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    return StoreError(
        f"{path} cannot be written ({name})", hint="see how to recover a full or failing disk in docs/how-to"
    )

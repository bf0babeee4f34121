"""journal.db under its writer: one durable transaction per row, and where we are after a failure."""

from __future__ import annotations

import errno
import logging
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from gated.errors import StoreError
from gated.model.event import Event, Settled
from gated.store.connection import in_transaction, open_writer
from gated.store.counting import count, keep, kept, reserve, settle
from gated.store.directory import BALLAST
from gated.store.epoch import begin_epoch_if_needed, read_head
from gated.store.schema import journal_migrations
from gated.store.ticket import Kept, Move, Reservation, Unsettled
from gated.wire.event import Stamp, body, digest

log = logging.getLogger(__name__)

#: A commit writes whole pages, and a row with its counters touches five: small ones spare the card.
PAGE_BYTES = 1024


class Draft(NamedTuple):
    """A row to be. ``settles`` is the id of the row whose release it settles."""

    event: Event
    stamp: Stamp
    reserve: Reservation | None = None
    settles: int | None = None
    move: Move | None = None
    insists: bool = False
    keep: Kept | None = None

    @property
    def must_land(self) -> bool:
        """Whether it is owed where the disk does not take it."""
        return self.insists or self.settles is not None


class JournalFile:
    """The file and its head. Used by one thread at a time.

    A method that raises ``sqlite3.Error`` leaves it unknown what the disk took: call ``reopen``.
    """

    def __init__(
        self, path: Path, *, gate: str, machine: str | None, epoch: str, began_at: int, unknown_counts: bool
    ) -> None:
        self._path = path
        self.unknown_counts = unknown_counts
        self.connection = open_writer(path, journal_migrations, PAGE_BYTES)
        begin_epoch_if_needed(self.connection, gate, machine, epoch, began_at)
        self._load_head()

    def _load_head(self) -> None:
        self.head_id, self._head_digest, self.base, self.epoch = read_head(self.connection)

    def reopen(self) -> None:
        """Open anew and read where we are: nothing the old connection says can be trusted."""
        with suppress(sqlite3.Error):
            self.connection.close()
        self.connection = open_writer(self._path, journal_migrations, PAGE_BYTES)
        self._load_head()

    def close(self) -> None:
        """Close the file. Never raises."""
        with suppress(sqlite3.Error):
            self.connection.close()

    def write(self, *drafts: Draft) -> int:
        """Write rows in one durable transaction. Returns the id of the last.

        Raises ``sqlite3.Error``, and ``StoreError`` where there is nothing to settle.
        """
        rows, row_id, link = list[tuple[int, str, bytes]](), self.head_id, self._head_digest
        for draft in drafts:
            row_id += 1
            text = body(draft.event, row_id - self.base, draft.stamp)
            link = digest(link, text)
            rows.append((row_id, text, link))

        def work() -> None:
            for row, draft in zip(rows, drafts, strict=True):
                self._insert(row, draft)
            self.connection.execute("UPDATE head SET id = ?, digest = ? WHERE one = 1", (row_id, link))

        self.transact(work)
        self.head_id, self._head_digest = row_id, link
        return row_id

    def _insert(self, row: tuple[int, str, bytes], draft: Draft) -> None:
        self.connection.execute("INSERT INTO event (id, body, digest) VALUES (?, ?, ?)", row)
        if draft.reserve is not None:
            reserve(self.connection, row[0], draft.reserve)
        if draft.settles is not None and isinstance(draft.event, Settled):
            settle(self.connection, draft.settles, draft.event, unknown_counts=self.unknown_counts)
        if draft.move is not None:
            count(self.connection, draft.move)
        if draft.keep is not None:
            keep(self.connection, draft.keep)

    def transact(self, work: Callable[[], None]) -> None:
        """Do ``work`` in one transaction, at the cost of the ballast where the disk is full."""
        try:
            in_transaction(self.connection, work)
        except (sqlite3.OperationalError, StoreError) as error:
            if not _is_full(error) or not self._give_up_ballast():
                raise
            in_transaction(self.connection, work)

    def _give_up_ballast(self) -> bool:
        try:
            self._path.with_name(BALLAST).unlink()
        except OSError:
            return False
        log.critical("journal: the disk is full; its reserve was given up, make room now")
        return True

    def unsettled(self) -> list[Unsettled]:
        """Releases that nobody settled, those of earlier epochs included."""
        rows = self.connection.execute(
            "SELECT r.id, r.id - e.base, e.epoch, r.lane, r.persons FROM reservation r"
            " JOIN epoch e ON e.no = (SELECT max(no) FROM epoch WHERE base < r.id) ORDER BY r.id"
        )
        return [Unsettled(*row) for row in rows]

    def floors(self) -> dict[str, int]:
        """The floors as this file has them."""
        return dict(self.connection.execute("SELECT name, value FROM floor"))

    def kept(self) -> dict[str, Kept]:
        """How lanes stand by order."""
        return kept(self.connection)


def _is_full(error: sqlite3.OperationalError | StoreError) -> bool:
    """Whether the disk is: as SQLite tells it, or of a file that is written beside."""
    if isinstance(error, sqlite3.OperationalError):
        return error.sqlite_errorcode == sqlite3.SQLITE_FULL
    cause = error.__cause__
    return isinstance(cause, OSError) and cause.errno in (errno.ENOSPC, errno.EDQUOT)

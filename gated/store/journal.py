"""The journal's one writer: every row, every counter and every reservation goes through this thread.

A row is a gapless link of a chain and is durable before anybody is told that it is. A lane waits for
its row with a deadline; when it gives up, a grant that lands afterwards is given back at once, so that
nobody pays for a door that stayed shut. A settlement that the disk did not take is owed, and so is a row
that insists: they are written before anything else, as soon as the disk takes them.
"""

from __future__ import annotations

import logging
import queue
import sqlite3
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from gated.errors import StoreError
from gated.model.event import Event, Settled, SettledBy, Settlement
from gated.store.connection import store_error
from gated.store.counting import forget
from gated.store.inbox import Inbox
from gated.store.journal_file import Draft, JournalFile
from gated.store.ticket import Kept, Move, Reservation, Ticket, Unsettled
from gated.store.writer import Writer
from gated.wire.event import Stamp

log = logging.getLogger(__name__)

#: While a row is owed, the disk is tried this often even if nobody taps.
RETRY_S = 1.0


class _Row(NamedTuple):
    draft: Draft
    ticket: Ticket


class _Chore(NamedTuple):
    """Work on the other tables, done by the same thread, as a rule in a transaction of its own."""

    work: Callable[[sqlite3.Connection], None]
    ticket: Ticket
    in_transaction: bool


class Journal:
    """Append-only truth of a gate.

    Args:
        path: ``journal.db``. Made if it is not there.
        gate: the gate's id; part of the chain's beginning.
        machine: names the machine (its machine-id, hashed); a journal moved to another begins a new epoch.
            None = it cannot be told now, and the newest epoch goes on.
        epoch: a fresh random epoch, used if one must begin: 16 hex digits.
        unknown_counts: whether a release found unsettled at start costs its uses.

    """

    def __init__(
        self, path: Path, *, gate: str, machine: str | None, epoch: str, began_at: int, unknown_counts: bool
    ) -> None:
        self._path = path
        self._queue: Inbox[_Row | _Chore | None] = Inbox()
        self._thread: threading.Thread | None = None
        self.busy = False  # something is being written
        self.done = 0  # how much was written or failed: whoever watches sees that it goes on
        try:
            self._file = JournalFile(
                path,
                gate=gate,
                machine=machine,
                epoch=epoch,
                began_at=began_at,
                unknown_counts=unknown_counts,
            )
        except sqlite3.Error as error:
            raise store_error(path, error, "written") from error
        self._writer = Writer(path, self._file)

    # -------------------------------------------------------------- the lanes' side

    def append(
        self,
        event: Event,
        stamp: Stamp,
        reserve: Reservation | None = None,
        move: Move | None = None,
        *,
        insist: bool = False,
        keep: Kept | None = None,
    ) -> Ticket:
        """Queue a row. Wait on the ticket to know that it is durable.

        Args:
            event: what happened.
            stamp: when.
            reserve: what a grant reserves, counted with its row.
            move: people who went in or out, counted with its row.
            insist: the row must land, as a settlement must. The ticket fails or is given up as any other's;
                what the disk did not take is kept in memory and written, in order, before anything else,
                once. If the process ends before, it is lost; so are its people in the counts, and ``stop``
                says how many rows that were. Beyond ``MAX_OWED`` of them see ``store.owed``. A grant cannot
                insist: it would land for a visitor who was refused. ``ValueError``.
            keep: how the lane stands by order from this row on.

        """
        if insist and reserve is not None:
            raise ValueError("a grant cannot insist")
        settles = self._file.base + event.decision if isinstance(event, Settled) else None
        ticket = Ticket()
        self._queue.put(_Row(Draft(event, stamp, reserve, settles, move, insist, keep), ticket))
        return ticket

    def raise_floors(self, values: Mapping[str, int]) -> Ticket:
        """Queue floors to be raised (``store.floors`` keeps them in their other place too)."""
        rows = list(values.items())

        def work(connection: sqlite3.Connection) -> None:
            connection.executemany(
                "INSERT INTO floor VALUES (?, ?)"
                " ON CONFLICT (name) DO UPDATE SET value = max(value, excluded.value)",
                rows,
            )

        return self.do(work)

    def forget_counters(self, ended: int, shift: int = 0) -> Ticket:
        """Queue the erasure of counters whose time to be kept was over at ``ended``, and of who was inside on
        service days older than the one before ``shift`` (yyyymmdd; 0 = of none).
        """
        return self.do(lambda connection: forget(connection, ended, shift))

    def do(self, work: Callable[[sqlite3.Connection], None], *, in_transaction: bool = True) -> Ticket:
        """Queue work on the other tables. It must be short: it stands before the next tap's row."""
        ticket = Ticket()
        self._queue.put(_Chore(work, ticket, in_transaction))
        return ticket

    @property
    def epoch(self) -> str:
        """The epoch being written."""
        return self._file.epoch

    def alive(self) -> bool:
        """Whether the writer's thread runs."""
        return self._thread is not None and self._thread.is_alive()

    # -------------------------------------------------------------- before the thread runs

    def floors(self) -> dict[str, int]:
        """The floors as this file has them. Before ``start``."""
        return self._file.floors()

    def let_unknown_count(self, *, counts: bool) -> None:
        """Whether who may have passed unseen pays, by rules that were verified since. Before ``start``."""
        self._file.unknown_counts = counts

    def kept(self) -> dict[str, Kept]:
        """How lanes stand by order. Before ``start``."""
        return self._file.kept()

    def unsettled(self) -> list[Unsettled]:
        """Releases that nobody settled, those of earlier epochs included. Before ``start``."""
        return self._file.unsettled()

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
                None if left.epoch == self.epoch else left.epoch,
            )
            self._writer.write(Draft(event, stamp, None, left.row_id))
        return len(found)

    # -------------------------------------------------------------- life

    def start(self) -> None:
        """Start writing."""
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float) -> bool:
        """Write what is queued and owed, and close. False = the disk did not let it, or not in time."""
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join(timeout_s)
            if self._thread.is_alive():
                return False
        self._file.close()
        lost = self._writer.owes()
        if lost:
            log.critical("journal: the gate ends, and the disk did not take %d rows that had to land", lost)
        return not lost

    # -------------------------------------------------------------- the writer

    def _run(self) -> None:
        running = True
        while running:
            try:
                item = self._queue.get(RETRY_S if self._writer.is_behind() else None)
            except queue.Empty:
                self._try_again()
                continue
            if item is None:
                self._try_again()
                running = False
                continue
            self.busy = True
            self._answer(item)
            self.done += 1
            self.busy = False

    def _try_again(self) -> None:
        self.busy = True
        with suppress(StoreError):  # it was told when it failed first
            self._writer.catch_up()
        self.busy = False

    def _answer(self, item: _Row | _Chore) -> None:
        try:
            seq = self._writer.write(item.draft) if isinstance(item, _Row) else self._do(item)
        except StoreError as error:
            log.error("%s", error)
            item.ticket.fail(error)
        except Exception as error:  # a bug in one row must not end the writing of all others
            log.exception("journal: unexpected")
            item.ticket.fail(StoreError(f"journal: unexpected {type(error).__name__}"))
        else:
            if not item.ticket.land(seq) and isinstance(item, _Row):
                self._writer.give_back(item.draft, seq)

    def _do(self, chore: _Chore) -> int:
        self._writer.do(chore.work, in_transaction=chore.in_transaction)
        return max(1, self._file.head_id - self._file.base)  # 0 would mean "not yet"

"""journal.db in its thread's hands: what a failing disk took is found out, what it did not take is owed."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple, NoReturn

from gated.errors import StoreError
from gated.model.event import Settled, SettledBy, Settlement
from gated.store.connection import store_error
from gated.store.journal_file import Draft, JournalFile
from gated.store.owed import TOGETHER, Owed

log = logging.getLogger(__name__)


class _Doubt(NamedTuple):
    """A transaction failed: whether the disk took it shows when the file can be opened again.

    All its rows are there or none; ``row_id`` is the id of the first.
    """

    drafts: tuple[Draft, ...]
    row_id: int


class Writer:
    """Writes rows in order. Used by one thread."""

    def __init__(self, path: Path, file: JournalFile) -> None:
        self._path = path
        self._file = file
        self._doubt: _Doubt | None = None
        self._owed = Owed()

    def write(self, draft: Draft) -> int:
        """Write a row, after what is owed. Returns its seq. Raises ``StoreError``: nobody may rely on it."""
        try:
            self.catch_up()
        except StoreError:
            if draft.must_land:
                self._owed.put(draft)
            raise
        try:
            return self._file.write(draft) - self._file.base
        except sqlite3.Error as error:
            self._fail((draft,), error)

    def do(self, work: Callable[[sqlite3.Connection], None], *, in_transaction: bool) -> None:
        """Do work on the other tables, after what is owed. Raises ``StoreError``."""
        self.catch_up()
        try:
            if in_transaction:
                self._file.transact(lambda: work(self._file.connection))
            else:
                work(self._file.connection)
        except sqlite3.Error as error:
            self._fail((), error)

    def is_behind(self) -> bool:
        """Whether something is owed or in doubt."""
        return bool(self._owed) or self._doubt is not None

    def owes(self) -> int:
        """How many rows would be lost if the process ended now, at most: some may stand in doubt."""
        doubtful = () if self._doubt is None else self._doubt.drafts
        return len(self._owed) + sum(draft.must_land for draft in doubtful)

    def give_back(self, draft: Draft, seq: int) -> None:
        """Its lane refused the visitor meanwhile: the use is given back at once."""
        self._owe(draft, seq)
        with suppress(StoreError):
            self.catch_up()

    def _owe(self, draft: Draft, seq: int) -> None:
        reserve = draft.reserve
        if reserve is not None:
            event = Settled(reserve.lane, seq, Settlement.NOT_TAKEN, SettledBy.LATE_ROW, reserve.persons)
            self._owed.put(Draft(event, draft.stamp, None, self._file.base + seq))

    # -------------------------------------------------------------- after a failure

    def _fail(self, drafts: tuple[Draft, ...], error: sqlite3.Error) -> NoReturn:
        """The lane is told of the failure, whatever the disk took. Raises ``StoreError``."""
        self._doubt = _Doubt(drafts, self._file.head_id + 1)
        with suppress(StoreError):
            self.catch_up()
        raise store_error(self._path, error, "written") from error

    def catch_up(self) -> None:
        """Settle the doubt about the last failure, then what is owed. Raises ``StoreError``."""
        try:
            if self._doubt is not None:
                self._file.reopen()
                doubt, self._doubt = self._doubt, None
                self._resolve(doubt)
            while self._owed:
                self._write_owed(TOGETHER)
        except sqlite3.Error as error:
            raise store_error(self._path, error, "written") from error

    def _write_owed(self, most: int) -> None:
        """Write the oldest of what is owed, in one transaction. Raises ``sqlite3.Error``: it is in doubt."""
        drafts = self._owed.take(most)
        try:
            self._file.write(*drafts)
        except Exception as error:
            if isinstance(error, sqlite3.Error) and not isinstance(error, sqlite3.IntegrityError):
                self._doubt = _Doubt(drafts, self._file.head_id + 1)
                raise
            # One of them never can be written (it is settled already, say): nothing must wait for it.
            if len(drafts) == 1:
                log.error("journal: a row was owed and cannot be written: %s", error)
                return
            self._owed.put_back(drafts)
            for _ in drafts:
                self._write_owed(1)

    def _resolve(self, doubt: _Doubt) -> None:
        if self._file.head_id < doubt.row_id:
            self._owed.put_back([draft for draft in doubt.drafts if draft.must_land])
            return
        # The commit reported a failure and yet stands; its lane was told of the failure.
        for seq, draft in enumerate(doubt.drafts, doubt.row_id - self._file.base):
            self._owe(draft, seq)

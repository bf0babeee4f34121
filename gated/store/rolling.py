"""The highest number that each medium with a rolling proof has shown: floors, one for each such medium.

As with the other floors (``store.floors``), a value that deleting one file could lower would be none, so they
stand in the journal's file and in one of their own: records of 24 bytes, appended, so that one tap writes one
record however many media a city has. Both are written by the journal's thread, so two lanes that are shown
the same number ask one after the other.
"""

from __future__ import annotations

import errno
import logging
import os
import sqlite3
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from gated.errors import StoreError
from gated.store.connection import errors_of, open_reader
from gated.store.directory import write_durably
from gated.store.journal import Journal

log = logging.getLogger(__name__)

ID_BYTES = 16
MAX_COUNTER = (1 << 32) - 1
_RECORD_BYTES = ID_BYTES + 4 + 4

_RAISE = (
    "INSERT INTO rolling VALUES (?, ?)"
    " ON CONFLICT (id) DO UPDATE SET counter = max(counter, excluded.counter)"
)


def highest_shown(journal: Path, id_: bytes) -> int | None:
    """A medium's floor, looked at beside the gate; None = it never showed a number. Raises ``StoreError``."""
    with errors_of(journal, "read"), closing(open_reader(journal)) as connection:
        row = connection.execute("SELECT counter FROM rolling WHERE id = ?", (id_,)).fetchone()
    return None if row is None else int(row[0])


class RollingFloors:
    """Used by every lane. ``id``: 16 bytes that name a medium to this sector alone."""

    def __init__(self, journal: Journal, file: Path) -> None:
        """Queue what brings the two together again; it is done before anything that is asked later."""
        self._journal = journal
        self._file = file
        self._askew = False  # the file ends in half a record
        self._agreement = journal.do(self._agree)

    def rise(self, id_: bytes, counter: int, timeout_s: float) -> bool | None:
        """Raise a medium's floor to ``counter``. False = it is no higher than what was shown before.

        Durable in both places on return. None = the disk was not ready in time; it may be raised all the
        same. Raises ``StoreError``.
        """
        risen = False
        if self._askew or self._agreement.error is not None:
            self._askew = False
            self._agreement = self._journal.do(self._agree)

        def work(connection: sqlite3.Connection) -> None:
            nonlocal risen
            if self._agreement.error is not None:  # the journal may know less than the file
                raise self._agreement.error
            row = connection.execute("SELECT counter FROM rolling WHERE id = ?", (id_,)).fetchone()
            if row is not None and counter <= row[0]:
                return
            # The file first: a commit that fails leaves a floor too many, never one too few.
            self._append(id_, counter)
            connection.execute(_RAISE, (id_, counter))
            risen = True

        return risen if self._journal.do(work).wait(timeout_s) else None

    # -------------------------------------------------------------- in the journal's thread

    def _append(self, id_: bytes, counter: int) -> None:
        with self._written():
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            handle = os.open(self._file, flags, 0o600)
            try:
                record = _record(id_, counter)
                if os.write(handle, record) != len(record):
                    self._askew = True  # what follows would be read askew
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fdatasync(handle)
            finally:
                os.close(handle)

    def _agree(self, connection: sqlite3.Connection) -> None:
        """In both places the higher of the two: the file then has one record for each medium, in order."""
        raw = self._told()
        connection.executemany(_RAISE, _records(raw))
        due = bytearray()
        for id_, counter in connection.execute("SELECT id, counter FROM rolling ORDER BY id"):
            due += _record(id_, counter)
        if due != raw:
            with self._written():
                write_durably(self._file, bytes(due))

    def _told(self) -> bytes:
        try:
            return self._file.read_bytes()
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise StoreError(f"{self._file} cannot be read ({error.strerror})") from error

    @contextmanager
    def _written(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise StoreError(f"{self._file} cannot be written ({error.strerror})") from error


def _record(id_: bytes, counter: int) -> bytes:
    body = id_ + counter.to_bytes(4, "big")
    return body + zlib.crc32(body).to_bytes(4, "big")


def _records(raw: bytes) -> Iterator[tuple[bytes, int]]:
    """The records that are whole. One that a power cut cut off, or that was spoilt, is left out: the journal
    has it too.
    """
    for at in range(0, len(raw) - _RECORD_BYTES + 1, _RECORD_BYTES):
        record = raw[at : at + _RECORD_BYTES]
        id_, counter = record[:ID_BYTES], int.from_bytes(record[ID_BYTES : ID_BYTES + 4], "big")
        if record == _record(id_, counter):
            yield id_, counter
        else:
            log.warning("rolling.floors: the record at byte %d is damaged; the journal's number counts", at)

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
from contextlib import contextmanager
from pathlib import Path

from gated.errors import StoreError
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


class RollingFloors:
    """Used by every lane. ``id``: 16 bytes that name a medium to this sector alone."""

    def __init__(self, journal: Journal, file: Path) -> None:
        """Queue what brings the two together again; it is done before anything that is asked later."""
        self._journal = journal
        self._file = file
        self._agreement = journal.do(self._agree)

    def rise(self, id_: bytes, counter: int, timeout_s: float) -> bool | None:
        """Raise a medium's floor to ``counter``. False = it is no higher than what was shown before.

        Durable in both places on return. None = the disk was not ready in time; it may be raised all the
        same. Raises ``StoreError``.
        """
        risen, agreement = False, self._agreement
        if agreement.error is not None:  # nobody passes before the two agree: try again first
            agreement = self._agreement = self._journal.do(self._agree)

        def work(connection: sqlite3.Connection) -> None:
            nonlocal risen
            if not agreement.seq:  # it did not land: the journal may know less than the file
                raise agreement.error or StoreError(f"{self._file} and the journal do not agree yet")
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
            flags = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
            handle = os.open(self._file, flags)
            try:
                record = _record(id_, counter)
                if os.write(handle, record) != len(record):  # a torn record is passed over when it is read
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fdatasync(handle)
            finally:
                os.close(handle)

    def _agree(self, connection: sqlite3.Connection) -> None:
        """In both places the higher of the two: the file then has one record for each medium, in order."""
        raw = self._told()
        highest: dict[bytes, int] = {}
        for id_, counter in _records(raw or b""):
            highest[id_] = max(counter, highest.get(id_, 0))
        connection.executemany(_RAISE, highest.items())
        due = bytearray()
        for id_, counter in connection.execute("SELECT id, counter FROM rolling ORDER BY id"):
            due += _record(id_, counter)
        # Also where there is none yet: a name that is made by an append could be lost with the power.
        if raw is None or due != raw:
            with self._written():
                write_durably(self._file, bytes(due))

    def _told(self) -> bytes | None:
        try:
            return self._file.read_bytes()
        except FileNotFoundError:
            return None
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
    """The records that are whole, wherever they stand. What a power cut cut off, or damage spoilt, is passed
    over byte by byte: the journal has it too.
    """
    at = spoilt = 0
    while at + _RECORD_BYTES <= len(raw):
        record = raw[at : at + _RECORD_BYTES]
        id_, counter = record[:ID_BYTES], int.from_bytes(record[ID_BYTES : ID_BYTES + 4], "big")
        if record == _record(id_, counter):
            yield id_, counter
            at += _RECORD_BYTES
        else:
            at, spoilt = at + 1, spoilt + 1
    spoilt += len(raw) - at
    if spoilt:
        log.warning("rolling.floors: %d bytes of it are damaged; the journal's numbers count", spoilt)

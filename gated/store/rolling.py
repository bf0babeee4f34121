"""The highest number that each medium with a rolling proof has shown: floors, one for each such medium.

As with the other floors (``store.floors``), a value that deleting one file could lower would be none, so they
stand in the journal's file and in one of their own: records of 24 bytes, appended, so that one tap writes one
record however many media a city has. Both are written by the journal's thread, so two lanes that are shown
the same number ask one after the other.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from pathlib import Path

from gated.errors import StoreError
from gated.store.connection import errors_of, open_reader
from gated.store.directory import write_durably
from gated.store.journal import Journal

log = logging.getLogger(__name__)

ID_BYTES = 16
MAX_COUNTER = (1 << 32) - 1
_RECORD_BYTES = ID_BYTES + 4 + 4
#: The file is written anew at start when it holds so many records more than media.
SPARE = 1000

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

    def __init__(self, journal: Journal, file: Path, spare: int = SPARE) -> None:
        """Queue what brings the two together again; it is done before anything that is asked later."""
        self._journal = journal
        self._file = file
        self._spare = spare
        journal.do(self._agree)

    def rise(self, id_: bytes, counter: int, timeout_s: float) -> bool | None:
        """Raise a medium's floor to ``counter``. False = it is no higher than what was shown before.

        Durable in both places on return. None = the disk was not ready in time; it may be raised all the
        same. Raises ``StoreError``.
        """
        risen = False

        def work(connection: sqlite3.Connection) -> None:
            nonlocal risen
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
        try:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            handle = os.open(self._file, flags, 0o600)
            try:
                record = _record(id_, counter)
                if os.write(handle, record) != len(record):
                    raise StoreError(f"{self._file} cannot be written (no room)")
                os.fdatasync(handle)
            finally:
                os.close(handle)
        except OSError as error:
            raise StoreError(f"{self._file} cannot be written ({error.strerror})") from error

    def _agree(self, connection: sqlite3.Connection) -> None:
        """At start: in both places the higher of the two."""
        told, records, whole = _read(self._file)
        known: dict[bytes, int] = dict(connection.execute("SELECT id, counter FROM rolling"))
        higher = [(id_, counter) for id_, counter in told.items() if counter > known.get(id_, -1)]
        connection.executemany(_RAISE, higher)
        known |= higher
        if not whole:
            log.warning("%s is damaged; the journal's numbers count", self._file)
        if whole and known == told and records <= len(known) + self._spare:
            return
        try:
            write_durably(self._file, b"".join(_records(known)))
        except OSError as error:
            raise StoreError(f"{self._file} cannot be written ({error.strerror})") from error


def _record(id_: bytes, counter: int) -> bytes:
    body = id_ + counter.to_bytes(4, "big")
    return body + zlib.crc32(body).to_bytes(4, "big")


def _records(floors: Mapping[bytes, int]) -> Iterable[bytes]:
    return (_record(id_, counter) for id_, counter in sorted(floors.items()))


def _read(file: Path) -> tuple[dict[bytes, int], int, bool]:
    """(floors, records, whether all of them were whole). One cut off by a power cut is not."""
    try:
        raw = file.read_bytes()
    except FileNotFoundError:
        return {}, 0, True
    except OSError as error:
        log.warning("%s cannot be read (%s)", file, error.strerror)
        return {}, 0, False
    floors: dict[bytes, int] = {}
    whole = len(raw) % _RECORD_BYTES == 0
    for record in _cut(raw):
        id_, counter = record[:ID_BYTES], int.from_bytes(record[ID_BYTES : ID_BYTES + 4], "big")
        if record != _record(id_, counter):
            whole = False
            continue
        floors[id_] = max(counter, floors.get(id_, 0))
    return floors, len(raw) // _RECORD_BYTES, whole


def _cut(raw: bytes) -> Iterator[bytes]:
    for at in range(0, len(raw) - _RECORD_BYTES + 1, _RECORD_BYTES):
        yield raw[at : at + _RECORD_BYTES]

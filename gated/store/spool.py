"""Blobs that were fetched, in one file that only grows: what arrived is not fetched again, whatever happens.

A record is the length of a blob (4 bytes), its name (32) and the blob. Each is compared with its name when
it is read, so nothing depends on what a power cut left: the file is cut after its last whole record.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from gated.errors import StoreError
from gated.store.directory import sync_directory
from gated.wire.blob import MAX_BLOB_BYTES, name_of

#: Beside the journal: whatever belongs to a transfer, and nothing else.
FEED = "feed"
SPOOL = "spool"
#: Names the head whose blobs these are.
_HEADER = b"gated spool 1\n"
_LENGTH_BYTES, _NAME_BYTES = 4, 32
#: Written back after so many bytes: a flush of the journal must not have to wait for a whole transfer.
FLUSH_BYTES = 128 << 10


class Spool:
    """The spool of one transfer, by the thread that fetches. Raises ``StoreError``.

    What an earlier transfer left is used as far as its names are wanted again: pages of a snapshot stay the
    same from head to head.
    """

    def __init__(self, directory: Path) -> None:
        self.path = directory / FEED / SPOOL
        try:
            self.path.parent.mkdir(mode=0o700, exist_ok=True)
            self._open()
        except OSError as error:
            raise self._trouble(error) from error

    def __contains__(self, name: bytes) -> bool:
        return name in self._places

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._end

    def names(self) -> frozenset[bytes]:
        """What is here."""
        return frozenset(self._places)

    def put(self, name: bytes, blob: bytes) -> None:
        """Keep a blob that was compared with its name."""
        if name in self._places:
            return
        try:
            self._file.seek(self._end)
            self._file.write(len(blob).to_bytes(_LENGTH_BYTES, "big") + name + blob)
            self._file.flush()
        except OSError as error:
            raise self._trouble(error) from error
        self._places[name] = self._end
        self._end += _LENGTH_BYTES + _NAME_BYTES + len(blob)
        if self._end - self._flushed >= FLUSH_BYTES:
            self.flush()

    def get(self, name: bytes) -> bytes:
        """A blob that is here. Raises ``StoreError`` where the file is not what it was."""
        try:
            self._file.seek(self._places[name])
            found = _record(self._file)
        except OSError as error:
            raise self._trouble(error) from error
        if found is None or found[0] != name:
            raise StoreError(f"{self.path} was changed", hint="is the disk failing? see dmesg")
        return found[1]

    def begin_anew(self, keep: Iterable[bytes]) -> None:
        """Forget all but a few: most of what is here nobody wants."""
        kept = {name: self.get(name) for name in keep}
        self.remove()
        try:
            self._open()
        except OSError as error:
            raise self._trouble(error) from error
        for name, blob in kept.items():
            self.put(name, blob)

    def flush(self) -> None:
        """Write back what came."""
        try:
            os.fdatasync(self._file.fileno())
        except OSError as error:
            raise self._trouble(error) from error
        self._flushed = self._end

    def close(self) -> None:
        """Close the file; it stays."""
        self._file.close()

    def remove(self) -> None:
        """The transfer is over, or of no use."""
        self._file.close()
        try:
            self.path.unlink(missing_ok=True)
            sync_directory(self.path.parent)
        except OSError as error:
            raise self._trouble(error) from error

    def _open(self) -> None:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        self._file = os.fdopen(os.open(self.path, flags, 0o600), "r+b")
        self._resume()

    def _resume(self) -> None:
        self._places: dict[bytes, int] = {}
        self._end: int = len(_HEADER)
        self._flushed = self._end
        if self._file.read(len(_HEADER)) != _HEADER:
            self._file.seek(0)
            self._file.truncate()
            self._file.write(_HEADER)
            self._file.flush()
            return
        for name, size in read_records(self._file):
            self._places[name] = self._end
            self._end += size
        self._file.truncate(self._end)

    def _trouble(self, error: OSError) -> StoreError:
        return StoreError(
            f"{self.path} cannot be written ({error.strerror})", hint="see docs/how-to/recover-a-full-disk.md"
        )


def read_records(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    """(name, bytes of the record) of each whole record from here on; ends at the first that is none."""
    while (found := _record(file)) is not None:
        yield found[0], _LENGTH_BYTES + _NAME_BYTES + len(found[1])


class SpoolReader:
    """Finds blobs in a spool that another process goes on to write. Raises ``OSError``."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._file.seek(len(_HEADER))
        self._places: dict[bytes, int] = {}
        self._end = len(_HEADER)

    def find(self, name: bytes) -> bytes | None:
        """The blob; None while it has not arrived. Raises ``OSError`` also where it is not what arrived."""
        if name not in self._places:
            self._scan(name)
        place = self._places.get(name)
        if place is None:
            return None
        self._file.seek(place)
        found = _record(self._file)
        if found is None or found[0] != name:
            raise OSError(errno.EIO, "the spool was changed")
        return found[1]

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _scan(self, wanted: bytes) -> None:
        """Look on behind what was seen, up to the one that is wanted. Lengths are enough here."""
        self._file.seek(self._end)
        while wanted not in self._places:
            head = self._file.read(_LENGTH_BYTES + _NAME_BYTES)
            size = int.from_bytes(head[:_LENGTH_BYTES], "big")
            if len(head) < _LENGTH_BYTES + _NAME_BYTES or not 0 < size <= MAX_BLOB_BYTES:
                return
            self._file.seek(size - 1, os.SEEK_CUR)
            if len(self._file.read(1)) < 1:
                return
            self._places[head[_LENGTH_BYTES:]] = self._end
            self._end += len(head) + size


def _record(file: BinaryIO) -> tuple[bytes, bytes] | None:
    """(name, blob) of the record that begins here; None where there is no whole one."""
    size = int.from_bytes(file.read(_LENGTH_BYTES), "big")
    if not 0 < size <= MAX_BLOB_BYTES:
        return None
    name, blob = file.read(_NAME_BYTES), file.read(size)
    return (name, blob) if name_of(blob) == name else None

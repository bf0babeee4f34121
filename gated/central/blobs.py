"""The blobs of a sector's feed: files of a folder, each named by the SHA-256 of its content.

The time of a file says when a head last named it. What no head has named for two days goes: until then a gate
that works on an older head finds all of it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gated.central.files import make_folder, place_file, sync_folder
from gated.wire.blob import name_of

#: Below an office's directory.
FEED = "feed"
#: How long a blob stays that no head names any more; an hour more than two days, as it is looked at hourly.
KEEP_S = 49 * 3600

_LOCK = "snapshot.lock"
_MODE = 0o640


class Blobs:
    """A folder, used by any number of processes and threads. All it raises is ``OSError``."""

    def __init__(self, directory: Path, sector: str) -> None:
        self.sector = sector
        self.folder = directory / FEED / sector
        self._made = False

    def put(self, blob: bytes, now: int) -> bytes:
        """Keep a blob, durably once ``settle`` was called; its name."""
        if not self._made:
            make_folder(self.folder)
            self._made = True
        name = name_of(blob)
        path = self._path(name)
        if not path.exists():
            place_file(path, blob, _MODE)
        os.utime(path, (now, now))
        return name

    def settle(self) -> None:
        """Make the names of all that was put durable."""
        if self._made:
            sync_folder(self.folder)

    def get(self, name: bytes) -> bytes | None:
        """A blob, whole; one that is damaged is as good as none, and goes, so that it can be made again."""
        path = self._path(name)
        try:
            blob = path.read_bytes()
        except FileNotFoundError:
            return None
        if name_of(blob) != name:
            path.unlink(missing_ok=True)
            return None
        return blob

    def has(self, name: bytes) -> bool:
        """Whether a blob is there."""
        return self._path(name).exists()

    def keep(self, named: Iterable[bytes], now: int) -> list[bytes]:
        """A head names these now: drop what none has named for long. Returns those that are not there."""
        missing = []
        for name in named:
            try:
                os.utime(self._path(name), (now, now))
            except FileNotFoundError:
                missing.append(name)
        if self.folder.is_dir():
            self._drop(now - KEEP_S)
        return missing

    def _drop(self, before: int) -> None:
        with os.scandir(self.folder) as entries:
            for entry in entries:
                if entry.name == _LOCK:
                    continue
                with suppress(FileNotFoundError):  # another process drops too
                    if entry.stat(follow_symlinks=False).st_mtime < before:
                        Path(entry.path).unlink()

    def size(self) -> tuple[int, int]:
        """How many files there are, and their bytes."""
        if not self.folder.is_dir():
            return 0, 0
        files = bytes_ = 0
        with os.scandir(self.folder) as entries:
            for entry in entries:
                with suppress(FileNotFoundError):
                    files, bytes_ = files + (entry.name != _LOCK), bytes_ + entry.stat().st_size
        return files, bytes_

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Whether nobody else makes a snapshot; nobody can until the end. It ends with the process, too."""
        make_folder(self.folder)
        handle = os.open(self.folder / _LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, _MODE)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                yield False
            else:
                yield True
        finally:
            os.close(handle)

    def _path(self, name: bytes) -> Path:
        if len(name) != 32:
            raise ValueError("a name is a SHA-256")
        return self.folder / name.hex()

"""The state directory: names, the lock, durable small files, and how a damaged file is set aside."""

from __future__ import annotations

import fcntl
import os
import pwd
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gated.errors import StoreError
from gated.store.connection import BUSY_S, DAMAGE, primary_code, store_error
from gated.store.lock import is_held

JOURNAL = "journal.db"
DELTA = "delta.db"
FLOORS = "floors.json"
ROLLING = "rolling.floors"
BALLAST = "ballast"
LOCK = "lock"
FOLDING = "folding"
SNAPSHOTS = "snapshot-*.db"
#: SQLite makes an index of 32 kB beside each database that it opens, and fails without.
ROOM_TO_OPEN = 256 * 1024
_SIDE_FILES = ("", "-wal", "-shm")
#: Left by a gate that has served. Snapshots and damaged files may be all that is left of the denials.
_TRACES = (f"{JOURNAL}*", f"{SNAPSHOTS}*", f"{DELTA}.damaged-*")


@contextmanager
def held(path: Path) -> Iterator[bool]:
    """Hold a lock file as long as the block runs; False = another process holds it.

    Raises ``StoreError`` where it cannot be used.
    """
    handle = take_lock(path)
    if handle is None:
        yield False
        return
    try:
        yield True
    finally:
        os.close(handle)


def take_lock(path: Path) -> int | None:
    """The handle of a lock file that is ours until it is closed, by us and by whoever inherits it.

    None = another process holds it. Raises ``StoreError`` where it cannot be used.
    """
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _unusable(path, error) from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    except OSError as error:
        os.close(handle)
        raise _unusable(path, error) from error
    return handle


class StateDirectory:
    """Where a gate keeps what it knows and what it did."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock: int | None = None

    def prepare(self, command: str) -> None:
        """Make the directory if it is not there. Raises ``StoreError``, also for another user's directory.

        What root makes in it, the daemon cannot write: ``command`` is for its owner.
        """
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            owner = self.path.stat().st_uid
        except OSError as error:
            raise _unusable(self.path, error) from error
        if owner != os.geteuid():
            name = _user(owner)
            raise StoreError(f"{self.path} belongs to {name}", hint=f"sudo -u {name} gated {command}")

    def lock(self) -> None:
        """Be the one gate that uses this directory. Raises ``StoreError`` if another does."""
        handle = take_lock(self.path / LOCK)
        if handle is None:
            raise StoreError(
                f"{self.path} is in use by a running gate",
                hint="stop it first (systemctl stop gated), or give this one its own state_dir",
            )
        self._lock = handle

    def unlock(self) -> None:
        """Let another gate use it."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def is_locked(self) -> bool:
        """Whether a gate is running on it."""
        return is_held(self.path / LOCK)

    def file(self, name: str) -> Path:
        """A file of the directory."""
        return self.path / name

    def set_aside(self, name: str, at: int) -> Path:
        """Move a damaged database out of the way, with its -wal and -shm; nothing is deleted.

        The database goes first: a power cut between two of them must not leave one that looks sound
        without its -wal. Returns its new place, ``<name>.damaged-<at>[.n]``. Raises ``StoreError``.
        """
        number = 0
        while True:
            new = self.path / (f"{name}.damaged-{at}" + (f".{number}" if number else ""))
            if not any(Path(f"{new}{side}").exists() for side in _SIDE_FILES):
                break
            number += 1
        try:
            for side in _SIDE_FILES:
                old = Path(f"{self.path / name}{side}")
                if old.exists():
                    old.rename(f"{new}{side}")
            sync_directory(self.path)
        except OSError as error:
            raise _unusable(self.path, error) from error
        return new


def has_served(path: Path) -> bool:
    """Whether a gate ever served from this directory. It then held statements, be they lost or not."""
    return any(next(path.glob(trace), None) for trace in _TRACES)


def is_sound(path: Path) -> bool:
    """Whether SQLite finds a database sound. A file that is not there is sound; its -wal alone is not.

    ``quick_check`` reads every page: a plain SELECT succeeds beside a page of noise (measured).
    Raises ``StoreError`` where nobody can tell: a sound file that is not ours, or a disk without room.
    """
    if not path.exists():
        return not Path(f"{path}-wal").exists()
    try:
        connection = sqlite3.connect(path, isolation_level=None, timeout=BUSY_S)
        try:
            return bool(connection.execute("PRAGMA quick_check(1)").fetchone() == ("ok",))
        finally:
            connection.close()
    except sqlite3.Error as error:
        if primary_code(error) in DAMAGE:
            return False
        raise store_error(path, error, "read") from error


def write_durably(path: Path, content: bytes) -> None:
    """Replace a small file so that after a power cut either the old or the new one is there, as a whole.

    Raises ``OSError``; then the old one is there.
    """
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)  # of an attempt that was cut off
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(new, flags, 0o600), "wb") as file:
        file.write(content)  # all of it: one os.write may take less, and not say why
        file.flush()
        os.fsync(file.fileno())
    new.rename(path)
    sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Make names that were created, renamed or deleted durable."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def keep_ballast(path: Path, size: int, room: int = ROOM_TO_OPEN) -> bool:
    """Hold ``size`` bytes of the disk in reserve. False = there was no room.

    It is given up where less than ``room`` bytes are free: no database could be opened.
    """
    disk = os.statvfs(path.parent)
    if disk.f_bavail * disk.f_frsize < room:
        path.unlink(missing_ok=True)
        return False
    if path.exists() and path.stat().st_size == size:
        return True
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            if size:
                os.posix_fallocate(handle, 0, size)
        finally:
            os.close(handle)
    except OSError:
        path.unlink(missing_ok=True)
        return False
    return True


def _unusable(path: Path, error: OSError) -> StoreError:
    return StoreError(
        f"{path} cannot be used ({error.strerror})",
        hint="the user of the daemon must own state_dir and every file in it",
    )


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"'#{uid}'"  # sudo takes a number so

"""Files made together or not at all: half a sector could be neither used nor founded anew."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path


def make_files(new: Mapping[Path, bytes], replaced: Path, content: bytes) -> None:
    """Make new files for their owner alone, then replace one that all may read.

    Raises ``OSError``; then none of the new files is there, and the other is as it was.
    """
    made: list[Path] = []
    beside = replaced.with_name(replaced.name + ".new")
    try:
        for path, secret in new.items():
            _write(path, secret, 0o600)
            made.append(path)
        beside.unlink(missing_ok=True)  # of an attempt that was cut off
        _write(beside, content, 0o644)
        beside.replace(replaced)
    except BaseException:
        for path in made:
            path.unlink()
        raise


def make_once(path: Path, secret: bytes) -> None:
    """Make a file for its owner alone, unless it is there: of two that try, the first wins, for both.

    It is there as a whole or not at all, also after a power cut. Raises ``OSError``.
    """
    beside = _beside(path)
    _write(beside, secret, 0o600)
    try:
        with suppress(FileExistsError):
            path.hardlink_to(beside)
    finally:
        beside.unlink()
    sync_folder(path.parent)


def make_new(path: Path, content: bytes, mode: int) -> None:
    """Make a file that must not be there yet. Raises ``OSError``."""
    _write(path, content, mode)
    sync_folder(path.parent)


@contextmanager
def claimed(path: Path) -> Iterator[Callable[[bytes], None]]:
    """A name that no file has yet. What is written within shows under it when all of the block ended well; if
    not, nothing does. Raises ``OSError``.
    """
    with path.open("xb"):
        beside = _beside(path)
    try:
        yield lambda content: _write(beside, content, 0o644)
        beside.replace(path)
        sync_folder(path.parent)
    except BaseException:
        beside.unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        raise


def replace_file(path: Path, content: bytes, mode: int = 0o644) -> None:
    """Put new content in the place of the old, as a whole. Raises ``OSError``."""
    place_file(path, content, mode)
    sync_folder(path.parent)


def place_file(path: Path, content: bytes, mode: int) -> None:
    """As ``replace_file``, but its name is durable only after ``sync_folder``. Raises ``OSError``."""
    beside = _beside(path)
    _write(beside, content, mode)
    beside.replace(path)


def make_folder(path: Path) -> None:
    """Make a folder, and those above it, that its group may read; one that is there stays as it is.

    Raises ``OSError``.
    """
    if not path.is_dir():
        make_folder(path.parent)
        path.mkdir(mode=0o750, exist_ok=True)
        path.chmod(0o750)  # whatever the umask


def give_to_owner(path: Path) -> None:
    """What root makes in somebody's folder is theirs: else a command run with sudo locks them out."""
    owner = path.parent.stat().st_uid
    if os.geteuid() == 0 and owner != 0:
        os.chown(path, owner, -1, follow_symlinks=False)


def replace_secret(path: Path, new: Path) -> None:
    """Let a key take the place of another, for whoever could read that one. Raises ``OSError``."""
    if path.exists():
        before = path.stat()
        with suppress(PermissionError):  # it stays with its own group then, and nobody else can read it
            os.chown(new, -1, before.st_gid)
        new.chmod(before.st_mode & 0o777)
    new.rename(path)
    sync_folder(path.parent)


def _beside(path: Path) -> Path:
    """A name that is this thread's alone. What an attempt left there that was cut off, goes."""
    beside = path.with_name(f"{path.name}.{threading.get_native_id()}.new")
    beside.unlink(missing_ok=True)
    return beside


def sync_folder(path: Path) -> None:
    """Make names that were created or replaced durable."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _write(path: Path, content: bytes, mode: int) -> None:
    """A new file with its mode from the first moment: a key is never readable by others, not even briefly."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(handle, mode)  # whatever the umask
            give_to_owner(path)
            file.write(content)
            file.flush()
            os.fsync(handle)
    except BaseException:
        path.unlink()
        raise

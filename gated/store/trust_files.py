"""The trust repository's files at a gate: what was verified, and what a stick brought to be verified.

What was verified lies in ``trust``: each root by its number, the metadata of targets, and the files that it
names by hash. New files come first and the metadata last, in one rename: it says which of them count. So a
power cut leaves the old picture or the new one. There is no timestamp among them: what it protects from, an
older repository, the floors do, which are kept twice (ADR 0022).
"""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from gated.errors import StoreError
from gated.model.trust import MAX_TRUST_FILE_BYTES
from gated.store.directory import sync_directory, write_durably
from gated.wire.trust_file import FILE_NAME, ROOT_NAME

#: Below the state directory.
TRUST = "trust"
#: Likewise: files that a stick brought. Nobody believes them yet.
HANDED_OVER = "trust.incoming"
TARGETS = "targets.json"
#: Of what a stick brings: a repository has some roots and a profile for each venue, of a few kB each.
MAX_FILES, MAX_BYTES = 4096, 16_000_000


class TrustFiles:
    """A folder of such files. Used by one thread at a time; it raises ``StoreError``."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def is_there(self) -> bool:
        """Whether there is such a folder."""
        return self.path.is_dir()

    def read(self, name: str) -> bytes | None:
        """A file; one byte more than allowed of one that is too large, None for what is no plain file."""
        if FILE_NAME.match(name) is None:
            return None
        try:
            handle = os.open(self.path / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                return None
            with os.fdopen(handle, "rb", closefd=False) as file:
                return file.read(MAX_TRUST_FILE_BYTES + 1)
        except OSError:
            return None
        finally:
            os.close(handle)

    def keep(self, name: str, content: bytes) -> None:
        """Keep a file, durably; one that is there as it is to be is left alone."""
        if FILE_NAME.match(name) is None:
            raise ValueError(f"{name!r} is no file of a trust repository")
        if self.read(name) == content:
            return
        try:
            if not self.path.is_dir():
                self.path.mkdir(mode=0o700)
                sync_directory(self.path.parent)
            write_durably(self.path / name, content)
        except OSError as error:
            raise _unusable(self.path / name, error) from error

    def put_in_force(self, metadata: bytes, files: Mapping[str, bytes]) -> None:
        """Keep files, then the metadata that names them, and remove what it names no longer."""
        for name, content in files.items():
            self.keep(name, content)
        self.keep(TARGETS, metadata)
        self._tidy({TARGETS, *files})

    def remove(self) -> None:
        """Remove the folder with all that is in it."""
        try:
            if self.path.is_symlink():
                self.path.unlink()
            elif self.path.exists():
                shutil.rmtree(self.path)
        except OSError as error:
            raise _unusable(self.path, error) from error

    def _tidy(self, named: Iterable[str]) -> None:
        kept = set(named)
        try:
            for path in self.path.iterdir():
                if path.name not in kept and ROOT_NAME.match(path.name) is None:
                    path.unlink()
        except OSError as error:
            raise _unusable(self.path, error) from error


def hand_over(source: Path, state_dir: Path) -> int:
    """Copy a repository's files from a folder to where a gate looks for them. Returns how many.

    Nothing is verified here: the gate does, within seconds if it runs, at its next start otherwise. What is
    no plain file, has another name or is too large stays where it is. Raises ``StoreError``.
    """
    files, beside = TrustFiles(source), TrustFiles(state_dir / f"{HANDED_OVER}.new")
    beside.remove()
    copied = left = 0
    for name in _named(source):
        content = files.read(name)
        if content is not None and len(content) <= MAX_TRUST_FILE_BYTES and left + len(content) <= MAX_BYTES:
            beside.keep(name, content)
            copied, left = copied + 1, left + len(content)
    if copied:
        TrustFiles(state_dir / HANDED_OVER).remove()
        try:
            beside.path.rename(state_dir / HANDED_OVER)
            sync_directory(state_dir)
        except OSError as error:
            raise _unusable(state_dir / HANDED_OVER, error) from error
    return copied


def _named(folder: Path) -> list[str]:
    found: list[str] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if len(found) < MAX_FILES and FILE_NAME.match(entry.name):
                    found.append(entry.name)
    except OSError as error:
        raise StoreError(
            f"{folder} cannot be read ({error.strerror})", hint="is it the right folder?"
        ) from error
    return sorted(found)


def _unusable(path: Path, error: OSError) -> StoreError:
    return StoreError(
        f"{path} cannot be written ({error.strerror})", hint="see docs/how-to/recover-a-full-disk.md"
    )

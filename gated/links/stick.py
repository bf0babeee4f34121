"""A stick, read as strictly as a hostile peer and written so that it may be pulled out at any moment.

Every folder is opened from the one above it, and none through a symbolic link: no name leads elsewhere. What
is no plain file is not opened; a file's size is known, and bounded, before a byte of it is read.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from gated.errors import StickError
from gated.wire.stick import FOLDER, GATE_FOLDERS, MAX_FILES, MAX_FOLDERS, Place, folder_of, place_of

#: Why a file is not taken (docs/reference/stick.md).
BAD_NAME, NOT_A_FILE, NOT_A_FOLDER = "bad_name", "not_a_file", "not_a_folder"
OVERSIZE, TORN, TOO_MANY, UNREADABLE = "oversize", "torn", "too_many", "unreadable"
#: What is refused is named so often; the rest is counted.
MOST_EXAMPLES = 20

_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC
_UNFINISHED = ".new"


class StickReader:
    """Reads the folder ``gated-stick``, or a copy of it. One thread uses it.

    Args:
        root: the folder.
        most_files: of one folder; what comes on top is not read.

    """

    def __init__(self, root: Path, most_files: int = MAX_FILES) -> None:
        self.root = root
        self._most_files = most_files
        self.refused: Counter[str] = Counter()
        self.examples: list[tuple[str, str]] = []

    def places(self, wanted: Callable[[str, str], bool] = lambda _kind, _whose: True) -> list[Place]:
        """What lies there by its names, in the order to be taken in.

        Args:
            wanted: asked for each folder by its kind (``trust``, ``sector`` or ``gate``) and whose it is; of
                the others not even the names are read.

        Raises ``StickError`` where there is no such folder.

        """
        found: list[Place] = []
        with self._folder(()) as root:
            for name in self._names(root, (), MAX_FOLDERS):
                kind, whose = folder_of(name) or ("", "")
                if not kind:
                    self.refuse((name,), BAD_NAME)
                elif wanted(kind, whose):
                    found += self._places_of_gate(name) if kind == "gate" else self._places_in((name,))
        return sorted(found, key=lambda place: (place.what, place.whose, place.order))

    def read(self, place: Place) -> bytes | None:
        """The content of a file; None, and counted, where it is not to be taken."""
        try:
            with self._folder(place.path[:-1]) as folder:
                return self._content(folder, place)
        except StickError:
            self.refuse(place.path, UNREADABLE)
        return None

    def refuse(self, path: Sequence[str], code: str) -> None:
        """A file is not taken."""
        self.refused[code] += 1
        if len(self.examples) < MOST_EXAMPLES:
            self.examples.append(("/".join(path), code))

    def _places_of_gate(self, name: str) -> list[Place]:
        try:
            with self._folder((name,)) as folder:
                names = self._names(folder, (name,), MAX_FOLDERS)
        except StickError:
            self.refuse((name,), NOT_A_FOLDER)
            return []
        found: list[Place] = []
        for below in names:
            if below in GATE_FOLDERS:
                found += self._places_in((name, below))
            else:
                self.refuse((name, below), BAD_NAME)
        return found

    def _places_in(self, path: tuple[str, ...]) -> list[Place]:
        try:
            with self._folder(path) as folder:
                names = self._names(folder, path, self._most_files)
        except StickError:
            self.refuse(path, NOT_A_FOLDER)
            return []
        found = []
        for name in names:
            place = place_of((*path, name))
            if place is not None:
                found.append(place)
            elif not name.endswith(_UNFINISHED):  # of a copy that was cut off: nothing is lost by it
                self.refuse((*path, name), BAD_NAME)
        return found

    def _names(self, folder: int, path: tuple[str, ...], most: int) -> list[str]:
        names: list[str] = []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if len(names) == most:
                        self.refuse(path, TOO_MANY)
                        break
                    names.append(entry.name)
        except OSError:
            self.refuse(path, UNREADABLE)
        return sorted(names)

    def _content(self, folder: int, place: Place) -> bytes | None:
        code = UNREADABLE
        with suppress(OSError):
            code, content = _read(folder, place)
            if not code:
                return content
        self.refuse(place.path, code)
        return None

    @contextmanager
    def _folder(self, path: Sequence[str]) -> Iterator[int]:
        """A folder below the root, opened step by step. Raises ``StickError``."""
        with opened_folder(self.root, path) as handle:
            yield handle


@contextmanager
def opened_folder(root: Path, path: Sequence[str]) -> Iterator[int]:
    """A folder below ``root``, opened step by step, through no symbolic link. Raises ``StickError``."""
    handles: list[int] = []
    try:
        try:
            handles.append(os.open(root, _FLAGS | os.O_DIRECTORY))
            for name in path:
                handles.append(os.open(name, _FLAGS | os.O_DIRECTORY, dir_fd=handles[-1]))
        except OSError as error:
            where = root.joinpath(*path)
            raise StickError(
                f"{where} is no folder that can be read ({error.strerror})",
                hint=f"is the stick there? It holds a folder {FOLDER}",
            ) from error
        yield handles[-1]
    finally:
        for handle in handles:
            os.close(handle)


def _read(folder: int, place: Place) -> tuple[str, bytes]:
    """(why it is not taken, content); the first is empty where it is. Raises ``OSError``."""
    # Looked at before it is opened: to open a device may do something, and a FIFO has no end.
    seen = os.stat(place.name, dir_fd=folder, follow_symlinks=False)
    if not stat.S_ISREG(seen.st_mode):
        return NOT_A_FILE, b""
    handle = os.open(place.name, _FLAGS | os.O_NONBLOCK | os.O_NOCTTY, dir_fd=folder)
    with os.fdopen(handle, "rb", buffering=0) as file:
        size = os.fstat(handle).st_size
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return NOT_A_FILE, b""
        if size > place.limit:
            return OVERSIZE, b""
        content = _whole(file.read, size)
    return ("" if content and len(content) == size else TORN), content


def _whole(read: Callable[[int], bytes | None], size: int) -> bytes:
    content = b""
    while len(content) < size:
        more = read(size - len(content))
        if not more:
            break
        content += more
    return content


class StickWriter:
    """Writes the folder ``gated-stick``, or a copy of it. One thread uses it. Raises ``StickError``."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._made: set[tuple[str, ...]] = set()

    def write(self, place: Place, content: bytes, *, durably: bool = True) -> None:
        """Put a file in its place as a whole, in place of one that is there.

        What is named by its own content need not be ``durably`` there one by one: ``flush`` does it for all.
        """
        self._make(place.path[:-1])
        with opened_folder(self.root, place.path[:-1]) as folder, self._errors(place):
            unfinished = place.name + _UNFINISHED
            with suppress(FileNotFoundError):
                os.unlink(unfinished, dir_fd=folder)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with os.fdopen(os.open(unfinished, flags, 0o644, dir_fd=folder), "wb") as file:
                file.write(content)
                file.flush()
                if durably:
                    os.fsync(file.fileno())
            os.rename(unfinished, place.name, src_dir_fd=folder, dst_dir_fd=folder)
            if durably:
                os.fsync(folder)

    def has(self, place: Place, size: int) -> bool:
        """Whether a plain file of this size is there already."""
        try:
            with opened_folder(self.root, place.path[:-1]) as folder:
                seen = os.stat(place.name, dir_fd=folder, follow_symlinks=False)
        except (OSError, StickError):
            return False
        return stat.S_ISREG(seen.st_mode) and seen.st_size == size

    def remove(self, place: Place) -> None:
        """Remove a file that something newer has made needless."""
        folder, gone = opened_folder(self.root, place.path[:-1]), suppress(FileNotFoundError)
        with folder as handle, self._errors(place), gone:
            os.unlink(place.name, dir_fd=handle)

    def flush(self) -> None:
        """Wait until all of it is on the stick."""
        os.sync()

    def _make(self, path: tuple[str, ...]) -> None:
        if path in self._made:
            return
        try:
            self.root.mkdir(exist_ok=True)
            for depth in range(len(path)):
                with opened_folder(self.root, path[:depth]) as above, suppress(FileExistsError):
                    os.mkdir(path[depth], dir_fd=above)
        except OSError as error:
            raise _unwritable(self.root.joinpath(*path), error) from error
        self._made.add(path)

    @contextmanager
    def _errors(self, place: Place) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise _unwritable(self.root.joinpath(*place.path), error) from error


def _unwritable(path: Path, error: OSError) -> StickError:
    return StickError(
        f"{path} cannot be written ({error.strerror})",
        hint="is the stick full, pulled out or write-protected? Run it again: what is there is not lost",
    )


def stick_folder(path: Path) -> Path:
    """The folder of ours on a stick; a person may name either."""
    return path if path.name == FOLDER else path / FOLDER

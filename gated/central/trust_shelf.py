"""The public files of the office's trust repository, as whoever serves gates hands them out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gated.central.answering import Asker
from gated.credential.metadata import Untrusted
from gated.credential.repository import open_root
from gated.errors import ConfigError
from gated.model.trust import MAX_TRUST_FILE_BYTES
from gated.wire.request import PART_BYTES, TrustWanted
from gated.wire.trust_file import FILE_NAME, TIMESTAMP

#: In the office's directory. All of it is public.
TRUST = "trust"


class TrustShelf:
    """Reads, and signs nothing. An office without a repository has an empty one."""

    def __init__(self, directory: Path) -> None:
        self._folder = directory / TRUST
        # Of the timestamp that was read last: inode, when written.
        self._looked: tuple[int, int] | None = None
        self._version = 0

    def read(self, name: str) -> bytes | None:
        """A file; None where there is none, or the name has another form."""
        if FILE_NAME.match(name) is None:
            return None
        try:
            with (self._folder / name).open("rb") as file:
                content = file.read(MAX_TRUST_FILE_BYTES + 1)
        except OSError:
            return None
        return content if len(content) <= MAX_TRUST_FILE_BYTES else None

    def answer(self, _asker: Asker, want: TrustWanted) -> bytes | None:
        """What a gate asks for: a part of a file. Every gate may read all of it."""
        content = self.read(want.file)
        start = want.part * PART_BYTES
        return None if content is None else content[start : start + PART_BYTES] or None

    @property
    def version(self) -> int:
        """Of the newest timestamp, for pulses; 0 = there is no repository."""
        try:
            found = (self._folder / TIMESTAMP).stat()
        except OSError:
            return 0
        looked = (found.st_ino, found.st_mtime_ns)
        if looked != self._looked:
            self._version, self._looked = _version(self.read(TIMESTAMP)), looked
        return self._version


def newest_of(folder: Path, role: str) -> str | None:
    """The name of a role's newest metadata, which bears its version; None where there is none."""
    names = [path.name for path in folder.glob(f"*.{role}.json") if FILE_NAME.match(path.name)]
    return max(names, key=lambda name: int(name.partition(".")[0]), default=None)


def enrolled_root(directory: Path) -> dict[str, Any] | None:
    """The root that a box is enrolled with: the newest; None where there is no repository.

    Raises ``ConfigError`` for one that no gate would take.
    """
    folder = directory / TRUST
    name = newest_of(folder, "root")
    if name is None:
        return None
    raw = TrustShelf(directory).read(name)
    try:
        open_root(raw or b"")
        root: dict[str, Any] = json.loads(raw or b"")
    except Untrusted as untrusted:
        raise ConfigError(
            f"the newest root in {folder} cannot be used ({untrusted.detail})",
            hint="put the folder back from a backup",
        ) from None
    return root


def _version(content: bytes | None) -> int:
    try:
        version = json.loads(content or b"{}")["signed"]["version"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return 0
    return version if type(version) is int else 0

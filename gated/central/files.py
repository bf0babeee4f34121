"""Files made together or not at all: half a sector could be neither used nor founded anew."""

from __future__ import annotations

import os
from collections.abc import Mapping
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


def _write(path: Path, content: bytes, mode: int) -> None:
    """A new file with its mode from the first moment: a key is never readable by others, not even briefly."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(handle)
    except BaseException:
        path.unlink()
        raise

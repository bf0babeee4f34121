"""Files that are carried between a box and the office, by mail or stick."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from gated.errors import ConfigError


def read_carried(path: Path, limit: int) -> bytes:
    """The content of a file of at most ``limit`` bytes. Raises ``ConfigError``."""
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read ({error.strerror})", hint="is the stick there, and the path right?"
        ) from None
    if len(content) > limit:
        raise ConfigError(f"{path} is larger than {limit} bytes", hint="is it the right file?")
    return content


def write_carried(path: Path, content: bytes, *, hint: str) -> None:
    """Write a file as a whole, so that a stick may be pulled afterwards. Raises ``ConfigError``.

    All may read it: who carries it need not be root, and it holds nothing that is not sealed.
    """
    from gated.store.directory import write_durably

    try:
        write_durably(path, content)
        with suppress(PermissionError):  # a stick's file system may know no modes
            path.chmod(0o644)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written ({error.strerror})", hint=hint) from None

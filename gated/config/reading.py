"""Reading a small file that people edit: bounded, strict, and with errors that say what to do."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from gated.errors import ConfigError
from gated.model.document import DocumentError

T = TypeVar("T")

MAX_FILE_BYTES = 262_144


def load_toml(path: Path, what: Callable[[Any], T]) -> T:
    """Read a TOML file. Raises ``ConfigError``."""
    raw = read(path, "configuration")
    try:
        document = tomllib.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # tomllib lets those of a number or of depth through
        raise ConfigError(
            f"{path} is not TOML: {error}", hint="see docs/reference/configuration.md"
        ) from None
    return shaped(path, document, what)


def read(path: Path, what: str, most: int = MAX_FILE_BYTES) -> bytes:
    """Read a bounded file. Raises ``ConfigError``."""
    try:
        with path.open("rb") as handle:
            raw = handle.read(most + 1)
    except FileNotFoundError:
        raise ConfigError(f"{path} is missing ({what})", hint="check the path, or make the file") from None
    except PermissionError:
        raise ConfigError(
            f"{path} cannot be read ({what})", hint="its owner must be the daemon's user"
        ) from None
    except (OSError, ValueError) as error:  # a path with a NUL in it is a ValueError
        why = error.strerror if isinstance(error, OSError) else error
        raise ConfigError(f"{path} cannot be read ({why})", hint="check the path") from None
    if len(raw) > most:
        raise ConfigError(f"{path} is larger than {most} bytes", hint="is it the right file?")
    return raw


def shaped(path: Path, document: Any, what: Callable[[Any], T]) -> T:
    """What a parsed document means. Raises ``ConfigError``."""
    try:
        return what(document)
    except DocumentError as error:
        raise ConfigError(f"{path}: {error}", hint="see docs/reference/configuration.md") from None

"""Reading a parsed TOML or JSON document as strictly as a signed one.

Every mistake is a ``DocumentError`` that says where it is and what would be right; a key nobody
asked for is a mistake too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

T = TypeVar("T")

_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)(ms|s|min|h|d)\Z")
_SECONDS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE = re.compile(r"([0-9]{1,9})(kB|MB|GB)\Z")
_BYTES = {"kB": 1000, "MB": 1000_000, "GB": 1000_000_000}
_MISSING = object()


class DocumentError(ValueError):
    """``where`` is a path such as ``lane[1].hold``; ``what`` says what is wrong and what would be right."""

    def __init__(self, where: str, what: str) -> None:
        super().__init__(f"{where}: {what}")
        self.where = where
        self.what = what


def _is_text(value: object) -> bool:
    """No control characters (NUL ends a path), no halves of a UTF-16 pair (they have no UTF-8)."""
    return isinstance(value, str) and value.isprintable()


class Table:
    """One table of a document. Ask for every key, then call ``done``."""

    def __init__(self, fields: Any, where: str = "") -> None:
        if not isinstance(fields, dict):
            raise DocumentError(where or "document", "must be a table")
        self._fields = dict(fields)
        self._asked: list[str] = []
        self._where = where

    def path(self, key: str) -> str:
        """Where ``key`` stands in the document."""
        return f"{self._where}.{key}" if self._where else key

    def text(self, key: str, default: str | None = None) -> str:
        """A non-empty text."""
        value = self._take(key, default)
        if not _is_text(value) or not value:
            raise DocumentError(self.path(key), "must be a text of printable characters")
        return str(value)

    def lines(self, key: str, *, most: int) -> str:
        """A text of printable lines, such as PEM, with at most ``most`` characters."""
        value = self._take(key, None)
        if not isinstance(value, str) or not 0 < len(value) <= most:
            raise DocumentError(self.path(key), f"must be a text of 1 to {most} characters")
        if not all(map(_is_text, value.split("\n"))):
            raise DocumentError(self.path(key), "must be lines of printable characters")
        return value

    def checked(self, key: str, read: Callable[[str], T], default: T | None = None) -> T:
        """A text that ``read`` understands; its ``ValueError`` is told."""
        if default is not None and key not in self._fields:
            self._asked.append(key)
            return default
        value = self.text(key)
        try:
            return read(value)
        except ValueError as error:
            raise DocumentError(self.path(key), str(error)) from None

    def whole(self, key: str, default: int | None = None, *, least: int = 0, most: int = 1 << 53) -> int:
        """A whole number within limits."""
        value = self._take(key, default)
        if type(value) is not int or not least <= value <= most:
            raise DocumentError(self.path(key), f"must be a whole number from {least} to {most}")
        return value

    def whole_or_none(self, key: str, *, least: int = 0, most: int = 1 << 53) -> int | None:
        """A whole number, or None where the key is absent."""
        if key in self._fields:
            return self.whole(key, least=least, most=most)
        self._asked.append(key)
        return None

    def flag(self, key: str, *, default: bool | None = None) -> bool:
        """True or false."""
        value = self._take(key, default)
        if not isinstance(value, bool):
            raise DocumentError(self.path(key), "must be true or false")
        return value

    def seconds(self, key: str, default: str, *, least: float = 0.001, most: float = 366 * 86400.0) -> float:
        """A duration with its unit, such as "1.5s"; returned in seconds."""
        value = self._take(key, default)
        match = _DURATION.match(value) if isinstance(value, str) else None
        if match is None:
            raise DocumentError(
                self.path(key), f'must be a duration with a unit (ms, s, min, h, d), such as "{default}"'
            )
        seconds = float(match[1]) * _SECONDS[match[2]]
        if not least <= seconds <= most:
            raise DocumentError(self.path(key), f"must lie between {least:g} s and {most:g} s")
        return seconds

    def size(self, key: str, default: str) -> int:
        """A size with its unit, such as "16MB"; returned in bytes."""
        value = self._take(key, default)
        match = _SIZE.match(value) if isinstance(value, str) else None
        if match is None:
            raise DocumentError(
                self.path(key), f'must be a size with a unit (kB, MB, GB), such as "{default}"'
            )
        return int(match[1]) * _BYTES[match[2]]

    def texts(self, key: str, default: list[str] | None = None) -> list[str]:
        """A list of texts, not empty."""
        value = self._take(key, default)
        if not isinstance(value, list) or not value or not all(map(_is_text, value)):
            raise DocumentError(
                self.path(key), "must be a list of texts of printable characters, with at least one"
            )
        return value

    def texts_or_none(self, key: str) -> list[str] | None:
        """A list of texts, or None where the key is absent."""
        if key in self._fields:
            return self.texts(key)
        self._asked.append(key)
        return None

    def table(self, key: str) -> Table:
        """A table below this one; absent counts as empty."""
        return Table(self._take(key, {}), self.path(key))

    def document(self, key: str) -> dict[str, Any]:
        """A table below this one as it stands, for another reader."""
        value = self._take(key, None)
        if not isinstance(value, dict):
            raise DocumentError(self.path(key), "must be a table")
        return value

    def has(self, key: str) -> bool:
        """Whether a key is there."""
        self._asked.append(key)
        return key in self._fields

    def tables(self, key: str, *, most: int, least: int = 1) -> Iterator[Table]:
        """A list of tables, as a rule at least one."""
        value = self._take(key, [])
        if not isinstance(value, list) or not least <= len(value) <= most:
            raise DocumentError(self.path(key), f"must be a list of {least} to {most} tables")
        for place, fields in enumerate(value):
            yield Table(fields, f"{self.path(key)}[{place}]")

    def done(self) -> None:
        """Refuse keys that nobody asked for."""
        for key in self._fields:
            if key not in self._asked:
                known = ", ".join(sorted(set(self._asked)))
                raise DocumentError(self.path(str(key)), f"unknown key; known here: {known}")

    def _take(self, key: str, default: Any) -> Any:
        self._asked.append(key)
        value = self._fields.get(key, _MISSING)
        if value is not _MISSING:
            return value
        if default is None:
            raise DocumentError(self.path(key), "is missing")
        return default

"""Reading a parsed TOML or JSON document as strictly as a signed one.

Every mistake is a ``DocumentError`` that says where it is and what would be right; a key nobody
asked for is a mistake too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from typing import Any, TypeVar

from gated.model.name import NAME_FORM, is_name
from gated.model.time import END_OF_TIME

T = TypeVar("T")

_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)(ms|s|min|h|d)\Z")
_SECONDS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE = re.compile(r"([0-9]{1,9})(kB|MB|GB)\Z")
_BYTES = {"kB": 1000, "MB": 1000_000, "GB": 1000_000_000}
#: ISO 8601, but months and years have no length.
_PERIOD = re.compile(
    r"P(?=[0-9T])(?:([0-9]{1,6})W|(?:([0-9]{1,6})D)?"
    r"(?:T(?=[0-9])(?:([0-9]{1,9})H)?(?:([0-9]{1,9})M)?(?:([0-9]{1,9})S)?)?)\Z"
)
_PERIOD_SECONDS = (7 * 86400, 86400, 3600, 60, 1)
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}(?:Z|[+-][0-9]{2}:[0-9]{2})\Z"
)
_CLOCK_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])\Z")
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

    def words(self, key: str) -> str:
        """A value as its author wrote it, such as a time in one of its forms."""
        value = self._take(key, None)
        return value.isoformat() if isinstance(value, datetime) else str(value)

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

    def duration(self, key: str, default: str | None = None, *, least_s: int = 0, most_s: int) -> int:
        """An ISO 8601 duration of whole seconds, such as "PT30M"; returned in seconds."""
        value = self._take(key, default)
        match = _PERIOD.match(value) if isinstance(value, str) else None
        if match is None:
            raise DocumentError(self.path(key), "use days, hours, minutes and seconds, such as PT30M")
        seconds = sum(
            int(number or 0) * unit for number, unit in zip(match.groups(), _PERIOD_SECONDS, strict=True)
        )
        if not least_s <= seconds <= most_s:
            raise DocumentError(self.path(key), f"must lie between {least_s} s and {most_s} s")
        return seconds

    def duration_or_none(self, key: str, *, least_s: int = 0, most_s: int) -> int | None:
        """An ISO 8601 duration, or None where the key is absent."""
        if key in self._fields:
            return self.duration(key, least_s=least_s, most_s=most_s)
        self._asked.append(key)
        return None

    def moment(self, key: str, *, most: int = END_OF_TIME) -> int:
        """A time with its offset from UTC, as text or as TOML has it; returned in seconds since 1970."""
        value = self._take(key, None)
        if isinstance(value, str) and _MOMENT.match(value):
            with suppress(ValueError):
                value = datetime.fromisoformat(value)
        if not isinstance(value, datetime) or value.tzinfo is None or value.microsecond:
            raise DocumentError(
                self.path(key),
                "must be a time in whole seconds with its offset, such as 2026-07-01T00:00:00+02:00",
            )
        if (seconds := int(value.timestamp())) < 0:
            raise DocumentError(self.path(key), "must not lie before 1970")
        if seconds >= most:
            raise DocumentError(self.path(key), "must lie before the year 9999")
        return seconds

    def moment_or_none(self, key: str) -> int | None:
        """A time with its offset from UTC, or None where the key is absent."""
        if key in self._fields:
            return self.moment(key)
        self._asked.append(key)
        return None

    def clock_time(self, key: str, default: str) -> int:
        """A time of day from "00:00" to "23:59"; returned in minutes after midnight."""
        value = self._take(key, default)
        match = _CLOCK_TIME.match(value) if isinstance(value, str) else None
        if match is None:
            raise DocumentError(self.path(key), f'must be a time from 00:00 to 23:59, such as "{default}"')
        return int(match[1]) * 60 + int(match[2])

    def numbers(self, key: str, *, most: tuple[float, ...]) -> tuple[float, ...]:
        """As many numbers as ``most`` has, none farther from 0 than that."""
        value = self._take(key, None)
        if (
            not isinstance(value, list)
            or len(value) != len(most)
            or any(type(one) not in (int, float) for one in value)
            or not all(-limit <= one <= limit for one, limit in zip(value, most, strict=True))
        ):
            wanted = ", ".join(f"{-limit:g} to {limit:g}" for limit in most)
            raise DocumentError(self.path(key), f"must be a list of numbers: {wanted}")
        return tuple(map(float, value))

    def name(self, key: str, default: str | None = None) -> str:
        """A name."""
        value = self._take(key, default)
        if not is_name(value):
            raise DocumentError(self.path(key), f"must be {NAME_FORM}")
        return str(value)

    def name_or_none(self, key: str) -> str | None:
        """A name, or None where the key is absent."""
        if key in self._fields:
            return self.name(key)
        self._asked.append(key)
        return None

    def names_or_none(self, key: str, *, most: int) -> tuple[str, ...] | None:
        """A list of names, or None where the key is absent."""
        names = self.texts_or_none(key)
        if names is None:
            return None
        if len(names) > most:
            raise DocumentError(self.path(key), f"must be a list of 1 to {most} names")
        for name in names:
            if not is_name(name):
                raise DocumentError(self.path(key), f"{name!r} is no name: use {NAME_FORM}")
        return tuple(names)

    def texts(self, key: str, default: list[str] | None = None, *, least: int = 1) -> list[str]:
        """A list of texts, as a rule not empty."""
        value = self._take(key, default)
        if not isinstance(value, list) or len(value) < least or not all(map(_is_text, value)):
            raise DocumentError(
                self.path(key), "must be a list of texts of printable characters, with at least one"
            )
        return value

    def text_or_texts(self, key: str) -> list[str]:
        """A non-empty text, or a list of some."""
        return [self.text(key)] if isinstance(self._fields.get(key), str) else self.texts(key)

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

    def holds_table(self, key: str) -> bool:
        """Whether a table stands there, where something else may too."""
        self._asked.append(key)
        return isinstance(self._fields.get(key), dict)

    def keys(self) -> list[str]:
        """The keys that are there, where they are not fixed."""
        return [str(key) for key in self._fields]

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

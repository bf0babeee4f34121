"""A mistake in a file for people: where it stands, as they count, and what stands there."""

from __future__ import annotations

import re
from typing import Any

from gated.model.document import DocumentError

#: One table of many, such as ``tap[3].at``, and the keys below it.
_PLACE = re.compile(r"(\w+)\[(\d+)\](?:\.(.*))?\Z", re.DOTALL)
_KEY = re.compile(r"[^.\[\]]+")
_LONGEST = 100  # characters of a value that are shown


def told_with_value(document: dict[str, Any], error: DocumentError) -> str:
    """A mistake with table, number (from 1), id, key and value: ``[[tap]] 3: at = "…": is earlier …``."""
    # A key of the author's own may look like a place: it is a key then.
    place = None if error.where in document else _PLACE.match(error.where)
    if place is None:
        return f"{error.where}{_value(document, error.where)}: {error.what}"
    table = document[place[1]][int(place[2])]
    called = table.get("id") if isinstance(table, dict) else None
    where = f"[[{place[1]}]] {int(place[2]) + 1}" + (f" ({called})" if isinstance(called, str) else "")
    if place[3] is None:
        return f"{where} = {_shown(table)}: {error.what}"
    return f"{where}: {place[3]}{_value(table, place[3])}: {error.what}"


def _value(table: Any, path: str) -> str:
    """What stands at a path, behind a sign of equality; empty where nothing does."""
    value = _at(table, path)
    return "" if value is None else f" = {_shown(value)}"


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    try:
        shown = f'"{value}"' if isinstance(value, str) else str(value)
    except (ValueError, RecursionError):  # a number without end, tables without end
        return "…"
    if len(shown) > _LONGEST:
        shown = f"{shown[:_LONGEST]}…"
    return shown if shown.isprintable() else repr(shown)


def _at(value: Any, path: str) -> Any:
    """What stands at a path; None where nothing does."""
    if isinstance(value, dict) and path in value:
        return value[path]
    for key in _KEY.findall(path):
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            return None
    return value

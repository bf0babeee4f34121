"""A mistake in a file for people: where it stands, as they count, and what stands there."""

from __future__ import annotations

import re
from typing import Any

from gated.model.document import DocumentError

#: One table of many, such as ``tap[3].at``, and the keys below it.
_PLACE = re.compile(r"(\w+)\[(\d+)\]\.?(.*)\Z")
_KEY = re.compile(r"[^.\[\]]+")
_LONGEST = 100  # characters of a value that are shown


def told_with_value(document: Any, error: DocumentError) -> str:
    """A mistake with table, number (from 1), id, key and value: ``[[tap]] 3: at = "…": is earlier …``."""
    place = _PLACE.match(error.where)
    if place is None:
        return _with_value(error.where, _at(document, error.where), error)
    table = document[place[1]][int(place[2])]
    called = table.get("id") if isinstance(table, dict) else None
    where = f"[[{place[1]}]] {int(place[2]) + 1}" + (f" ({called})" if isinstance(called, str) else "")
    return f"{where}: {_with_value(place[3], _at(table, place[3]), error)}"


def _with_value(key: str, value: Any, error: DocumentError) -> str:
    if value is None:
        return f"{key}: {error.what}"
    shown = f'"{value}"' if isinstance(value, str) else str(value)
    if len(shown) > _LONGEST:
        shown = f"{shown[:_LONGEST]}…"
    return f"{key} = {shown!r}: {error.what}" if not shown.isprintable() else f"{key} = {shown}: {error.what}"


def _at(value: Any, path: str) -> Any:
    """What stands at a path; None where nothing does."""
    for key in _KEY.findall(path):
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list) and key.isdigit() and int(key) < len(value):
            value = value[int(key)]
        else:
            return None
    return value

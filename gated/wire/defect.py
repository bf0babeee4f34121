"""What is wrong with an event that arrived: central keeps such a row aside, and goes on.

The checks are made from the very schema that docs/reference/events.schema.json prints, once; a test
compares them with a JSON Schema validator.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from gated.wire.event import canonical
from gated.wire.schema import events_schema

_Check = Callable[[Any], bool]


def defect(body: str, seq: int) -> str:
    """Why a body is not the event number ``seq`` in its one form; empty = it is."""
    try:
        event = json.loads(body)
        if canonical(event) != body:
            return "not_canonical"
    except (ValueError, RecursionError):
        return "not_canonical"
    if not isinstance(event, dict):
        return "not_an_event"
    kind = _KINDS.get(event.get("kind", "")) if isinstance(event.get("kind"), str) else None
    if kind is None:
        return "unknown_kind"
    if not kind(event):
        return "not_in_schema"
    return "" if event["seq"] == seq else "wrong_seq"


def _compiled(schema: Mapping[str, Any]) -> _Check:  # one return for each form that the schema uses
    if "const" in schema:
        const = schema["const"]
        return lambda value: type(value) is type(const) and value == const
    if "enum" in schema:
        members = frozenset(schema["enum"])
        return lambda value: isinstance(value, str) and value in members
    if "anyOf" in schema:
        checks = [_compiled(one) for one in schema["anyOf"]]
        return lambda value: any(check(value) for check in checks)
    if schema["type"] == "integer":
        least, most = schema.get("minimum", -(1 << 53)), schema.get("maximum", 1 << 53)
        return lambda value: type(value) is int and least <= value <= most
    if schema["type"] == "object":
        return _table(schema) if "properties" in schema else _mapping(schema)
    if schema["type"] == "array":
        return _list(schema)
    pattern, longest = re.compile(schema.get("pattern", "")), schema.get("maxLength", 64)
    # JSON Schema's $ is the end of the text; to Python a line break may follow.
    return lambda value: (
        isinstance(value, str)
        and len(value) <= longest
        and pattern.search(value) is not None
        and (not pattern.pattern or value[-1:] != "\n")
    )


def _list(schema: Mapping[str, Any]) -> _Check:
    each, most = _compiled(schema["items"]), schema["maxItems"]
    return lambda value: isinstance(value, list) and len(value) <= most and all(map(each, value))


def _mapping(schema: Mapping[str, Any]) -> _Check:
    each, most = _compiled(schema["additionalProperties"]), schema["maxProperties"]
    return lambda value: (
        isinstance(value, dict) and len(value) <= most and all(each(one) for one in value.values())
    )


def _table(schema: Mapping[str, Any]) -> _Check:
    checks = {name: _compiled(one) for name, one in schema["properties"].items()}
    required = frozenset(schema["required"])

    def check(value: Any) -> bool:
        return required <= value.keys() and all(
            name in checks and checks[name](member) for name, member in value.items()
        )

    return check


_KINDS = {one["title"]: _compiled(one) for one in events_schema()["oneOf"]}

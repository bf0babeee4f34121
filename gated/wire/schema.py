"""The JSON Schema of events, made from the classes that are the schema."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from gated.model.event import KINDS, SCHEMA_VERSION, Event
from gated.model.time import ClockQuality

_TIME = {"type": "integer", "minimum": 0, "maximum": 1 << 40}
_HEADER: dict[str, dict[str, Any]] = {
    "v": {"const": SCHEMA_VERSION, "description": "version of this schema"},
    "seq": {"type": "integer", "minimum": 1, "description": "gapless number within the epoch"},
    "at": {**_TIME, "description": "best estimate of the time, seconds since 1970"},
    "wall": {"type": "integer", "description": "what the system clock said, seconds since 1970"},
    "boot": {"type": "string", "pattern": "^[0-9a-f]{16}$", "description": "names one boot of the gate"},
    "up": {**_TIME, "description": "seconds since that boot, suspend included"},
    "clock": {"enum": [str(quality) for quality in ClockQuality], "description": "how far to believe at"},
}


def events_schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of one event."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"gated event, version {SCHEMA_VERSION}",
        "oneOf": [_kind(kind) for kind in KINDS],
    }


def _kind(kind: type[Event]) -> dict[str, Any]:
    hints = get_type_hints(kind)
    own = {field.name.rstrip("_"): _type(hints[field.name]) for field in fields(kind)}
    needed = [field.name.rstrip("_") for field in fields(kind) if field.default is MISSING]
    return {
        "title": kind.kind,
        "description": inspect.cleandoc(kind.__doc__ or ""),
        "type": "object",
        "properties": {"kind": {"const": kind.kind}, **_HEADER, **own},
        "required": ["kind", *_HEADER, *needed],
        "additionalProperties": False,
    }


def _type(hint: Any) -> dict[str, Any]:
    if isinstance(hint, UnionType):
        return _union(hint)
    if get_origin(hint) is Mapping:
        return {"type": "object", "additionalProperties": _type(get_args(hint)[1]), "maxProperties": 16}
    if get_origin(hint) is Sequence:
        return {"type": "array", "items": _type(get_args(hint)[0]), "maxItems": 16}
    if issubclass(hint, StrEnum):
        return {"enum": [str(member) for member in hint]}
    if hint is bytes:
        return {"type": "string", "pattern": "^(?:[0-9a-f]{2})+$", "maxLength": 64}
    if hint is int:
        return {"type": "integer"}
    return {"type": "string", "maxLength": 64}


def _union(hint: UnionType) -> dict[str, Any]:
    kinds = [_type(member) for member in get_args(hint) if member is not NoneType]
    return kinds[0] if len(kinds) == 1 else {"anyOf": kinds}

"""An event as bytes: canonical JSON (RFC 8785), chained by SHA-256 (docs/reference/events.md).

Our events hold text, whole numbers below 2^53 and maps of them. In that domain RFC 8785 asks for
sorted keys, no spaces and the shortest escapes, which is what ``json.dumps`` is told to do here; a
property test compares it with another implementation.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any, NamedTuple

from gated.model.event import KINDS, SCHEMA_VERSION, Decided, Event, LaneChanged, Ordered, Settled
from gated.model.time import ClockQuality, TimeReading

_MAX_EXACT = 1 << 53  # RFC 8785 section 3.2.2.3: whole numbers beyond are not exact everywhere


class Stamp(NamedTuple):
    """When something happened, as an event tells it."""

    reading: TimeReading
    clock: ClockQuality

    @classmethod
    def of(cls, reading: TimeReading) -> Stamp:
        """The stamp of a reading where no decision judged the clock."""
        return cls(reading, reading.quality)


def body(event: Event, seq: int, stamp: Stamp) -> str:
    """The event's canonical JSON. ``seq`` is its number within the epoch, from 1."""
    reading = stamp.reading
    members: dict[str, Any] = {
        "v": SCHEMA_VERSION,
        "seq": seq,
        "kind": event.kind,
        "at": reading.estimate,
        "wall": reading.sample.wall,
        "boot": reading.sample.boot,
        "up": int(reading.sample.boottime),
        "clock": stamp.clock,
    }
    for name, told in _FIELDS[event.kind]:
        value = getattr(event, name)
        if value is not None:
            members[told] = value if isinstance(value, (str, int)) else _plain(value)
    return canonical(members)


def _plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    return list(value) if isinstance(value, tuple) else value


#: By kind: the attribute, and the member that tells it (``pass_`` is a word of Python's own).
_FIELDS = {kind.kind: tuple((field.name, field.name.rstrip("_")) for field in fields(kind)) for kind in KINDS}


#: What every event has, and what of some kinds a reader relies on.
_HEADER: dict[str, type] = {
    "v": int,
    "seq": int,
    "kind": str,
    "at": int,
    "wall": int,
    "boot": str,
    "up": int,
    "clock": str,
}
_RELIED_ON: dict[str, dict[str, type]] = {
    Decided.kind: {"outcome": str, "day": int},
    Settled.kind: {"decision": int, "outcome": str},
    Ordered.kind: {"lane": str, "order": str},
    LaneChanged.kind: {"lane": str, "state": str, "cause": str},
}


def read_body(text: object) -> dict[str, Any] | None:
    """The event of a stored body; None where it is none, for a file is what anybody may have edited."""
    if not isinstance(text, str):
        return None
    try:
        text.encode()
        event = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(event, dict) or not _has(event, _HEADER):
        return None
    return event if _has(event, _RELIED_ON.get(event["kind"], {})) else None


def _has(event: dict[str, Any], members: Mapping[str, type]) -> bool:
    """Exact types: to ``isinstance`` a truth value would be a number."""
    values = [event.get(name) for name in members]
    return list(members.values()) == [type(value) for value in values] and all(
        abs(value) < _MAX_EXACT for value in values if isinstance(value, int)
    )


def canonical(value: Any) -> str:
    """RFC 8785 for text, whole numbers, truth values, lists and maps with ASCII keys.

    Raises ``ValueError`` for anything else, rather than writing what another reader would hash
    differently.
    """
    _check(value)
    text = _encode(value)
    text.encode()  # a lone surrogate has no UTF-8 and would break the chain later
    return text


_encode = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False, check_circular=False
).encode


def _check(value: Any) -> None:
    if isinstance(value, dict):
        for key in value:
            if not (isinstance(key, str) and key.isascii()):
                raise ValueError("canonical JSON here: keys are ASCII text")
        members: Iterable[Any] = value.values()
    else:
        members = value if isinstance(value, list) else (value,)
    for member in members:  # flat for what is flat: an event is one map of texts and numbers
        if isinstance(member, str):
            continue
        if isinstance(member, int):
            if not -_MAX_EXACT < member < _MAX_EXACT:
                raise ValueError("canonical JSON here: whole numbers below 2^53")
        elif isinstance(member, dict | list):
            _check(member)
        elif member is not None:
            raise ValueError("canonical JSON here: text, whole numbers, truth values, lists and maps")


def genesis(gate: str, epoch: str) -> bytes:
    """What the first event of an epoch is chained to."""
    return hashlib.sha256(canonical({"v": SCHEMA_VERSION, "gate": gate, "epoch": epoch}).encode()).digest()


def digest(previous: bytes, event_body: str) -> bytes:
    """SHA-256 of the previous digest and the event's canonical JSON."""
    return hashlib.sha256(previous + event_body.encode()).digest()

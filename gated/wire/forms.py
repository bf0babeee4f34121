"""What the messages have in common: bounded canonical JSON, and the forms of their texts."""

from __future__ import annotations

import json
import re
from typing import Any

from gated.model.document import DocumentError, Table
from gated.model.name import NAME_PATTERN
from gated.wire.event import canonical

#: 16 hex digits: an epoch, or the name that a gate gives one connection.
EPOCH = re.compile(r"[0-9a-f]{16}\Z")
DIGEST = re.compile(r"[0-9a-f]{64}\Z")
#: What a gate draws for one question, 16 bytes in hex.
NONCE = re.compile(r"[0-9a-f]{32}\Z")
GATE = re.compile(NAME_PATTERN + r"\Z")
CODE = re.compile(r"[a-z_]{1,32}\Z")
#: A seq is a whole number that every JSON reader holds exactly.
MAX_SEQ = 1 << 53


def match(table: Table, key: str, form: re.Pattern[str]) -> str:
    """A text of a form. Raises ``DocumentError``."""
    text = table.text(key)
    if form.match(text) is None:
        raise DocumentError(table.path(key), f"must be {form.pattern[:-2]}")
    return text


def parse(payload: bytes, limit: int, what: str) -> Table:
    """A bounded JSON table in canonical form, so that it has one spelling. Raises ``DocumentError``."""
    if len(payload) > limit:
        raise DocumentError(what, f"must have at most {limit} bytes")
    try:
        document: Any = json.loads(payload)
        if canonical(document).encode() != payload:
            raise ValueError
    except (ValueError, RecursionError):
        raise DocumentError(what, "must be canonical JSON (RFC 8785)") from None
    return Table(document, what)


def one_form(encoded: bytes, payload: bytes, what: str) -> None:
    """Refuse a second spelling, such as ``"forked":false`` or a list left out. Raises ``DocumentError``."""
    if encoded != payload:
        raise DocumentError(what, "must leave out what is false, and hold every list")


def read_json(raw: bytes) -> Any:
    """Parse JSON in which no key of an object stands twice. Raises ``ValueError``."""
    try:
        return json.loads(raw, object_pairs_hook=_no_twins)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return members

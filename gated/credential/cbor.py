"""Strict, deterministic CBOR (RFC 8949 section 4.2.1), checked before anything is built from it.

The bytes come from strangers and are read before any signature is known, so size, depth and count
are the attacker's choice: all three are bounded by a scan that allocates nothing. What the scan lets
through has exactly one encoding, so nothing signed can be rewritten into other bytes that mean the
same. Allowed: integers, byte and text strings, arrays, maps with integer or text keys, false, true, null.
"""

from __future__ import annotations

from typing import Any

import cbor2

from gated.credential.refused import Refused, malformed
from gated.model.refusal import Reason

MAX_DEPTH = 4  # our statements use 3
MAX_ITEMS = 64  # a full entitlement with eight venues and a share for each has 63

_UINT, _NINT, _BYTES, _TEXT, _ARRAY, _MAP, _TAG, _SIMPLE = range(8)
# Sets of their own: a tuple of names would be built anew for each item of each statement of each tap.
_KEYS, _STRINGS, _HOLDERS = (
    frozenset({_UINT, _NINT, _TEXT}),
    frozenset({_BYTES, _TEXT}),
    frozenset({_ARRAY, _MAP}),
)
_FALSE, _NULL = 20, 22
_CUT_OFF = 0x18  # a head whose argument is to follow, where nothing follows


def head(data: bytes, at: int) -> tuple[int, int, int]:
    """(major type, argument, position after) of the item head at ``at``, in shortest form only."""
    if at >= len(data):
        raise Refused(Reason.TRUNCATED)
    first = data[at]
    major, short = first >> 5, first & 0x1F
    if short < 24:
        return major, short, at + 1
    if short > 27:
        raise malformed("indefinite")
    if short == 24 and at + 1 < len(data):
        if data[at + 1] < 24:
            raise malformed("not_shortest")
        return major, data[at + 1], at + 2
    size = 1 << (short - 24)
    end = at + 1 + size
    if end > len(data):
        raise Refused(Reason.TRUNCATED)
    value = int.from_bytes(data[at + 1 : end], "big")
    if value >> (4 * size) == 0:
        raise malformed("not_shortest")
    return major, value, end


def check(data: bytes) -> None:  # noqa: C901  # one loop: it runs for each statement of every tap
    """Refuse anything but one item in deterministic form within the limits. Builds nothing."""
    at, items = 0, 1
    # The innermost open array or map: members still to come, whether it is a map, its last key.
    left, in_map, last = 1, False, b""
    outer: list[tuple[int, bool, bytes]] = []
    while True:
        start = at
        first = data[at] if at < len(data) else _CUT_OFF
        if first & 0x1F < 24:  # the argument stands in the head: nearly every item of ours
            major, argument, at = first >> 5, first & 0x1F, at + 1
        else:
            major, argument, at = head(data, at)
        left -= 1
        if in_map and left & 1:  # keys and values take turns: this is a key
            if major not in _KEYS:
                raise malformed("key")
            at += argument if major == _TEXT else 0
            # Strictly rising keys, as section 4.2.1 sorts them: by their encoded bytes, and no key twice.
            key = data[start:at]
            if key <= last:
                raise malformed("key_order")
            last = key
        elif major in _STRINGS:
            at += argument
        elif major in _HOLDERS:
            in_map_next = major == _MAP
            items += argument << in_map_next
            if items > MAX_ITEMS:
                raise malformed("too_many")
            if len(outer) == MAX_DEPTH:
                raise malformed("too_deep")
            outer.append((left, in_map, last))
            left, in_map, last = argument << in_map_next, in_map_next, b""
        elif major == _TAG or (major == _SIMPLE and not _FALSE <= first - 0xE0 <= _NULL):
            raise malformed("type")
        while not left:
            if not outer:
                if at != len(data):
                    raise Refused(Reason.TRUNCATED) if at > len(data) else malformed("trailing")
                return
            left, in_map, last = outer.pop()


def load(data: bytes) -> Any:
    """Build the one item that ``data`` holds; it was checked."""
    check(data)
    try:
        return cbor2.loads(data, max_depth=MAX_DEPTH + 1, allow_indefinite=False, allow_duplicate_keys=False)
    except cbor2.CBORDecodeError:
        raise malformed("utf8") from None

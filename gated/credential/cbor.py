"""Strict, deterministic CBOR (RFC 8949 section 4.2.1), checked before anything is built from it.

The bytes come from strangers and are read before any signature is known, so size, depth and count
are the attacker's choice: all three are bounded by a scan that allocates nothing. What the scan lets
through has exactly one encoding, so nothing signed can be rewritten into other bytes that mean the
same. Allowed: integers, byte and text strings, arrays, maps, false, true, null.
"""

from __future__ import annotations

from typing import Any

import cbor2

from gated.credential.refused import Refused, malformed
from gated.model.refusal import Reason

MAX_DEPTH = 4  # our statements use 3
MAX_ITEMS = 64  # a full entitlement with eight venues has 40

_UINT, _NINT, _BYTES, _TEXT, _ARRAY, _MAP, _TAG, _SIMPLE = range(8)
_FALSE, _NULL = 20, 22


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
    size = 1 << (short - 24)
    end = at + 1 + size
    if end > len(data):
        raise Refused(Reason.TRUNCATED)
    value = int.from_bytes(data[at + 1 : end], "big")
    if value < 24 or (size > 1 and value >> (4 * size) == 0):
        raise malformed("not_shortest")
    return major, value, end


def check(data: bytes) -> None:
    """Refuse anything but one item in deterministic form within the limits. Builds nothing."""
    budget = [MAX_ITEMS]
    end = _item(data, 0, MAX_DEPTH, budget)
    if end != len(data):
        raise malformed("trailing")


def _item(data: bytes, at: int, depth: int, budget: list[int]) -> int:
    budget[0] -= 1
    if budget[0] < 0:
        raise malformed("too_many")
    major, argument, after = head(data, at)
    if major in (_UINT, _NINT):
        return after
    if major in (_BYTES, _TEXT):
        if argument > len(data) - after:
            raise Refused(Reason.TRUNCATED)
        return after + argument
    if major in (_ARRAY, _MAP):
        if depth == 0:
            raise malformed("too_deep")
        if argument > budget[0]:
            raise malformed("too_many")
        return _members(data, after, argument, depth, budget, is_map=major == _MAP)
    if major == _SIMPLE and data[at] - 0xE0 in range(_FALSE, _NULL + 1):
        return after
    raise malformed("type")


def _members(data: bytes, at: int, count: int, depth: int, budget: list[int], *, is_map: bool) -> int:
    last = b""
    for _ in range(count):
        start = at
        at = _item(data, at, depth - 1, budget)
        if is_map:
            key = data[start:at]
            # Strictly rising keys: sorted as section 4.2.1 says, and no key twice.
            if key <= last:
                raise malformed("key_order")
            last = key
            at = _item(data, at, depth - 1, budget)
    return at


def load(data: bytes) -> Any:
    """Build the one item that ``data`` holds; it was checked."""
    check(data)
    try:
        return cbor2.loads(data, max_depth=MAX_DEPTH + 1, allow_indefinite=False, allow_duplicate_keys=False)
    except cbor2.CBORDecodeError:
        raise malformed("utf8") from None

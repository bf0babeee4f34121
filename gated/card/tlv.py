"""BER-TLV data objects (ISO/IEC 7816-4:2020 clause 5.2.2, ISO/IEC 8825-1): tags and lengths of any kind,
objects in any order.

The bytes come from strangers: size, depth and count are bounded before anything is built.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from gated.card.apdu import CardFault

MAX_BYTES = 1024
MAX_OBJECTS = 32
_MAX_TAG_BYTES = 3
_MAX_LENGTH_BYTES = 2  # 81 and 82: no object of ours is longer
_MORE_TAG = 0x1F
_CONTINUES = 0x80


class Object(NamedTuple):
    """A data object. ``whole`` is it with tag and length, as it was signed."""

    tag: int
    value: bytes
    whole: bytes


def objects(body: bytes) -> Iterator[Object]:
    """The objects of a body, one level of them. Raises ``CardFault``."""
    if len(body) > MAX_BYTES:
        raise CardFault("too_long")
    at = 0
    for _ in range(MAX_OBJECTS):
        while at < len(body) and body[at] == 0x00:  # padding between objects (clause 5.2.2.1)
            at += 1
        if at == len(body):
            return
        begin = at
        tag, at = _tag(body, at)
        size, at = _length(body, at)
        if at + size > len(body):
            raise CardFault("objects")
        yield Object(tag, body[at : at + size], body[begin : at + size])
        at += size
    if at != len(body):
        raise CardFault("objects")


def find(body: bytes, *path: int) -> bytes | None:
    """The value at the end of a path of tags; None = there is none. Raises ``CardFault``, also where a tag of
    the path stands twice: which of them counts, two readers could see differently.
    """
    for tag in path:
        found = [one.value for one in objects(body) if one.tag == tag]
        if len(found) > 1:
            raise CardFault("twice")
        if not found:
            return None
        body = found[0]
    return body


def _tag(body: bytes, at: int) -> tuple[int, int]:
    end = at + 1
    if body[at] & _MORE_TAG == _MORE_TAG:
        while end < len(body) and body[end] & _CONTINUES:
            end += 1
        end += 1
    if end > len(body) or end - at > _MAX_TAG_BYTES:
        raise CardFault("objects")
    return int.from_bytes(body[at:end], "big"), end


def _length(body: bytes, at: int) -> tuple[int, int]:
    if at >= len(body):
        raise CardFault("objects")
    first = body[at]
    if first < 0x80:
        return first, at + 1
    width = first & 0x7F
    end = at + 1 + width
    # 80 is a length that is told by an end: no card sends one, and a decoder that hunts for it can be led on.
    if not 1 <= width <= _MAX_LENGTH_BYTES or end > len(body):
        raise CardFault("objects")
    return int.from_bytes(body[at + 1 : end], "big"), end

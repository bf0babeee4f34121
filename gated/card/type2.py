"""The memory of a Type 2 tag (NFC Forum Type 2 Tag 1.2): NTAG 213, 215, 216, Ultralight.

Such a tag knows no APDUs. Its reader takes READ BINARY as a pseudo-APDU in its place (PC/SC part 3 clause
3.2.2.1.4) and reads four pages of four bytes at a time; our nfcpy driver does the same.
"""

from __future__ import annotations

from gated.card.apdu import OK, CardFault
from gated.card.ndef import MAX_MESSAGE_BYTES
from gated.card.talk import Steps, Talk, expect

PAGE_BYTES = 4
BLOCK_BYTES = 16  # what one READ brings
_CONTAINER_PAGE = 3
_FIRST_PAGE = 4
_LAST_PAGE = 0xFF  # a page is named by one byte, whatever size the container claims
MAGIC = 0xE1
_VERSION = 1  # major version, upper half of the second byte
_OPEN = 0x00  # upper half of the fourth byte: read without any key
UNIT = 8  # the container tells the size in eights of bytes

_NULL, _MESSAGE, _TERMINATOR = 0x00, 0x03, 0xFE
_LONG = 0xFF  # a length of two bytes follows
_MAX_TLVS = 8
#: Past this no message begins: locks and reservations stand before it.
_MAX_BEGINNING = 64


def read_block(page: int) -> bytes:
    """The pseudo-APDU that reads four pages from ``page``."""
    return bytes((0xFF, 0xB0, 0x00, page, BLOCK_BYTES))


def message(talk: Talk) -> Steps[bytes | None]:
    """The NDEF message; None = it is no Type 2 tag, or an empty one. Raises ``CardFault``."""
    first = yield from beginning(talk)
    if first is None or first[0] != MAGIC:
        return None
    size = capacity(first[:PAGE_BYTES])
    memory = first[PAGE_BYTES:]
    while _wanted(memory, size) > len(memory):
        page = _FIRST_PAGE + len(memory) // PAGE_BYTES
        if page > _LAST_PAGE:
            raise CardFault("too_long")
        body = expect((yield from talk.send(read_block(page))))
        if len(body) != BLOCK_BYTES:
            raise CardFault("block")
        memory += body
    return message_in(memory[:size])


def beginning(talk: Talk) -> Steps[bytes | None]:
    """The capability container and the first three pages behind it; None = it is no Type 2 tag.

    Raises ``CardFault``.
    """
    if talk.uid is None:
        return None  # every Type 2 tag has one, and not every reader may be asked this of other media
    first = yield from talk.send(read_block(_CONTAINER_PAGE))
    return first.body if first.status == OK and len(first.body) == BLOCK_BYTES else None


def capacity(container: bytes) -> int:
    """Bytes of the data area, as the capability container (page 3) says. Raises ``CardFault``."""
    if container[1] >> 4 != _VERSION or container[3] >> 4 != _OPEN:
        raise CardFault("container")
    return container[2] * UNIT


def message_in(memory: bytes) -> bytes | None:
    """The NDEF message in a data area: the value of its first TLV of that kind. Raises ``CardFault``."""
    found = _find(memory)
    if found is None:
        return None
    begin, size = found
    if begin + size > len(memory):
        raise CardFault("ndef")
    return memory[begin : begin + size]


def _wanted(memory: bytes, size: int) -> int:
    """How many bytes of the data area must be known to have the message. Raises ``CardFault``."""
    found = _find(memory[: min(size, _MAX_BEGINNING)])
    if found is not None:
        return min(sum(found), size)
    return min(size, _MAX_BEGINNING)


def _find(memory: bytes) -> tuple[int, int] | None:
    """(where, how long) the message is; None = it is not to be seen yet. Raises ``CardFault``."""
    at = 0
    for _ in range(_MAX_TLVS):
        while at < len(memory) and memory[at] == _NULL:
            at += 1
        if at + 2 > len(memory) or memory[at] == _TERMINATOR:
            return None
        kind, size, at = memory[at], memory[at + 1], at + 2
        if size == _LONG:
            if at + 2 > len(memory):
                return None
            size, at = int.from_bytes(memory[at : at + 2], "big"), at + 2
        if kind == _MESSAGE:
            if size > MAX_MESSAGE_BYTES:
                raise CardFault("too_long")
            return at, size
        at += size
    raise CardFault("tlv")

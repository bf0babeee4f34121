"""NDEF: what stands in a medium's memory, and how much of it is read.

Sources: NFC Forum NDEF 1.0 (records, section 3.2), Type 4 Tag 2.0 (a file with its length before it). All
of it comes from strangers: lengths are checked before anything is taken, and all of them are bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from gated.card.apdu import CardFault
from gated.card.talk import Steps

#: The largest message that is read: a full NTAG 216 tells 872 bytes, statements for a medium have about 400.
MAX_MESSAGE_BYTES = 1024
MAX_RECORDS = 8
#: NFC Forum external type of our record: urn:nfc:ext:gated:1. It holds statements, framed as in a file.
RECORD_TYPE = b"gated:1"

_EXTERNAL = 4
_CHUNK_FLAG, _SHORT, _HAS_ID = 0x20, 0x10, 0x08
_BEGIN, _END = 0x80, 0x40

#: Reads so many bytes from an offset; the answer may be shorter, never longer.
Read = Callable[[int, int], Steps[bytes]]


class Record(NamedTuple):
    """A record: its type name format (TNF), type and payload."""

    format: int
    type: bytes
    payload: bytes


def records(message: bytes) -> Iterator[Record]:
    """The records of a message. Raises ``CardFault``, also for chunks, which nobody needs here."""
    at = 0
    for number in range(MAX_RECORDS):
        if at + 3 > len(message):
            raise CardFault("ndef")
        flags, type_size = message[at], message[at + 1]
        # The first record and no other begins the message.
        if flags & _CHUNK_FLAG or bool(flags & _BEGIN) != (number == 0):
            raise CardFault("ndef")
        width = 1 if flags & _SHORT else 4
        size = int.from_bytes(message[at + 2 : at + 2 + width], "big")
        at += 2 + width
        id_size = 0
        if flags & _HAS_ID:
            id_size = int.from_bytes(message[at : at + 1], "big")
            at += 1
        payload_at = at + type_size + id_size
        if payload_at + size > len(message):
            raise CardFault("ndef")
        yield Record(flags & 0x07, message[at : at + type_size], message[payload_at : payload_at + size])
        at = payload_at + size
        if flags & _END:
            if at != len(message):
                raise CardFault("ndef")
            return
    raise CardFault("ndef")


def carried_in(message: bytes) -> bytes | None:
    """The payload of our record; None = there is none. Raises ``CardFault``; two of them are none of ours."""
    found = (
        [record.payload for record in records(message) if record[:2] == (_EXTERNAL, RECORD_TYPE)]
        if message
        else []
    )
    if len(found) > 1:
        raise CardFault("twice")
    return found[0] if found else None


def from_file(read: Read, chunk: int) -> Steps[bytes]:
    """The message in a file that tells its length first (two bytes). Raises ``CardFault``."""
    raw = yield from read(0, chunk)
    if len(raw) < 2:
        raise CardFault("ndef")
    size = int.from_bytes(raw[:2], "big")
    if size > MAX_MESSAGE_BYTES:
        raise CardFault("too_long")
    while len(raw) < 2 + size:
        part = yield from read(len(raw), min(chunk, 2 + size - len(raw)))
        if not part:
            raise CardFault("ndef")
        raw += part
    return raw[2 : 2 + size]


def record(kind: int, type_: bytes, payload: bytes) -> bytes:
    """A message of one record."""
    short = len(payload) < 256
    size = bytes([len(payload)]) if short else len(payload).to_bytes(4, "big")
    return bytes([_BEGIN | _END | (_SHORT if short else 0) | kind, len(type_)]) + size + type_ + payload


def carrying(statements: bytes) -> bytes:
    """The message for a medium that is to carry ``statements``, framed as in a file."""
    return record(_EXTERNAL, RECORD_TYPE, statements)

"""Command and response APDUs (ISO/IEC 7816-4:2020 clause 5), short form."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

#: A short response is at most 256 bytes and two status bytes; more is not one.
MAX_RESPONSE_BYTES = 258
_MAX_OBJECTS = 8

OK = 0x9000


class CardFault(Exception):  # noqa: N818  # it never leaves this room: what leaves is a Refusal
    """The medium answered something that cannot be right; ``what`` is a short code."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


@dataclass(frozen=True, slots=True)
class Response:
    """A response APDU taken apart."""

    body: bytes
    status: int


def command(cla: int, ins: int, p1: int, p2: int, body: bytes = b"", *, le: bool = True) -> bytes:
    """A short command. ``le`` asks for whatever the card has to say (Le = 00)."""
    if len(body) > 255:
        raise ValueError("a short command carries at most 255 bytes")
    lc = bytes([len(body)]) + body if body else b""
    return bytes([cla, ins, p1, p2]) + lc + (b"\x00" if le else b"")


def select(aid: bytes) -> bytes:
    """SELECT by application identifier (clause 11.2.2)."""
    return command(0x00, 0xA4, 0x04, 0x00, aid)


def parse(raw: bytes) -> Response:
    """Take a response apart. Raises ``CardFault`` for what is too short or too long to be one."""
    if len(raw) < 2:
        raise CardFault("empty")
    if len(raw) > MAX_RESPONSE_BYTES:
        raise CardFault("too_long")
    return Response(raw[:-2], int.from_bytes(raw[-2:], "big"))


def objects(body: bytes) -> Iterator[tuple[int, bytes]]:
    """The data objects of a body: one-byte tags, one-byte lengths. Raises ``CardFault``."""
    at = 0
    for _ in range(_MAX_OBJECTS):
        if at == len(body):
            return
        if at + 2 > len(body) or body[at + 1] > 0x7F or at + 2 + body[at + 1] > len(body):
            raise CardFault("objects")
        end = at + 2 + body[at + 1]
        yield body[at], body[at + 2 : end]
        at = end
    if at != len(body):
        raise CardFault("objects")

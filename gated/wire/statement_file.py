"""A file of statements: a CBOR sequence (RFC 8742) of byte strings, each holding one token.

The outer byte string costs two bytes and buys that a spoilt statement spoils no other: its length is
known without looking into it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from gated.model.refusal import Reason, Refusal

#: Largest token a file may carry; the credential room has the same limit.
MAX_TOKEN_BYTES = 1024
#: A longer byte string is no statement and no mistake worth skipping over: reading stops there.
MAX_SKIPPED_BYTES = 1 << 20
#: Statements in one file: ten times what a large city has in one sector.
MAX_STATEMENTS = 10_000_000

_BYTE_STRING = 0x40
_LENGTH_BYTES = {0x58: 1, 0x59: 2, 0x5A: 4}


def frame(token: bytes) -> bytes:
    """A token as it stands in a file. Raises ``ValueError`` for one that is too long."""
    size = len(token)
    if size > MAX_TOKEN_BYTES:
        raise ValueError(f"a statement holds at most {MAX_TOKEN_BYTES} bytes")
    if size < 24:
        return bytes([_BYTE_STRING | size]) + token
    if size < 256:
        return bytes([0x58, size]) + token
    return b"\x59" + size.to_bytes(2, "big") + token


def tokens(read: Callable[[int], bytes]) -> Iterator[bytes | Refusal]:
    """The tokens of a file, in order; a ``Refusal`` stands in the place of one that cannot be read.

    Args:
        read: reads at most that many bytes, fewer only at the end (``BufferedReader.read``).

    """
    for _ in range(MAX_STATEMENTS):
        first = read(1)
        if not first:
            return
        length = _length(first[0], read)
        if isinstance(length, Refusal):
            yield length
            return
        if length > MAX_TOKEN_BYTES:
            yield Refusal(Reason.OVERSIZE, {"bytes": length, "limit": MAX_TOKEN_BYTES})
            if length > MAX_SKIPPED_BYTES:
                return
        token = read(length)
        if len(token) < length:
            yield Refusal(Reason.TRUNCATED)
            return
        if length <= MAX_TOKEN_BYTES:
            yield token
    if read(1):
        yield Refusal(Reason.OVERSIZE, {"statements": MAX_STATEMENTS})


def _length(first: int, read: Callable[[int], bytes]) -> int | Refusal:
    if _BYTE_STRING <= first < _BYTE_STRING + 24:
        return first - _BYTE_STRING
    size = _LENGTH_BYTES.get(first)
    if size is None:
        return Refusal(Reason.MALFORMED, {"what": "framing"})
    raw = read(size)
    return int.from_bytes(raw, "big") if len(raw) == size else Refusal(Reason.TRUNCATED)

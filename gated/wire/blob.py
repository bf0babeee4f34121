"""A blob of the feed: bytes named by their SHA-256, and the zstd frame in which most of them stand.

Nothing is decompressed before its header has said how much will come out, and how large a window that takes.
"""

from __future__ import annotations

import hashlib
import re

import zstandard

from gated.model.document import DocumentError
from gated.wire.forms import DIGEST

#: Every broker and every answer has room for so much.
MAX_BLOB_BYTES = 120_000
MAX_WINDOW_BYTES = 1 << 20
#: Of zstd. 19 makes pages a twentieth smaller, and takes thirty times as long: most of a page are signatures.
LEVEL = 3

_MAGIC = b"\x28\xb5\x2f\xfd"  # RFC 8878 section 3.1.1: a frame, not one to be skipped


class BlobError(DocumentError):
    """``code`` is a stable word: oversize, frame, bomb, malformed or order (docs/reference/feed.md)."""

    def __init__(self, where: str, code: str, what: str) -> None:
        super().__init__(where, what)
        self.code = code


def name_of(blob: bytes) -> bytes:
    """The name of a blob: SHA-256 of its bytes as they are carried."""
    return hashlib.sha256(blob).digest()


def read_name(text: str) -> bytes:
    """A name of 64 lower-case hex digits. Raises ``ValueError`` for anything else."""
    if re.fullmatch(DIGEST, text) is None:
        raise ValueError("must be 64 lower-case hex digits")
    return bytes.fromhex(text)


def pack(raw: bytes) -> bytes:
    """One frame that says how much it holds. It may be larger than a blob can be."""
    return zstandard.ZstdCompressor(level=LEVEL, write_content_size=True, write_checksum=False).compress(raw)


def unpack(blob: bytes, limit: int, what: str) -> bytes:
    """What a frame holds, at most ``limit`` bytes. Raises ``BlobError``."""
    if len(blob) > MAX_BLOB_BYTES:
        raise BlobError(what, "oversize", f"must have at most {MAX_BLOB_BYTES} bytes")
    try:
        header = zstandard.get_frame_parameters(blob)
    except zstandard.ZstdError:
        header = None
    if header is None or blob[:4] != _MAGIC or header.dict_id:
        raise BlobError(what, "frame", "must be a zstd frame without a dictionary")
    if header.content_size > limit or header.window_size > MAX_WINDOW_BYTES:  # an untold size is the largest
        raise BlobError(what, "bomb", f"must say that it holds at most {limit} bytes")
    try:
        raw = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW_BYTES).decompress(
            blob, read_across_frames=False, allow_extra_data=False
        )
    except zstandard.ZstdError:
        raw = b""
    if not raw or len(raw) != header.content_size:
        raise BlobError(what, "frame", "must be one whole frame and nothing else")
    return raw

"""The digest of a set of statements: which places there are, and the newest rank of each.

Places fall into 16,384 buckets by the first 14 bits of their key, so that one statement changes the digest of
one bucket, and two who disagree find out where (docs/reference/feed.md).
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable, Sequence

#: Of a city of two million places each has 120: a thousand statements touch a twentieth of all.
BUCKETS = 16_384
_DOMAIN = b"gated set 1\0"

# A leaf of the forms that are a million, in one call: what ``leaf`` makes of them.
_RIGHT, _BINDING = struct.Struct(">B16sBB8sQ").pack, struct.Struct(">B16sBBQ").pack

#: (key, kind, id, rank), as a gate's table begins.
Place = tuple[bytes, int, bytes, int]


def bucket_of(key: bytes) -> int:
    """The bucket of a key."""
    return int.from_bytes(key[:2], "big") >> 2


def first_key(bucket: int) -> bytes:
    """Every key of a bucket and of those behind it is at least this; no bucket is behind the last."""
    return (bucket << 2).to_bytes(2, "big") if bucket < BUCKETS else b"\xff" * 17


def leaf(key: bytes, kind: int, id_: bytes, rank: int) -> bytes:
    """What is hashed of a place."""
    return b"%c%b%c%c%b%b" % (len(key), key, kind, len(id_), id_, rank.to_bytes(8, "big"))


def bucket_digest(places: Iterable[Place]) -> bytes:
    """The digest of a bucket's places, which ascend by (key, kind, id)."""
    leaves = [
        _RIGHT(16, key, kind, 8, id_, rank)
        if len(id_) == 8 and len(key) == 16
        else _BINDING(16, key, kind, 0, rank)
        if not id_ and len(key) == 16
        else leaf(key, kind, id_, rank)
        for key, kind, id_, rank in places
    ]
    return hashlib.sha256(b"".join(leaves)).digest()


EMPTY = bucket_digest(())


def set_digest(buckets: Sequence[bytes]) -> bytes:
    """The digest of the whole, from the digests of all buckets in order."""
    if len(buckets) != BUCKETS:
        raise ValueError(f"a set has {BUCKETS} buckets")
    return hashlib.sha256(_DOMAIN + b"".join(buckets)).digest()


class Buckets:
    """A set by its buckets, each of which can be replaced."""

    def __init__(self) -> None:
        self._digests = [EMPTY] * BUCKETS
        self._rows = [0] * BUCKETS

    def put(self, bucket: int, digest: bytes, rows: int) -> None:
        """What a bucket is now."""
        self._digests[bucket], self._rows[bucket] = digest, rows

    def replace(self, bucket: int, places: Sequence[Place]) -> tuple[bytes, int]:
        """All places of a bucket, ascending by (key, kind, id). Its digest now, and how many they are."""
        digest = bucket_digest(places)
        self.put(bucket, digest, len(places))
        return digest, len(places)

    @property
    def rows(self) -> int:
        """How many places there are."""
        return sum(self._rows)

    def digest(self) -> bytes:
        """The digest of the set."""
        return set_digest(self._digests)

"""The digest of a set twice: by the product from its buckets, and as docs/reference/feed.md words it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any

from gated.wire.setdigest import Buckets, Place, bucket_of


def in_buckets(places: Sequence[Place]) -> Buckets:
    """The set of places that ascend."""
    made = Buckets()
    for bucket in {bucket_of(place[0]) for place in places}:
        made.replace(bucket, [place for place in places if bucket_of(place[0]) == bucket])
    return made


def second_opinion(places: Iterable[Sequence[Any]]) -> bytes:
    """The digest, without any code of the product. Places begin with (key, kind, id, rank) and ascend."""
    buckets = [b""] * 16_384
    for key, kind, id_, rank, *_ in places:
        bucket = (key[0] << 6) | (key[1] >> 2)
        buckets[bucket] += bytes([len(key)]) + key + bytes([kind, len(id_)]) + id_ + rank.to_bytes(8, "big")
    digests = b"".join(hashlib.sha256(bucket).digest() for bucket in buckets)
    return hashlib.sha256(b"gated set 1\0" + digests).digest()

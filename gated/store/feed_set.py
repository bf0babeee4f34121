"""The set of places and ranks that the feed has said, read from the cache's own rows.

Of each place the rank that counts is the highest of delta and snapshot. Where the row that stands there has
an older one, somebody put it back: the set differs, whatever the marks say.
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

from gated.store.connection import reader_uri
from gated.store.feed_marks import COUNTED, Marks
from gated.wire.setdigest import BUCKETS, bucket_digest, first_key, set_digest

_RANGE = "WHERE key >= :first AND key < :end"
_SNAPSHOT = f"SELECT key, kind, id, rank, fed FROM {{schema}}.statement {_RANGE} ORDER BY key, kind, id"  # noqa: S608  # all of it is ours
_DELTA = f"SELECT key, kind, id, rank, {COUNTED} FROM main.statement {_RANGE}"  # noqa: S608  # the same

#: Stands for a bucket that holds what nobody said: no bucket has this digest.
SPOILT = b""

_Place = tuple[bytes, int, bytes]
#: (place, the rank that stands, the rank that the feed said)
_Held = tuple[_Place, int, int | None]


def attach_snapshot(connection: sqlite3.Connection, path: Path) -> None:
    """Let a connection read a snapshot as ``snapshot``, and none of before. Outside a transaction."""
    if any(name == "snapshot" for _, name, _ in connection.execute("PRAGMA database_list")):
        connection.execute("DETACH snapshot")
    if path.name:
        connection.execute("ATTACH ? AS snapshot", (reader_uri(path, immutable=True),))


class FedSet:
    """Reads buckets of the set. The snapshot, where there is one, is attached.

    Args:
        schema: where the snapshot's table is, which says what was fed; empty = there is none.
        has_delta: whether ``main.statement`` is a delta's table.

    """

    def __init__(self, connection: sqlite3.Connection, schema: str, *, has_delta: bool = True) -> None:
        self._connection = connection
        self._snapshot = _SNAPSHOT.format(schema=schema) if schema else ""
        self._has_delta = has_delta

    def bucket(self, number: int, marks: Marks) -> tuple[bytes, int]:
        """(digest, places) of a bucket; ``SPOILT`` where a row was changed. Raises ``sqlite3.Error``."""
        bounds = {"first": first_key(number), "end": first_key(number + 1)}
        rows: Iterable[_Held] = self._of_snapshot(bounds)
        try:
            if self._has_delta:
                delta = self._connection.execute(_DELTA, bounds | marks._asdict()).fetchall()
                rows = _overlaid(rows, delta) if delta else rows
            places = [(*place, fed) for place, rank, fed in rows if fed is not None and _stands(rank, fed)]
            return bucket_digest(places), len(places)
        except (TypeError, ValueError, OverflowError, struct.error):
            return SPOILT, 0

    def _of_snapshot(self, bounds: dict[str, bytes]) -> Iterator[_Held]:
        if not self._snapshot:
            return
        for key, kind, row_id, rank, fed in self._connection.execute(self._snapshot, bounds):
            yield (key, kind, row_id), rank, fed


def _stands(rank: int, fed: int) -> bool:
    if rank < fed:
        raise ValueError("an older row stands where the feed said a newer one")
    return True


def _overlaid(rows: Iterable[_Held], delta: list[tuple[bytes, int, bytes, int, int | None]]) -> list[_Held]:
    held = {place: (rank, fed) for place, rank, fed in rows}
    for *place_parts, rank, fed in delta:
        place: _Place = tuple(place_parts)  # type: ignore[assignment]  # its three columns
        beneath, said = held.get(place, (-1, None))
        known = [one for one in (said, fed) if one is not None]
        held[place] = max(rank, beneath), max(known, default=None)
    return [(place, *held[place]) for place in sorted(held)]


class SetBuckets:
    """The set as digests of its buckets, as far as they are known."""

    def __init__(self) -> None:
        self._known: list[tuple[bytes, int] | None] = [None] * BUCKETS

    @property
    def unknown(self) -> list[int]:
        """Buckets that must be read before the digest is known."""
        return [number for number, known in enumerate(self._known) if known is None]

    def put(self, number: int, digest: bytes, places: int) -> None:
        """What a bucket is now."""
        self._known[number] = digest, places

    def forget(self, numbers: Iterable[int]) -> None:
        """These are different now."""
        for number in numbers:
            self._known[number] = None

    def total(self, changed: dict[int, tuple[bytes, int]] | None = None) -> tuple[bytes, int]:
        """(digest, places) of the set, with some buckets ``changed``. All others must be known."""
        found = [(changed or {}).get(number, known) for number, known in enumerate(self._known)]
        known = [one for one in found if one is not None]
        if any(digest == SPOILT for digest, _ in known):
            return SPOILT, 0
        return set_digest([digest for digest, _ in known]), sum(places for _, places in known)

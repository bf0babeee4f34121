"""What the feed remembers: the newest rank of each place, digests of buckets, and the newest head."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gated.central.ledger import Ledger
from gated.model.statement import KIND_NUMBERS, Row, Statement, place_of
from gated.wire.setdigest import BUCKETS, Buckets, Place, bucket_of, first_key


@dataclass(frozen=True, slots=True)
class KeptHead:
    """The newest head of a sector, and the token that says so."""

    version: int
    position: int
    rows: int
    set_: bytes
    manifest: bytes
    at: int
    token: bytes


def note_place(ledger: Ledger, sector: str, statement: Statement, number: int) -> None:
    """A statement was logged under this number."""
    kind, row_id = place_of(statement)
    key = statement.key
    ledger.execute(
        "INSERT INTO place VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (sector, key, kind, id)"
        " DO UPDATE SET rank = excluded.rank, number = excluded.number WHERE excluded.rank > rank",
        (sector, key, KIND_NUMBERS[kind], row_id, statement.rank, number),
    )
    ledger.execute(
        "INSERT INTO bucket (sector, bucket, changed) VALUES (?, ?, ?)"
        " ON CONFLICT (sector, bucket) DO UPDATE SET changed = excluded.changed",
        (sector, bucket_of(key), number),
    )


def newest_number(ledger: Ledger, sector: str) -> int:
    """How far a sector's log goes; 0 = nothing was issued."""
    found = ledger.rows("SELECT max(number) FROM statement WHERE sector = ?", (sector,))
    return int(found[0][0] or 0)


def newest_head(ledger: Ledger, sector: str) -> KeptHead | None:
    """The newest head of a sector."""
    found = ledger.rows(
        "SELECT version, position, rows, digest, manifest, at, token FROM head WHERE sector = ?", (sector,)
    )
    return KeptHead(*found[0]) if found else None


def head_version(ledger: Ledger, sector: str) -> int:
    """The version of the newest head; 0 = there is none."""
    found = ledger.rows("SELECT version FROM head WHERE sector = ?", (sector,))
    return int(found[0][0]) if found else 0


def put_head(ledger: Ledger, sector: str, head: KeptHead) -> None:
    """This is the newest head now."""
    ledger.execute(
        "INSERT OR REPLACE INTO head VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (sector, head.version, head.position, head.rows, head.set_, head.manifest, head.at, head.token),
    )


def set_of(ledger: Ledger, sector: str) -> tuple[Buckets, dict[int, tuple[bytes, int]]]:
    """The set of all places, and digest and rows of those buckets that had to be counted anew."""
    buckets, anew = Buckets(), {}
    kept = ledger.rows(
        "SELECT bucket, digest, rows, changed > counted FROM bucket WHERE sector = ?", (sector,)
    )
    for bucket, digest, rows, changed in kept:
        if changed:
            anew[bucket] = buckets.replace(bucket, _places(ledger, sector, bucket))
        else:
            buckets.put(bucket, digest, rows)
    return buckets, anew


def keep_buckets(ledger: Ledger, sector: str, upto: int, anew: Mapping[int, tuple[bytes, int]]) -> None:
    """These buckets were counted when the log went up to a number."""
    ledger.executemany(
        "UPDATE bucket SET counted = ?1, rows = ?4, digest = ?5"
        " WHERE sector = ?2 AND bucket = ?3 AND counted < ?1",
        [(upto, sector, bucket, rows, digest) for bucket, (digest, rows) in anew.items()],
    )


def all_places(ledger: Ledger, sector: str) -> Iterator[Row]:
    """The newest statement of each place, in the order of pages."""
    found = ledger.each(
        "SELECT place.key, place.kind, place.id, place.rank, statement.token, place.number"
        " FROM place JOIN statement ON statement.sector = place.sector AND statement.number = place.number"
        " WHERE place.sector = ? ORDER BY place.key, place.kind, place.id",
        (sector,),
    )
    return map(Row._make, found)


def _places(ledger: Ledger, sector: str, bucket: int) -> list[Place]:
    assert 0 <= bucket < BUCKETS
    return ledger.rows(
        "SELECT key, kind, id, rank FROM place WHERE sector = ? AND key >= ? AND key < ?"
        " ORDER BY key, kind, id",
        (sector, first_key(bucket), first_key(bucket + 1)),
    )

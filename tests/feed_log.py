"""Central's log of one sector as a gate sees it, without a broker: heads and blobs, honest or to order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from gated.credential.message import MESSAGE_TYPES
from gated.credential.statement import open_statement
from gated.model.statement import KIND_NUMBERS, Kind, Row, place_of
from gated.model.trust import Algorithm, TrustedKey
from gated.wire.blob import name_of
from gated.wire.head import LIFE_S, Head, encode_head
from gated.wire.manifest import Delta, Manifest, Snapshot, encode_index, encode_manifest
from gated.wire.page import encode_page
from gated.wire.seal import SigningKey
from set_opinion import second_opinion
from venue import DAY, NOW

SIZES = (512, 64, 8, 1)
_DENIAL = KIND_NUMBERS[Kind.DENIAL]


def head_key(sector: str = "pools", kinds: Iterable[Kind] = (Kind.HEAD, Kind.TIME)):
    """(signing key, as a gate trusts it)."""
    key = SigningKey.generate(Algorithm.EDDSA)
    return key, trusted(key, sector, kinds)


def trusted(key: SigningKey, sector: str = "pools", kinds: Iterable[Kind] = (Kind.HEAD, Kind.TIME)):
    return TrustedKey(
        key.kid, key.algorithm, key.public, frozenset({sector}), frozenset(kinds), NOW - DAY, NOW + 700 * DAY
    )


def row_of(token: bytes, number: int, keys) -> Row:
    """A genuine statement as a row of the log."""
    statement = open_statement(token, keys, NOW)
    kind, row_id = place_of(statement)
    return Row(statement.key, KIND_NUMBERS[kind], row_id, statement.rank, token, number)


def newest(rows: Iterable[Row]) -> list[Row]:
    """The row of the highest rank of each place, in order."""
    best: dict[tuple[bytes, int, bytes], Row] = {}
    for row in rows:
        known = best.get(row[:3])
        if known is None or row.rank >= known.rank:
            best[row[:3]] = row
    return sorted(best.values())


@dataclass
class FeedLog:
    """The log, and what is published of it.

    ``page_rows`` and ``index_names`` are small, so that a short log has many pages.
    """

    key: SigningKey
    sector: str = "pools"
    page_rows: int = 50
    index_names: int = 40
    rows: list[Row] = field(default_factory=list)
    version: int = 0
    at: int = NOW
    covers: int = 0  # the snapshot's position
    blobs: dict[bytes, bytes] = field(default_factory=dict)

    def add(self, *rows: Row) -> None:
        """Log rows under the next numbers."""
        for row in rows:
            self.rows.append(row._replace(number=len(self.rows) + 1))

    def log(self, tokens: Iterable[bytes], keys) -> None:
        """Log genuine statements."""
        for token in tokens:
            self.add(row_of(token, 0, keys))

    def fold(self) -> None:
        """The next manifest's snapshot covers all that is logged."""
        self.covers = len(self.rows)

    def publish(self, **changes) -> bytes:
        """A new head, signed; its blobs are kept. ``changes`` replace members of the head."""
        return self.sign(self.head(**changes))

    def head(self, manifest: Manifest | None = None, **changes) -> Head:
        """The next head, not signed."""
        self.version += 1
        made = manifest or self.manifest()
        head = Head(
            sector=self.sector,
            version=self.version,
            position=len(self.rows),
            rows=0,
            set_=bytes(32),
            manifest=self.keep(encode_manifest(made)),
            at=self.at,
            expires=self.at + LIFE_S,
        )
        digest, rows = set_of(self.rows)
        return replace(head, **({"set_": digest, "rows": rows} | changes))

    def sign(self, head: Head, key: SigningKey | None = None) -> bytes:
        """A head as it travels."""
        return (key or self.key).sign(MESSAGE_TYPES[Kind.HEAD], encode_head(head))

    def manifest(self) -> Manifest:
        """What is logged, as pages that are kept."""
        covered = newest(self.rows[: self.covers])
        denials = [row for row in covered if row.kind == _DENIAL]
        others = [row for row in covered if row.kind != _DENIAL]
        snapshot = Snapshot(self.covers, len(covered), self._indexes(denials), self._indexes(others))
        return Manifest(self.sector, len(self.rows), snapshot, tuple(self._deltas()))

    def keep(self, blob: bytes) -> bytes:
        """Keep a blob; its name."""
        self.blobs[name_of(blob)] = blob
        return name_of(blob)

    def page(self, rows: Sequence[Row]) -> bytes:
        """Keep a page; its name."""
        return self.keep(encode_page(rows))

    def _indexes(self, rows: list[Row]) -> tuple[bytes, ...]:
        pages = [self.page(rows[at : at + self.page_rows]) for at in range(0, len(rows), self.page_rows)]
        step = self.index_names
        return tuple(self.keep(encode_index(pages[at : at + step])) for at in range(0, len(pages), step))

    def _deltas(self):
        at, end = self.covers + 1, len(self.rows)
        while at <= end:
            size = next(size for size in SIZES if (at - 1) % size == 0 and at + size - 1 <= end)
            yield self.delta(at, at + size - 1)
            at += size

    def delta(self, first: int, last: int, leave_out=lambda _row: False) -> Delta:
        """What was logged from first to last."""
        rows = [row for row in newest(self.rows[first - 1 : last]) if not leave_out(row)]
        denials = [row for row in rows if row.kind == _DENIAL]
        others = [row for row in rows if row.kind != _DENIAL]
        return Delta(
            first, last, self.page(denials) if denials else None, self.page(others) if others else None
        )


def set_of(rows: Iterable[Row]) -> tuple[bytes, int]:
    """(digest, places) of the set that rows make."""
    places = newest(rows)
    return second_opinion(places), len(places)

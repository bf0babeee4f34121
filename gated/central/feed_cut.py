"""Cutting a sector's log into pages: deltas in aligned ranges, a snapshot in pages as large as can be."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from gated.central.ledger import Ledger
from gated.central.ledger_statements import all_logged
from gated.credential.statement import claimed
from gated.model.refusal import Refusal
from gated.model.statement import KIND_NUMBERS, Kind, Row, place_of
from gated.wire.manifest import MAX_NAMES, Delta, encode_index
from gated.wire.page import FIXED_BYTES, MAX_PAGE_BYTES, MAX_ROWS, PageFullError, encode_page, size_of

#: Statements of one delta: a gate one behind fetches one small page, and one far behind few large ones. 64 of
#: the largest statements fit into a page.
SIZES = (512, 64, 8, 1)

_DENIAL = KIND_NUMBERS[Kind.DENIAL]

#: Keeps a blob; its name.
Put = Callable[[bytes], bytes]


def ranges(first: int, last: int, most: int = SIZES[0]) -> Iterator[tuple[int, int]]:
    """Ranges that cover ``first`` to ``last`` in order, each as large as its place allows."""
    while first <= last:
        size = next(
            size for size in SIZES if size <= most and (first - 1) % size == 0 and first + size - 1 <= last
        )
        yield first, first + size - 1
        first += size


def cut(ledger: Ledger, sector: str, first: int, last: int, put: Put) -> list[Delta]:
    """One delta for a range, or several where so much does not fit into a page."""
    newest: dict[tuple[bytes, int, bytes], Row] = {}
    for one in all_logged(ledger, sector, first - 1, last - first + 1):
        row = _row(one.token, one.number)
        if row is not None and (row[:3] not in newest or row.rank > newest[row[:3]].rank):
            newest[row[:3]] = row
    rows = sorted(newest.values())
    try:
        denials, others = (
            encode_page(part) if part else None
            for part in ([row for row in rows if (row.kind == _DENIAL) is denied] for denied in (True, False))
        )
    except PageFullError:
        if last == first:
            raise  # cannot be: one statement fits
        smaller = next(size for size in SIZES if size < last - first + 1)
        return [delta for some in ranges(first, last, smaller) for delta in cut(ledger, sector, *some, put)]
    return [Delta(first, last, denials and put(denials), others and put(others))]


def _row(token: bytes, number: int) -> Row | None:
    """None = the log was damaged there, and no gate could read it either."""
    statement = claimed(token)
    if isinstance(statement, Refusal):
        return None
    kind, row_id = place_of(statement)
    return Row(statement.key, KIND_NUMBERS[kind], row_id, statement.rank, token, number)


class Pages:
    """Fills pages with rows that are told in order, and indexes with the names of pages."""

    def __init__(self, put: Put) -> None:
        self._put = put
        self._rows: list[Row] = []
        self._bytes = FIXED_BYTES
        self._most = MAX_PAGE_BYTES
        self._names: list[bytes] = []
        self._indexes: list[bytes] = []

    def add(self, row: Row) -> None:
        """The next row."""
        size = size_of(row.token)
        if self._bytes + size > self._most or len(self._rows) == MAX_ROWS:
            self._flush(self._rows)
            self._rows, self._bytes = [], FIXED_BYTES
        self._rows.append(row)
        self._bytes += size

    def done(self) -> tuple[bytes, ...]:
        """Names of the indexes, in order; none where there were no rows."""
        if self._rows:
            self._flush(self._rows)
            self._rows = []
        self._index(least=1)
        return tuple(self._indexes)

    def _flush(self, rows: list[Row]) -> None:
        try:
            page = encode_page(rows)
        except PageFullError:  # these compress less than those before them
            self._most = max(MAX_PAGE_BYTES // 2, self._most * 9 // 10)
            half = len(rows) // 2
            self._flush(rows[:half])
            self._flush(rows[half:])
            return
        self._names.append(self._put(page))
        self._index(least=MAX_NAMES)

    def _index(self, *, least: int) -> None:
        if len(self._names) >= least:
            self._indexes.append(self._put(encode_index(self._names)))
            self._names = []


def cut_all(
    rows: Iterable[Row], put: Put, progress: Callable[[int], None]
) -> tuple[int, tuple[bytes, ...], tuple[bytes, ...]]:
    """How many rows there were, indexes of the pages of denials, and of all others."""
    denials, others = Pages(put), Pages(put)
    count = 0
    for count, row in enumerate(rows, 1):
        (denials if row.kind == _DENIAL else others).add(row)
        if count % 10_000 == 0:
            progress(count)
    progress(count)
    return count, denials.done(), others.done()

"""The pages of a spool that still grows, as rows in order."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from operator import itemgetter
from pathlib import Path

from gated.model.statement import KIND_NUMBERS, Kind
from gated.store.child import Parent
from gated.store.spool import SpoolReader
from gated.wire.manifest import Delta, read_index
from gated.wire.page import read_rows
from gated.wire.setdigest import bucket_digest, bucket_of, first_key

#: Between two looks whether a blob has come, where no nudge comes; seconds.
_WAIT_S = 1.0
_PLACE = itemgetter(0, 1, 2, 3)
#: A row of a page: key, kind, id, rank, token, number.
PageRow = tuple[bytes, int, bytes, int, bytes, int]


class PageRefusedError(Exception):
    """What was fetched is not what the head promised; ``code`` is a stable word."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Pages:
    """Reads what the parent goes on to fetch, and waits for what has not come."""

    def __init__(self, spool: Path, parent: Parent) -> None:
        self._spool = SpoolReader(spool)
        self._parent = parent

    def rows(self, indexes: Sequence[bytes], *, denials: bool) -> Iterator[list[PageRow]]:
        """Pages in turn, each behind the one before."""
        last: tuple[bytes, int, bytes] = (b"", -1, b"")
        for index in indexes:
            for name in read_index(self.blob(index)):
                rows = self.page(name, denials=denials)
                if rows[0][:3] <= last:
                    raise PageRefusedError("order")
                last = rows[-1][:3]
                yield rows

    def page(self, name: bytes, *, denials: bool) -> list[PageRow]:
        """The rows of a page of denials, or of all else. Raises ``BlobError`` and ``PageRefusedError``."""
        rows = read_rows(self.blob(name))
        denial = KIND_NUMBERS[Kind.DENIAL]
        kinds = set(map(itemgetter(1), rows))
        if (kinds != {denial}) if denials else (denial in kinds):
            raise PageRefusedError("wrong_kind")
        return rows

    def blob(self, name: bytes) -> bytes:
        """A blob, waited for. Raises ``OSError``."""
        while (blob := self._spool.find(name)) is None:
            self._parent.look(_WAIT_S)
        return blob


def in_order(denials: Iterator[list[PageRow]], others: Iterator[list[PageRow]]) -> Iterator[list[PageRow]]:
    """Both as one sequence of sorted lists. Each is sorted by itself."""
    waiting: list[PageRow] = []
    for rows in others:
        last = rows[-1]
        while not waiting or waiting[-1] < last:
            more = next(denials, None)
            if more is None:
                break
            waiting += more
        cut = bisect_left(waiting, last)
        if cut:
            yield sorted(waiting[:cut] + rows)
            del waiting[:cut]
        else:
            yield rows
    if waiting:
        yield waiting
    yield from denials


class Pending:
    """The bucket that rows in order are in; its digest is known when the next one begins."""

    def __init__(self, buckets: list[tuple[bytes, int]]) -> None:
        self._buckets = buckets
        self._number = 0
        self._rows: list[PageRow] = []

    def add(self, rows: Sequence[PageRow]) -> None:
        """The next rows."""
        first = 0
        last = bucket_of(rows[-1][0])
        while self._number < last:
            end = bisect_left(rows, (first_key(self._number + 1),))
            self._rows += rows[first:end]
            self.finish()
            self._number += 1
            first = end
        self._rows += rows[first:]

    def finish(self) -> None:
        """No more of this bucket comes."""
        if self._rows:
            self._buckets[self._number] = bucket_digest(map(_PLACE, self._rows)), len(self._rows)
            self._rows = []


def check_numbers(rows: Sequence[PageRow], delta: Delta) -> None:
    """Rows of a delta's page were logged within its range. Raises ``PageRefusedError``."""
    numbers = list(map(itemgetter(5), rows))
    if min(numbers) < delta.first or max(numbers) > delta.last:
        raise PageRefusedError("numbers")

"""Blobs that a transfer wants: asked for, compared with their names, kept until they are needed."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence

from gated.model.statement import KIND_NUMBERS, Kind, Row
from gated.store.spool import Spool
from gated.wire.blob import BlobError, name_of
from gated.wire.manifest import read_index
from gated.wire.page import read_page

_DENIAL = KIND_NUMBERS[Kind.DENIAL]


class RefusedError(Exception):
    """What was fetched is not believed: ``what`` it claimed to be, and a stable ``code``."""

    def __init__(self, what: str, code: str) -> None:
        super().__init__(f"{what} {code}")
        self.what, self.code = what, code


class Gathering:
    """A few blobs are kept in memory; many in a spool."""

    def __init__(self) -> None:
        self.spool: Spool | None = None
        self._held: dict[bytes, bytes] = {}
        self._todo: deque[bytes] = deque()
        self._asked: set[bytes] = set()
        self._what: dict[bytes, str] = {}
        self._hurried: set[bytes] = set()
        #: Pages of denials that are here and not in force yet.
        self.urgent: deque[bytes] = deque()
        #: Blobs that are here, of how many, as far as known; and bytes that came.
        self.done, self.total, self.bytes = 0, 1, 0

    @property
    def are_here(self) -> bool:
        """Whether nothing is missing."""
        return not self._todo and not self._asked

    @property
    def size(self) -> int:
        """Bytes of the spool."""
        return 0 if self.spool is None else self.spool.size

    # -------------------------------------------------------------- what is missing

    def fetch(self, names: Iterable[bytes], what: str, *, urgent: bool = False) -> None:
        """Want these too; ``urgent``: as soon as they are here they are in ``urgent``."""
        wanted = self._asked.union(self._todo)
        for name in dict.fromkeys(names):
            self._what[name] = what
            if urgent:
                self._hurried.add(name)
            if self._has(name):
                self._came(name)
            elif name not in wanted:
                self._todo.append(name)

    def wants(self, room: int) -> list[bytes]:
        """At most ``room`` to ask for now; each is asked for until it is taken or given back."""
        some = [self._todo.popleft() for _ in range(min(room - len(self._asked), len(self._todo)))]
        self._asked.update(some)
        return some

    def claims(self, name: bytes) -> str:
        """What a blob of this name should be."""
        return self._what[name]

    def give_back(self, name: bytes) -> None:
        """It was asked for and did not come."""
        if name in self._asked:
            self._asked.discard(name)
            self._todo.appendleft(name)

    def take(self, name: bytes, blob: bytes) -> bool:
        """It came; False: nobody asked. Raises ``RefusedError`` and ``StoreError``: it is wanted again."""
        if name not in self._asked:
            return False
        self.give_back(name)
        if name_of(blob) != name:
            raise RefusedError(self._what[name], "replaced")
        if self.spool is None:
            self._held[name] = blob
        else:
            self.spool.put(name, blob)
        self._todo.popleft()  # given back it stood in front
        self.bytes += len(blob)
        self._came(name)
        return True

    def _has(self, name: bytes) -> bool:
        return name in self._held or (self.spool is not None and name in self.spool)

    def _came(self, name: bytes) -> None:
        self.done += 1
        if name in self._hurried:
            self.urgent.append(name)

    # -------------------------------------------------------------- what is here

    def get(self, name: bytes) -> bytes:
        """A blob that is here. Raises ``StoreError``."""
        if name in self._held:
            return self._held[name]
        assert self.spool is not None
        return self.spool.get(name)

    def named_by(self, indexes: Iterable[bytes]) -> list[bytes]:
        """The names in some indexes. Raises ``RefusedError`` and ``StoreError``."""
        names: list[bytes] = []
        for index in indexes:
            try:
                names += read_index(self.get(index))
            except BlobError as error:
                raise RefusedError("index", error.code) from None
        return names

    def page(self, name: bytes, *, denials: bool) -> list[Row]:
        """The rows of a page that holds denials, or all else. Raises ``RefusedError`` and ``StoreError``."""
        try:
            rows = read_page(self.get(name))
        except BlobError as error:
            raise RefusedError("page", error.code) from None
        if any((row.kind == _DENIAL) != denials for row in rows):
            raise RefusedError("page", "wrong_kind")
        return rows

    # -------------------------------------------------------------- the spool

    def keep_in(self, spool: Spool) -> None:
        """Keep all in a spool from now on; what an earlier transfer left there is used."""
        self.spool = spool
        for name, blob in self._held.items():
            spool.put(name, blob)
        self._held.clear()

    def forget_others(self, have: Sequence[bytes], want: Sequence[bytes]) -> None:
        """Count anew, of ``want``; a spool of which most is neither ``have`` nor wanted begins anew."""
        assert self.spool is not None
        self.done, self.total = 0, max(1, len(want))
        here = self.spool.names()
        if 2 * len(here.intersection([*have, *want])) < len(here):
            self.spool.begin_anew(set(have))

    def close(self) -> None:
        """What is in the spool stays there."""
        if self.spool is not None:
            self.spool.close()
            self.spool = None

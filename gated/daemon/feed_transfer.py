"""From a head to a cache that agrees with it: what is fetched, in which order, and what is done with it.

It asks nobody itself: ``wants`` says what is missing and ``take`` takes it, from wherever it came. Denials
come first and are in force at once. A few statements go into the delta; many make a new snapshot.
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Sequence

from gated.daemon.feed_heads import Believed
from gated.model.statement import KIND_NUMBERS, Kind, Row
from gated.model.trust import KeySet
from gated.store.activation import activate
from gated.store.building import Building, Plan
from gated.store.feed import Applied, FeedStore, Promise
from gated.store.genuine import is_genuine
from gated.store.snapshot import Step
from gated.store.spool import Spool
from gated.wire.blob import MAX_BLOB_BYTES, BlobError
from gated.wire.manifest import Delta, Manifest, read_index, read_manifest
from gated.wire.page import read_page

#: Statements that go into the delta; of more a snapshot is built, which a card writes faster.
MOST_DIRECT = 5_000
#: Most bytes of a spool, and what must stay free on the disk beside a spool and its snapshot.
MAX_SPOOL_BYTES, KEEP_FREE_BYTES = 2 << 30, 64 << 20
_DENIAL = KIND_NUMBERS[Kind.DENIAL]


class RefusedError(Exception):
    """What was fetched is not believed: ``what`` it claimed to be, and a stable ``code``."""

    def __init__(self, what: str, code: str) -> None:
        super().__init__(f"{what} {code}")
        self.what, self.code = what, code


class Transfer:
    """One head's way into the cache. Used by one thread.

    Args:
        applied: what the cache agrees with; None = with nothing.
        keys: who is believed, asked of rows that the feed does not know.
        floor: a time that is certainly over.
        thorough: compare the set before the head counts, however long that takes.
        most_direct: of more statements a snapshot is built.
        after_step: is told each step that was made; tests cut the power there.

    """

    def __init__(
        self,
        target: Believed,
        applied: Believed | None,
        store: FeedStore,
        keys: KeySet,
        floor: int,
        *,
        thorough: bool = False,
        most_direct: int = MOST_DIRECT,
        after_step: Step = lambda _step: None,
    ) -> None:
        self.target = target
        self._after_step = after_step
        self._most_direct = most_direct
        #: The token of the head that it begins from; empty = from nothing.
        self.base = b"" if applied is None else applied.token
        self._after = -1 if applied is None else applied.head.position
        self._store = store
        # Of another key nothing is taken on trust.
        is_other = applied is None or applied.kid != target.kid
        self._keys, self._floor, self._thorough = keys, floor, thorough or is_other
        self._manifest: Manifest | None = None
        self._spool: Spool | None = None
        self._building: Building | None = None
        self._held: dict[bytes, bytes] = {}
        self._todo: deque[bytes] = deque()
        self._asked: set[bytes] = set()
        self._what: dict[bytes, str] = {}
        self._urgent: deque[bytes] = deque()  # pages of denials that are not in force yet
        self._is_urgent: set[bytes] = set()
        self._deltas: Sequence[Delta] = ()
        #: Buckets that a few statements changed; and whether the set was left to be compared afterwards.
        self.touched: set[int] = set()
        self.unchecked = False
        #: Blobs that are there, of how many, as far as known; bytes that came.
        self.done, self.total, self.bytes = 0, 1, 0
        self._fetch([target.head.manifest], "manifest")
        self._next: Callable[[], bool] = self._plan

    @property
    def is_long(self) -> bool:
        """Whether a snapshot is being made."""
        return self._spool is not None

    @property
    def percent(self) -> int:
        """How far a long one is; what was fetched has to be built in yet."""
        built = 0 if self._building is None else self._building.pages()
        return min(99, round(100 * (self.done + built) / (2 * self.total)))

    # -------------------------------------------------------------- what is missing

    def wants(self, room: int) -> list[bytes]:
        """At most ``room`` blobs to ask for now; each is asked for until it is taken or given back."""
        some = [self._todo.popleft() for _ in range(min(room - len(self._asked), len(self._todo)))]
        self._asked.update(some)
        return some

    @property
    def is_at_work(self) -> bool:
        """Whether it goes on though nothing is asked for."""
        return not self._todo and not self._asked

    def claims(self, name: bytes) -> str:
        """What a blob of this name should be."""
        return self._what[name]

    def give_back(self, name: bytes) -> None:
        """It was asked for and did not come."""
        if name in self._asked:
            self._asked.discard(name)
            self._todo.appendleft(name)

    def take(self, name: bytes, blob: bytes) -> None:
        """It came. Raises ``RefusedError``, and ``StoreError``; then it is wanted again."""
        if name not in self._asked:
            return
        self.give_back(name)
        if hashlib.sha256(blob).digest() != name:
            raise RefusedError(self._what[name], "replaced")
        self._keep(name, blob)
        self._todo.remove(name)
        self.bytes += len(blob)
        self._after_step("taken")
        if self._building is not None:
            self._building.nudge()

    def _keep(self, name: bytes, blob: bytes) -> None:
        if name in self._is_urgent:
            self._urgent.append(name)
        if self._spool is None:
            self._held[name] = blob
        else:
            self._spool.put(name, blob)
        self.done += 1

    def _fetch(self, names: Iterable[bytes], what: str) -> None:
        for name in dict.fromkeys(names):
            self._what[name] = what
            if name in self._held or (self._spool is not None and name in self._spool):
                self.done += 1
                if name in self._is_urgent:
                    self._urgent.append(name)
            elif name not in self._todo:
                self._todo.append(name)

    def _blob(self, name: bytes) -> bytes:
        if name in self._held:
            return self._held[name]
        assert self._spool is not None
        return self._spool.get(name)

    # -------------------------------------------------------------- one step

    def turn(self) -> bool:
        """Do what can be done now; True: the head counts. Raises ``RefusedError`` and ``StoreError``."""
        if self._urgent:
            rows = self._page(self._urgent[0], denials=True)
            self._store.bring(rows, marked=False)
            self._urgent.popleft()
            self._after_step("in force")
            return False
        if self._todo or self._asked:
            return False
        return self._next()

    def close(self) -> None:
        """Give it up or be done with it. What was fetched stays for another, unless it is done."""
        if self._building is not None:
            self._building.end()
            self._building = None
        if self._spool is not None:
            self._spool.close()
            self._spool = None

    # -------------------------------------------------------------- the steps

    def _plan(self) -> bool:
        head = self.target.head
        try:
            manifest = read_manifest(self._blob(head.manifest))
        except BlobError as error:
            raise RefusedError("manifest", error.code) from None
        if manifest.sector != head.sector:
            raise RefusedError("manifest", "foreign")
        if manifest.position != head.position:
            raise RefusedError("manifest", "mixed")
        self._manifest = manifest
        if not manifest.snapshot.position <= self._after <= head.position:
            return self._plan_snapshot(onto=False)
        self._deltas = [delta for delta in manifest.deltas if delta.last > self._after]
        if self._deltas and head.position - self._deltas[0].first >= self._most_direct:
            return self._plan_snapshot(onto=True)
        self._is_urgent = _names(delta.denials for delta in self._deltas) if self._hurries() else set()
        names = [*(delta.denials for delta in self._deltas), *(delta.others for delta in self._deltas)]
        self.total = 1 + len(_names(names))
        self._fetch([name for name in names if name is not None], "page")
        self._next = self._apply
        return False

    def _hurries(self) -> bool:
        return self._store.holds_anything()

    def _apply(self) -> bool:
        """A few statements: into the delta."""
        best: dict[tuple[bytes, int, bytes], Row] = {}
        for delta in self._deltas:
            for name, denials in ((delta.denials, True), (delta.others, False)):
                for row in () if name is None else self._page(name, denials=denials):
                    if not delta.first <= row.number <= delta.last:
                        raise RefusedError("page", "numbers")
                    if row[:3] not in best or best[row[:3]].rank <= row.rank:
                        best[row[:3]] = row
        self.touched = self._store.bring(best.values(), marked=True)
        self._after_step("marked")
        agreed = self._store.agrees(self._promise(), self.touched, thorough=self._thorough)
        if agreed is False:  # our rows or the head's: a whole snapshot tells which
            return self._plan_snapshot(onto=False)
        self.unchecked = agreed is None
        if self.unchecked:
            self._store.buckets.forget(self.touched)
        self._store.advance(self._applied(), self.base)
        self._after_step("advanced")
        return True

    def _plan_snapshot(self, *, onto: bool) -> bool:
        manifest = self._manifest
        assert manifest is not None
        self._spool = Spool(self._store.directory)
        for name, blob in self._held.items():  # a few statements that did not agree came as blobs, too
            self._spool.put(name, blob)
        self._held.clear()
        self._onto = onto
        if not onto:
            self._deltas = manifest.deltas
            self._fetch([*manifest.snapshot.denials, *manifest.snapshot.pages], "index")
        self._next = self._fetch_denials
        return False

    def _fetch_denials(self) -> bool:
        manifest, spool = self._manifest, self._spool
        assert manifest is not None
        assert spool is not None
        denials = [] if self._onto else self._indexed(manifest.snapshot.denials)
        others = [] if self._onto else self._indexed(manifest.snapshot.pages)
        denials += [delta.denials for delta in self._deltas if delta.denials is not None]
        self._others = others + [delta.others for delta in self._deltas if delta.others is not None]
        self.total, self.done = len(denials) + len(self._others), 0
        indexes = [] if self._onto else [*manifest.snapshot.denials, *manifest.snapshot.pages]
        wanted = {self.target.head.manifest, *indexes, *denials, *self._others}
        if 2 * len(wanted & spool.names()) < len(spool.names()):
            spool.begin_anew({self.target.head.manifest, *indexes})
        self._check_room()
        self._begin_building()
        self._is_urgent = set(denials) if self._hurries() else set()
        self._fetch(denials, "page")
        self._next = self._fetch_others
        return False

    def _begin_building(self) -> None:
        """It builds while pages come; until then it waits."""
        head = self.target.head
        after = max(0, self._after)
        plan = Plan(head.sector, head.position, head.rows, head.set_, head.manifest, self._onto, after)
        self._building = Building(self._store.directory, plan, self._keys, self._floor)

    def _check_room(self) -> None:
        assert self._spool is not None
        size = self.total * MAX_BLOB_BYTES
        disk = os.statvfs(self._store.directory)
        # The spool, and a snapshot as large; what is in the spool already is taken from the disk.
        room = disk.f_bavail * disk.f_frsize + self._spool.size - KEEP_FREE_BYTES
        if size > MAX_SPOOL_BYTES or 2 * size > room:
            raise RefusedError("head", "feed_too_large")

    def _fetch_others(self) -> bool:
        self._fetch(self._others, "page")
        self._next = self._build
        return False

    def _build(self) -> bool:
        building = self._building
        assert building is not None
        code = building.look()
        if code is None:
            return False
        if code:
            raise RefusedError("head" if code in ("set_differs", "rows_differ") else "page", code)
        sector = self.target.head.sector
        self._after_step("built")
        activate(
            self._store.directory,
            building.built,
            self._applied(),
            self.target.head.rows,
            lambda row: is_genuine(row, self._keys, self._floor, sector),
            self._after_step,
        )
        self._store.buckets = building.buckets
        assert self._spool is not None
        self._spool.remove()
        self._spool = None
        self._after_step("tidied")
        return True

    # -------------------------------------------------------------- inside

    def _indexed(self, indexes: Iterable[bytes]) -> list[bytes]:
        names: list[bytes] = []
        for index in indexes:
            try:
                names += read_index(self._blob(index))
            except BlobError as error:
                raise RefusedError("index", error.code) from None
        return names

    def _page(self, name: bytes, *, denials: bool) -> list[Row]:
        try:
            rows = read_page(self._blob(name))
        except BlobError as error:
            raise RefusedError("page", error.code) from None
        if any((row.kind == _DENIAL) != denials for row in rows):
            raise RefusedError("page", "wrong_kind")
        return rows

    def _promise(self) -> Promise:
        head = self.target.head
        return Promise(head.position, head.set_, head.rows)

    def _applied(self) -> Applied:
        return applied_of(self.target)


def applied_of(found: Believed) -> Applied:
    """A head as the cache keeps it."""
    return Applied(found.token, found.head.version, found.head.position, found.head.at)


def _names(names: Iterable[bytes | None]) -> set[bytes]:
    return {name for name in names if name is not None}

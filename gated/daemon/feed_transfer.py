"""From a head to a cache that agrees with it: what is fetched, in which order, and what is done with it.

It asks nobody itself: ``wants`` says what is missing and ``take`` takes it, from wherever it came. Denials
come first and are in force at once. A few statements go into the delta; many make a new snapshot.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from gated.daemon.feed_gathering import Gathering, RefusedError
from gated.daemon.feed_heads import Believed
from gated.model.statement import Row
from gated.model.trust import KeySet
from gated.store.activation import activate
from gated.store.building import Building, Plan, discard
from gated.store.feed import Applied, FeedStore, Promise
from gated.store.genuine import is_genuine
from gated.store.snapshot import Step
from gated.store.spool import Spool
from gated.wire.blob import MAX_BLOB_BYTES, BlobError
from gated.wire.manifest import Delta, Manifest, read_manifest

#: Statements that go into the delta; of more a snapshot is built, which a card writes faster.
MOST_DIRECT = 5_000
#: Most bytes of a spool, and what must stay free on the disk beside a spool and its snapshot.
MAX_SPOOL_BYTES, KEEP_FREE_BYTES = 2 << 30, 64 << 20
#: What a builder says of a snapshot that is not what the head promised.
_DIFFERS = ("set_differs", "rows_differ")


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
        self._building: Building | None = None
        self._deltas: Sequence[Delta] = ()
        #: Buckets that a few statements changed; and whether the set was left to be compared afterwards.
        self.touched: set[int] = set()
        self.unchecked = False
        #: What has to come.
        self.blobs = Gathering()
        self.blobs.fetch([target.head.manifest], "manifest")
        self._next: Callable[[], bool] = self._plan

    @property
    def is_long(self) -> bool:
        """Whether a snapshot is being made."""
        return self.blobs.spool is not None

    @property
    def percent(self) -> int:
        """How far a long one is; what was fetched has to be built in yet."""
        built = 0 if self._building is None else self._building.pages()
        return min(99, round(100 * (self.blobs.done + built) / (2 * self.blobs.total)))

    def take(self, name: bytes, blob: bytes) -> None:
        """A blob came. Raises ``RefusedError``, and ``StoreError``; then it is wanted again."""
        if self.blobs.take(name, blob):
            self._after_step("taken")
            if self._building is not None:
                self._building.nudge()

    # -------------------------------------------------------------- one step

    def turn(self) -> bool:
        """Do what can be done now; True: the head counts. Raises ``RefusedError`` and ``StoreError``."""
        if self.blobs.urgent:
            self._store.bring(self.blobs.page(self.blobs.urgent[0], denials=True), marked=False)
            self.blobs.urgent.popleft()
            self._after_step("in force")
            return False
        return self.blobs.are_here and self._next()

    def close(self) -> None:
        """Give it up or be done with it. What was fetched stays for another, unless it is done."""
        if self._building is not None:
            self._building.end()
            self._building = None
        self.blobs.close()

    # -------------------------------------------------------------- the steps

    def _plan(self) -> bool:
        head = self.target.head
        try:
            manifest = read_manifest(self.blobs.get(head.manifest))
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
        denials = [delta.denials for delta in self._deltas if delta.denials is not None]
        others = [delta.others for delta in self._deltas if delta.others is not None]
        self.blobs.fetch(denials, "page", urgent=self._store.holds_anything())
        self.blobs.fetch(others, "page")
        self._next = self._apply
        return False

    def _apply(self) -> bool:
        """A few statements: into the delta."""
        best: dict[tuple[bytes, int, bytes], Row] = {}
        for delta in self._deltas:
            for name, denials in ((delta.denials, True), (delta.others, False)):
                for row in () if name is None else self.blobs.page(name, denials=denials):
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
        self.blobs.keep_in(Spool(self._store.directory))
        self._onto = onto
        if not onto:
            self._deltas = manifest.deltas
            self.blobs.fetch([*manifest.snapshot.denials, *manifest.snapshot.pages], "index")
        self._next = self._fetch_denials
        return False

    def _fetch_denials(self) -> bool:
        manifest = self._manifest
        assert manifest is not None
        indexes = [] if self._onto else [*manifest.snapshot.denials, *manifest.snapshot.pages]
        denials = [] if self._onto else self.blobs.named_by(manifest.snapshot.denials)
        others = [] if self._onto else self.blobs.named_by(manifest.snapshot.pages)
        denials += [delta.denials for delta in self._deltas if delta.denials is not None]
        self._others = others + [delta.others for delta in self._deltas if delta.others is not None]
        self.blobs.forget_others([self.target.head.manifest, *indexes], [*denials, *self._others])
        self._check_room()
        self._begin_building()
        self.blobs.fetch(denials, "page", urgent=self._store.holds_anything())
        self._next = self._fetch_others
        return False

    def _begin_building(self) -> None:
        """It builds while pages come; until then it waits."""
        head = self.target.head
        after = max(0, self._after)
        plan = Plan(head.sector, head.position, head.rows, head.set_, head.manifest, self._onto, after)
        self._building = Building(self._store.directory, plan, self._keys, self._floor)

    def _check_room(self) -> None:
        size = self.blobs.total * MAX_BLOB_BYTES
        disk = os.statvfs(self._store.directory)
        # The spool, and a snapshot as large; what is in the spool already is taken from the disk.
        room = disk.f_bavail * disk.f_frsize + self.blobs.size - KEEP_FREE_BYTES
        if size > MAX_SPOOL_BYTES or 2 * size > room:
            raise RefusedError("head", "feed_too_large")

    def _fetch_others(self) -> bool:
        self.blobs.fetch(self._others, "page")
        self._next = self._build
        return False

    def _build(self) -> bool:
        building = self._building
        assert building is not None
        code = building.look()
        if code is None:
            return False
        if code in _DIFFERS and self._onto:  # what is here was changed, or the head is wrong: the same
            self.close()
            return self._plan_snapshot(onto=False)
        if code:
            raise RefusedError("head" if code in _DIFFERS else "page", code)
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
        discard(self._store.directory)
        self._after_step("tidied")
        return True

    # -------------------------------------------------------------- inside

    def _promise(self) -> Promise:
        head = self.target.head
        return Promise(head.position, head.set_, head.rows)

    def _applied(self) -> Applied:
        return applied_of(self.target)


def applied_of(found: Believed) -> Applied:
    """A head as the cache keeps it."""
    return Applied(found.token, found.head.version, found.head.position, found.head.at)

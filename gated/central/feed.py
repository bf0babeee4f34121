"""The feed of a sector: its log as pages, and the head that binds them (docs/reference/feed.md).

All that a head names is durable before the head is. Reading and cutting happen beside other work, on one
picture of the ledger; only keeping the head takes the right to write, and of several that try one wins.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from gated.central.ack_keys import AckKeys
from gated.central.blobs import Blobs
from gated.central.feed_cut import cut, cut_all, ranges
from gated.central.ledger import Ledger
from gated.central.ledger_feed import (
    KeptHead,
    all_places,
    head_version,
    keep_buckets,
    newest_head,
    newest_number,
    put_head,
    set_of,
)
from gated.errors import ConfigError, StoreError
from gated.model.statement import Kind
from gated.wire.head import LIFE_S, Head, encode_head
from gated.wire.manifest import (
    MAX_DELTAS,
    Delta,
    Manifest,
    Snapshot,
    encode_manifest,
    read_index,
    read_manifest,
)

#: A head's time stays fresh: at least so often there is a new one; seconds.
FRESH_S = 300
_ATTEMPTS = 20


class Much(NamedTuple):
    """A new snapshot is due where more came after the last one."""

    statements: int = 20_000  # or a quarter of its rows, if that is more
    deltas: int = 500


_USUAL = Much()


class Feed:
    """Makes heads and snapshots of a sector. Used by one thread; its ledger, too.

    Raises ``StoreError``, and ``ConfigError`` where no gate would believe a head.
    """

    def __init__(
        self, blobs: Blobs, ledger: Ledger, keys: AckKeys, now: Callable[[], int], much: Much = _USUAL
    ) -> None:
        self.sector = blobs.sector
        self.blobs = blobs
        self._much = much
        self._ledger = ledger
        self._keys = keys
        self._now = now
        self._read: tuple[bytes, Manifest] | None = None  # the manifest that was read last

    @property
    def head(self) -> KeptHead | None:
        """The newest head."""
        return newest_head(self._ledger, self.sector)

    @property
    def manifest(self) -> Manifest | None:
        """What the newest head binds. None = there is no head, or its manifest is lost."""
        return self._manifest(self.head)

    def is_due(self) -> bool:
        """Whether a head would say something new."""
        head = self.head
        return (
            head is None
            or newest_number(self._ledger, self.sector) != head.position
            or abs(self._now() - head.at) >= FRESH_S
        )

    def wants_snapshot(self) -> bool:
        """Whether so much came after the last snapshot that another is due."""
        manifest = self.manifest or Manifest(self.sector, 0, Snapshot(), ())
        position = newest_number(self._ledger, self.sector)
        after = position - manifest.snapshot.position
        return (
            after > max(self._much.statements, manifest.snapshot.rows // 4)
            or len(manifest.deltas) > self._much.deltas
        )

    def make_head(self, snapshot: Snapshot | None = None) -> Head | None:
        """Make the next head. None = somebody else just did, or a snapshot must be made before.

        Args:
            snapshot: to begin with, in place of the last one.

        """
        now = self._now()
        self._check_key(now)
        with self._ledger.picture():
            last = self.head
            old = self._manifest(last)
            position = newest_number(self._ledger, self.sector)
            if snapshot is None and self._is_too_much(position, old):
                return None
            manifest = self._next_manifest(old, snapshot, position, now)
            if manifest is None:
                return None
            buckets, anew = set_of(self._ledger, self.sector)
        name = self._put_manifest(manifest, old, last, now)
        head = Head(
            sector=self.sector,
            version=1 if last is None else last.version + 1,
            position=position,
            rows=buckets.rows,
            set_=buckets.digest(),
            manifest=name,
            at=now,
            expires=now + LIFE_S,
        )
        return head if self._keep(head, anew) else None

    def make_snapshot(self, progress: Callable[[int], None]) -> Head | None:
        """Write all pages anew, and a head that begins with them. None = somebody else is doing it."""
        self._check_key(self._now())
        try:
            with self.blobs.alone() as alone:
                if not alone:
                    return None
                with self._ledger.picture():
                    position = newest_number(self._ledger, self.sector)
                    rows, denials, others = cut_all(
                        all_places(self._ledger, self.sector),
                        lambda blob: self.blobs.put(blob, self._now()),
                        progress,
                    )
                self.blobs.settle()
                for _ in range(_ATTEMPTS):
                    head = self.make_head(Snapshot(position, rows, denials, others))
                    if head is not None:
                        return head
        except OSError as error:
            raise self._store_error(error) from error
        raise StoreError(f"no head of sector {self.sector!r} could be kept", hint="try again")

    def tidy(self) -> bool:
        """Drop what no head has named for two days. False = something that the newest names is not there."""
        head = self.head
        if head is None:
            return True
        manifest = self._manifest(head)
        if manifest is None:
            return False
        named, whole = [head.manifest], True
        try:
            for index in (*manifest.snapshot.denials, *manifest.snapshot.pages):
                blob = self.blobs.get(index)
                whole = whole and blob is not None
                named += [index, *(read_index(blob) if blob else ())]
            for delta in manifest.deltas:
                named += [name for name in (delta.denials, delta.others) if name is not None]
            return whole and not self.blobs.keep(named, self._now())
        except OSError as error:
            raise self._store_error(error) from error

    # -------------------------------------------------------------- parts of a head

    def _check_key(self, now: int) -> None:
        if not self._keys.may(self.sector, Kind.HEAD, now):
            raise ConfigError(
                f"no gate would believe a head of sector {self.sector!r}: keys.json lists its key for"
                " receipts without kind head, or the key does not count now",
                hint="docs/how-to/run-central.md, The feed of an older office",
            )

    def _manifest(self, head: KeptHead | None) -> Manifest | None:
        if head is None:
            return None
        if self._read is None or self._read[0] != head.manifest:
            try:
                blob = self.blobs.get(head.manifest)
            except OSError as error:
                raise self._store_error(error) from error
            if blob is None:
                return None
            self._read = head.manifest, read_manifest(blob)
        return self._read[1]

    def _is_too_much(self, position: int, old: Manifest | None) -> bool:
        """Whether a snapshot is sooner made than deltas of all that came."""
        after = position - (old.position if old is not None else 0)
        return after > self._much.statements and self.wants_snapshot()

    def _next_manifest(
        self, old: Manifest | None, snapshot: Snapshot | None, position: int, now: int
    ) -> Manifest | None:
        if old is not None and snapshot is None and old.position == position:
            return old
        base = snapshot or (old.snapshot if old is not None else Snapshot())
        deltas: list[Delta] = []
        try:
            for first, last in ranges(base.position + 1, position):
                deltas += _again(old, first, last, self.blobs) or cut(
                    self._ledger, self.sector, first, last, lambda blob: self.blobs.put(blob, now)
                )
                if len(deltas) > MAX_DELTAS:
                    return None
        except OSError as error:
            raise self._store_error(error) from error
        return Manifest(self.sector, position, base, tuple(deltas))

    def _put_manifest(
        self, manifest: Manifest, old: Manifest | None, last: KeptHead | None, now: int
    ) -> bytes:
        if last is not None and manifest is old:
            return last.manifest
        try:
            name = self.blobs.put(encode_manifest(manifest), now)
            self.blobs.settle()
        except OSError as error:
            raise self._store_error(error) from error
        return name

    def _keep(self, head: Head, anew: dict[int, tuple[bytes, int]]) -> bool:
        token = self._keys.sign(self.sector, Kind.HEAD, encode_head(head), head.at)
        assert token is not None
        with self._ledger.transaction():
            if head_version(self._ledger, self.sector) != head.version - 1:
                return False
            keep_buckets(self._ledger, self.sector, head.position, anew)
            kept = KeptHead(head.version, head.position, head.rows, head.set_, head.manifest, head.at, token)
            put_head(self._ledger, self.sector, kept)
        return True

    def _store_error(self, error: OSError) -> StoreError:
        return StoreError(
            f"{self.blobs.folder} cannot be used ({error.strerror})",
            hint="it must belong to the user that serves, and its disk must have room",
        )


def _again(old: Manifest | None, first: int, last: int, blobs: Blobs) -> list[Delta]:
    """The deltas of an older manifest that cover a range, if they were cut when all of it was there."""
    if old is None or old.position < last:
        return []
    found = [delta for delta in old.deltas if first <= delta.first and delta.last <= last]
    if not found or (found[0].first, found[-1].last) != (first, last):
        return []
    named = [name for delta in found for name in (delta.denials, delta.others) if name is not None]
    return found if all(map(blobs.has, named)) else []

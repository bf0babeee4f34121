"""The parent's side of building a snapshot of the feed beside the one that counts (ADR 0020)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gated.errors import StoreError
from gated.model.trust import KeySet
from gated.store.child import Child
from gated.store.directory import FOLDING, take_lock
from gated.store.feed_set import SetBuckets
from gated.store.setcheck import buckets_of
from gated.store.spool import FEED, SPOOL

#: What is built, until it takes the name of a snapshot.
BUILDING = "building.db"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a snapshot is made of.

    Attributes:
        sector: whose.
        position, rows, digest: what the head promises.
        manifest: the name of the manifest in the spool.
        onto: whether it continues what the cache has from the feed, from ``after``; else it begins with the
            manifest's snapshot.

    """

    sector: str
    position: int
    rows: int
    digest: bytes
    manifest: bytes
    onto: bool
    after: int = 0


class FoldingLock:
    """Whoever holds it may build and remove snapshots. It lasts as long as we or a child of ours hold it."""

    def __init__(self, directory: Path) -> None:
        handle = take_lock(directory / FOLDING)
        if handle is None:
            raise StoreError("another process is building a snapshot", hint="it is tried again")
        self.handle = handle

    def release(self) -> None:
        """Let others."""
        os.close(self.handle)


class Building:
    """A snapshot that is being built.

    Args:
        keys: who is believed; asked only of rows that the cache has and the feed has not.
        floor: a time that is certainly over.

    """

    def __init__(self, directory: Path, plan: Plan, keys: KeySet, floor: int) -> None:
        self.built = directory / FEED / BUILDING
        self._lock = FoldingLock(directory)
        job = {
            "state": str(directory),
            "sector": plan.sector,
            "position": plan.position,
            "rows": plan.rows,
            "digest": plan.digest.hex(),
            "manifest": plan.manifest.hex(),
            "onto": plan.onto,
            "after": plan.after,
            "keys": _told_keys(keys),
            "floor": floor,
        }
        try:
            self._child = Child("gated.store.builder", job, (self._lock.handle,))
        except StoreError:
            self._lock.release()
            raise
        self._told: dict[str, Any] = {}

    @property
    def pid(self) -> int:
        """The process that builds."""
        return self._child.pid

    def nudge(self) -> None:
        """More of the spool is there."""
        self._child.nudge()

    def look(self) -> str | None:
        """None: it goes on. Empty: it is built, and agrees with the head; else the code of why it does not.

        Raises ``StoreError`` where it broke.
        """
        if not self._child.is_over():
            return None
        self._told = self._child.told()
        if self._told.get("built"):
            return ""
        if "refused" in self._told:
            return str(self._told["refused"])
        raise StoreError(
            f"the snapshot was not built: {self._told.get('trouble', 'the process ended')}",
            hint="it is tried again",
        )

    def pages(self) -> int:
        """Pages that are built in."""
        return int(self._child.told().get("pages", 0))

    @property
    def buckets(self) -> SetBuckets:
        """The set of what was built."""
        return buckets_of(self._told["buckets"])

    def end(self) -> None:
        """Give it up, or be done with it."""
        self._child.end()
        self.built.unlink(missing_ok=True)
        self._lock.release()


def discard(directory: Path) -> None:
    """Remove a transfer's files: the cache agrees with the newest head. Raises ``StoreError``."""
    for name in (SPOOL, BUILDING):
        path = directory / FEED / name
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(
                f"{path} cannot be removed ({error.strerror})",
                hint="the user of the daemon must own state_dir and every file in it",
            ) from error


def _told_keys(keys: KeySet) -> Sequence[dict[str, Any]]:
    return [
        {
            "kid": key.kid.hex(),
            "algorithm": str(key.algorithm),
            "public": key.public.hex(),
            "sectors": sorted(key.sectors),
            "kinds": sorted(key.kinds),
            "not_before": key.not_before,
            "expires": key.expires,
        }
        for key in keys.values()
    ]

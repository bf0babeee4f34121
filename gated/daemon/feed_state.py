"""What the cache agrees with, as far as this process knows: others may change it (a stick, a check)."""

from __future__ import annotations

from collections import deque
from contextlib import ExitStack

from gated.daemon.feed_heads import Believed, Heads
from gated.daemon.feed_transfer import Transfer, applied_of
from gated.daemon.knowledge import Knowledge
from gated.errors import StoreError
from gated.store.building import discard
from gated.store.directory import held
from gated.store.feed import FeedStore, Promise
from gated.store.feed_set import SetBuckets
from gated.store.setcheck import Found

#: Held by whoever applies something of the feed.
FEED_LOCK = "feed-lock"
#: Whether somebody else has changed the cache is looked at this often; seconds.
LOOK_S = 1.0
#: Changes that are remembered for a check of the set that began before them.
_MOST_CHANGES = 1000


class FeedState:
    """Used by the sync thread, or by an import; ``found`` and ``wants_check`` by housekeeping too."""

    def __init__(self, store: FeedStore, heads: Heads, knowledge: Knowledge | None = None) -> None:
        self.store = store
        self._heads = heads
        self._knowledge = knowledge
        self._token: bytes | None = None
        self._looked_at = -LOOK_S
        self._changes: deque[tuple[int, set[int]]] = deque(maxlen=_MOST_CHANGES)
        self._lock = ExitStack()
        self._has_lock = self._is_tidy = False
        #: The head that the cache agrees with.
        self.applied: Believed | None = None
        #: A check of the whole set is wanted: some of it was not compared.
        self.wants_check = False
        #: What a check found; housekeeping puts it here.
        self.found: Found | None = None

    def close(self) -> None:
        """Close the files."""
        self.release()
        self.store.close()

    # -------------------------------------------------------------- one at a time

    def acquire(self) -> None:
        """Be the one that applies. Raises ``StoreError`` where another does."""
        if self._has_lock:
            return
        alone = self._lock.enter_context(held(self.store.directory / FEED_LOCK))
        if not alone:
            self._lock.close()
            raise StoreError("another process is importing the feed", hint="it is tried again")
        self._has_lock = True
        self.look(0.0, at_once=True)

    def release(self) -> None:
        """Let others."""
        self._lock.close()
        self._has_lock = False

    # -------------------------------------------------------------- what counts

    def look(self, now: float, *, at_once: bool = False) -> None:
        """Read which head counts, now and then, and take over what a check has found."""
        if not at_once and now - self._looked_at < LOOK_S:
            return
        self._looked_at = now
        token = self.store.applied().token
        if token != self._token:
            if self._token is not None:  # somebody else was here: nothing that was read before holds
                self._begin_anew()
            self._opened(token)
        self._take_found()

    def _opened(self, token: bytes) -> None:
        self._token = token
        found = self._heads.reopen(token) if token else ""
        self.applied = None if isinstance(found, str) else found
        if self.applied is not None and self._knowledge is not None:
            self._knowledge.head_at = self.applied.head.at

    def _begin_anew(self) -> None:
        self.store.buckets = SetBuckets()
        self._changes.clear()
        self.found, self.wants_check = None, True

    def _take_found(self) -> None:
        """Buckets that were read in a picture of the cache hold but for what was changed since."""
        found, self.found = self.found, None
        if found is None:
            return
        marks = self.store.marks()
        if not marks.low <= found.marks <= marks.high:
            return  # of an older generation
        for mark, touched in self._changes:
            if mark > found.marks:
                found.buckets.forget(touched)
        self.store.buckets = found.buckets

    # -------------------------------------------------------------- coming to a head

    def is_base_of(self, transfer: Transfer) -> bool:
        """Whether the cache is still what a transfer began from."""
        return transfer.base == (b"" if self.applied is None else self.applied.token)

    def agrees_already(self, target: Believed) -> bool:
        """Whether all that a head speaks of is here: nothing is new, or it came as live statements."""
        if self.applied is None:
            return False
        head, before = target.head, self.applied.head
        if head.position == before.position:
            return (head.set_, head.rows) == (before.set_, before.rows)
        if head.position < before.position:
            return False
        touched = self.store.confirm_live(Promise(head.position, head.set_, head.rows))
        if touched is None:
            return False
        self._changes.append((self.store.marks().at(head.position), touched))
        return True

    def advance(self, target: Believed) -> None:
        """This head counts. Raises ``StoreError``."""
        assert self.applied is not None  # it agrees already
        self.store.advance(applied_of(target), self.applied.token)
        self.applied, self._token = target, target.token

    def tidy(self) -> None:
        """There is nothing to come to: what a transfer left that was cut off at its very end goes."""
        if not self._is_tidy:
            discard(self.store.directory)
            self._is_tidy = True

    def came_to(self, transfer: Transfer) -> None:
        """A transfer is done."""
        target = transfer.target
        if transfer.is_long:
            self._changes.clear()
        self._changes.append((self.store.marks().at(target.head.position), transfer.touched))
        self.wants_check = self.wants_check or transfer.unchecked
        self.applied, self._token = target, target.token

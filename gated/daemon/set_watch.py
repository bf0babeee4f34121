"""Looks whether the cache still holds what its head says: at start, hourly, and after what was not compared.

What was edited by hand, or put back from an old copy, admits nobody until the feed has brought it anew.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from gated.daemon.feed_heads import Heads, floor_name
from gated.daemon.feed_state import FeedState
from gated.daemon.knowledge import Knowledge
from gated.daemon.timekeeper import TimeKeeper
from gated.errors import StoreError
from gated.model.event import Unbelieved
from gated.model.refusal import Reason
from gated.store.feed import FeedStore
from gated.store.floors import Floors
from gated.store.journal import Journal
from gated.store.setcheck import Found, SetCheck
from gated.wire.event import Stamp

log = logging.getLogger(__name__)

CHECK_S = 3600.0
#: A check that could not be made is made again after so long; a head becomes a floor so late at most.
AGAIN_S, FLOOR_S = 60.0, 60.0


class SetWatch:
    """Called by housekeeping, in its thread.

    Args:
        state: what the sync thread knows of the cache; None = this gate does not sync.

    """

    def __init__(
        self,
        *,
        store: FeedStore,
        heads: Heads,
        floors: Floors,
        journal: Journal,
        time: TimeKeeper,
        knowledge: Knowledge,
        monotonic: Callable[[], float],
        state: FeedState | None,
    ) -> None:
        self._store = store
        self._heads = heads
        self._floors = floors
        self._journal = journal
        self._time = time
        self._knowledge = knowledge
        self._monotonic = monotonic
        self._state = state
        self._check: SetCheck | None = None
        self._due_at = self._floor_at = monotonic()

    def tick(self) -> None:
        """Do what is due. Raises ``StoreError``."""
        now = self._monotonic()
        if now >= self._floor_at:
            self._floor_at = now + FLOOR_S
            self._note_head()
        if self._check is not None:
            self._look(self._check)
        elif now >= self._due_at or (self._state is not None and self._state.wants_check):
            self._begin(now)

    def close(self) -> None:
        """End a check that is under way, and close the files."""
        if self._check is not None:
            self._check.end()
            self._check = None
        self._store.close()

    def _note_head(self) -> None:
        """What was applied is never believed to be older again; and how old it is, the lanes may ask."""
        token = self._store.applied().token
        found = self._heads.reopen(token) if token else ""
        if isinstance(found, str):
            return
        self._knowledge.head_at = found.head.at
        self._floors.raise_to(floor_name(found.kid), found.head.version)

    # -------------------------------------------------------------- a check

    def _begin(self, now: float) -> None:
        self._due_at = now + CHECK_S
        if self._state is not None:
            self._state.wants_check = False
        if self._store.applied().token:
            self._check = SetCheck(self._store.directory)

    def _look(self, check: SetCheck) -> None:
        try:
            found = check.result()
        except StoreError:
            self._check = None
            self._due_at = self._monotonic() + AGAIN_S
            raise
        if found is None:
            return
        self._check = None
        code = self._judge(found)
        if not code:
            if self._state is not None:
                self._state.found = found
            return
        log.critical(
            "the cache is not what its head says (%s): nobody is admitted before it is fetched anew", code
        )
        self._store.doubt(found.head)
        self._journal.append(Unbelieved("cache", code, 1), Stamp.of(self._time.read()))

    def _judge(self, found: Found) -> str:
        """Empty = the cache holds what its head says; else a code."""
        if not found.head:
            return "" if found.digest else "set_differs"
        head = self._heads.reopen(found.head)
        if isinstance(head, str):
            return "" if self._is_of_an_old_key(found, head) else f"head_{head}"
        if head.head.version < self._floors.get(floor_name(head.kid)):
            return "head_older"
        return "" if (found.digest, found.rows) == (head.head.set_, head.head.rows) else "set_differs"

    def _is_of_an_old_key(self, found: Found, why: str) -> bool:
        """Keys go while the gate is offline: what they signed cannot be compared, and is fetched anew."""
        if why != Reason.UNKNOWN_KEY:
            return False
        self._store.forget_head(found.head)
        self._journal.append(Unbelieved("cache", "head_unknown_key", 1), Stamp.of(self._time.read()))
        return True

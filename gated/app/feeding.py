"""The feed of a gate, put together: who follows it, and who looks whether the cache still agrees with it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from gated.daemon.asking import Asking
from gated.daemon.beliefs import Trust
from gated.daemon.feed import Feed
from gated.daemon.feed_heads import Heads
from gated.daemon.feed_state import FeedState
from gated.daemon.knowledge import Knowledge
from gated.daemon.set_watch import SetWatch
from gated.daemon.timekeeper import TimeKeeper
from gated.daemon.unbelieved import UnbelievedCounter
from gated.errors import StoreError
from gated.ports import Clock
from gated.store.feed import FeedStore
from gated.store.floors import Floors
from gated.store.journal import Journal


class Feeding:
    """``watch`` is for housekeeping; ``follow`` makes what the link's worker carries."""

    def __init__(
        self,
        *,
        store: Callable[[], FeedStore],
        trust: Trust,
        journal: Journal,
        time: TimeKeeper,
        floors: Floors,
        knowledge: Knowledge,
        clock: Clock,
        syncs: bool,
    ) -> None:
        self._trust, self._time, self._knowledge, self._clock = trust, time, knowledge, clock
        # The sync thread and housekeeping each have the files, and judge, on their own.
        self._heads = Heads(trust=trust, time=time, floors=floors)
        self._state = FeedState(store(), self._heads, knowledge) if syncs else None
        self._feed: Feed | None = None
        self.watch = SetWatch(
            store=store(),
            heads=Heads(trust=trust, time=time, floors=floors),
            floors=floors,
            journal=journal,
            time=time,
            knowledge=knowledge,
            monotonic=clock.monotonic,
            state=self._state,
        )

    def follow(
        self, asking: Asking, unbelieved: UnbelievedCounter, learn_time: Callable[[int], None]
    ) -> Feed:
        """The follower of a gate that syncs."""
        assert self._state is not None
        self._feed = Feed(
            trust=self._trust,
            state=self._state,
            heads=self._heads,
            asking=asking,
            knowledge=self._knowledge,
            unbelieved=unbelieved,
            time=self._time,
            learn_time=learn_time,
            monotonic=self._clock.monotonic,
        )
        return self._feed

    def close(self) -> None:
        """End what is under way, and close the files."""
        for part in (self._feed or self._state, self.watch):
            if part is not None:
                with suppress(StoreError):
                    part.close()

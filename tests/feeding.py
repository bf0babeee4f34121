"""A gate's cache that follows a log without a broker: the parts of the gate, real, and a source to order."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from feed_log import FeedLog, head_key
from gated.daemon.beliefs import Trust
from gated.daemon.feed_heads import Heads
from gated.daemon.feed_pull import pull
from gated.daemon.feed_state import FeedState
from gated.daemon.timekeeper import TimeKeeper
from gated.devices.clock import SystemClock
from gated.store.cache import Cache
from gated.store.feed import FeedStore
from gated.store.floors import TIME, Floors
from gated.store.journal import Journal
from venue import NOW


@dataclass
class Blobs:
    """A source. Whatever is in ``instead`` comes in place of what was asked."""

    blobs: dict[bytes, bytes]
    instead: dict[bytes, bytes | None] = field(default_factory=dict)
    asked: list[bytes] = field(default_factory=list)

    def blob(self, name: bytes) -> bytes | None:
        self.asked.append(name)
        return self.instead[name] if name in self.instead else self.blobs.get(name)


class Follower:
    """A state directory and a head that it comes to."""

    def __init__(self, site, journal: Journal, *, keys=None, sector: str = "pools") -> None:
        self.path: Path = site.state
        self.path.mkdir(mode=0o700, exist_ok=True)
        _, trust = site.settings_and_trust()
        self.signing, trusted = head_key(sector)
        self.trust = Trust(
            {**trust.keys, trusted.kid: trusted, **(keys or {})}, trust.sector_key, trust.profile
        )
        self.floors = Floors(journal, self.path / "floors.json")
        self.floors.raise_to(TIME, NOW)
        self.log = FeedLog(self.signing, sector)
        self.source = Blobs(self.log.blobs)
        self.time = TimeKeeper(SystemClock(), self.floors)
        self.open()

    def open(self) -> None:
        """As at a start."""
        self.heads = Heads(trust=self.trust, time=self.time, floors=self.floors)
        self.state = FeedState(FeedStore(self.path), self.heads)
        self.state.look(0.0, at_once=True)

    def judge(self, token: bytes):
        return self.heads.judge(token, self.state.applied)

    def come_to(self, token: bytes, **more) -> bool:
        """Let the cache agree with a head. Raises what ``pull`` raises."""
        found = self.judge(token)
        assert not isinstance(found, str), found
        return pull(found, self.state, self.source, self.trust.keys, self.time.read().floor, **more)

    def recall(self, key: bytes):
        """(kind, rank, token) of what a tap finds under a key."""
        cache = Cache(self.path)
        try:
            with cache:
                return [(str(row.kind), row.rank, row.token) for row in cache.recall(key)]
        finally:
            cache.close()

    def close(self) -> None:
        self.state.close()

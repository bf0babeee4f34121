"""Tells when what the gate knows becomes stale or expired, and when it is fresh again."""

from __future__ import annotations

import logging
from collections.abc import Callable

from gated.daemon.knowledge import Knowledge
from gated.daemon.timekeeper import TimeKeeper
from gated.model.event import KnowledgeChanged
from gated.model.venue import Freshness, Staleness
from gated.policy.freshness import freshness
from gated.store.floors import HEAD_AT, Floors
from gated.store.journal import Journal
from gated.wire.event import Stamp

log = logging.getLogger(__name__)

#: How much newer a head is before that is made durable: one comes every five minutes, each is a flush.
REMEMBER_S = 900


class KnowledgeWatch:
    """Used by housekeeping's thread."""

    def __init__(
        self,
        *,
        knowledge: Knowledge,
        limits: Callable[[], Staleness],
        floors: Floors,
        journal: Journal,
        time: TimeKeeper,
    ) -> None:
        self._knowledge = knowledge
        self._limits = limits
        self._floors = floors
        self._journal = journal
        self._time = time
        self._told: Freshness | None = None
        knowledge.expected = knowledge.expected or floors.get(HEAD_AT) > 0

    def tick(self) -> None:
        """Tell a change; remember that there was a head: its loss is noticed. Raises ``StoreError``."""
        known_at, reading = self._knowledge.known_at, self._time.read()
        state = freshness(known_at, reading.floor, self._limits())
        if state is not self._told and state is not None and known_at is not None:
            self._told = state
            how = log.info if state is Freshness.FRESH else log.warning
            how("what this gate knows is %s: signed at %d s since 1970", state, known_at)
            self._journal.append(KnowledgeChanged(state, known_at), Stamp.of(reading))
        head_at = self._knowledge.head_at
        if head_at is not None and head_at - self._floors.get(HEAD_AT) >= REMEMBER_S:
            self._floors.raise_to(HEAD_AT, head_at)
            self._knowledge.expected = True

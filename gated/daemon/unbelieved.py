"""What arrived and was not believed, told to the journal: few rows, whatever a stranger sends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from gated.daemon.timekeeper import TimeKeeper
from gated.model.event import Unbelieved
from gated.store.journal import Journal
from gated.wire.event import Stamp

MINUTE_S = 60.0
#: Kinds and codes are ours and few. Should they ever be more, the rest is told as one.
MOST_CODES = 32
_REST = "more"


class UnbelievedCounter:
    """One row for each (what, code) and minute, the first at once. Used by one thread."""

    def __init__(self, *, journal: Journal, time: TimeKeeper, monotonic: Callable[[], float]) -> None:
        self._journal = journal
        self._time = time
        self._monotonic = monotonic
        self._counts: Counter[tuple[str, str]] = Counter()
        self._told_at: dict[tuple[str, str], float] = {}
        #: All since the start, as ``what_code``: for the state message and ``gated status``.
        self.refused: Counter[str] = Counter()

    def note(self, what: str, code: str) -> None:
        """It was refused."""
        place = (what, code)
        if place not in self._counts and place not in self._told_at and len(self._told_at) >= MOST_CODES:
            place = (what, _REST)
        self.refused["_".join(place)] += 1
        self._counts[place] += 1
        self.tick()

    def tick(self) -> None:
        """Tell what is due."""
        now = self._monotonic()
        for place in list(self._counts):
            if now - self._told_at.get(place, -MINUTE_S) >= MINUTE_S:
                self._told_at[place] = now
                event = Unbelieved(*place, self._counts.pop(place))
                self._journal.append(event, Stamp.of(self._time.read()))

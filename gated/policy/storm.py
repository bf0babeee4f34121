"""A medium left on a reader is not a storm of rows.

The same credential refused for the same reason within ``WINDOW_S`` is one row, and one more that
says how often it came again. Media that are none of ours leave only a number per minute.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from gated.model.credential import Assurance, Credential
from gated.model.refusal import Reason, Refusal

WINDOW_S = 10.0
MINUTE_S = 60
#: Different refusals remembered at once: more than pass a lane in ten seconds. Full, the oldest is closed.
MAX_OPEN = 64


@dataclass(slots=True)
class _Window:
    began: float
    decision: int
    count: int = 0


@dataclass(frozen=True, slots=True)
class Closed:
    """A window has ended: ``count`` refusals followed the row ``decision``."""

    decision: int
    count: int


class RefusalWindows:
    """Which refusals are being repeated just now. ``now`` is monotonic seconds."""

    def __init__(self) -> None:
        self._open: dict[Hashable, _Window] = {}

    def repeats(self, key: Hashable, now: float) -> bool:
        """Count a refusal if its row was written less than ``WINDOW_S`` ago; False = it needs a row."""
        window = self._open.get(key)
        if window is None or now - window.began >= WINDOW_S:
            return False
        window.count += 1
        return True

    def wrote(self, key: Hashable, decision: int, now: float) -> list[Closed]:
        """A row was written for ``key``: its window begins. Returns windows closed by that."""
        closed = []
        if key in self._open:
            closed += self._close(key)
        elif len(self._open) >= MAX_OPEN:
            closed += self._close(next(iter(self._open)))
        self._open[key] = _Window(began=now, decision=decision)
        return closed

    def expired(self, now: float) -> list[Closed]:
        """Close what has run its time."""
        over = [key for key, window in self._open.items() if now - window.began >= WINDOW_S]
        return [closed for key in over for closed in self._close(key)]

    def close_all(self) -> list[Closed]:
        """Close everything: the daemon stops."""
        return [closed for key in list(self._open) for closed in self._close(key)]

    def _close(self, key: Hashable) -> list[Closed]:
        window = self._open.pop(key)
        return [Closed(window.decision, window.count)] if window.count else []


def is_foreign(credential: Credential, refusal: Refusal) -> bool:
    """Whether a refused medium is none of ours: every bank card has a UID, so one that nobody bound is."""
    return refusal.reason is Reason.UNKNOWN_MEDIUM and credential.assurance is Assurance.UID_ONLY


class ForeignCounter:
    """How many media that are none of ours came in the current minute. ``now`` is seconds since 1970."""

    def __init__(self) -> None:
        self._minute: int | None = None
        self._count = 0

    def saw(self, now: int) -> tuple[int, int] | None:
        """Count one. Returns (minute, count) of an earlier minute that this one ends."""
        ended = self.ended(now)
        if self._minute is None:
            self._minute = now - now % MINUTE_S
        self._count += 1
        return ended

    def ended(self, now: int) -> tuple[int, int] | None:
        """(minute, count) if the minute being counted is over."""
        if self._minute is None or now - self._minute < MINUTE_S:
            return None
        return self.close()

    def close(self) -> tuple[int, int] | None:
        """(minute, count) of what was counted so far, if anything."""
        if self._minute is None:
            return None
        minute, count, self._minute, self._count = self._minute, self._count, None, 0
        return minute, count

"""One sampled input: bounces taken away, its edges told once, a contact that sticks seen. Pure.

A level counts when every sample shows it for ``debounce_s``. What happens between two samples nobody sees: a
contact must stay active for longer than ``debounce_s`` and one interval of sampling to be sure to count.
"""

from __future__ import annotations

import math
from enum import Enum


class Edge(Enum):
    """A change that is no bounce."""

    RISE = "rise"  # it became active
    FALL = "fall"


class Contact:
    """Fed with samples in the order of time. ``active`` is its debounced level.

    Args:
        debounce_s: how long a level must last.
        stuck_s: how long it may be active; infinity for an input that may stay so.
        active: the level that it begins with; None = whatever the first sample shows, which then is no edge.

    """

    def __init__(self, debounce_s: float, stuck_s: float = math.inf, *, active: bool | None = None) -> None:
        self._debounce_s = debounce_s
        self._stuck_s = stuck_s
        self._known = active is not None
        self.active = bool(active)
        self._level = self.active
        self._since = -math.inf  # when the samples began to show ``_level``
        self._active_since = math.inf

    def forget(self) -> None:
        """Nobody looked for a while: whatever the next sample shows is no edge."""
        self._known = False

    def sample(self, level: bool, at: float) -> Edge | None:  # noqa: FBT001  # a level is what it is
        """Take a level, in monotonic seconds; returns the edge that it completes."""
        if not self._known:
            self._known = True
            self.active = self._level = level
            self._since = at
            self._active_since = at if level else math.inf
            return None
        if level is not self._level:
            self._level, self._since = level, at
        if self._level is self.active or at - self._since < self._debounce_s:
            return None
        self.active = self._level
        self._active_since = self._since if self.active else math.inf
        return Edge.RISE if self.active else Edge.FALL

    def idle_since(self, moment: float, at: float) -> bool:
        """Whether it is idle, and every sample after ``moment`` until ``at`` says so for a debounce time."""
        return not self.active and at - max(moment, self._since) >= self._debounce_s

    def stuck(self, at: float) -> bool:
        """Whether it has been active for too long."""
        return at - self._active_since > self._stuck_s

"""How the link is, as ``gated status`` shows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from gated.daemon.timekeeper import TimeKeeper
from gated.store.sync_note import write_sync_note

#: Counters are noted this often; a change of the link is noted at once.
NOTE_S = 60.0


class LinkNote:
    """Written by the sync thread. ``told`` tells the counters of the moment."""

    def __init__(
        self,
        path: Path,
        time: TimeKeeper,
        monotonic: Callable[[], float],
        told: Callable[[], Mapping[str, Any]],
    ) -> None:
        self._path = path
        self._time = time
        self._monotonic = monotonic
        self._told = told
        self._noted_at = 0.0
        self._since = 0
        #: Why it is down, or what is wrong with it.
        self.why = "connecting"
        #: Whether the link is open.
        self.up = False

    def came_up(self) -> None:
        """The link is open."""
        self.up, self._since = True, self._time.read().estimate
        self.why = "connected; central has not answered yet"
        self.write()

    def went_down(self, why: str) -> None:
        """The link is lost."""
        if self.up or self.why != why:
            self._since = self._time.read().estimate
        self.up, self.why = False, why
        self.write()

    def write_if_due(self, now: float) -> None:
        """Note the counters now and then."""
        if now - self._noted_at >= NOTE_S:
            self.write()

    def write(self) -> None:
        """Note how it is."""
        self._noted_at = self._monotonic()
        write_sync_note(self._path, {"up": self.up, "since": self._since, "why": self.why, **self._told()})

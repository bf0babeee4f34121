"""Keeps the feed of each sector fresh: a thread beside the workers, so that no receipt waits for it.

A head is made soon after something was issued. A snapshot reads everything, so a process of its own makes it,
of low priority: threads of one process would take turns with it, and its memory ends with it.
"""

from __future__ import annotations

import logging
import os
import subprocess
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from gated.central.feed import Feed
from gated.errors import GatedError

log = logging.getLogger(__name__)

#: How often the log is looked at.
LOOK_S = 0.05
#: Between two heads of a sector, where much is issued one by one; or as long as the last one took to make.
LEAST_S = 0.15
#: How often what nobody needs is dropped.
TIDY_S = 3600.0
#: After trouble with a feed, and between two snapshots of a sector, of which the first may have failed.
AGAIN_S, NEXT_SNAPSHOT_S = 5.0, 60.0
#: A tap, a receipt and whoever issues come first.
_NICENESS = 10


class SnapshotJob(Protocol):
    """Makes snapshots elsewhere, one after the other."""

    def start(self, sector: str) -> None:
        """Begin one. Raises ``OSError``."""

    def is_running(self) -> bool:
        """Whether one is being made."""

    def stop(self) -> None:
        """End it, unfinished: the next one begins anew."""


class SnapshotProcess:
    """A process for each snapshot: ``command`` and the sector's name."""

    def __init__(self, command: Sequence[str]) -> None:
        self._command = list(command)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, sector: str) -> None:
        """Begin one. Raises ``OSError``."""
        self._process = subprocess.Popen(
            [*self._command, sector], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        os.setpriority(os.PRIO_PROCESS, self._process.pid, _NICENESS)

    def is_running(self) -> bool:
        """Whether one is being made."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """End it, unfinished."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait()


class _Pace:
    """When a sector's turn is."""

    def __init__(self, now: float) -> None:
        self.head_at = self.tidy_at = self.snapshot_at = now
        self.trouble = ""


class Feeder:
    """Looks after some feeds, in the thread that calls ``run``. Their ledger is this thread's alone.

    ``made`` is told of each new head, so that nobody waits to publish it.
    """

    def __init__(
        self,
        feeds: Sequence[Feed],
        job: SnapshotJob,
        monotonic: Callable[[], float],
        made: Callable[[], None] = lambda: None,
    ) -> None:
        self._feeds = feeds
        self._job = job
        self._monotonic = monotonic
        self._made = made
        self._pace = {feed.sector: _Pace(monotonic()) for feed in feeds}
        self._stop = threading.Event()

    def run(self) -> None:
        """Until ``stop``. Trouble with one feed is told once, and tried again."""
        try:
            while not self._stop.wait(LOOK_S):
                self.turn()
        finally:
            self._job.stop()

    def stop(self) -> None:
        """Let ``run`` end. From any thread."""
        self._stop.set()

    def turn(self) -> None:
        """Do what is due."""
        for feed in self._feeds:
            pace = self._pace[feed.sector]
            now = self._monotonic()
            try:
                if now >= pace.head_at:
                    self._head(feed, pace)
                if now >= pace.tidy_at:
                    pace.tidy_at = now + TIDY_S
                    if not feed.tidy():
                        self._snapshot(feed, pace, "of which something was lost")
            except (GatedError, OSError) as error:
                if str(error) != pace.trouble:
                    log.error("the feed of sector %s is not fresh, trying again: %s", feed.sector, error)
                pace.trouble = str(error)
                pace.head_at = now + AGAIN_S

    def _head(self, feed: Feed, pace: _Pace) -> None:
        if feed.is_due():
            begun = self._monotonic()
            feed.make_head()
            self._made()
            made = self._monotonic()
            pace.head_at = made + max(LEAST_S, made - begun)  # the workers want their turn
            if feed.wants_snapshot():
                self._snapshot(feed, pace, "after which much was issued")
        if pace.trouble:
            log.info("the feed of sector %s is fresh again", feed.sector)
            pace.trouble = ""

    def _snapshot(self, feed: Feed, pace: _Pace, why: str) -> None:
        now = self._monotonic()
        if self._job.is_running() or now < pace.snapshot_at:
            return
        log.info("a new snapshot of sector %s, in place of one %s", feed.sector, why)
        pace.snapshot_at = now + NEXT_SNAPSHOT_S
        self._job.start(feed.sector)

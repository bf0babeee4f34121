"""Whole gates and a whole central in one process, over a broker in memory: nearly all of it real."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

from gated.central.ack_keys import AckKeys
from gated.central.blobs import Blobs
from gated.central.commanding import CommandPublisher
from gated.central.feed import Feed
from gated.central.feed_serving import Heads
from gated.central.feeder import Feeder
from gated.central.ledger import Ledger
from gated.central.ledger_gates import heard_of
from gated.central.service import CentralWorker
from gated.devices.clock import SystemClock
from gated.links.memory import MemoryBroker, MemoryLink
from gated.ports import Clock
from gated.store.directory import JOURNAL
from gated.store.outbox import Outbox
from records import Rows, kept, let_in
from venue import PATIENCE_S, ServedSite, Site, until

GATE = "gate-1"


class _NoSnapshots:
    """No log of a test is so long that it needs one."""

    def start(self, sector: str) -> None:
        """Never."""

    def is_running(self) -> bool:
        """Never."""
        return False

    def stop(self) -> None:
        """Nothing to end."""


class Hall:
    """An office with its ledger and workers; ``enrol`` lets a site's gate in.

    Args:
        clock: of central's machine.

    """

    def __init__(self, site: Site, *, lines: str = "", clock: Clock | None = None) -> None:
        self.broker = MemoryBroker()
        self.clock = clock or SystemClock()
        self.directory = site.path / "central"
        self.ledger_path = self.directory / "central.db"
        self.workers: list[tuple[CentralWorker | Feeder, threading.Thread]] = []
        self._number = 0
        text = site.config.read_text()
        sync = f'[sync]\nbroker = "mqtts://broker.example"\nack_wait = "300ms"\n{lines}\n'
        site.config.write_text(text.replace("[[lane]]", sync + "[[lane]]", 1))
        self.enrol(site, site.now)

    def enrol(self, site: Site, now: int) -> None:
        """A new key for the gate, also where it had one: then the old one is believed no more."""
        let_in(self.ledger_path, GATE, site.path / "identity", now)

    def gate_link(self) -> MemoryLink:
        return MemoryLink(self.broker, GATE)

    def now(self) -> int:
        return self.clock.sample().wall

    def serve(self, workers: int = 1, *, feed: bool = False) -> None:
        """Start workers of central, each with a ledger connection of its own; and what makes heads."""
        keys = AckKeys.load(self.directory)
        for _ in range(workers):
            self._number += 1
            ledger = Ledger(self.ledger_path)
            worker = CentralWorker(
                MemoryLink(self.broker, f"central-{self._number}"),
                ledger,
                keys,
                now=self.now,
                monotonic=SystemClock().monotonic,
                random=lambda: 0.05,
                publishers=[CommandPublisher(ledger, self.now), Heads(ledger, keys.sectors)],
            )
            self._begin(worker, ledger)
        assert until(lambda: all(worker.serving.is_set() for worker, _ in self.workers))
        if feed:
            ledger = Ledger(self.ledger_path)
            feeds = [Feed(Blobs(self.directory, name), ledger, keys, self.now) for name in keys.sectors]
            self._begin(Feeder(feeds, _NoSnapshots(), SystemClock().monotonic), ledger)

    def _begin(self, worker: CentralWorker | Feeder, ledger: Ledger) -> None:
        def run() -> None:
            worker.run()
            ledger.close()

        thread = threading.Thread(target=run)
        thread.start()
        self.workers.append((worker, thread))

    def stop(self) -> None:
        for worker, thread in self.workers:
            worker.stop()
            thread.join(10)
            assert not thread.is_alive()
        self.workers = []

    # -------------------------------------------------------------- what central has

    def rows(self, branch: int = 0) -> Rows:
        """What counts, or another history."""
        return kept(self.ledger_path, GATE, branch=branch)

    def quarantined(self) -> Rows:
        return kept(self.ledger_path, GATE, quarantined=True)

    def alarms(self) -> set[str]:
        with closing(Ledger(self.ledger_path)) as ledger:
            return {alarm.code for alarm in heard_of(ledger, GATE).alarms}

    def missing(self) -> list[tuple[int, int]]:
        with closing(sqlite3.connect(self.ledger_path)) as connection:
            return connection.execute("SELECT first, last FROM missing ORDER BY first").fetchall()

    def backup(self, to: Path) -> None:
        with closing(sqlite3.connect(self.ledger_path)) as here, closing(sqlite3.connect(to)) as there:
            here.backup(there)

    def restore(self, backup: Path) -> None:
        for side in ("", "-wal", "-shm"):
            Path(f"{self.ledger_path}{side}").unlink(missing_ok=True)
        shutil.copy(backup, self.ledger_path)


def all_acknowledged(served: ServedSite, state: Path, timeout_s: float = PATIENCE_S) -> bool:
    """Wait until central has every row of a serving gate."""
    with closing(Outbox(state / JOURNAL)) as outbox:
        return until(lambda: served.gate.sync.acknowledged == outbox.newest(), timeout_s)

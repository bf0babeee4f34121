"""Whole gates and a whole central in one process, over a broker in memory: nearly all of it real."""

from __future__ import annotations

import shutil
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

from gated.central.ack_keys import AckKeys
from gated.central.ledger import Ledger
from gated.central.ledger_gates import end_gate, enrol_gate, heard_of
from gated.central.service import CentralWorker
from gated.devices.clock import SystemClock
from gated.links.memory import MemoryBroker, MemoryLink
from gated.model.trust import Algorithm
from gated.store.directory import JOURNAL
from gated.store.outbox import Outbox
from gated.wire.seal import SigningKey
from venue import ServedSite, Site, until

GATE = "gate-1"


class Hall:
    """An office with its ledger and workers; ``enrol`` lets a site's gate in."""

    def __init__(self, site: Site, *, lines: str = "") -> None:
        self.broker = MemoryBroker()
        self.directory = site.path / "central"
        self.ledger_path = self.directory / "central.db"
        self.workers: list[tuple[CentralWorker, threading.Thread]] = []
        self._number = 0
        text = site.config.read_text()
        sync = f'[sync]\nbroker = "mqtts://broker.example"\nack_wait = "300ms"\n{lines}\n'
        site.config.write_text(text.replace("[[lane]]", sync + "[[lane]]", 1))
        self.enrol(site, site.now)

    def enrol(self, site: Site, now: int) -> None:
        """A new key for the gate, also where it had one: then the old one is believed no more."""
        key = SigningKey.generate(Algorithm.EDDSA)
        path = site.path / "identity" / "signing.key"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(key.pem())
        path.chmod(0o600)
        with closing(Ledger(self.ledger_path)) as ledger:
            end_gate(ledger, GATE, now)
            enrol_gate(
                ledger,
                GATE,
                sector="pools",
                venue="bron",
                kid=key.kid,
                public=key.public,
                serial="1",
                now=now,
            )

    def gate_link(self) -> MemoryLink:
        return MemoryLink(self.broker, GATE)

    def serve(self, workers: int = 1) -> None:
        """Start workers of central, each with a ledger connection of its own."""
        clock = SystemClock()
        for _ in range(workers):
            self._number += 1
            ledger = Ledger(self.ledger_path)
            worker = CentralWorker(
                MemoryLink(self.broker, f"central-{self._number}"),
                ledger,
                AckKeys.load(self.directory),
                now=lambda: clock.sample().wall,
                monotonic=clock.monotonic,
                random=lambda: 0.05,
            )

            def run(worker=worker, ledger=ledger) -> None:
                worker.run()
                ledger.close()

            thread = threading.Thread(target=run)
            thread.start()
            self.workers.append((worker, thread))
        assert until(lambda: all(worker.serving.is_set() for worker, _ in self.workers))

    def stop(self) -> None:
        for worker, thread in self.workers:
            worker.stop()
            thread.join(10)
            assert not thread.is_alive()
        self.workers = []

    # -------------------------------------------------------------- what central has

    def rows(self, branch: int = 0) -> dict[tuple[str, int], bytes]:
        """What counts."""
        return self._rows(branch, "event.code IS NULL")

    def quarantined(self) -> dict[tuple[str, int], bytes]:
        return self._rows(0, "event.code IS NOT NULL")

    def _rows(self, branch: int, which: str) -> dict[tuple[str, int], bytes]:
        with closing(sqlite3.connect(self.ledger_path)) as connection:
            found = connection.execute(
                "SELECT chain.epoch, event.seq, event.digest FROM event JOIN chain ON chain.id = event.chain"
                f" WHERE chain.gate = ? AND chain.branch = ? AND {which}",
                (GATE, branch),
            ).fetchall()
        assert len(found) == len({row[:2] for row in found})
        return {(epoch, seq): link for epoch, seq, link in found}

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


def journaled(state: Path) -> dict[tuple[str, int], bytes]:
    """Digest by (epoch, seq) of every row that a journal holds."""
    with closing(sqlite3.connect(state / JOURNAL)) as connection:
        found = connection.execute(
            "SELECT epoch.epoch, event.id - epoch.base, digest FROM event JOIN epoch ON epoch.no ="
            " (SELECT max(no) FROM epoch WHERE base < event.id)"
        ).fetchall()
    return {(epoch, seq): link for epoch, seq, link in found}


def all_acknowledged(served: ServedSite, state: Path) -> bool:
    """Wait until central has every row of a serving gate."""
    with closing(Outbox(state / JOURNAL)) as outbox:
        return until(lambda: served.gate.sync.acknowledged == outbox.newest())

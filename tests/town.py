"""Several whole gates of one venue and a whole central in this process, over a broker in memory."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

from gated.central.ack_keys import AckKeys
from gated.central.ledger import Ledger
from gated.central.limits import VenueRules
from gated.central.overspending import overspent
from gated.central.service import CentralWorker
from gated.cli.importing import import_file
from gated.devices.clock import SystemClock
from gated.links.memory import MemoryBroker, MemoryLink
from gated.store.directory import JOURNAL
from gated.store.outbox import Outbox
from gated.wire.statement_file import frame
from records import let_in
from turnstile import Turnstile, say_in_profile
from venue import ServedSite, Site, until

CLOCK = SystemClock()


class TownGate:
    """One gate, with its turnstiles, and somebody who sees each tap through."""

    def __init__(self, town: Town, name: str) -> None:
        self.town, self.name = town, name
        self.site = _beside(town.site, town.site.path / name, name)
        let_in(town.ledger_path, name, self.site.path / "identity", town.site.now)
        self.served: ServedSite | None = None
        self.barriers: dict[str, Turnstile] = {}

    def start(self, **more) -> TownGate:
        self.barriers = {lane: Turnstile() for lane in self.site.lanes}
        self.served = ServedSite(
            self.site,
            barriers=self.barriers,
            link=MemoryLink(self.town.broker, self.name),
            jitter=lambda: 0.02,
            **more,
        )
        return self

    def stop(self) -> None:
        if self.served is not None:
            self.served.stop_now()
            self.served = None

    @property
    def gate(self):
        assert self.served is not None
        return self.served.gate

    @property
    def knowledge(self):
        return self.gate._knowledge

    def tap(self, carried, lane: str = "in-1", persons: int = 1):
        """Present a medium; ``persons`` go through if it opens, and it is settled when this returns."""
        assert self.served is not None
        told = self.served.tap(carried, lane)
        if told.granted:
            if persons:
                self.barriers[lane].go(persons)
            worker = next(one for one in self.gate._gate.workers if one.id == lane)
            assert until(lambda: worker._walkway.standing.release is None)
            self.gate.journal.do(lambda _: None).wait(10)  # all that was queued is written
        return told

    # -------------------------------------------------------------- the network

    def leave(self) -> None:
        """Its network breaks."""
        self.town.broker.ban(self.name)
        self.town.broker.cut(self.name)
        assert until(lambda: self.knowledge.pulse is None)

    def come_back(self) -> None:
        self.town.broker.pardon(self.name)
        assert until(lambda: self.knowledge.uses_known() and self.told_all())

    def told_all(self) -> bool:
        with closing(Outbox(self.site.state / JOURNAL)) as outbox:
            return self.gate.sync is not None and self.gate.sync.acknowledged == outbox.newest()

    def knows_as_much(self) -> bool:
        return self.knowledge.uses == self.town.newest()

    def refused(self, code: str) -> int:
        return self.gate.sync._refused()[code]


class Town:
    """An office, gates of its venue, and workers of central."""

    def __init__(
        self, path: Path, gates: int = 3, *, lanes=("in-1",), lane_lines: str = 'hold = "300ms"', **rules
    ) -> None:
        self.site = Site(path, lanes=lanes, lane_lines=lane_lines)
        say_in_profile(self.site, rules)
        self.broker = MemoryBroker()
        self.directory = path / "central"
        self.ledger_path = self.directory / "central.db"
        self.gates = [TownGate(self, f"gate-{number + 1}") for number in range(gates)]
        self._workers: list[tuple[CentralWorker, threading.Thread]] = []

    def sell(self, account: str, carried, uses: int | None, product: str = "season", **more) -> bytes:
        """A right in every gate's cache; its id."""
        bound = self.site.give(account, carried, None)
        more |= {} if uses is None else {"uses": uses}
        right, token = self.site.office.entitle(account, product, now=self.site.now, **more)
        file = self.site.path / "sold.gated"
        file.write_bytes(b"".join(map(frame, [*bound, token])))
        for gate in self.gates:
            import_file(file, gate.site.state, gate.site.settings_and_trust()[1], complete=False)
        return right

    def start(self, workers: int = 1) -> Town:
        self.serve(workers)
        for gate in self.gates:
            gate.start()
        assert until(lambda: all(gate.knowledge.uses_known() for gate in self.gates))
        return self

    def serve(self, workers: int = 1) -> None:
        for number in range(workers):
            ledger = Ledger(self.ledger_path)
            worker = CentralWorker(
                MemoryLink(self.broker, f"central-{number}", window=100),
                ledger,
                AckKeys.load(self.directory),
                now=lambda: CLOCK.sample().wall,
                monotonic=CLOCK.monotonic,
                random=lambda: 0.02,
            )

            def run(worker=worker, ledger=ledger) -> None:
                worker.run()
                ledger.close()

            thread = threading.Thread(target=run)
            thread.start()
            self._workers.append((worker, thread))
        assert until(lambda: all(worker.serving.is_set() for worker, _ in self._workers))

    def stop_serving(self) -> None:
        for worker, thread in self._workers:
            worker.stop()
            thread.join(10)
            assert not thread.is_alive()
        self._workers = []

    def stop(self) -> None:
        for gate in self.gates:
            gate.stop()
        self.stop_serving()
        self.site.office.close()

    # -------------------------------------------------------------- what central knows

    def newest(self) -> int:
        return self._one("SELECT coalesce(max(seq), 0) FROM use_seq")

    def taken(self, right: bytes) -> int:
        return self._one("SELECT coalesce(sum(taken), 0) FROM used WHERE cti = ?", right)

    def overspent(self, right: bytes):
        with closing(Ledger(self.ledger_path)) as ledger:
            return overspent(ledger, VenueRules(self.directory / "gate"), self.site.sector, right)

    def everybody_knows(self, right: bytes, uses: int) -> bool:
        """Wait until central counts so many uses, and every gate that is there knows what central knows."""
        return until(
            lambda: (
                self.taken(right) == uses and all(gate.knows_as_much() for gate in self.gates if gate.served)
            )
        )

    def _one(self, sql: str, *values: object) -> int:
        with closing(sqlite3.connect(self.ledger_path)) as connection:
            (found,) = connection.execute(sql, values).fetchone()
        return int(found)


def _beside(site: Site, path: Path, name: str) -> Site:
    """The same venue at another gate: its own files, the office's trust."""
    path.mkdir()
    twin = object.__new__(Site)
    twin.__dict__.update(site.__dict__ | {"path": path})
    sync = '[sync]\nbroker = "mqtts://broker.example"\nack_wait = "300ms"\n[[lane]]'
    text = site.config.read_text().replace('id = "gate-1"', f'id = "{name}"', 1).replace("[[lane]]", sync, 1)
    for lane in site.lanes:
        if lane.startswith("out"):
            text = text.replace(f'id = "{lane}"\n', f'id = "{lane}"\ndirection = "exit"\n')
    twin.config.write_text(text)
    (path / "state").mkdir(mode=0o700)
    return twin

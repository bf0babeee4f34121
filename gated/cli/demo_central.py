"""The demo's central: a worker on a thread of the gate's process, and what its ledger holds in the end."""

from __future__ import annotations

import secrets
import threading
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from gated.central.ack_keys import AckKeys
from gated.central.ledger import Ledger
from gated.central.ledger_events import bodies, chains_of
from gated.central.ledger_gates import enrol_gate
from gated.central.service import CentralWorker
from gated.cli.demo_cast import SECTOR, VENUE
from gated.devices.clock import SystemClock
from gated.links.memory import MemoryBroker, MemoryLink
from gated.model.trust import Algorithm
from gated.ports import Link
from gated.store.chain import JournalReader
from gated.store.directory import JOURNAL
from gated.store.outbox import Outbox
from gated.wire.seal import SigningKey

GATE = "demo"
_CENTRAL = "central-demo"
_STOP_S = 5.0


def enrol(directory: Path, central: Path) -> None:
    """Make the gate's signing key and let central believe it, as an enrolment does."""
    key = SigningKey.generate(Algorithm.EDDSA)
    path = directory / "identity" / "signing.key"
    path.parent.mkdir()
    path.touch(mode=0o600)
    path.write_bytes(key.pem())
    with closing(Ledger(central / "central.db")) as ledger:
        enrol_gate(
            ledger,
            GATE,
            sector=SECTOR,
            venue=VENUE,
            kid=key.kid,
            public=key.public,
            serial=GATE,
            now=SystemClock().sample().wall,
        )


def links(broker: str | None, tls: Path | None) -> tuple[Link, Link]:
    """The gate's link and central's: in memory, or to a real broker."""
    if broker is None:
        memory = MemoryBroker()
        return MemoryLink(memory, GATE), MemoryLink(memory, _CENTRAL)
    from gated.links.mqtt import MqttLink
    from gated.links.mqtt_place import MqttPlace, TlsFiles
    from gated.wire.broker import broker_url

    url = broker_url(broker)

    def link(client: str, name: str) -> Link:
        files = None
        if url.tls:
            folder = tls or Path()
            files = TlsFiles(folder / "ca.crt", folder / f"{name}.crt", folder / f"{name}.key")
        place = MqttPlace(url.host, url.port, client, files)
        return MqttLink(place, floor=lambda: 0, monotonic=SystemClock().monotonic)

    return link(GATE, "gate"), link(_CENTRAL, "central")


def reach(broker: str, tls: Path | None) -> None:
    """Try the broker before anybody comes. Raises ``LinkError``, which says what is wrong with it."""
    for link in links(broker, tls):
        link.open([])
        link.close()


class DemoCentral:
    """Central, on a thread of its own."""

    def __init__(self, directory: Path, link: Link) -> None:
        clock = SystemClock()
        self._ledger = Ledger(directory / "central.db")
        self._worker = CentralWorker(
            link,
            self._ledger,
            AckKeys.load(directory),
            now=lambda: clock.sample().wall,
            monotonic=clock.monotonic,
            random=secrets.SystemRandom().random,
        )
        self._thread = threading.Thread(target=self._worker.run, name="central", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Let it end."""
        self._worker.stop()
        self._thread.join(_STOP_S)
        self._ledger.close()


@dataclass(frozen=True, slots=True)
class Comparison:
    """The journal beside the ledger, row by row."""

    acknowledged: int
    at_central: int
    lost: int
    duplicates: int


def compare(state: Path, central: Path) -> Comparison:
    """Compare every row by its number and its bytes."""
    with closing(Outbox(state / JOURNAL)) as outbox:
        acknowledged = outbox.acknowledged()[0]
    with closing(JournalReader(state / JOURNAL)) as reader:
        journaled = {(row.epoch, row.seq): row.body for row in reader.rows()}
    kept: dict[tuple[str, int], str] = {}
    total = 0
    with closing(Ledger(central / "central.db")) as ledger:
        for chain in chains_of(ledger, GATE):
            rows = bodies(ledger, chain, chain.base + 1, chain.upto)
            total += len(rows)
            if chain.branch == 0:
                kept.update({(chain.epoch, seq): body for seq, body in enumerate(rows, start=1)})
    lost = sum(kept.get(place) != body for place, body in journaled.items())
    return Comparison(acknowledged, len(kept), lost, total - len(kept))

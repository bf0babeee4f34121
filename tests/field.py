"""A city in the field: broker and central in one network, each gate in another, real processes and readers.

Everything is made by the commands as people type them; what a test knows, it reads from files.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from city import end, environment
from doors import Broker, Client, Papers
from fleet import Box, Office, here
from gated.devices.simulated.media import PkocMedium
from gated.errors import StoreError
from gated.store.chain import JournalReader
from gated.store.directory import JOURNAL
from gated.store.outbox import Outbox
from gated.store.sync_note import SYNC_NOTE, read_sync_note
from netns import Cable, Namespace
from pcscd import Slot
from records import Rows, journaled, kept, total
from venue import until

#: A lost link is noticed soon: a test has no time for defaults made for a city.
LINES = 'keepalive = "2s"\nack_wait = "500ms"\n'


@dataclass
class Gate:
    """A box with a reader in a network of its own, and its ``gated run``."""

    box: Box
    inside: Namespace
    cable: Cable
    slot: Slot
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @property
    def name(self) -> str:
        return self.box.gate

    @property
    def state(self) -> Path:
        return self.box.path / "state"

    def configure(self) -> None:
        """The gate.toml that the enrolment wrote, with what is of this box."""
        text = self.box.config.read_text()
        for old, new in (
            ('"/var/lib/gated"', '"state"'),
            ('"/run/gated/control"', '"state/control"'),
            ('"16MB"', '"64kB"'),
            ('reader = "simulated"', f'reader = "pcsc:{self.slot.reader}"'),
        ):
            assert old in text
            text = text.replace(old, new, 1)
        self.box.config.write_text(text + LINES)

    def start(self) -> None:
        words = [*self.inside.words, sys.executable, "-m", "gated", "run", "--config", str(self.box.config)]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(words, stdout=log, stderr=log, env=environment())

    def stop(self) -> None:
        """In order."""
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            assert 0 == self.process.wait(20), self.log.read_text()
            self.process = None

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    @property
    def log(self) -> Path:
        return self.box.path / "log"

    # -------------------------------------------------------------- what it knows

    def rows(self, kind: str) -> list[dict[str, Any]]:
        try:
            reader = JournalReader(self.state / JOURNAL)
        except StoreError:  # not made yet
            return []
        with closing(reader):
            events = [json.loads(row.body) for row in reader.rows()]
        return [event for event in events if event["kind"] == kind]

    def tap(self, carried: PkocMedium) -> dict[str, Any]:
        """Present a medium until the decision is journaled; a grant, until somebody went through."""
        before = len(self.rows("decided"))
        self.slot.insert(carried)
        try:
            assert until(lambda: len(self.rows("decided")) > before), self.log.read_text()
        finally:
            self.slot.remove()
        decided = self.rows("decided")[before]
        if decided["outcome"] == "granted":
            assert until(lambda: decided["seq"] in {row["decision"] for row in self.rows("settled")})
        return decided

    def opens(self, carried: PkocMedium) -> bool:
        return "granted" == self.tap(carried)["outcome"]

    def would_open(self, carried: PkocMedium) -> bool:
        """As ``gated explain`` tells, from what the gate knows now: nobody taps."""
        said = here("explain", "--public-key", carried.public.hex(), "--config", self.box.config)
        assert said.code in (0, 3), said.err
        return said.code == 0

    @property
    def link(self) -> dict[str, Any]:
        """How the link is, as ``gated status`` tells it."""
        return read_sync_note(self.state / SYNC_NOTE)

    def is_up(self) -> bool:
        return bool(self.link.get("up"))

    def is_down(self) -> bool:
        return self.link.get("up") is False

    def is_served(self) -> bool:
        """Connected, and central answered."""
        return self.is_up() and not self.link["why"]

    def unsent(self) -> int:
        with closing(Outbox(self.state / JOURNAL)) as outbox:
            return outbox.newest() - outbox.acknowledged()[0]


class Field:
    """An office, its broker and central in ``hub``, and gates that are enrolled there."""

    def __init__(self, path: Path, hub: Namespace, address: str) -> None:
        self.path, self.hub, self.address = path, hub, address
        self.office = Office(path / "city", products=("season", "swim1:1", "swim3:3"))
        self.broker = Broker(self.office, path / "broker", inside=(hub, address))
        self.gates: dict[str, Gate] = {}
        self._central: subprocess.Popen[bytes] | None = None
        self._files = 0

    @property
    def ledger(self) -> Path:
        return self.office.path / "central.db"

    def enrol(self, gate: Gate, *more: str, **wanted: str) -> None:
        """Let a gate in, or in again; the broker hears of it with the next ``tell_broker``."""
        broker = f"mqtts://{self.address}:{self.broker.gate_port}"
        gate.box.enrol(self.office, *more, again=gate.name in self.gates, broker=broker, **wanted)
        if gate.name not in self.gates:
            gate.configure()
        self.gates[gate.name] = gate

    def tell_broker(self) -> None:
        """As docs/how-to/set-up-the-broker.md says, after each enrolment."""
        self.broker.write()
        self.broker.reload()

    def start(self) -> None:
        """Broker, central and all gates, until each was greeted."""
        self.broker.write()
        self.broker.start()
        self.serve()
        for gate in self.gates.values():
            gate.start()
        assert until(lambda: all(gate.is_served() for gate in self.gates.values())), self.logs()

    def serve(self) -> None:
        door = f"mqtts://127.0.0.1:{self.broker.central_port}"
        words = [
            "central",
            "serve",
            self.office.path,
            "--broker",
            door,
            "--tls",
            self.broker.folder / "central",
        ]
        with (self.path / "central.log").open("ab") as log:
            self._central = subprocess.Popen(
                [*self.hub.words, sys.executable, "-m", "gated", *map(str, words)],
                stdout=log,
                stderr=log,
                env=environment(),
            )

    def stop(self) -> None:
        for gate in self.gates.values():
            gate.kill()
        if self._central is not None:
            end(self._central)
        self.broker.stop()

    def logs(self) -> str:
        logs = [self.path / "central.log", self.broker.log, *(gate.log for gate in self.gates.values())]
        return "\n".join(f"{log}:\n{log.read_text()}" for log in logs if log.exists())

    # -------------------------------------------------------------- the desk

    def sell(self, account: str, product: str, carried: PkocMedium, *, sector: str = "pools") -> Path:
        """Issue a right and its medium; the file of both."""
        more = ("--product", product, "--public-key", carried.public.hex())
        return self._made("issue", "--account", account, *more, sector=sector)

    def deny(self, carried: PkocMedium, *, sector: str = "pools") -> Path:
        return self._made("deny", "--public-key", carried.public.hex(), sector=sector)

    def _made(self, command: str, *words: str, sector: str) -> Path:
        self._files += 1
        file = self.path / f"{self._files}.gated"
        said = here("central", command, self.office.path, "--sector", sector, "--out", file, *words)
        assert 0 == said.code, said.err
        return file

    def bring(self, gate: Gate, *files: Path) -> None:
        """By stick."""
        for file in files:
            said = here("stick", "import", file, "--config", gate.box.config)
            assert 0 == said.code, said.err

    # -------------------------------------------------------------- what central has

    def kept(self, gate: Gate) -> Rows:
        return kept(self.ledger, gate.name)

    def has_everything(self, *gates: Gate) -> bool:
        return all(journaled(gate.state).items() <= self.kept(gate).items() for gate in gates)

    def assert_each_row_once(self, gate: Gate) -> None:
        """Journaled = at central, by epoch, seq and digest; nothing twice, nothing aside."""
        rows = journaled(gate.state)
        assert rows == self.kept(gate)
        assert len(rows) == total(self.ledger, gate.name)
        assert 0 == gate.unsent()

    # -------------------------------------------------------------- strangers

    def client(self, place: Namespace, papers: Papers, client_id: str) -> Client | None:
        """A client that stands in ``place``, at the gates' door; None where it is not let in."""
        made = Client(self.broker.gate_port, papers, client_id, host=self.address)
        with place.entered():
            return made if made.open() else None

    def central(self) -> Client:
        """A client with the papers of central."""
        made = Client(self.broker.central_port, self.broker.central, "mark", host="127.0.0.1")
        with self.hub.entered():
            assert made.open()
        return made

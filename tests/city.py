"""A small city: an office with its ledger, a real broker, enrolled gates, workers of central as processes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from gated.links.mqtt_place import TlsFiles
from gated.store.chain import JournalReader
from gated.store.directory import JOURNAL
from gated.store.outbox import Outbox
from mosquitto import Mosquitto
from records import let_in
from venue import NOW, Site, medium, until

PROCESS = Path(__file__).with_name("faults") / "gate_process.py"
PEOPLE = 12


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


@dataclass
class GateBox:
    """One gate's files."""

    id: str
    path: Path

    @property
    def config(self) -> Path:
        return self.path / "gate.toml"

    @property
    def state(self) -> Path:
        return self.path / "state"

    def unsent(self) -> int:
        with closing(Outbox(self.state / JOURNAL)) as outbox:
            return outbox.newest() - outbox.acknowledged()[0]

    def defects(self) -> list[str]:
        with closing(JournalReader(self.state / JOURNAL)) as reader:
            return list(reader.verify())


class City:
    """Everything but the processes is made at once."""

    def __init__(self, path: Path, *, gates: int, broker: Mosquitto, lines: str = "", now: int = NOW) -> None:
        self.path = path
        self.broker = broker
        self.site = Site(path / "office", now=now)
        self.directory = self.site.path / "central"
        self.ledger = self.directory / "central.db"
        tokens = [
            token
            for number in range(PEOPLE)
            for token in self.site.give(f"a{number}", medium(number), "season" if number % 2 else "swim3")
        ]
        self.statements = self.site.statement_file(tokens)
        self.gates = [self._gate(f"gate-{number}", lines) for number in range(gates)]
        self.site.office.close()
        self.tls = self._central_tls()

    def _gate(self, name: str, lines: str) -> GateBox:
        box = GateBox(name, self.path / name)
        identity = box.path / "identity"
        let_in(self.ledger, name, identity, NOW)
        _copy(self.broker.pki.issue(name), identity, "gate")
        trust = self.directory / "gate"
        box.config.write_text(
            f'[gate]\nid = "{name}"\nstate_dir = "state"\n[trust]\nkeys = "{trust}/keys.json"\n'
            f'profile = "{trust}/profile-bron.json"\nsector_key = "{trust}/pools.sector-key"\n'
            f'[journal]\nballast = "64kB"\n[sync]\nbroker = "mqtts://localhost:{self.broker.port}"\n{lines}\n'
            '[[lane]]\nid = "in-1"\nreader = "simulated"\nbarrier = "simulated"\nhold = "20ms"\n',
            encoding="utf-8",
        )
        return box

    def _central_tls(self) -> Path:
        folder = self.path / "central-tls"
        folder.mkdir()
        _copy(self.broker.pki.issue("central"), folder, "central")
        return folder

    # -------------------------------------------------------------- processes

    def serve(self, *more: str) -> subprocess.Popen[bytes]:
        """A worker of central."""
        words = [sys.executable, "-m", "gated", "central", "serve", str(self.directory)]
        words += ["--broker", f"mqtts://localhost:{self.broker.port}", "--tls", str(self.tls), *more]
        with (self.path / "central.log").open("ab") as log:
            return subprocess.Popen(words, stdout=log, stderr=log, env=environment())

    def import_statements(self, box: GateBox) -> None:
        words = [sys.executable, "-m", "gated", "stick", "import", str(self.statements)]
        subprocess.run([*words, "--config", str(box.config)], check=True, capture_output=True)

    def run_gate(self, box: GateBox) -> subprocess.Popen[bytes]:
        """A gate with visitors, until its stdin is closed; then it stops in order."""
        words = [sys.executable, str(PROCESS), "steady", str(box.config), str(box.path / "releases")]
        with (box.path / "gate.log").open("ab") as log:
            return subprocess.Popen(
                words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=log, env=environment()
            )

    def everything_acknowledged(self) -> bool:
        return all(box.unsent() == 0 for box in self.gates)


def finish(process: subprocess.Popen[bytes], timeout_s: float = 60.0) -> None:
    """Let a gate stop in order."""
    assert process.stdin is not None
    process.stdin.close()
    process.wait(timeout_s)


def end(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM, and wait."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    process.wait(20)


def _copy(files: TlsFiles, folder: Path, name: str) -> None:
    shutil.copy(files.ca, folder / "ca.crt")
    shutil.copy(files.certificate, folder / f"{name}.crt")
    shutil.copy(files.key, folder / f"{name}.key")
    (folder / f"{name}.key").chmod(0o600)


def kill(process: subprocess.Popen[bytes]) -> None:
    """kill -9."""
    process.kill()
    process.wait()
    if process.stdin is not None:
        process.stdin.close()


def settle(city: City) -> None:
    """Run gates without visitors until central has every row of every one."""
    for _ in range(10):
        left = [box for box in city.gates if box.unsent()]
        if not left:
            return
        for box in left:
            words = [sys.executable, str(PROCESS), "drain", str(box.config), str(box.path / "releases")]
            subprocess.run(words, check=True, capture_output=True, env=environment(), timeout=120)
    assert until(city.everything_acknowledged)

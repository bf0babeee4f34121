"""The example of a central system in Node: held by the vectors, and on a real broker by a real gate."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections import Counter
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

import mosquitto
from gated.credential.message import open_message
from gated.model.letter import Letter, Received
from gated.model.statement import Kind
from gated.model.trust import Algorithm
from gated.store.chain import JournalReader
from gated.store.directory import JOURNAL
from gated.store.outbox import Outbox
from gated.wire import topics
from gated.wire.ack import read_ack
from gated.wire.seal import SigningKey
from needs import need
from node import modules
from vectors import make_sync_vectors as made
from vectors.test_sync_vectors import FILE, key_set
from venue import PATIENCE_S, medium, until

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs" / "examples" / "central-node"
FAR = 1 << 40
GATES = {gate: replace(key, expires=FAR) for gate, key in made.GATES.items()}


@pytest.fixture(scope="module")
def program(tmp_path_factory) -> Path:
    """The example with its packages, beside a copy of the reference it reads."""
    need("node", "nodejs")
    folder = tmp_path_factory.mktemp("node")
    there = folder / "examples" / "central-node"
    shutil.copytree(EXAMPLE, there, ignore=shutil.ignore_patterns("node_modules"))
    shutil.copytree(ROOT / "docs" / "reference", folder / "reference")
    (there / "node_modules").symlink_to(modules(EXAMPLE))
    return there


def node(*words):
    return [need("node", "nodejs"), *map(str, words)]


def environment():
    return {name: value for name, value in os.environ.items() if not name.startswith(("NODE_", "npm_"))}


# ------------------------------------------------------------------ the vectors


def test_the_vectors_pass_in_node(program):
    words = node("check-vectors.mjs", ROOT / "tests" / "vectors" / "sync.json")
    ended = subprocess.run(
        words, cwd=program, env=environment(), check=False, capture_output=True, text=True, timeout=120
    )
    assert 0 == ended.returncode, ended.stderr
    count = 2 * len(FILE["conversations"]) + len(FILE["genesis"]) + 1
    assert f"{count} passed, 0 failed" == ended.stdout.strip()


def test_a_file_that_was_not_copied_is_named_in_one_line(program, tmp_path):
    def told(folder, *words):
        ended = subprocess.run(
            node("check-vectors.mjs", *words),
            cwd=folder, env=environment(), check=False, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        return ended.returncode, ended.stdout, ended.stderr.splitlines()

    assert (2, "", ["none.json is missing; README.md says what to copy"]) == told(program, "none.json")
    there = tmp_path / "examples" / "central-node"
    shutil.copytree(program, there, symlinks=True)
    code, out, lines = told(there, ROOT / "tests" / "vectors" / "sync.json")
    schema = tmp_path / "reference" / "events.schema.json"
    assert (2, "", [f"{schema} is missing; README.md says what to copy"]) == (code, out, lines)
    (there / "node_modules").unlink()
    code, out, lines = told(there, "none.json")
    assert (2, "", 1) == (code, out, len(lines))
    assert "run: npm install" in lines[0]


def test_the_example_is_small():
    lines = (EXAMPLE / "central.mjs").read_text().splitlines()
    assert len(lines) <= 200
    assert max(map(len, lines)) <= 120
    pins = json.loads((EXAMPLE / "package.json").read_text())["dependencies"]
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", version) for version in pins.values()), pins


# ------------------------------------------------------------------ on a real broker


class NodeCentral:
    """The example as a process of its own."""

    def __init__(self, program, folder, broker, gates, ack_key, *, tls=None):
        self._program, self._folder = program, folder
        self._tls = tls or broker.pki.issue("central-node")
        self.ledger = folder / "ledger.jsonl"
        self._gates, self._key = folder / "gates.json", folder / "pools.ack.pem"
        self._gates.write_text(json.dumps(gates))
        self._key.write_bytes(ack_key.pem())
        self._broker, self._runs = broker, 0
        self._process = None

    @property
    def log(self) -> str:
        return (self._folder / f"node-{self._runs}.log").read_text()

    def start(self, *before):
        """Start it, behind other words where ``before`` are some."""
        options = {
            "broker": f"mqtts://localhost:{self._broker.port}",
            "ca": self._tls.ca,
            "cert": self._tls.certificate,
            "key": self._tls.key,
            "gates": self._gates,
            "ack-key": self._key,
            "sector": "pools",
            "ledger": self.ledger,
            "group": "0123456789abcdef",
        }
        words = [word for name, value in options.items() for word in (f"--{name}", value)]
        self._runs += 1
        with (self._folder / f"node-{self._runs}.log").open("wb") as log:
            self._process = subprocess.Popen(
                [*before, *node("central.mjs", *words)],
                cwd=self._program,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        return self

    def listening(self):
        assert until(lambda: "listening" in self.log), self.log
        return self

    def running(self):
        return self._process is not None and self._process.poll() is None

    def kill(self):
        """kill -9."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)

    def rows(self):
        """(gate, epoch, seq, body) of each line that is whole."""
        if not self.ledger.exists():
            return []
        lines = self.ledger.read_text().split("\n")[:-1]
        return [
            (batch["gate"], batch["epoch"], batch["first"] + at, body)
            for batch in map(json.loads, lines)
            for at, body in enumerate(batch["events"])
        ]


class Hand:
    """A gate played by hand."""

    def __init__(self, broker, gate, trusted):
        self.gate, self._trusted = gate, trusted
        self.link = broker.link(gate)
        self.link.open([topics.ack(gate)])

    def tell(self, message: bytes, *, retain=False, topic=None):
        self.link.send(Letter(topic or topics.events(self.gate), message, retain=retain))

    def greet(self, *epochs, **changes):
        greeting = made.canonical(made.state(*epochs, gate=self.gate, **changes))
        message = made.signed(greeting, GATES[self.gate], made.STATE)
        self.tell(message, retain=True, topic=topics.state(self.gate))

    def hear(self):
        """The next ack, opened as a gate opens it: without its time."""
        heard = []

        def came():
            one = self.link.receive(0.05)
            if isinstance(one, Received):
                self.link.take(one)
                heard.append(one)
            return heard

        assert until(came, PATIENCE_S), "no ack came"
        payload = open_message(heard[0].payload, Kind.ACK, self._trusted, "pools", 0)
        read_ack(payload)
        return {name: value for name, value in json.loads(payload).items() if name not in ("v", "at")}


@pytest.fixture
def broker(tmp_path):
    with mosquitto.running(tmp_path / "broker") as running:
        yield running


@pytest.fixture
def ack_key():
    return SigningKey.generate(Algorithm.EDDSA)


def described(key: SigningKey, **more):
    usual = {
        "kid": key.kid.hex(), "alg": "EdDSA", "public": key.public.hex(), "sectors": ["pools"],
        "kinds": ["events", "state"], "not_before": 0, "expires": FAR,
    }  # fmt: skip
    return usual | more


@pytest.fixture
def central(program, tmp_path, broker, ack_key):
    gates = [{"gate": gate, **key.entry()} for gate, key in GATES.items()]
    running = NodeCentral(program, tmp_path, broker, gates, ack_key).start()
    yield running
    running.kill()


@pytest.fixture
def bron(central, broker, ack_key):
    """The gate bron-1, by hand, once central listens."""
    central.listening()
    hand = Hand(broker, "bron-1", key_set([described(ack_key, kinds=["ack", "time"])]))
    yield hand
    hand.link.close()


def rows(chain, first, last, **changes):
    return made.signed(chain.payload(first, last, **changes), GATES[chain.gate])


def test_what_is_told_is_acknowledged_once_it_is_stored(central, bron):
    bron.tell(rows(made.MAIN, 1, 3))
    assert made.ack(made.MAIN, 3) == bron.hear()
    stored = [(made.MAIN.gate, made.MAIN.epoch, seq, made.ROWS[seq - 1]) for seq in (1, 2, 3)]
    assert stored == central.rows()
    bron.tell(rows(made.MAIN, 1, 3))
    assert made.ack(made.MAIN, 3) == bron.hear()
    assert stored == central.rows()


def test_after_a_kill_nothing_is_stored_twice_and_a_torn_line_is_given_up(central, bron):
    bron.tell(rows(made.MAIN, 1, 3))
    bron.hear()
    central.kill()
    with central.ledger.open("a") as file:
        file.write('{"gate":"bron-1","epoch":"0011')  # cut off as it was written: never acknowledged
    central.start().listening()
    bron.greet((made.EPOCH, 1, 5, 3))
    assert made.ack(made.MAIN, 3, session=made.SESSION) == bron.hear()
    for first in (1, 2):
        bron.tell(rows(made.MAIN, first, 5))
        assert made.ack(made.MAIN, 5) == bron.hear()
    assert [1, 2, 3, 1, 2, 3, 4, 5] == [seq for *_, seq, _ in central.rows()]
    central.kill()
    central.start().listening()
    assert made.ack(made.MAIN, 5, session=made.SESSION) == bron.hear()  # the broker kept the greeting
    bron.tell(rows(made.MAIN, 1, 5))
    assert made.ack(made.MAIN, 5) == bron.hear()


def test_a_full_disk_is_no_receipt(central, bron):
    central.kill()
    central.start("sh", "-c", 'ulimit -f 1; exec "$@"', "sh").listening()  # no file past 512 bytes
    bron.tell(rows(made.MAIN, 1, 5))
    assert until(lambda: not central.running())
    central.start().listening()
    bron.greet((made.EPOCH, 1, 5, 0))
    assert made.ack(made.MAIN, 0, session=made.SESSION) == bron.hear()
    assert [] == central.rows()


def test_what_is_not_signed_by_the_gate_is_never_acknowledged(central, bron):
    good = rows(made.MAIN, 1, 2)
    for message in (
        good[:-1] + bytes([good[-1] ^ 1]),
        made.signed(made.MAIN.payload(1, 2), made.VAISE),
        made.signed(made.TWIN.payload(1, 2), made.BRON),
        made.signed(made.MAIN.payload(1, 2), made.BRON, made.STATE),
        b"",
        b"\xd2\x84" + bytes(100),
        os.urandom(2000),
    ):
        bron.tell(message)
    bron.tell(good)
    assert made.ack(made.MAIN, 2) == bron.hear()
    refused = Counter(re.findall(r'"refused":"(\w+)"', central.log))
    assert {"bad_signature": 1, "unknown_key": 1, "foreign_gate": 1, "malformed": 4} == refused
    assert [1, 2] == [seq for *_, seq, _ in central.rows()]


def test_a_copied_disk_is_named_and_both_are_kept(central, bron):
    bron.tell(rows(made.MAIN, 1, 5))
    assert made.ack(made.MAIN, 5) == bron.hear()
    bron.tell(rows(made.COPY, 4, 6))
    assert made.ack(made.COPY, 6, forked=True) == bron.hear()
    bron.tell(rows(made.MAIN, 6, 7))
    assert made.ack(made.MAIN, 7) == bron.hear()
    assert {made.MAIN.bodies[3], made.COPY.bodies[3]} == {
        body for *_, seq, body in central.rows() if seq == 4
    }


def test_what_is_no_event_is_kept_aside(central, bron):
    chain = made.MAIN.but(1, "7", made.ROWS[2])
    bron.tell(rows(chain, 1, 3))
    assert made.ack(chain, 3, [(2, "not_an_event")]) == bron.hear()
    assert [made.ROWS[0], "7", made.ROWS[2]] == [body for *_, body in central.rows()]


def test_a_greeting_that_was_kept_by_the_broker_is_answered(central, bron):
    central.kill()
    bron.greet((made.EPOCH, 1, 5, 3))
    central.start()
    assert made.ack(made.MAIN, 0, session=made.SESSION) == bron.hear()
    bron.greet((made.EPOCH, 1, 5, 3), online=False)
    bron.tell(rows(made.MAIN, 1, 1))
    assert made.ack(made.MAIN, 1) == bron.hear()


def test_a_broker_of_another_ca_is_told_nothing(program, tmp_path, broker, ack_key):
    stranger = mosquitto.Pki(tmp_path / "stranger").issue("central-node")
    mine = broker.pki.issue("central-node", file="central-node-2")
    tls = replace(mine, ca=stranger.ca)
    running = NodeCentral(program, tmp_path, broker, [], ack_key, tls=tls).start()
    try:
        assert until(lambda: "certificate" in running.log), running.log
        assert "listening" not in running.log
    finally:
        running.kill()


# ------------------------------------------------------------------ with a real gate


class RealGate:
    """A gate that syncs: its site, its identity, and the key that its office made for receipts."""

    def __init__(self, site, broker):
        self._site = site
        identity = site.path / "identity"
        identity.mkdir()
        tls = broker.pki.issue("gate-1", file=f"gate-1-{site.path.name}")
        self.key = SigningKey.generate(Algorithm.EDDSA)
        for name, content in (
            ("ca.crt", tls.ca.read_bytes()),
            ("gate.crt", tls.certificate.read_bytes()),
            ("gate.key", tls.key.read_bytes()),
            ("signing.key", self.key.pem()),
        ):
            (identity / name).write_bytes(content)
            (identity / name).chmod(0o600)
        secret = site.path / "central" / "secret" / "pools.ack.pem"
        self.ack_key = SigningKey.from_pem(secret.read_bytes())
        self.entry = described(self.key, gate="gate-1")
        sync = f'[sync]\nbroker = "mqtts://localhost:{broker.port}"\nack_wait = "500ms"\n'
        site.config.write_text(site.config.read_text().replace("[[lane]]", f"{sync}[[lane]]", 1))

    @contextmanager
    def running(self, end=signal.SIGTERM):
        words = [sys.executable, "-m", "gated", "run", "--config", str(self._site.config)]
        with (self._site.path / "gate.log").open("ab") as log:
            process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=log)
        try:
            yield process
        finally:
            process.send_signal(end)
            process.wait(30)

    def journal(self):
        """(gate, epoch, seq, body) of every row."""
        reader = JournalReader(self._site.state / JOURNAL)
        try:
            return [("gate-1", row.epoch, row.seq, row.body) for row in reader.rows()]
        finally:
            reader.close()

    def happened(self, kind, count):
        """Asks whether the journal has so many rows of a kind."""
        return lambda: sum(json.loads(body)["kind"] == kind for *_, body in self.journal()) >= count

    def all_at(self, central):
        """Whether central has every row, and no other."""
        return (self._site.state / JOURNAL).exists() and set(self.journal()) == set(central.rows())

    def cursor(self):
        """How many rows central has acknowledged, as the gate noted it."""
        with closing(Outbox(self._site.state / JOURNAL)) as outbox:
            return outbox.acknowledged()[0]

    def bring(self, number):
        """Something happens: statements arrive, which the journal tells."""
        self._site.bring(self._site.give(f"account {number}", medium(number), "season"))


@pytest.fixture
def gate(site, broker):
    return RealGate(site, broker)


@pytest.fixture
def its_central(program, tmp_path, broker, gate):
    running = NodeCentral(program, tmp_path, broker, [gate.entry], gate.ack_key)
    yield running
    running.kill()


def test_every_row_of_a_real_gate_arrives_whatever_dies(broker, gate, its_central):
    happened = gate.happened

    def all_there():
        return gate.all_at(its_central)

    with gate.running(signal.SIGKILL):
        its_central.start()
        assert until(its_central.rows)
        gate.bring(1)
        assert until(happened("imported", 1))
        assert until(all_there), its_central.log
        its_central.kill()
        gate.bring(2)
        assert until(happened("imported", 2))
        its_central.start()
        assert until(all_there), its_central.log
    with gate.running():
        assert until(happened("started", 2))
        broker.kill()
        gate.bring(3)
        assert until(happened("imported", 3))
        broker.start()
        assert until(all_there), its_central.log
        count = len(gate.journal())
    told = its_central.rows()
    assert len(set(told)) == len({row[:3] for row in told})
    assert set(told) <= set(gate.journal())
    assert count <= gate.cursor()  # what it wrote as it stopped may wait for the next start
    assert re.search(r'"quarantined":\[\]', its_central.log)
    assert not re.search(r'"refused"|"code"|"forked"', its_central.log)


def test_every_tap_arrives(site, serve, gate, its_central):
    its_central.start()
    carried = [medium(number) for number in range(3)]
    for number, one in enumerate(carried[:2]):
        site.bring(site.give(f"account {number}", one, "swim3"))
    served = serve(site)
    for _ in range(4):
        for one in carried:
            served.tap(one)
    assert until(gate.happened("settled", 6))
    assert until(lambda: gate.all_at(its_central)), its_central.log
    served.stop_now()
    events = [json.loads(body) for *_, body in set(its_central.rows())]
    outcomes = Counter(event["outcome"] for event in events if event["kind"] == "decided")
    assert 6 == outcomes["granted"] == sum(event["kind"] == "settled" for event in events)

"""How fast a backlog reaches central's disk, beside what the parts can do alone, in one run.

    python tests/bench/sync.py --json                  a backlog of 100,000 events
    python tests/bench/sync.py --events 20000          a shorter one, for people

gated   a journal with a backlog, the gate's own sync thread, a real mosquitto with mutual TLS, and
        ``gated central serve`` with its SQLite ledger, each in its process: from the opening of the link to
        the receipt of the newest row. Every row is signed, verified, checked, chained and committed.
raw     the same batches, byte for byte, by bare paho with QoS 1 to the same broker: answered, and gone.
bare    the same rows by ``executemany`` into one table in WAL with synchronous=FULL, a commit a batch.

Then the ledger is compared with the journal: ``lost`` and ``duplicates`` count rows. ``peak_mb`` is the peak
memory of the gate or of central, whichever is larger. Nothing is asserted: figures are for people.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import threading
from contextlib import closing
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import paho.mqtt.client as paho

from city import City, GateBox, end, environment
from gated.app import RunningGate, World
from gated.config.settings import check
from gated.credential.message import MESSAGE_TYPES
from gated.devices.clock import SystemClock
from gated.devices.simulated.barrier import SimulatedBarrier
from gated.devices.simulated.reader import SimulatedReader
from gated.links.memory import MemoryBroker, MemoryLink
from gated.model.event import Decided, Outcome, Settled, SettledBy, Settlement
from gated.model.statement import Kind
from gated.policy.reckoning import Bounds, Floor
from gated.store.directory import JOURNAL
from gated.store.outbox import Outbox
from gated.wire.batch import encode_batch
from gated.wire.event import Stamp, body, digest
from gated.wire.seal import SigningKey
from mosquitto import running
from records import journaled, kept, total

PATIENCE_S = 600.0


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=100_000, metavar="N", help="default: %(default)s")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--gate", nargs=2, help=argparse.SUPPRESS)  # the gate's own process
    arguments = parser.parse_args()
    if arguments.gate:
        print(json.dumps(drain(Path(arguments.gate[0]), int(arguments.gate[1]))))
        return
    with tempfile.TemporaryDirectory(prefix="gated-bench-") as scratch:
        figures = measure(Path(scratch), arguments.events)
    if arguments.json:
        print(json.dumps(figures))
        return
    for name, figure in figures.items():
        print(f"{name:24} {figure:>12,}")


def measure(path: Path, events: int) -> dict[str, Any]:
    with running(path / "broker", general=["max_inflight_messages 100"], name_is_id=False) as broker:
        city = City(path, gates=1, broker=broker)
        box = city.gates[0]
        last = backlog(box, events)
        central = city.serve()
        words = [sys.executable, __file__, "--gate", str(box.config), str(last)]
        ended = subprocess.run(words, check=True, capture_output=True, text=True, env=environment())
        gate = json.loads(ended.stdout)
        central_mb = peak_mb(central.pid)
        end(central)
        rows, counted = journaled(box.state), kept(city.ledger, box.id)
        told_in_all = total(city.ledger, box.id)
        batches = list(told(box, last))
        raw_s = raw_paho(broker, batches)
    bare_s = bare_insert(path / "bare.db", batches)
    backlogged = {place: link for place, link in rows.items() if place[1] <= last}
    return {
        "events": events,
        "events_per_s": round(events / gate["seconds"]),
        "raw_paho_events_per_s": round(events / raw_s),
        "bare_insert_events_per_s": round(events / bare_s),
        "peak_mb": max(gate["peak_mb"], central_mb),
        "lost": sum(counted.get(place) != link for place, link in backlogged.items()),
        "duplicates": told_in_all - len(counted),
    }


# ------------------------------------------------------------------ the backlog


def backlog(box: GateBox, events: int) -> int:
    """A journal as a week without a network leaves it: taps and their settlements. Returns its newest id."""
    box.state.mkdir(mode=0o700)
    settings, trust = check(box.config)
    nowhere = world()
    nowhere.link = MemoryLink(MemoryBroker(), box.id)
    gate = RunningGate(settings, trust, nowhere)  # begins the journal and its epoch, as a gate does
    gate.start()
    gate.stop()
    with closing(sqlite3.connect(box.state / JOURNAL, isolation_level=None)) as connection:
        newest, link = connection.execute("SELECT id, digest FROM head").fetchone()
        clock = SystemClock().sample()
        stamp = Stamp.of(Bounds(Floor(clock.wall, clock.boottime, clock.boot)).reckon(clock))
        rows = []
        for number in range(newest + 1, newest + events + 1):
            text = body(event(number), number, stamp)
            link = digest(link, text)
            rows.append((number, text, link))
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO event (id, body, digest) VALUES (?, ?, ?)", rows)
        connection.execute("UPDATE head SET id = ?, digest = ?", rows[-1][0::2])
        connection.execute("COMMIT")
    return newest + events


def event(number: int) -> Decided | Settled:
    if number % 2:
        return Settled("in-1", number - 1, Settlement.TAKEN, SettledBy.PASSAGE, 1)
    return Decided(
        "in-1",
        Outcome.GRANTED,
        20261124,
        scheme="pkoc",
        assurance="asymmetric",
        pass_=number.to_bytes(16, "big"),
        cti=number.to_bytes(8, "big"),
        product="swim10",
        persons=1,
        cost=1,
        left=number % 10,
    )


def told(box: GateBox, last: int) -> Any:
    """The very batches that the gate sends, and their rows."""
    key = SigningKey.from_pem((box.path / "identity" / "signing.key").read_bytes())
    with closing(Outbox(box.state / JOURNAL, box.id)) as outbox:
        after = 0
        while after < last:
            found = outbox.batch(after)
            token = key.sign(MESSAGE_TYPES[Kind.EVENTS], encode_batch(found.batch))
            yield token, list(zip(found.batch.bodies, found.batch.digests(), strict=True)), found.batch.first
            after = found.last_id


# ------------------------------------------------------------------ the gate


def world() -> World:
    return World(readers={"in-1": SimulatedReader()}, barriers={"in-1": SimulatedBarrier()})


def drain(config: Path, last: int) -> dict[str, float]:
    """A gate in this process, until central has row ``last``; the clock runs from its start."""
    settings, trust = check(config)
    clock, pause = SystemClock(), threading.Event()
    gate = RunningGate(settings, trust, world())
    began = clock.monotonic()
    gate.start()
    while gate.sync.acknowledged < last and clock.monotonic() - began < PATIENCE_S:
        pause.wait(0.005)
    seconds = clock.monotonic() - began
    figures = {"seconds": seconds, "peak_mb": peak_mb(os.getpid())}
    gate.stop()
    return figures


# ------------------------------------------------------------------ the parts alone


def raw_paho(broker: Any, batches: list[Any]) -> float:
    """Seconds until the broker has answered every batch."""
    files = broker.pki.issue("raw")
    client = paho.Client(paho.CallbackAPIVersion.VERSION2, client_id="raw", protocol=paho.MQTTv5)
    context = ssl.create_default_context(cafile=str(files.ca))
    context.load_cert_chain(files.certificate, files.key)
    client.tls_set_context(context)
    client.max_inflight_messages_set(20)
    done, left = threading.Event(), [len(batches)]
    room = threading.Semaphore(40)  # paho slows down over a long queue of its own

    def published(*_: Any) -> None:
        room.release()
        left[0] -= 1
        if not left[0]:
            done.set()

    client.on_publish = published
    connected = threading.Event()
    client.on_connect = lambda *_: connected.set()
    client.connect("localhost", broker.port)
    client.loop_start()
    connected.wait(20)
    clock = SystemClock()
    began = clock.monotonic()
    for token, _, _ in batches:
        room.acquire()
        client.publish("bench/raw", token, qos=1)
    done.wait(PATIENCE_S)
    took = clock.monotonic() - began
    client.disconnect()
    client.loop_stop()
    return took


def bare_insert(path: Path, batches: list[Any]) -> float:
    """Seconds to insert the rows and nothing else."""
    clock = SystemClock()
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute(
            "CREATE TABLE event (chain INTEGER, seq INTEGER, digest BLOB, code TEXT, body TEXT,"
            " PRIMARY KEY (chain, seq)) WITHOUT ROWID"
        )
        began = clock.monotonic()
        for _, rows, first in batches:
            connection.execute("BEGIN")
            connection.executemany(
                "INSERT INTO event VALUES (1, ?, ?, NULL, ?)",
                [(first + at, link, text) for at, (text, link) in enumerate(rows)],
            )
            connection.execute("COMMIT")
        return clock.monotonic() - began


def peak_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    kilobytes = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    return round(int(kilobytes) / 1000, 1)


if __name__ == "__main__":
    main()

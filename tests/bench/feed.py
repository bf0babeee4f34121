"""How fast an empty gate comes to know a city, beside a bare insert of the same rows, in one run.

    python tests/bench/feed.py --json                        100,000 entitlements and as many bindings
    python tests/bench/feed.py --json --statements 1000000   the city of the issue: minutes, 3 GB of disk
    python tests/bench/feed.py --dir /var/tmp/feed           keeps the office for the next run

gated   ``gated central serve`` with its ledger and pages, a real mosquitto with mutual TLS, and a whole gate,
        each in its process: from the opening of the link to the activated snapshot, every page compared with
        its name, every row counted, the set compared with the signed head. A process of the gate's own builds
        the snapshot; ``peak_mb`` is the gate and that process together.
bare    the same rows, sorted, by one ``executemany`` into the same table, and an fsync at its end.

Meanwhile taps are decided in the gate's process, a hundred each second: recalled, verified, judged, written
durably. ``tap_p99_rest_us`` is theirs before the link is opened, of the same people with the same files.
``delta_1000_s`` is from the commit of 1,000 more entitlements at central to the head that the gate's cache
agrees with, ``nothing_new_bytes`` what goes over the wire, both ways, in the quarter of a minute after.
The gate runs on one core, as systemd/gated.service has it; central, the broker and the process that builds
share the others. Nothing is asserted: figures are for people.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import socket
import sqlite3
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))

from bigcity import PRODUCT, SECTOR, VENUE, account, big_city, feed_of, medium, now, right_of

from city import _copy, end, environment
from gated.app import RunningGate, World
from gated.central.ledger import LEDGER, Ledger
from gated.central.office import Office
from gated.cli.importing import import_file
from gated.config.settings import check
from gated.daemon.rank import lanes_first
from gated.daemon.tap import Written
from gated.devices.clock import SystemClock
from gated.devices.simulated.barrier import SimulatedBarrier
from gated.devices.simulated.reader import SimulatedReader
from gated.model.credential import Proof
from gated.model.decision import Granted
from gated.model.event import Settled, SettledBy, Settlement
from gated.store.feed import FeedStore
from gated.store.tables import SNAPSHOT_TABLE
from gated.wire.event import Stamp
from gated.wire.manifest import read_index, read_manifest
from gated.wire.page import read_page
from gated.wire.statement_file import frame
from mosquitto import running
from records import let_in

GATE = "gate-1"
#: People who tap. They are known before the feed comes, by a file.
PEOPLE = 200
TAP_S, REST_TAPS = 0.01, 800
IDLE_S = 15.0
PATIENCE_S = 1800.0
DELTA = 1000


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--statements", type=int, default=100_000, metavar="N", help="default: %(default)s")
    parser.add_argument("--dir", type=Path, help="keep the office there")
    parser.add_argument("--idle", type=float, default=IDLE_S, metavar="S", help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--gate", type=Path, help=argparse.SUPPRESS)  # the gate's own process
    parser.add_argument("--core", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.gate is not None:
        serve_gate(arguments.gate, arguments.core, arguments.idle)
        return
    with place(arguments.dir) as directory, tempfile.TemporaryDirectory(dir=directory) as scratch:
        figures = measure(directory, Path(scratch), arguments.statements, arguments.idle)
    if arguments.json:
        print(json.dumps(figures))
        return
    for name, figure in figures.items():
        print(f"{name:20} {figure:>14,}")


@contextmanager
def place(given: Path | None) -> Iterator[Path]:
    if given is not None:
        given.mkdir(parents=True, exist_ok=True)
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="gated-bench-", dir="/var/tmp") as made:
        yield Path(made)


def measure(directory: Path, work: Path, statements: int, idle_s: float) -> dict[str, Any]:
    kept = big_city(directory, statements)
    city = work / "city"
    shutil.copytree(kept, city)
    with closing(Ledger(city / LEDGER)) as ledger:
        feed = feed_of(city, ledger)
        head = feed.make_snapshot(lambda _count: None)
        assert head is not None
        pages = list(page_names(feed, head.manifest))
    core = leave_a_core()
    with running(work / "broker", general=["max_inflight_messages 100"], name_is_id=False) as broker:
        config = make_gate(work, city, broker)
        central = serve_central(work, city, broker)
        try:
            told = follow(config, core, city, head.position, idle_s)
        finally:
            end(central)
    rows = [row for name in pages for row in read_page((feed.blobs.folder / name.hex()).read_bytes())]
    bare_s = bare_insert(work / "bare.db", rows)
    seconds = told.pop("seconds")
    return {
        "statements": statements,
        "seconds": round(seconds, 2),
        "rows_per_s": round(len(rows) / seconds),
        "bare_rows_per_s": round(len(rows) / bare_s),
        "ratio": round(bare_s / seconds, 3),
        **told,
    }


def leave_a_core() -> int:
    """One core for the gate, which central and the broker never share with it: they are other machines."""
    cores = os.sched_getaffinity(0)
    core = min(cores)
    os.sched_setaffinity(0, cores - {core} or cores)
    return core


def page_names(feed: Any, manifest: bytes) -> Iterator[bytes]:
    """All pages of a snapshot, in order. This office denies nobody."""
    snapshot = read_manifest(feed.blobs.get(manifest)).snapshot
    assert not snapshot.denials
    for index in snapshot.pages:
        yield from read_index(feed.blobs.get(index))


# ------------------------------------------------------------------ the other processes


def make_gate(work: Path, city: Path, broker: Any) -> Path:
    box = work / GATE
    let_in(city / LEDGER, GATE, box / "identity", now())
    _copy(broker.pki.issue(GATE), box / "identity", "gate")
    trust = city / "gate"
    config = box / "gate.toml"
    config.write_text(
        f'[gate]\nid = "{GATE}"\nstate_dir = "state"\n[trust]\nkeys = "{trust}/keys.json"\n'
        f'profile = "{trust}/profile-{VENUE}.json"\nsector_key = "{trust}/{SECTOR}.sector-key"\n'
        f'[journal]\nballast = "64kB"\n[sync]\nbroker = "mqtts://localhost:{broker.port}"\n'
        '[[lane]]\nid = "in-1"\nreader = "simulated"\nbarrier = "simulated"\n',
        encoding="utf-8",
    )
    with closing(Ledger(city / LEDGER)) as ledger:
        tokens = ledger.rows(
            "SELECT token FROM statement WHERE sector = ? AND number <= ?", (SECTOR, 2 * PEOPLE)
        )
    file = box / "people.gated"
    file.write_bytes(b"".join(frame(bytes(token)) for (token,) in tokens))
    settings, believed = check(config)
    import_file(file, settings.state_dir, believed)
    return config


def serve_central(work: Path, city: Path, broker: Any) -> subprocess.Popen[bytes]:
    tls = work / "central-tls"
    tls.mkdir()
    _copy(broker.pki.issue("central"), tls, "central")
    words = [sys.executable, "-m", "gated", "central", "serve", str(city)]
    words += ["--broker", f"mqtts://localhost:{broker.port}", "--tls", str(tls)]
    with (work / "central.log").open("ab") as log:
        return subprocess.Popen(words, stdout=log, stderr=log, env=environment())


def follow(config: Path, core: int, city: Path, position: int, idle_s: float) -> dict[str, Any]:
    """Run the gate until it is there, then issue some more, then nothing."""
    words = [sys.executable, __file__, "--gate", str(config), "--core", str(core), "--idle", str(idle_s)]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment()
    ) as gate:
        told = ask(gate, position)
        clock = SystemClock()
        with closing(Office(city, SECTOR, random.SystemRandom().randbytes)) as office:
            with office.at_once():
                for number in range(DELTA):
                    office.entitle(account(number), PRODUCT, now=now(), entitlement=right_of(number))
            issued = clock.monotonic()
        reached = ask(gate, position + DELTA)
        told["delta_1000_s"] = round(reached["at"] - issued, 3)
        told["nothing_new_bytes"] = ask(gate, 0)["bytes"]
        assert gate.stdin is not None
        gate.stdin.close()
        gate.wait(60)
    return told


def ask(gate: Any, position: int) -> dict[str, Any]:
    gate.stdin.write(f"{position}\n")
    gate.stdin.flush()
    line = gate.stdout.readline()
    if not line:
        sys.exit("the gate ended")
    return json.loads(line)


# ------------------------------------------------------------------ the gate


def serve_gate(config: Path, core: int, idle_s: float) -> None:
    """Told a position it tells when it is there; told 0, what a while without news costs."""
    os.sched_setaffinity(0, {core})
    settings, trust = check(config)
    world = World(readers={"in-1": SimulatedReader()}, barriers={"in-1": SimulatedBarrier()})
    gate = RunningGate(settings, trust, world)
    taps = Taps(gate, settings)
    lanes_first()  # as RunningGate.start does
    gate._gate.start()  # the lanes and the journal; the link is not opened yet
    rest = taps.some(REST_TAPS)
    clock, store = SystemClock(), FeedStore(settings.state_dir)
    first = int(sys.stdin.readline())
    began = clock.monotonic()
    gate.sync.start()
    load: list[int] = []
    builder_mb, is_there = 0.0, Reached(store)
    while not is_there(first) and clock.monotonic() - began < PATIENCE_S:
        load += taps.some(5)
        builder_mb = max(builder_mb, builder_peak(gate))
    seconds = is_there.at - began
    figures = {
        "seconds": seconds,
        "bytes": wire_bytes(gate)[1],
        "peak_mb": round(peak_mb(os.getpid()) + builder_mb, 1),
        "tap_p99_rest_us": p99(rest),
        "tap_p99_load_us": p99(load),
        "tap_p50_rest_us": p50(rest),
        "tap_p50_load_us": p50(load),
    }
    print(json.dumps(figures), flush=True)
    pause = threading.Event()
    for line in sys.stdin:
        if int(line):
            while not is_there(int(line)):
                gate.tick()
                pause.wait(0.002)
            print(json.dumps({"at": is_there.at}), flush=True)
        else:
            pause.wait(2.0)  # what is on its way yet
            before = sum(wire_bytes(gate))
            pause.wait(idle_s)
            print(json.dumps({"bytes": sum(wire_bytes(gate)) - before}), flush=True)
    store.close()
    gate.stop()


class Reached:
    """Whether the cache has come to a position, and when that was seen first."""

    def __init__(self, store: FeedStore) -> None:
        self._store = store
        self._clock = SystemClock()
        self.at = 0.0

    def __call__(self, position: int) -> bool:
        reached = self._store.applied().position >= position
        if reached:
            self.at = self._clock.monotonic()
        return reached


class Taps:
    """Taps through the whole way of a lane of its own, in the thread that calls."""

    def __init__(self, gate: RunningGate, settings: Any) -> None:
        self._gate = gate
        self._way = gate._way(settings.lanes[0], threading.Lock())
        self._clock = SystemClock()
        self._next = 0
        self._pause = threading.Event()

    def some(self, count: int) -> list[int]:
        """What each took, in nanoseconds."""
        took = []
        for _ in range(count):
            proof = Proof(medium(self._next % PEOPLE))
            self._next += 1
            began = self._clock.monotonic()
            written = self._way.take(proof, began + 30.0)
            took.append(round((self._clock.monotonic() - began) * 1e9))
            assert isinstance(written, Written)
            assert isinstance(written.decision, Granted)
            event = Settled("in-1", written.seq, Settlement.TAKEN, SettledBy.PASSAGE, 1)
            self._gate.journal.append(event, Stamp.of(self._gate._time.read())).wait(30)
            self._pause.wait(TAP_S)
        return took


def builder_peak(gate: RunningGate) -> float:
    """Peak memory of the process that builds, while there is one."""
    transfer = gate._feeding._feed._transfer
    building = None if transfer is None else transfer._building
    if building is None:
        return 0.0
    try:
        return peak_mb(building.pid)
    except (OSError, StopIteration):
        return 0.0


def wire_bytes(gate: RunningGate) -> tuple[int, int]:
    """(sent, received) over the present connection, TLS and all (struct tcp_info of linux/tcp.h)."""
    stream = gate.sync._link._conversation._stream
    found = stream._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 136)
    return struct.unpack_from("QQ", found, 120)


def p50(took: list[int]) -> float:
    return round(sorted(took)[len(took) // 2] / 1000, 1)


def p99(took: list[int]) -> float:
    return round(sorted(took)[int(len(took) * 0.99)] / 1000, 1)


def peak_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    kilobytes = next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))
    return round(int(kilobytes) / 1000, 1)


# ------------------------------------------------------------------ the least


def bare_insert(path: Path, rows: list[Any]) -> float:
    """Seconds to insert the rows and nothing else."""
    clock = SystemClock()
    rows.sort()
    made = [(*row, row[3]) for row in rows]
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=OFF")
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("PRAGMA cache_size=2000")
        connection.execute(SNAPSHOT_TABLE)
        began = clock.monotonic()
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO statement VALUES (?, ?, ?, ?, ?, ?, ?)", made)
        connection.execute("COMMIT")
        handle = os.open(path, os.O_RDONLY)
        os.fsync(handle)
        os.close(handle)
        return clock.monotonic() - began


if __name__ == "__main__":
    main()

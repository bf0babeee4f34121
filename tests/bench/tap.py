"""How long a tap takes inside the gate, as a ratio to the least any gate could do, in one run.

    python tests/bench/tap.py --json                         10,000 entitlements
    python tests/bench/tap.py --json --entitlements 1000000  about four minutes, 1 GB of disk
    python tests/bench/tap.py --entitlements 1000000 --dir /var/tmp/bench   keeps the files for the next run

gated   TapWay.take: recall from snapshot and delta, open the binding and every candidate, judge, write
        the row and the reservation durably through the journal's thread.
bare    one point lookup in a table of as many rows, two verifications of the same algorithm on prepared
        bytes, one insert in WAL with synchronous=FULL.

Both are called in turn, in blocks, in one process; garbage collection is off inside a block. Every
statement is distinct and every pass is tapped at most once. Nothing is asserted: figures are for people.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import hashlib
import hmac
import json
import multiprocessing
import random
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter_ns
from zoneinfo import ZoneInfo

import cbor2

from gated.central.sign import SigningKey, sign_statement
from gated.credential.cose import split
from gated.credential.index import index_of
from gated.daemon.tap import TapWay, Trust, Written
from gated.daemon.timekeeper import TimeKeeper
from gated.devices.clock import SystemClock
from gated.model.credential import Assurance, Credential
from gated.model.decision import Granted
from gated.model.event import Settled, SettledBy, Settlement
from gated.model.statement import Binding, Entitlement, Kind
from gated.model.trust import Algorithm, TrustedKey
from gated.model.venue import Lane, Product, Profile
from gated.store.cache import KIND_NUMBERS, Cache
from gated.store.chain import UsesReader
from gated.store.floors import Floors
from gated.store.intake import StatementStore
from gated.store.journal import Journal
from gated.store.snapshot import fold, write_snapshot
from gated.wire.event import Stamp

SECTOR, VENUE = "pools", "bron"
NOW = SystemClock().sample().wall
YEAR_S = 366 * 86400
SECTOR_KEY = hashlib.sha256(b"bench sector key").digest()
WARM = 20
BLOCK = 10  # as many releases as a gate of ten lanes has open at once


def credential(number: int) -> Credential:
    return Credential("pkoc", hashlib.sha256(b"medium %d" % number).digest(), Assurance.ASYMMETRIC)


def name(what: str, number: int, size: int) -> bytes:
    return hmac.digest(b"bench", f"{what} {number}".encode(), "sha256")[:size]


def statements(key: SigningKey, number: int) -> tuple[Binding, bytes, Entitlement, bytes]:
    binding = Binding(
        SECTOR, name("pass", number, 16), NOW - 60, None, NOW - 60, name("bind", number, 8),
        index_of(credential(number), SECTOR_KEY), 0,
    )  # fmt: skip
    right = Entitlement(
        SECTOR, binding.pass_, NOW - 60, NOW + YEAR_S, NOW - 60, name("right", number, 8), "swim10", 0
    )
    return binding, sign_statement(key, binding), right, sign_statement(key, right)


def make_rows(task: tuple[bytes, int, int]) -> list[tuple[bytes, int, bytes, int, bytes, int]]:
    pem, first, last = task
    key = SigningKey.from_pem(pem)
    rows = []
    for number in range(first, last):
        binding, bound, right, entitled = statements(key, number)
        rows.append((binding.key, KIND_NUMBERS[Kind.BINDING], b"", 0, bound, 1))
        rows.append((right.key, KIND_NUMBERS[Kind.ENTITLEMENT], right.id, 0, entitled, 1))
    return rows


def build(directory: Path, count: int, algorithm: Algorithm) -> SigningKey:
    """A snapshot of ``count`` bindings and ``count`` entitlements, and the bare table of as many rows."""
    marker = directory / f"built-{count}-{algorithm}.pem"
    if marker.exists():
        return SigningKey.from_pem(marker.read_bytes())
    key = SigningKey.generate(algorithm)
    step = 5000
    tasks = [(key.pem(), first, min(first + step, count)) for first in range(0, count, step)]
    rows: list[tuple[bytes, int, bytes, int, bytes, int]] = []
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        for done, part in enumerate(pool.imap_unordered(make_rows, tasks), start=1):
            rows += part
            print(f"\rsigning {done * step} of {count}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    rows.sort()
    store = StatementStore(directory, SECTOR)
    store._connection.execute("UPDATE pointer SET position = 1")  # the bench stands in for an import
    store.close()
    name_of_snapshot = fold(directory)
    write_snapshot(directory / name_of_snapshot, rows)
    bare = sqlite3.connect(directory / "bare-rights.db", isolation_level=None)
    bare.execute("PRAGMA journal_mode=OFF")
    bare.execute("CREATE TABLE right (key BLOB PRIMARY KEY, bound BLOB, entitled BLOB) WITHOUT ROWID")
    entitled = {row[0]: row[4] for row in rows if row[1] == KIND_NUMBERS[Kind.ENTITLEMENT]}
    bare.execute("BEGIN")
    bare.executemany(
        "INSERT INTO right VALUES (?, ?, ?)",
        (
            (row[0], row[4], entitled[_pass_of(row[4])])
            for row in rows
            if row[1] == KIND_NUMBERS[Kind.BINDING]
        ),
    )
    bare.execute("COMMIT")
    bare.close()
    marker.write_bytes(key.pem())
    return key


def _pass_of(token: bytes) -> bytes:
    from base64 import urlsafe_b64decode

    return urlsafe_b64decode(cbor2.loads(split(token).payload)[2] + "==")


class Gated:
    def __init__(self, directory: Path, work: Path, key: SigningKey) -> None:
        clock = SystemClock()
        self.journal = Journal(
            work / "journal.db",
            gate="bench",
            machine="bench",
            epoch="00" * 8,
            began_at=NOW,
            unknown_counts=True,
        )
        trusted = TrustedKey(
            key.kid, key.algorithm, key.public, frozenset({SECTOR}),
            frozenset({Kind.BINDING, Kind.ENTITLEMENT, Kind.DENIAL}), 0, NOW + 2 * YEAR_S,
        )  # fmt: skip
        profile = Profile(
            VENUE, SECTOR, ZoneInfo("Europe/Paris"), 1, products={"swim10": Product("swim10", uses=10)}
        )
        self.commits = 0
        self.open: list[int] = []
        self.journal._connection.set_trace_callback(self._count)
        self.journal.start()
        self.way = TapWay(
            lane=Lane("in-1"),
            trust=Trust({key.kid: trusted}, SECTOR_KEY, profile),
            cache=Cache(directory),
            uses=UsesReader(work / "journal.db"),
            journal=self.journal,
            time=TimeKeeper(clock, Floors(self.journal, work / "floors.json")),
            clock=clock,
            turn=threading.Lock(),
            journal_wait_s=30.0,
        )

    def _count(self, statement: str) -> None:
        self.commits += statement == "COMMIT"

    def tap(self, number: int) -> None:
        written = self.way.take(credential(number))
        assert isinstance(written, Written)
        assert isinstance(written.decision, Granted)
        assert written.seq
        self.open.append(written.seq)

    def settle(self) -> None:
        """Everybody passed. Not timed: it happens after the barrier moved."""
        for seq in self.open:
            event = Settled("in-1", seq, Settlement.TAKEN, SettledBy.PASSAGE, 1)
            self.journal.append(event, Stamp.of(self.way._time.read())).wait(30)
        self.open.clear()


class Bare:
    def __init__(self, directory: Path, work: Path, key: SigningKey) -> None:
        self.rights = sqlite3.connect(directory / "bare-rights.db", isolation_level=None)
        self.rights.execute("PRAGMA cache_size=-2000")
        self.log = sqlite3.connect(work / "bare.db", isolation_level=None)
        self.log.execute("PRAGMA journal_mode=WAL")
        self.log.execute("PRAGMA synchronous=FULL")
        self.log.execute("CREATE TABLE log (id INTEGER PRIMARY KEY, body BLOB)")
        self.key = key.private.public_key()
        self.ed25519 = key.algorithm is Algorithm.EDDSA
        self.body = random.Random(1).randbytes(400)

    def tap(self, number: int) -> None:
        index = hmac.digest(SECTOR_KEY, credential(number).text.encode(), "sha256")[:16]
        _, bound, entitled = self.rights.execute("SELECT * FROM right WHERE key = ?", (index,)).fetchone()
        self.verify(bound)
        self.verify(entitled)
        self.log.execute("INSERT INTO log (body) VALUES (?)", (self.body,))

    def verify(self, token: bytes) -> None:
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec
        from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

        # The least there is: fixed offsets instead of a parser, no claim is looked at.
        protected, payload_at = token[4 : 4 + token[3]], 4 + token[3] + 1
        size = token[payload_at + 1] if token[payload_at] == 0x58 else token[payload_at] & 0x1F
        start = payload_at + (2 if token[payload_at] == 0x58 else 1)
        signed = (
            b"\x84\x6aSignature1\x58" + bytes([len(protected)]) + protected + b"\x40"
            + token[payload_at : start + size]
        )  # fmt: skip
        signature = token[-64:]
        if self.ed25519:
            self.key.verify(signature, signed)
        else:
            r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
            self.key.verify(encode_dss_signature(r, s), signed, ec.ECDSA(hashes.SHA256()))


def measure(directory: Path, work: Path, key: SigningKey, count: int, taps: int) -> dict[str, object]:
    gate, bare = Gated(directory, work, key), Bare(directory, work, key)
    people = random.Random(7).sample(range(count), min(count, taps))
    for number in people[:WARM]:  # warm: imports, statement caches
        bare.tap(number)
    warm, people = people[:WARM], people[WARM:]
    for number in warm:
        gate.tap(number)
    gate.settle()
    gate.commits = 0
    took: dict[str, list[int]] = {"gated": [], "bare": []}
    for first in range(0, len(people), BLOCK):
        block = people[first : first + BLOCK]
        for label, tap in (("gated", gate.tap), ("bare", bare.tap)):
            gc.collect()
            gc.disable()
            for number in block:
                began = perf_counter_ns()
                tap(number)
                took[label].append(perf_counter_ns() - began)
            gc.enable()
        before = gate.commits
        gate.settle()
        gate.commits = before
    commits = gate.commits / len(took["gated"])
    gate.journal.stop(30)
    told = {f"{label}_us": _percentiles(values) for label, values in took.items()}
    return {
        **told,
        "ratio": round(told["gated_us"]["p50"] / told["bare_us"]["p50"], 3),
        "commits_per_entry": round(commits, 3),
        "rss_mb": rss_mb(),
    }


def rss_mb() -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return round(
        int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))) / 1000, 1
    )


def _percentiles(values: list[int]) -> dict[str, float]:
    ordered = sorted(values)
    return {
        "p50": round(statistics.median(ordered) / 1000, 1),
        "p99": round(ordered[int(len(ordered) * 0.99)] / 1000, 1),
    }


def fdatasyncs(arguments: list[str], work: Path) -> int | None:
    """Calls of fdatasync in one run of this program; None where strace is not there."""
    strace = shutil.which("strace")
    if strace is None:
        return None
    trace = work / "trace"
    words = [
        strace,
        "-f",
        "-qq",
        "-e",
        "trace=fdatasync",
        "-o",
        str(trace),
        sys.executable,
        __file__,
        *arguments,
    ]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    return sum("fdatasync(" in line for line in trace.read_text().splitlines())


def only_gated(directory: Path, work: Path, key: SigningKey, count: int, taps: int) -> None:
    gate = Gated(directory, work, key)
    for number in random.Random(7).sample(range(count), taps):
        gate.tap(number)
        gate.open.clear()
    gate.journal.stop(30)


@contextlib.contextmanager
def place(given: Path | None) -> Iterator[Path]:
    if given is not None:
        given.mkdir(parents=True, exist_ok=True)
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="gated-bench-", dir="/var/tmp") as scratch:
        yield Path(scratch)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--entitlements", type=int, default=10_000, metavar="N")
    parser.add_argument("--taps", type=int, default=2000, metavar="N")
    parser.add_argument("--algorithm", choices=tuple(Algorithm), default="EdDSA")
    parser.add_argument("--dir", type=Path, help="keep the built files there")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--part", choices=("measure", "gated"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    with place(arguments.dir) as directory:
        key = build(directory, arguments.entitlements, Algorithm(arguments.algorithm))
        with tempfile.TemporaryDirectory(prefix="run-", dir=directory) as run:
            work = Path(run)
            if arguments.part == "measure":
                print(json.dumps(measure(directory, work, key, arguments.entitlements, arguments.taps)))
            elif arguments.part == "gated":
                only_gated(directory, work, key, arguments.entitlements, arguments.taps)
            else:
                report(arguments, directory, work)


def report(arguments: argparse.Namespace, directory: Path, work: Path) -> None:
    # A process of its own: this one has built the files and is larger than any gate.
    same = [
        "--entitlements",
        str(arguments.entitlements),
        "--algorithm",
        arguments.algorithm,
        "--dir",
        str(directory),
    ]
    words = [sys.executable, __file__, *same, "--taps", str(arguments.taps), "--part", "measure"]
    figures = json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
    few, many = 100, 300
    syncs = [fdatasyncs([*same, "--taps", str(taps), "--part", "gated"], work) for taps in (few, many)]
    known = None not in syncs
    figures["fdatasync_per_entry"] = round((syncs[1] - syncs[0]) / (many - few), 3) if known else None
    figures["entitlements"] = arguments.entitlements
    if arguments.json:
        print(json.dumps(figures))
        return
    for name_of, value in figures.items():
        print(f"{name_of:>20}  {value}")


if __name__ == "__main__":
    main()

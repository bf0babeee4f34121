"""How long a tap takes inside the gate, as a ratio to the least any gate could do, in one run.

    python tests/bench/tap.py --json                         10,000 entitlements, five to a pass
    python tests/bench/tap.py --json --entitlements 1000000  about four minutes, 1 GB of disk
    python tests/bench/tap.py --json --rights 1              one to a pass
    python tests/bench/tap.py --entitlements 1000000 --dir /var/tmp/bench   keeps the files for the next run

gated   TapWay.take: recall from snapshot and delta, open the binding and every candidate, recall how
        often each was used, judge by all rules (hours, limits, re-entry), write the row and the
        reservation durably through the journal's thread. Each right has a history of uses.
bare    one point lookup in a table of as many passes, one verification of the same algorithm on prepared
        bytes for the binding and for each right, one insert in WAL with synchronous=FULL.

Both are called in turn, in blocks, in one process on one core (as systemd/gated.service has it; ADR 0010);
garbage collection is off inside a block, both cache files are in memory, and both logs are past their first
growth. Every statement is distinct and every pass is tapped at most once. Nothing is asserted: figures are
for people. An interpreter that was built without optimisation (not Debian's) makes the gate look slower.
"""

from __future__ import annotations

import argparse
import gc
import hmac
import json
import os
import random
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter_ns
from typing import Any
from zoneinfo import ZoneInfo

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from files import (
    BARE,
    NOW,
    PRODUCTS,
    SECTOR,
    SECTOR_KEY,
    VENUE,
    YEAR_S,
    bare_key,
    build,
    credential,
    place,
    rights_of,
    rss_mb,
)

from gated.daemon.beliefs import Trust
from gated.daemon.knowledge import Knowledge
from gated.daemon.recall import Recall
from gated.daemon.tap import TapWay, Written
from gated.daemon.timekeeper import TimeKeeper
from gated.devices.clock import SystemClock
from gated.model.credential import Proof
from gated.model.decision import Granted
from gated.model.event import Settled, SettledBy, Settlement
from gated.model.statement import Kind
from gated.model.trust import Algorithm, TrustedKey
from gated.model.venue import Lane, Profile
from gated.store.cache import Cache
from gated.store.floors import Floors
from gated.store.journal import Journal
from gated.store.rolling import RollingFloors
from gated.store.uses import UsesReader
from gated.wire.event import Stamp
from gated.wire.seal import SigningKey

BLOCK = 10  # as many releases as a gate of ten lanes has open at once
WARM = 10 * BLOCK
#: SQLite folds a log back after 1000 pages. Until then the log grows, and each flush is dearer.
LOG_PAGES = 1100
#: Days on which a right was used, if not five.
HISTORY = {"season": 60, "off-peak": 40}


class Gated:
    """The gate's own path, with nothing around it."""

    def __init__(self, directory: Path, work: Path, key: SigningKey, rights: int) -> None:
        self.clock = clock = SystemClock()
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
            VENUE,
            SECTOR,
            ZoneInfo("Europe/Paris"),
            1,
            country="FR",
            products=dict(list(PRODUCTS.items())[:rights]),
        )
        self.open: list[int] = []
        self.time = TimeKeeper(clock, Floors(self.journal, work / "floors.json"))
        lane = Lane("in-1")
        self.way = TapWay(
            lane=lane,
            profile=profile,
            recall=Recall(
                lane=lane,
                trust=Trust({key.kid: trusted}, SECTOR_KEY, profile),
                cache=Cache(directory),
                uses=UsesReader(work / "journal.db"),
                exits_counted=False,
                knowledge=Knowledge(clock.monotonic),
            ),
            journal=self.journal,
            time=self.time,
            clock=clock,
            turn=threading.Lock(),
            rolling=RollingFloors(self.journal, work / "rolling.floors"),
        )

    def remember(self, people: list[int], rights: int) -> None:
        """Each right was used before, as rights of its kind are: the season pass most."""
        today = datetime.fromtimestamp(NOW, UTC).date()
        connection = self.journal._file.connection
        connection.execute("BEGIN")
        connection.executemany(
            "INSERT INTO counter (cti, venue, day, taken, keep_until, last_at) VALUES (?, ?, ?, 1, NULL, ?)",
            (
                (cti, VENUE, int(f"{today - timedelta(days=ago):%Y%m%d}"), NOW - ago * 86400)
                for number in people
                for cti, product in rights_of(number, rights)
                for ago in range(1, HISTORY.get(product, 5) + 1)
            ),
        )
        connection.execute("COMMIT")

    def tap(self, number: int) -> None:
        """Everything from a credential to a durable grant."""
        written = self.way.take(Proof(credential(number)), self.clock.monotonic() + 30.0)
        assert isinstance(written, Written)
        assert isinstance(written.decision, Granted)
        assert written.seq
        self.open.append(written.seq)

    def settle(self) -> None:
        """Everybody passed. Not timed: it happens after the barrier moved."""
        for seq in self.open:
            event = Settled("in-1", seq, Settlement.TAKEN, SettledBy.PASSAGE, 1)
            self.journal.append(event, Stamp.of(self.time.read())).wait(30)
        self.open.clear()


class Bare:
    """The least any gate could do."""

    def __init__(self, directory: Path, work: Path, key: SigningKey) -> None:
        self.rights = sqlite3.connect(directory / BARE, isolation_level=None)
        self.rights.execute("PRAGMA cache_size=-2000")
        self.log = sqlite3.connect(work / "bare-log.db", isolation_level=None)
        self.log.execute("PRAGMA journal_mode=WAL")
        self.log.execute("PRAGMA synchronous=FULL")
        self.log.execute("CREATE TABLE log (id INTEGER PRIMARY KEY, body BLOB)")
        self.key = key.private.public_key()
        self.body = random.Random(1).randbytes(400)

    def warm(self) -> None:
        for _ in range(LOG_PAGES):
            self.write()

    def tap(self, number: int) -> None:
        index = hmac.digest(SECTOR_KEY, credential(number).text.encode(), "sha256")
        _, *tokens = self.rights.execute(
            "SELECT * FROM statement WHERE key = ?", (bare_key(index),)
        ).fetchone()
        for token in tokens:
            self.verify(token)
        self.write()

    def write(self) -> None:
        self.log.execute("INSERT INTO log (body) VALUES (?)", (self.body,))

    def verify(self, token: bytes) -> None:
        # The least there is: fixed offsets instead of a parser, no claim is looked at.
        protected, payload_at = token[4 : 4 + token[3]], 4 + token[3] + 1
        long = token[payload_at] == 0x58
        size = token[payload_at + 1] if long else token[payload_at] & 0x1F
        end = payload_at + (2 if long else 1) + size
        signed = b"\x84\x6aSignature1\x58%c%b\x40%b" % (len(protected), protected, token[payload_at:end])
        signature = token[-64:]
        if isinstance(self.key, Ed25519PublicKey):
            self.key.verify(signature, signed)
        else:
            r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
            self.key.verify(encode_dss_signature(r, s), signed, ec.ECDSA(hashes.SHA256()))


def measure(directory: Path, work: Path, key: SigningKey, people: list[int], rights: int) -> dict[str, Any]:
    """Both paths in turn. Everybody comes once to each."""
    for path in directory.glob("*.db"):
        read_once(path)
    gate, bare = Gated(directory, work, key, rights), Bare(directory, work, key)
    gate.remember(people, rights)
    gate.journal.start()
    bare.warm()
    took: dict[str, list[int]] = {"gated": [], "bare": []}
    for first in range(0, len(people), BLOCK):
        for label, tap in (("gated", gate.tap), ("bare", bare.tap)):
            gc.collect()
            gc.disable()
            for number in people[first : first + BLOCK]:
                began = perf_counter_ns()
                tap(number)
                took[label].append(perf_counter_ns() - began)
            gc.enable()
        gate.settle()
    gate.journal.stop(30)
    told = {f"{label}_us": _percentiles(values[WARM:]) for label, values in took.items()}
    return {
        **told,
        "ratio": round(told["gated_us"]["p50"] / told["bare_us"]["p50"], 3),
        "rss_mb": rss_mb(),
    }


def read_once(path: Path) -> None:
    """Let the kernel hold the file: neither path is measured on a cold disk."""
    with path.open("rb") as file:
        while file.read(1 << 20):
            pass


def _percentiles(values: list[int]) -> dict[str, float]:
    ordered = sorted(values)
    return {
        "p50": round(statistics.median(ordered) / 1000, 1),
        "p99": round(ordered[int(len(ordered) * 0.99)] / 1000, 1),
    }


def count_commits(
    directory: Path, work: Path, key: SigningKey, people: list[int], rights: int
) -> dict[str, Any]:
    """The gate's path alone, counted and not timed: counting costs time."""
    gate = Gated(directory, work, key, rights)
    gate.remember(people, rights)
    commits: list[str] = []
    gate.journal._file.connection.set_trace_callback(commits.append)
    gate.journal.start()
    for number in people:
        gate.tap(number)
    gate.journal.stop(30)
    return {"commits": commits.count("COMMIT")}


def fdatasyncs(words: list[str], trace: Path) -> int | None:
    """Calls of fdatasync while ``words`` runs; None where strace is not there."""
    strace = shutil.which("strace")
    if strace is None:
        return None
    traced = [strace, "-f", "-qq", "-e", "trace=fdatasync", "-o", str(trace), *words]
    subprocess.run(traced, check=True, stdout=subprocess.DEVNULL)
    return sum("fdatasync(" in line for line in trace.read_text().splitlines())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--entitlements", type=int, default=10_000, metavar="N")
    parser.add_argument(
        "--rights", type=int, default=5, choices=range(1, len(PRODUCTS) + 1), help="of a pass"
    )
    parser.add_argument("--taps", type=int, default=2000, metavar="N")
    parser.add_argument("--algorithm", choices=tuple(Algorithm), default="EdDSA")
    parser.add_argument("--dir", type=Path, help="keep the built files there")
    parser.add_argument("--any-core", action="store_true", help="let the threads run on any core")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--part", choices=("measure", "count"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    with place(arguments.dir) as directory:
        passes = arguments.entitlements // arguments.rights
        key = build(directory, passes, Algorithm(arguments.algorithm), arguments.rights)
        with tempfile.TemporaryDirectory(prefix="run-", dir=directory) as run:
            if arguments.part is None:
                report(arguments, directory, Path(run))
                return
            if not arguments.any_core:
                os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
            timed = arguments.part == "measure"
            come = min(passes, arguments.taps + WARM * timed)
            people = random.Random(7).sample(range(passes), come)
            part = measure if timed else count_commits
            print(json.dumps(part(directory, Path(run), key, people, arguments.rights)))


def report(arguments: argparse.Namespace, directory: Path, work: Path) -> None:
    # Processes of their own: this one has built the files and is larger than any gate.
    words = [sys.executable, __file__, "--dir", str(directory), "--algorithm", arguments.algorithm]
    words += ["--entitlements", str(arguments.entitlements), "--rights", str(arguments.rights)]
    words += ["--any-core"] * arguments.any_core

    def part(name: str, taps: int) -> list[str]:
        return [*words, "--part", name, "--taps", str(taps)]

    def told(made: list[str]) -> dict[str, Any]:
        return json.loads(subprocess.run(made, check=True, capture_output=True, text=True).stdout)

    few, many = 100, 300
    figures = told(part("measure", arguments.taps))
    commits = [told(part("count", taps))["commits"] for taps in (few, many)]
    syncs = [fdatasyncs(part("count", taps), work / "trace") for taps in (few, many)]
    figures["commits_per_entry"] = (commits[1] - commits[0]) / (many - few)
    known = None not in syncs
    figures["fdatasync_per_entry"] = (syncs[1] - syncs[0]) / (many - few) if known else None
    figures |= {"entitlements": arguments.entitlements, "rights": arguments.rights}
    if arguments.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:>20}  {value}")


if __name__ == "__main__":
    main()

"""How much memory ``gated run`` holds after a day's taps, with a large cache. Promised: 64 MB at a million.

    python tests/bench/memory.py --json                                 10,000 entitlements, 1,000 taps
    python tests/bench/memory.py --json --entitlements 1000000 --dir /var/tmp/bench-memory

The gate is a process of its own with four lanes on virtual readers of a private pcscd; each tap is a whole
PKOC conversation, granted, written and settled. Everybody comes once. Those who come hold statements of
their own, imported by ``gated stick import`` and folded among the built ones, which no medium could prove.
pcscd looks for media every 0.4 s, so 1,000 taps take some three minutes. Nothing is asserted but that
every tap is granted: figures are for people.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1]))  # what all tests share stands one folder up

from files import NOW, SECTOR, SECTOR_KEY, VENUE, YEAR_S, build, place, rss_mb

import pcscd
from gated.central.sign import sign_statement
from gated.credential.index import index_of
from gated.model.statement import Binding, Entitlement
from gated.model.trust import Algorithm
from gated.store.directory import DELTA
from gated.store.snapshot import fold
from gated.wire.seal import SigningKey
from gated.wire.statement_file import frame
from venue import credential_of, medium

PATIENCE_S = 30.0  # far more than any tap takes
_LINE = re.compile(r"INFO lane (\S+): (in_service|granted|refused)")


def set_up(site: Path, built: Path, key: SigningKey, people: int, slots: list[pcscd.Slot]) -> Path:
    """A gate's files: trust, configuration, the built cache with the people's own statements in it."""
    state = site / "state"
    state.mkdir(mode=0o700)
    for file in (built / DELTA, built / f"{DELTA}-wal"):
        if file.exists():
            shutil.copy(file, state)
    for file in built.glob("snapshot-*.db"):
        os.link(file, state / file.name)  # never changes under its name
    signer = {
        "kid": key.kid.hex(), "alg": key.algorithm, "public": key.public.hex(), "sectors": [SECTOR],
        "kinds": ["binding", "entitlement"], "not_before": 0, "expires": NOW + 2 * YEAR_S,
    }  # fmt: skip
    profile = {
        "v": 1, "version": 1, "venue": VENUE, "sector": SECTOR, "timezone": "Europe/Paris",
        "products": [{"id": "swim10", "uses": 10}],
    }  # fmt: skip
    (site / "keys.json").write_text(json.dumps({"v": 1, "keys": [signer]}))
    (site / "profile.json").write_text(json.dumps(profile))
    (site / "sector.key").touch(mode=0o600)
    (site / "sector.key").write_text(SECTOR_KEY.hex())
    lanes = "".join(
        f'[[lane]]\nid = "in-{number}"\nreader = "pcsc:{slot.reader}"\nbarrier = "simulated"\n'
        for number, slot in enumerate(slots)
    )
    config = site / "gate.toml"
    config.write_text(f'[gate]\nid = "bench"\nstate_dir = "state"\n{lanes}')
    statements = site / "people.gated"
    statements.write_bytes(b"".join(map(frame, _tokens(key, people))))
    words = [sys.executable, "-m", "gated", "stick", "import", str(statements), "--config", str(config)]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    fold(state)
    return config


def _tokens(key: SigningKey, people: int) -> Iterator[bytes]:
    for number in range(people):
        drawn = hashlib.sha512(b"person %d" % number).digest()
        index = index_of(credential_of(medium(number)), SECTOR_KEY)
        yield sign_statement(
            key, Binding(SECTOR, drawn[:16], NOW - 60, None, NOW - 60, drawn[16:24], index, 0)
        )
        yield sign_statement(
            key,
            Entitlement(SECTOR, drawn[:16], NOW - 60, NOW + YEAR_S, NOW - 60, drawn[24:32], "swim10", 0),
        )


class RunningGate:
    """``gated run``, followed by its log."""

    def __init__(self, process: subprocess.Popen[str], lanes: int) -> None:
        self._process = process
        self._said: dict[str, queue.SimpleQueue[str]] = {f"in-{n}": queue.SimpleQueue() for n in range(lanes)}
        threading.Thread(target=self._follow, daemon=True).start()

    def _follow(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            match = _LINE.match(line)
            if match is None and not line.startswith("INFO"):
                print(line, end="", file=sys.stderr)
            elif match is not None:
                self._said[match[1]].put(match[2])

    def says(self, lane: str) -> str:
        """The lane's next word. Raises ``queue.Empty``."""
        return self._said[lane].get(timeout=PATIENCE_S)

    def rss_mb(self) -> float:
        return rss_mb(self._process.pid)


@contextmanager
def running(config: Path, lanes: int) -> Iterator[RunningGate]:
    words = [sys.executable, "-m", "gated", "run", "--config", str(config)]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        try:
            gate = RunningGate(process, lanes)
            for lane in range(lanes):
                assert gate.says(f"in-{lane}") == "in_service"
            yield gate
        finally:
            process.send_signal(signal.SIGTERM)
    assert process.returncode == 0


def tap_all(gate: RunningGate, slots: list[pcscd.Slot], taps: int) -> list[str]:
    """Everybody comes once, each lane serving its share beside the others. Returns what they were told."""
    said: list[str] = []

    def serve(lane: int) -> None:
        for number in range(lane, taps, len(slots)):
            slots[lane].insert(medium(number))
            said.append(gate.says(f"in-{lane}"))
            slots[lane].remove()
            print(f"\r{len(said)} of {taps} taps", end="", file=sys.stderr, flush=True)

    with ThreadPoolExecutor(len(slots)) as lanes:
        list(lanes.map(serve, range(len(slots))))
    print(file=sys.stderr)
    return said


def measure(built: Path, site: Path, key: SigningKey, entitlements: int, taps: int) -> dict[str, Any]:
    service = pcscd.Service()
    try:
        service.start()
        config = set_up(site, built, key, taps, service.slots)
        with running(config, len(service.slots)) as gate:
            start = gate.rss_mb()
            said = tap_all(gate, service.slots, taps)
            end = gate.rss_mb()
    finally:
        service.end()
    return {
        "rss_mb": end,
        "rss_start_mb": start,
        "taps": len(said),
        "granted": said.count("granted"),
        "entitlements": entitlements + taps,
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--entitlements", type=int, default=10_000, metavar="N", help="beside one for each tap"
    )
    parser.add_argument("--taps", type=int, default=1000, metavar="N")
    parser.add_argument("--dir", type=Path, help="keep the built files there")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if pcscd.missing():
        sys.exit(pcscd.missing())
    with place(arguments.dir) as built:
        key = build(built, arguments.entitlements, Algorithm.EDDSA)
        with tempfile.TemporaryDirectory(prefix="gate-", dir=built) as site:
            figures = measure(built, Path(site), key, arguments.entitlements, arguments.taps)
    if arguments.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:>20}  {value}")
    sys.exit(figures["granted"] != arguments.taps)


if __name__ == "__main__":
    main()

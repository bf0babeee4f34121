"""The full campaign against every parser that reads bytes of media.

    pip install atheris                                 once: the fuzzer that follows coverage
    python tests/fuzz/run.py --minutes 10               every target, ten minutes each
    python tests/fuzz/run.py --minutes 60 --jobs 4      four at once
    python tests/fuzz/run.py --target ev2 --target sun --json
    python tests/fuzz/run.py --target planted           see a crash: this one has a bug planted in it

Each target has its own process. Without atheris the seeds are mutated blindly: that is said, and finds less.
The input that broke a target is made small and written to tests/fuzz/crashes/. Exit code 0: nothing broke. 3:
a target broke; the last lines say which, and with what.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))  # what all tests share stands one folder up
# Targets are imported in functions: in a target's own process its parsers are to be instrumented first.
#: Whose branches are followed: the parsers, and not what tries them.
SEEN = ["gated.card", "gated.credential", "gated.wire"]
#: Past its time a process that does not end is ended.
GRACE_S = 60
_COUNTED = re.compile(r"stat::number_of_executed_units:\s*(\d+)")
_PULSE = re.compile(r"^#(\d+)\s+(INITED|pulse|DONE)\b.*")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=1, metavar="M", help="of each target; default: 1")
    parser.add_argument("--target", action="append", metavar="NAME", help="one of them; may come again")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="targets at once; default: 1")
    parser.add_argument("--corpus", type=Path, metavar="DIR", help="keep what was learnt there")
    parser.add_argument(
        "--crashes", type=Path, metavar="DIR", default=HERE / "crashes", help="default: %(default)s"
    )
    parser.add_argument("--engine", choices=("atheris", "own"), help="default: atheris where it is installed")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--work", nargs=4, help=argparse.SUPPRESS)  # a target's own process
    parser.add_argument("--shrink", nargs=2, help=argparse.SUPPRESS)  # and a crash's
    arguments = parser.parse_args()
    if arguments.work:
        return work(*arguments.work)
    if arguments.shrink:
        return shrink(*arguments.shrink)
    names = _names(parser, arguments.target)
    engine = arguments.engine or ("atheris" if importlib.util.find_spec("atheris") else "own")
    if engine == "own":
        tell("atheris is not used: the seeds are mutated blindly (pip install atheris finds more)")
    with tempfile.TemporaryDirectory(prefix="gated-fuzz-") as scratch:
        campaign = Campaign(
            engine, arguments.minutes * 60, arguments.corpus or Path(scratch), arguments.crashes
        )
        with ThreadPoolExecutor(arguments.jobs) as pool:
            figures = dict(zip(names, pool.map(campaign.target, names), strict=True))
    show(engine, figures, arguments.json)
    return 3 if any(one["crashes"] for one in figures.values()) else 0


def _names(parser: argparse.ArgumentParser, asked: list[str] | None) -> list[str]:
    from fuzz.targets import ALL, TARGETS

    for name in asked or ():
        if name not in ALL:
            parser.error(f"{name}: no such target, there are {', '.join(ALL)}")
    return asked or list(TARGETS)


def tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def show(engine: str, figures: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print(json.dumps({"engine": engine, "targets": figures}))
        return
    print(f"{'target':12} {'executions':>12} {'seconds':>8} {'exec/s':>8} {'corpus':>7} {'crashes':>8}")
    for name, one in figures.items():
        print(
            f"{name:12} {one['executions']:>12,} {one['seconds']:>8.1f} {one['per_s']:>8,}"
            f" {one['corpus']:>7,} {len(one['crashes']):>8}"
        )
    for name, one in figures.items():
        for crash in one["crashes"]:
            print(f"{name} broke: {crash}")


class Campaign:
    """What all targets of a run share."""

    def __init__(self, engine: str, seconds: float, corpus: Path, crashes: Path) -> None:
        self._engine = engine
        self._seconds = seconds
        self._corpus = corpus
        self._crashes = crashes

    def target(self, name: str) -> dict[str, Any]:
        """One target in a process of its own: its figures."""
        corpus = self._corpus / name
        corpus.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix="gated-fuzz-") as scratch:
            began = time.perf_counter()
            executions, ended, last = self._worked(name, corpus, Path(scratch))
            seconds = time.perf_counter() - began
            crashes = [self._kept(name, path) for path in sorted(Path(scratch).iterdir())]
        if ended and not crashes:
            crashes = [f"no input was kept; the process ended with {ended}: {last}"]
        return {
            "executions": executions,
            "seconds": round(seconds, 1),
            "per_s": round(executions / seconds),
            "corpus": max(len(list(corpus.iterdir())), len(_seeds(name))),
            "crashes": crashes,
        }

    def _worked(self, name: str, corpus: Path, scratch: Path) -> tuple[int, int, str]:
        words = [sys.executable, __file__, "--engine", self._engine]
        words += ["--work", name, str(self._seconds), str(corpus), str(scratch)]
        process = subprocess.Popen(
            words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace"
        )
        assert process.stderr is not None
        executions, last = 0, ""
        tell(f"{name}: begun")
        for line in process.stderr:
            last = line.strip() or last
            if pulse := _PULSE.match(line):
                executions = int(pulse[1])
                tell(f"{name}: {' '.join(line.split())}")
            elif counted := _COUNTED.match(line):
                executions = int(counted[1])
        return executions, process.wait(), last

    def _kept(self, name: str, found: Path) -> str:
        """The crash made small, under its own name."""
        words = [sys.executable, __file__, "--shrink", name, str(found)]
        with suppress(subprocess.TimeoutExpired):  # it stays as large as it is
            subprocess.run(words, check=False, timeout=GRACE_S)
        data = found.read_bytes()
        self._crashes.mkdir(parents=True, exist_ok=True)
        kept = self._crashes / f"{name}-{hashlib.sha256(data).hexdigest()[:8]}"
        kept.write_bytes(data)
        return str(kept)


def _seeds(name: str) -> list[bytes]:
    from fuzz.targets import seeds

    return seeds(name)


# ------------------------------------------------------------------ a target's own process


def work(name: str, seconds: str, corpus: str, crashes: str) -> int:
    return (_atheris if "own" not in sys.argv else _own)(name, float(seconds), corpus, crashes)


def _atheris(name: str, seconds: float, corpus: str, crashes: str) -> int:
    import atheris

    with atheris.instrument_imports(include=SEEN):
        from fuzz.targets import HERE, PLANTED, once
    seeds = HERE / "seeds" / ("tlv" if name in PLANTED else name)
    flags = [f"-max_total_time={max(1, round(seconds))}", f"-artifact_prefix={crashes}{os.sep}"]
    flags += ["-max_len=4096", "-timeout=2", "-rss_limit_mb=512", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], *flags, corpus, str(seeds)], lambda data: once(name, data))
    atheris.Fuzz()
    return 0


def _own(name: str, seconds: float, corpus: str, crashes: str) -> int:
    import random

    from fuzz.hunting import bounded, hunt
    from fuzz.targets import once, seeds

    known = seeds(name) + [path.read_bytes() for path in sorted(Path(corpus).iterdir())]
    with bounded():
        caught = hunt(lambda data: once(name, data), known, random.Random(), _clock(seconds))
    tell(f"stat::number_of_executed_units: {caught.executions}")
    if caught.crash is None:
        return 0
    (Path(crashes) / "crash").write_bytes(caught.crash)
    return 1


def _clock(seconds: float) -> Callable[[int], bool]:
    """Whether to go on, told at each input; a line now and then."""
    began = time.perf_counter()

    def goes_on(executions: int) -> bool:
        if executions and executions & (executions - 1) == 0 and executions >= 4096:
            tell(f"#{executions}\tpulse")
        return time.perf_counter() - began < seconds

    return goes_on


def shrink(name: str, path: str) -> int:
    """Make the crash in a file small, in place."""
    from fuzz.hunting import bounded, broken_by, shrunk
    from fuzz.targets import once

    with bounded():
        data = shrunk(lambda one: once(name, one), Path(path).read_bytes())
        how = broken_by(lambda one: once(name, one), data)
    Path(path).write_bytes(data)
    tell(f"{name}: {how}, with {data[:64].hex()}{'…' if len(data) > 64 else ''}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

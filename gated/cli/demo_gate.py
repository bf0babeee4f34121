"""The demo's gate: a process of its own, so that it can really be killed. Tells each tap as a JSON line."""

from __future__ import annotations

import argparse
import json
import queue
import sys
from itertools import islice
from pathlib import Path
from typing import Any

from gated.app import RunningGate, World
from gated.cli.demo_cast import Visitor, visits
from gated.config.settings import check
from gated.daemon.messages import Told
from gated.devices.simulated.barrier import SimulatedBarrier
from gated.devices.simulated.reader import SimulatedReader
from gated.errors import GatedError
from gated.model.decision import Granted

LANE = "in-1"
_TAP_S = 30.0  # far more than any tap takes: a demo that stands still must end with an error


def run(arguments: argparse.Namespace) -> int:
    """Serve visits ``first`` to ``last`` of the cast, then stop."""
    settings, trust = check(arguments.config)
    told: queue.SimpleQueue[Told] = queue.SimpleQueue()
    reader, barrier = SimulatedReader(), SimulatedBarrier()
    world = World(readers={LANE: reader}, barriers={LANE: barrier}, watch=told.put)
    gate = RunningGate(settings, trust, world)
    _tell({"unsettled": gate.start()})
    for number, visitor in islice(enumerate(visits(arguments.seed)), arguments.first, arguments.last):
        stays = visitor.role == "shy" or number == arguments.stand_at
        barrier.passes = not stays
        reader.present(visitor.medium(arguments.seed))
        try:
            _tell(_line(number, visitor, told.get(timeout=_TAP_S)))
        except queue.Empty:
            raise GatedError(f"visitor {number + 1} was not answered within {_TAP_S:.0f} s") from None
        if number == arguments.stand_at:
            sys.stdin.read()  # somebody stands in the turnstile: here the power goes
        reader.remove()
        gate.tick()
    gate.stop()
    _tell({"rss_mb": _rss_mb()})
    return 0


def _line(number: int, visitor: Visitor, told: Told) -> dict[str, Any]:
    line: dict[str, Any] = {
        "tap": number,
        "role": visitor.role,
        "granted": told.granted,
        "seq": told.seq,
        "ms": round(told.took_s * 1000, 2),
        "judged_ms": round(told.judged_s * 1000, 3),
    }
    if told.refusal is not None:
        line |= {"reason": str(told.refusal.reason), "params": dict(told.refusal.params)}
    if isinstance(told.decision, Granted):
        line["left"] = told.decision.left
    return line


def _tell(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)


def _rss_mb() -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    kilobytes = next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS"))
    return round(int(kilobytes) / 1000, 1)

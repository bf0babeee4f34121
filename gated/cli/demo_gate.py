"""The demo's gate: a process of its own, so that it can really be killed. Tells each tap as a JSON line."""

from __future__ import annotations

import argparse
import json
import queue
import random
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

from gated.app import RunningGate, World
from gated.cli.demo_cast import Visitor, visits
from gated.cli.demo_central import DemoCentral, links
from gated.config.settings import check
from gated.daemon.messages import Told
from gated.devices.simulated.barrier import SimulatedBarrier
from gated.devices.simulated.reader import SimulatedReader
from gated.errors import GatedError
from gated.links.outage import OutageLink
from gated.model.decision import Granted
from gated.store.directory import JOURNAL
from gated.store.outbox import Outbox

LANE = "in-1"
_RECEIPTS_S, _LOOK_S = 30.0, 0.01
#: A part of a second: nobody wants to watch a gate wait.
_JITTER = 0.05
_TAP_S = 30.0  # far more than any tap takes: a demo that stands still must end with an error


def run(arguments: argparse.Namespace) -> int:
    """Serve visits ``first`` to ``last`` of the cast, then stop."""
    settings, trust = check(arguments.config)
    told: queue.SimpleQueue[Told] = queue.SimpleQueue()
    reader, barrier = SimulatedReader(), _Turnstile(arguments.seed, arguments.refuse_to_turn)
    ours, theirs = links(arguments.broker, arguments.tls)
    cable = OutageLink(ours)
    world = World(readers={LANE: reader}, barriers={LANE: barrier}, link=cable, watch=told.put)
    world.jitter = lambda: _JITTER
    central = DemoCentral(arguments.config.parent / "central", theirs)
    gate = RunningGate(settings, trust, world)
    _tell({"unsettled": gate.start()})
    for number, visitor in islice(enumerate(visits(arguments.seed)), arguments.first, arguments.last):
        _pull_or_plug(number, arguments, gate, cable)
        stays = visitor.role == "shy" or number == arguments.stand_at
        barrier.stand(number, stays=stays)
        reader.present(visitor.medium(arguments.seed))
        try:
            _tell(_line(number, visitor, told.get(timeout=_TAP_S)))
        except queue.Empty:
            raise GatedError(f"visitor {number + 1} was not answered within {_TAP_S:.0f} s") from None
        if number == arguments.stand_at:
            sys.stdin.read()  # somebody stands in the turnstile: here the power goes
        reader.remove()
        gate.tick()
    cable.mend()
    _wait_for_receipts(gate, settings.state_dir / JOURNAL)
    gate.stop()
    central.stop()
    _tell({"rss_mb": _rss_mb()})
    return 0


class _Turnstile(SimulatedBarrier):
    """Whether it turns is drawn anew at each release, so that of a party some may stay out."""

    def __init__(self, seed: int, refuses: float) -> None:
        super().__init__()
        self._seed = seed
        self._refuses = refuses
        self._draw = random.Random()  # noqa: S311  # a turnstile, not a key
        self._stays = False

    def stand(self, number: int, *, stays: bool) -> None:
        """The next visitor comes. A power cut before them changes nothing of what will happen."""
        self._draw.seed(f"{self._seed} turnstile {number}")
        self._stays = stays

    def release(self, persons: int) -> None:
        """Let ``persons`` through, if it turns and they go."""
        self.passes = not self._stays and self._draw.random() >= self._refuses
        super().release(persons)


def _pull_or_plug(number: int, arguments: argparse.Namespace, gate: RunningGate, cable: OutageLink) -> None:
    """The network goes away before one visit and comes back before another."""
    if number == arguments.out_from:
        # Only a link that was open can be lost; on a slow machine it may not have come so far.
        _until(lambda: gate.sync is not None and gate.sync.is_up, "the gate found no way to central")
        cable.cut()
        _until(lambda: cable.lost == 1, "the outage was not noticed")
        _tell({"note": "the network is gone", "outages": cable.lost})
    if number == arguments.out_to:
        cable.mend()
        _tell({"note": "the network is back"})


def _wait_for_receipts(gate: RunningGate, journal: Path) -> None:
    with closing(Outbox(journal)) as outbox:
        _until(
            lambda: gate.sync is not None and gate.sync.acknowledged == outbox.newest(),
            "central did not sign for everything",
        )


def _until(reached: Callable[[], bool], trouble: str) -> None:
    pause = threading.Event()
    for _ in range(int(_RECEIPTS_S / _LOOK_S)):
        if reached():
            return
        pause.wait(_LOOK_S)
    raise GatedError(f"{trouble} within {_RECEIPTS_S:.0f} s")


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

"""How long news takes with the link up: sold, denied, used elsewhere; mosquitto with TLS, real processes.

    python tests/bench/latency.py --json           200 of each, about two minutes
    python tests/bench/latency.py --times 20       fewer, for people

sold    from before the right is issued at central to when the gate's cache has it in force
denied  the same of a denial
used    from the passage at gate A to when gate B counts the use

``gated central serve`` is a process of its own, with its SQLite ledger; the two gates are in this one, each
with its own sync thread, journal and link. Each starts when the one before has arrived, at a moment that is
drawn, so that no poll is met at a favourable place. Nothing is asserted: figures are for people.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from city import City, GateBox, end
from gated.app import RunningGate, World
from gated.central.office import Office
from gated.config.settings import check
from gated.daemon.messages import Told
from gated.devices.clock import SystemClock
from gated.devices.simulated.reader import SimulatedReader
from gated.model.statement import DenialState, TargetKind
from mosquitto import running
from turnstile import Turnstile
from venue import NOW, credential_of, medium

PATIENCE_S = 30.0
CLOCK = SystemClock()
PAUSE = threading.Event()
MANY = 100_000


class Gate:
    """A gate in this process, with a medium whose right has uses without end."""

    def __init__(self, box: GateBox) -> None:
        self.reader, self.barrier = SimulatedReader(), Turnstile()
        self.told: list[Told] = []
        world = World(readers={"in-1": self.reader}, barriers={"in-1": self.barrier}, watch=self.told.append)
        settings, trust = check(box.config)
        self.gate = RunningGate(settings, trust, world)
        self.gate.start()

    @property
    def accepted(self) -> int:
        """Statements that came over the link and are in force."""
        return self.gate.sync._downlink.accepted

    @property
    def uses(self) -> int:
        """Number of the newest use record that it counts."""
        return self.gate._knowledge.uses

    def let_in(self, number: int) -> float:
        """A tap that is granted; when somebody went through."""
        before = len(self.told)
        self.reader.present(medium(number))
        wait(lambda: len(self.told) > before)
        self.reader.remove()
        assert self.told[-1].granted, self.told[-1].refusal
        began = CLOCK.monotonic()
        self.barrier.go(1)
        return began


def wait(reached: Callable[[], object]) -> None:
    """Look every millisecond."""
    deadline = CLOCK.monotonic() + PATIENCE_S
    while not reached():
        if CLOCK.monotonic() > deadline:
            raise TimeoutError
        PAUSE.wait(0.001)


def measure(path: Path, times: int) -> dict[str, Any]:
    draw = random.Random(5)
    with ExitStack() as stack:
        broker = stack.enter_context(running(path / "broker", name_is_id=False))
        city = City(path, gates=2, broker=broker)
        office = Office(city.directory, "pools", draw.randbytes)
        stack.callback(office.close)
        central = city.serve("--log", "warning")
        stack.callback(end, central)
        one, other = (Gate(box) for box in city.gates)
        for gate in (one, other):
            stack.callback(gate.gate.stop)
            wait(gate.gate._knowledge.uses_known)
        office.bind("often", credential_of(medium(1)), now=NOW, expires=None)
        office.entitle("often", "season", now=NOW, uses=MANY)
        wait(lambda: one.accepted >= 2 and other.accepted >= 2)

        def sold() -> float:
            before, began = one.accepted, CLOCK.monotonic()
            office.entitle(f"b{draw.random()}", "swim3", now=NOW)
            wait(lambda: one.accepted > before)
            return CLOCK.monotonic() - began

        def denied() -> float:
            before, began = one.accepted, CLOCK.monotonic()
            office.deny(TargetKind.PASS, draw.randbytes(16), DenialState.REVOKED, now=NOW)
            wait(lambda: one.accepted > before)
            return CLOCK.monotonic() - began

        def used() -> float:
            before = other.uses
            began = one.let_in(1)
            wait(lambda: other.uses > before)
            return CLOCK.monotonic() - began

        return {
            "times": times,
            **{each.__name__: repeated(each, times, draw) for each in (sold, denied, used)},
        }


def repeated(each: Callable[[], float], times: int, draw: random.Random) -> dict[str, float]:
    took = []
    for _ in range(times):
        PAUSE.wait(draw.uniform(0.0, 0.3))
        took.append(each())
    took.sort()
    return {
        "p50_s": round(took[len(took) // 2], 4),
        "p99_s": round(took[min(len(took) - 1, int(len(took) * 0.99))], 4),
        "max_s": round(took[-1], 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--times", type=int, default=200, metavar="N", help="of each (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="gated-bench-") as scratch:
        figures = measure(Path(scratch), arguments.times)
    if arguments.json:
        print(json.dumps(figures))
        return
    for name, figure in figures.items():
        print(f"{name:>8}  {figure}")


if __name__ == "__main__":
    main()

"""``gated lane test``: a technician at a lane, with a multimeter."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from gated.cli.common import add_config, add_json, command
from gated.errors import one_line

if TYPE_CHECKING:
    from gated.app.parts import Boards
    from gated.app.trial import Found
    from gated.config.settings import LaneSettings, Settings
    from gated.devices.simulated.barrier import SimulatedBarrier
    from gated.devices.simulated.reader import SimulatedReader
    from gated.ports import Barrier, Reader

_TEST = """\
  sudo systemctl stop gated
  gated lane test in-1              do what it says; exit code 3: a step failed
  gated lane test in-1 --wait 60 --json
"""
_SIGNS = {True: "ok", False: "FAILED", None: "skipped"}


def add(commands: Any) -> None:
    """Add the command."""
    test = command(commands, "test", "try relay, contact, inputs and reader of a lane, step by step", _TEST)
    test.add_argument("lane", metavar="LANE", help="which")
    test.add_argument(
        "--wait",
        type=_seconds,
        default=20.0,
        metavar="S",
        help="how long each step waits for you (default: 20)",
    )
    add_config(test)
    add_json(test, "print one JSON object at the end; what is to be done goes to stderr")
    test.set_defaults(run=run_test)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0.01 <= seconds <= 600:
        raise argparse.ArgumentTypeError("must lie between 0.01 and 600 seconds")
    return seconds


def run_test(arguments: argparse.Namespace) -> int:
    """Walk through the steps."""
    from contextlib import closing

    from gated.app.explaining import lane_of
    from gated.app.parts import Boards
    from gated.cli.asking import settings_of

    settings = settings_of(arguments.config)
    lane = lane_of(settings, arguments.lane)
    with _alone(settings), closing(Boards(settings.lanes)) as boards:
        found = list(_walk(arguments, lane, boards))
    failed = sum(one.ok is False for one in found)
    if arguments.json:
        steps = [
            {"step": one.step, "ok": one.ok, "seen": one.seen, "measure": one.measure or None}
            for one in found
        ]
        print(json.dumps({"lane": arguments.lane, "failed": failed, "steps": steps}))
    else:
        print(f"lane {arguments.lane}: " + (f"{failed} steps failed" if failed else "all is well"))
    return 3 if failed else 0


def _walk(arguments: argparse.Namespace, lane: LaneSettings, boards: Boards) -> Iterator[Found]:
    from gated.app import make_reader
    from gated.app.measuring import Meter
    from gated.app.parts import make_barrier
    from gated.app.trial import Trial
    from gated.devices.clock import SystemClock
    from gated.devices.simulated.barrier import SimulatedBarrier

    clock = SystemClock()
    barrier, reader = make_barrier(lane, boards, clock.monotonic), make_reader(lane.reader)
    if isinstance(barrier, SimulatedBarrier):
        barrier.passes = False
    speaker = _Speaker(barrier, reader, to=sys.stderr if arguments.json else sys.stdout)
    wired = frozenset({"fault", "fire"} if lane.wiring is None else lane.wiring.inputs)
    trial = Trial(
        barrier=barrier,
        reader=reader,
        lines=wired,
        meter=Meter(lane.barrier, lane.wiring, lane.reader),
        console=speaker,
        monotonic=clock.monotonic,
        wait_s=arguments.wait,
    )
    for found in trial.run():
        speaker.tell(found)
        yield found


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """No daemon has the lane, and none gets it meanwhile. Raises ``StoreError``."""
    from gated.errors import StoreError
    from gated.store.directory import LOCK, held

    lock = settings.state_dir / LOCK
    if not lock.exists():  # made here, it would be root's, and keep the daemon out
        yield
        return
    with held(lock) as alone:
        if not alone:
            raise StoreError(
                "the gate runs and has this lane", hint="stop it first: sudo systemctl stop gated"
            )
        yield


class _Speaker:
    """Says what to do and counts down; has hands of its own where there is nothing to take hold of."""

    def __init__(self, barrier: Barrier, reader: Reader, to: Any) -> None:
        from gated.devices.simulated.barrier import SimulatedBarrier
        from gated.devices.simulated.reader import SimulatedReader

        self._to = to
        self._live = to.isatty()
        self._barrier = barrier if isinstance(barrier, SimulatedBarrier) else None
        self._reader = reader if isinstance(reader, SimulatedReader) else None

    def do(self, what: str, act: str) -> None:
        """Tell what to do now."""
        self._say(f"  -> {what}")
        if self._reader is not None:
            _at_reader(self._reader, act)
        if self._barrier is not None:
            _at_barrier(self._barrier, act)

    def count(self, seconds: int) -> None:
        """So many seconds are left."""
        if self._live:
            self._to.write(f"\r     {seconds:>3} s ")
            self._to.flush()

    def tell(self, found: Found) -> None:
        """What a step came to."""
        self._say(f"{_SIGNS[found.ok]:>7}  {found.step}: {one_line(found.seen)}")
        if found.measure:
            self._say(f"         measure: {one_line(found.measure)}")

    def _say(self, line: str) -> None:
        if self._live:
            self._to.write("\r            \r")
        print(line, file=self._to, flush=True)


def _at_reader(reader: SimulatedReader, act: str) -> None:
    from gated.devices.simulated.media import PkocMedium

    if act == "present":
        reader.present(PkocMedium.from_number(b"\x04" + bytes(6), 1))
    elif act == "remove":
        reader.remove()


def _at_barrier(barrier: SimulatedBarrier, act: str) -> None:
    acts = {
        "push": [barrier.push],
        "push twice": [barrier.push, barrier.push],
        "fault": [barrier.jam],
        "end fault": [barrier.free],
        "fire": [barrier.fire],
        "end fire": [barrier.quiet],
    }
    for one in acts.get(act, []):
        one()

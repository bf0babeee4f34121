"""A gate whose lanes live through everything once, in a process that dies at one step of them.

    python lane_process.py CONFIG LOG [N]

A step is a line of the lane's own code that its thread executes. Without N the process counts them and prints
how many there were. Every command to a barrier is appended to LOG as it is given, in one write each: what a
killed process wrote stays written.
"""

from __future__ import annotations

import itertools
import json
import os
import queue
import signal
import sys
import threading
from pathlib import Path

import gated
from gated.app import RunningGate, World
from gated.config.settings import check
from gated.daemon.messages import Ordering
from gated.devices.simulated.barrier import SimulatedBarrier
from gated.devices.simulated.reader import SimulatedReader
from gated.model.order import Operator, Order
from gated.policy.standing import Stage
from venue import medium, until

ALICE, FAMILY = 1, 2
OPERATOR = Operator("Ada", 1000, "drill")
_GATED = Path(gated.__file__).parent
_CODE = ("lane", "walkway", "taps", "tap", "passage", "ordering", "front", "tally")
_THOUGHT = ("lane", "lane_steps", "settle", "standing", "orders")
STEPS = {
    *(str(_GATED / "daemon" / f"{name}.py") for name in _CODE),
    *(str(_GATED / "policy" / f"{name}.py") for name in _THOUGHT),
    str(_GATED / "store" / "ticket.py"),
}


class LoggingBarrier(SimulatedBarrier):
    """Tells each command before it is obeyed, as the wire does."""

    def __init__(self, lane: str, log: int) -> None:
        super().__init__(passes=False)
        self._lane, self._log = lane, log

    def _say(self, what: str) -> None:
        os.write(self._log, f"{self._lane} {what}\n".encode())

    def fire(self) -> None:
        self._say("fire")
        super().fire()

    def release(self, persons: int) -> None:
        self._say("release")
        super().release(persons)

    def hold_open(self) -> None:
        self._say("hold_open")
        super().hold_open()

    def secure(self) -> None:
        self._say("secure")
        super().secure()


class Counter:
    """Counts the lines that the lanes' threads execute of their own code, and dies at one of them."""

    def __init__(self, fatal: int) -> None:
        self._fatal = fatal
        self._next = itertools.count(1).__next__
        self.steps = 0

    def trace(self, frame, event, _argument):
        """As ``sys.settrace`` wants it."""
        if frame.f_code.co_filename not in STEPS:
            return None
        if event == "line":
            self.steps = self._next()
            if self.steps == self._fatal:
                os.kill(os.getpid(), signal.SIGKILL)
        return self.trace


class Drill:
    """Everything that can happen to a lane, one after the other; each waits until the last is over."""

    def __init__(self, gate: RunningGate, readers, barriers, told) -> None:
        self._workers = {one.worker.id: one.worker for one in gate._gate._lanes}
        self._readers, self._barriers, self._told = readers, barriers, told

    def play(self) -> None:
        self._put_right()
        self._tap(ALICE, "in-1", passing=1)
        self._tap(FAMILY, "in-1", passing=1)  # two of three stay out, and get their uses back
        self._tap(ALICE, "in-1", passing=0)
        self._order(Order.OPEN, "in-1")
        self._pass("in-1", 1)
        self._order(Order.FREE_PASSAGE, "in-1")
        self._barriers["in-1"].push()
        self._order(Order.NORMAL, "in-1")
        self._release(ALICE, "in-1")
        self._barriers["in-1"].stick()
        self._wait("in-1", Stage.SHUT)
        self._barriers["in-1"].unstick()
        self._wait("in-1", Stage.READY)
        self._release(FAMILY, "in-1")
        self._barriers["out-1"].fire()
        self._wait("in-1", Stage.FIRE)
        self._barriers["out-1"].quiet()
        self._put_right()
        self._tap(ALICE, "out-1", passing=1)

    def _put_right(self) -> None:
        """A killed drill may have left lanes burning or standing open: a person ends that."""
        for lane, worker in self._workers.items():
            assert until(lambda w=worker: w.standing.stage is not Stage.SHUT)
            if worker.standing.stage is Stage.FIRE:
                assert until(lambda w=worker: not w.standing.alarmed)
                self._order(Order.REARM, lane)
            self._order(Order.NORMAL, lane)
            self._wait(lane, Stage.READY)

    def _release(self, number: int, lane: str) -> None:
        self._readers[lane].present(medium(number))
        answer = self._told.get(timeout=60)
        self._readers[lane].remove()
        assert answer.granted, answer

    def _tap(self, number: int, lane: str, passing: int) -> None:
        self._release(number, lane)
        self._pass(lane, passing)

    def _pass(self, lane: str, passing: int) -> None:
        for _ in range(passing):
            self._barriers[lane].push()
        self._wait(lane, Stage.READY)

    def _order(self, order: Order, lane: str) -> None:
        answers: queue.SimpleQueue = queue.SimpleQueue()
        self._workers[lane].post(Ordering(order, OPERATOR, answers.put))
        assert answers.get(timeout=60).refused is None

    def _wait(self, lane: str, stage: Stage) -> None:
        assert until(lambda: self._workers[lane].standing.stage is stage)


def main() -> None:
    config, log_path, *more = sys.argv[1:]
    settings, trust = check(Path(config))
    log = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    lanes = [lane.lane.id for lane in settings.lanes]
    readers = {lane: SimulatedReader(lane) for lane in lanes}
    barriers = {lane: LoggingBarrier(lane, log) for lane in lanes}
    told: queue.SimpleQueue = queue.SimpleQueue()
    counter = Counter(int(more[0]) if more else 0)
    threading.settrace(counter.trace)
    gate = RunningGate(settings, trust, World(readers=readers, barriers=barriers, watch=told.put))
    print(json.dumps({"unsettled": gate.start()}), flush=True)
    Drill(gate, readers, barriers, told).play()
    assert gate.stop()
    print(json.dumps({"steps": counter.steps}), flush=True)


if __name__ == "__main__":
    main()

"""A gate in a process of its own, to be killed or stalled.

    python gate_process.py load CONFIG LOG [N]  taps as fast as it can, until it is killed: at release N
    python gate_process.py ask CONFIG LOG       reads "LANE NUMBER" lines, answers each tap as JSON
    python gate_process.py steady CONFIG LOG    taps all the time, until stdin ends; then stops in order
    python gate_process.py drain CONFIG LOG     no taps: stops in order when central has every row

Every release is appended to LOG at the very moment the barrier is commanded, as "LANE NUMBER" and in
one write: what a killed process wrote stays written.
"""

from __future__ import annotations

import ctypes
import itertools
import json
import os
import queue
import random
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from gated.app import RunningGate, World
from gated.config.settings import check
from gated.daemon.messages import Told
from gated.devices.simulated.barrier import SimulatedBarrier
from gated.devices.simulated.reader import SimulatedReader
from gated.store.directory import JOURNAL
from gated.store.outbox import Outbox
from venue import medium, until

PEOPLE = 12
_PR_SET_PTRACER = 0x59616D61  # prctl(2): let a tracer that is not our parent attach (Yama)


class LoggingBarrier(SimulatedBarrier):
    def __init__(self, lane: str, log: int, last: Callable[[], bool]) -> None:
        super().__init__()
        self._lane, self._log, self._is_last = lane, log, last
        self.before = -1  # the number of the medium that is presented now
        self._draw = random.Random(lane)

    def release(self, persons: int) -> None:
        os.write(self._log, f"{self._lane} {self.before}\n".encode())
        if self._is_last():  # the first moment at which a row that is not yet durable would be missed
            os.kill(os.getpid(), signal.SIGKILL)
        self.passes = self._draw.random() < 0.8
        super().release(persons)


def steady(lanes, tap) -> None:
    ended = threading.Event()
    people = itertools.cycle(random.Random(os.getpid()).sample(range(PEOPLE), PEOPLE))

    def visits() -> None:
        while not ended.wait(0.02):  # visitors do not come faster, and others need the machine too
            tap(lanes[0], next(people))

    thread = threading.Thread(target=visits)
    thread.start()
    sys.stdin.read()
    ended.set()
    thread.join()


def main() -> None:
    mode, config, log_path, *more = sys.argv[1:]
    settings, trust = check(Path(config))
    log = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    lanes = [lane.lane.id for lane in settings.lanes]
    readers = {lane: SimulatedReader(lane) for lane in lanes}
    fatal, count = int(more[0]) if more else 0, itertools.count(1)
    barriers = {lane: LoggingBarrier(lane, log, lambda: next(count) == fatal) for lane in lanes}
    told: dict[str, queue.SimpleQueue[Told]] = {lane: queue.SimpleQueue() for lane in lanes}
    world = World(readers=readers, barriers=barriers, watch=lambda one: told[one.lane].put(one))
    gate = RunningGate(settings, trust, world)
    print(json.dumps({"unsettled": gate.start()}), flush=True)

    def tap(lane: str, number: int) -> Told:
        barriers[lane].before = number
        readers[lane].present(medium(number))
        answer = told[lane].get(timeout=60)
        readers[lane].remove()
        return answer

    def load(lane: str) -> None:
        for number in itertools.cycle(random.Random(os.getpid()).sample(range(PEOPLE), PEOPLE)):
            tap(lane, number)

    if mode == "drain":
        with closing(Outbox(settings.state_dir / JOURNAL)) as outbox:
            assert until(lambda: gate.sync.acknowledged == outbox.newest(), 60)
        gate.stop()
        return
    if mode == "steady":
        steady(lanes, tap)
        gate.stop()
        return
    if mode == "load":
        threads = [threading.Thread(target=load, args=(lane,)) for lane in lanes]
        for thread in threads:
            thread.start()
        return
    ctypes.CDLL(None).prctl(_PR_SET_PTRACER, ctypes.c_ulong(-1), 0, 0, 0)
    asked = []

    def answer(lane: str, number: int) -> None:
        one = tap(lane, number)
        cause = None if one.refusal is None else {"reason": one.refusal.reason, **one.refusal.params}
        line = {"lane": lane, "granted": one.granted, "refusal": cause, "took_s": one.took_s}
        os.write(1, json.dumps(line).encode() + b"\n")  # one write: print makes two, and lanes answer at once

    for line in sys.stdin:
        lane, number = line.split()
        asked.append(threading.Thread(target=answer, args=(lane, int(number))))
        asked[-1].start()
    for thread in asked:
        thread.join()
    gate.stop()


if __name__ == "__main__":
    main()

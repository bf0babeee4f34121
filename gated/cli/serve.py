"""The main thread of ``gated run``: starts the gate, feeds the watchdog while it lives, stops it."""

from __future__ import annotations

import logging
import signal
import threading
from types import FrameType

from gated.app import RunningGate
from gated.links.notify import ServiceManager

log = logging.getLogger(__name__)

TICK_S = 1.0


def serve(gate: RunningGate, manager: ServiceManager) -> int:
    """Serve until a signal comes or the gate is found dead; returns the exit code."""
    stop = threading.Event()

    def ask_to_stop(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ask_to_stop)
    unsettled = gate.start()
    if unsettled:
        log.warning("%d releases of the last run were left open and are now settled as unknown", unsettled)
    manager.ready()
    log.info("serving")
    trouble = ""
    tick_s = min(TICK_S, manager.beat_s or TICK_S)
    while not stop.wait(tick_s):
        trouble = gate.tick()
        if trouble:
            log.critical("%s: giving up, so that the service manager starts this gate anew", trouble)
            break
        manager.alive()
    manager.stopping()
    if not gate.stop():
        log.critical("the disk did not take the last rows in time")
        return 1
    return 1 if trouble else 0

"""Which threads go first: those of the lanes and the journal, whatever else the daemon does (ADR 0020)."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress

from gated.store.child import LOWEST

#: A lane that has something to do waits so long at most for another thread that holds the interpreter;
#: seconds. Python's own 5 ms are more than a whole tap takes.
_SWITCH_S = 0.0005


def lanes_first() -> None:
    """No thread of this process keeps the interpreter for long."""
    sys.setswitchinterval(_SWITCH_S)


def give_way() -> None:
    """The thread that calls leaves the core to any other, for good.

    Linux ranks threads, not processes (setpriority(2), "C library/kernel differences"). Without it a lane
    that becomes ready on the core of a transfer waits until the scheduler's next tick: 4 ms where that comes
    250 times a second.
    """
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LOWEST)

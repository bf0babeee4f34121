"""A turnstile without metal: people pass, or do not, and its faults come, as ordered."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from gated.errors import BarrierError
from gated.model.barrier import (
    BarrierEvent,
    Cleared,
    Faulted,
    FireAlarm,
    FireQuiet,
    Passed,
    Secured,
    Trouble,
)

log = logging.getLogger(__name__)


class SimulatedBarrier:
    """Every release is counted. While ``passes`` is set, one person passes at each."""

    def __init__(self, *, passes: bool = True) -> None:
        self.passes = passes
        self.refuse_to_turn = False  # nobody passes, though it is released
        self.turns_twice = False  # behind each person that was let through another one slips in
        self._tell: Callable[[BarrierEvent], None] = lambda _event: None
        self._lock = threading.RLock()  # held while telling: what happens is told in its order
        self._broken = False
        self._troubles: dict[Trouble, str] = {}
        self._burns = False
        self._left = 0
        self._securing = False  # shut, and not told yet
        self.held = False
        self._open_again = False  # when its wire is mended
        self.releases = 0

    @property
    def released(self) -> bool:
        """Whether somebody may go through."""
        return self._left > 0

    # -------------------------------------------------------------- what people do

    def push(self) -> None:
        """Somebody pushes the arm. They pass if it is released or held open."""
        with self._lock:
            if self.refuse_to_turn or Trouble.FAULT_INPUT in self._troubles or not (self.held or self._left):
                return
            self._left = max(0, self._left - 1)
            for _ in range(2 if self.turns_twice else 1):
                self._tell(Passed(1))

    def force(self) -> None:
        """Somebody climbs over it, past its contact."""
        with self._lock:
            self._tell(Passed(1))

    # -------------------------------------------------------------- faults to order

    def break_down(self) -> None:
        """From now on it cannot be commanded, and says nothing."""
        self._broken = True

    def repair(self) -> None:
        """It can be commanded again."""
        self._broken = False

    def cut_wire(self) -> None:
        """What commands it does not answer any more."""
        self._broken = True
        self._fault(Trouble.FAULT, "simulated barrier: it does not answer")

    def mend_wire(self) -> None:
        """It answers again, and is shut, or stands open if it is to."""
        with self._lock:
            self._broken, self._left, self.held = False, 0, self._open_again
            self._clear(Trouble.FAULT)

    def jam(self) -> None:
        """It turns no more, and says so."""
        self._fault(Trouble.FAULT_INPUT, "simulated barrier: it is jammed")

    def free(self) -> None:
        """It turns again."""
        self._clear(Trouble.FAULT_INPUT)

    def stick(self) -> None:
        """Its passage contact does not come back."""
        self._fault(Trouble.CONTACT_STUCK, "simulated barrier: its passage contact is stuck")

    def unstick(self) -> None:
        """Its passage contact comes back."""
        self._clear(Trouble.CONTACT_STUCK)

    def fire(self) -> None:
        """The fire input becomes active."""
        with self._lock:
            self._burns = True
        self._tell(FireAlarm())  # without the lock: whoever hears it opens other barriers at once

    def quiet(self) -> None:
        """The fire input is quiet again."""
        with self._lock:
            self._burns = False
        self._tell(FireQuiet())

    # -------------------------------------------------------------- the port

    def start(self, tell: Callable[[BarrierEvent], None], *, held: bool = False) -> None:
        """Begin, shut or held open."""
        with self._lock:
            self._tell = tell
            self.held = self._open_again = held
            for trouble, detail in self._troubles.items():
                tell(Faulted(trouble, detail))
            burns = self._burns
        if burns:
            tell(FireAlarm())  # without the lock, as in ``fire``

    def release(self, persons: int) -> None:
        """Let ``persons`` through."""
        self._obey()
        # The only thing of it that moves where a technician can see it; told before, never after.
        log.info("simulated barrier: released for %d", persons)
        with self._lock:
            self._left = persons
            self._securing = False
            self.releases += persons
            if self.passes:
                self.push()

    def hold_open(self) -> None:
        """Stand open until ``secure``."""
        with self._lock:
            self._open_again = True
            self._obey()
            self.held, self._securing = True, False

    def secure(self) -> None:
        """Shut it."""
        with self._lock:
            self._open_again = False
            self._obey()
            self._left, self.held, self._securing = 0, False, True
            self._settle()

    def stop(self) -> None:
        """Tell nothing more; shut it, unless it is held open."""
        with self._lock:
            self._tell = lambda _event: None
            self._left = 0

    def _obey(self) -> None:
        if self._broken:
            raise BarrierError("the barrier does not answer", hint="check its supply and its cable")

    def _settle(self) -> None:
        """Tell that it is shut, once its contact has come to rest."""
        if self._securing and Trouble.CONTACT_STUCK not in self._troubles:
            self._securing = False
            self._tell(Secured())

    def _fault(self, trouble: Trouble, detail: str) -> None:
        with self._lock:
            if trouble not in self._troubles:
                self._troubles[trouble] = detail
                self._tell(Faulted(trouble, detail))

    def _clear(self, trouble: Trouble) -> None:
        with self._lock:
            if self._troubles.pop(trouble, None) is not None:
                self._tell(Cleared(trouble))
                self._settle()

"""A barrier wired to a board: a release output, a contact that sees people pass, a fault and a fire input.

One thread looks at its inputs every few milliseconds, ends pulses and tells; commands write at once, from the
thread of the lane. All that happens in ``poll``, so tests call it by hand.

A board that does not answer is told once (``Faulted``) and tried for ever. When it answers, everything is
switched off, but for what is to stand open, before ``Cleared`` is told. What the contact did in the meantime
nobody knows, and nobody counts.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from gated.devices.board import Board
from gated.devices.contact import Contact, Edge
from gated.devices.pulse import Pulses
from gated.devices.report import Report
from gated.devices.wiring import Wiring, burns, make_safe
from gated.errors import BarrierError
from gated.model.barrier import (
    BarrierEvent,
    FireAlarm,
    FireQuiet,
    Passed,
    Secured,
    Trouble,
)

log = logging.getLogger(__name__)

#: A board that does not answer is tried this often, in seconds.
RETRY_S = 1.0
#: What stands open is commanded again this often, in seconds.
HOLD_AGAIN_S = 1.0
#: A board that stays away is tried ever less often: each attempt costs others on its line half a second.
MOST_RETRY_S = 4.0
#: Who passes while nobody looks for so long may be unseen: one dead unit on a line costs the others 0.5 s.
BLIND_S = 0.4
_STOP_S = 2.0


class WiredBarrier:
    """Keeps the barrier port over a board that others may use too; closing the board is not its business."""

    def __init__(self, board: Board, wiring: Wiring, monotonic: Callable[[], float], name: str = "") -> None:
        self._board = board
        self._wiring = wiring
        self._monotonic = monotonic
        self._tell: Callable[[BarrierEvent], None] = lambda _event: None
        self._report = Report()
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name=f"barrier {name or board.name}", daemon=True)
        self._contacts = {
            "passage": Contact(wiring.debounce_s, wiring.stuck_s),
            "fault": Contact(wiring.debounce_s, active=False),
            "fire": Contact(wiring.debounce_s, active=False),
        }
        self._lost: BarrierError | None = None
        self._retry_at, self._pause_s = -math.inf, RETRY_S
        self._held, self._self_ending = False, False
        self._pulses = Pulses(wiring.pulse_s)
        self._off_at: float | None = None  # shut since, and not told yet
        self._counting = False  # somebody was let through, and it is not shut yet
        self._looked_at = math.inf
        self._maybe = False  # it burned at the start, by inputs that were not debounced yet
        self._began = self._opened_at = -math.inf

    # -------------------------------------------------------------- the port

    def start(self, tell: Callable[[BarrierEvent], None], *, held: bool = False) -> None:
        """Begin, shut or held open, and look at the inputs from a thread of its own."""
        self.begin(tell, held=held)
        self._thread.start()

    def begin(self, tell: Callable[[BarrierEvent], None], *, held: bool = False) -> None:
        """Begin; who drives ``poll`` by hand needs no thread."""
        self._tell = tell
        with self._lock:
            # A fire that broke out while nobody looked: not shut first. Another lane's may have opened it.
            self._began = self._monotonic()
            self._held = self._held or held
            with suppress(Exception):  # told when it is looked at
                self._maybe = not self._held and burns(self._board, self._wiring)
            self._held = self._held or self._maybe
            self._revive(self._monotonic())
        self._flush()

    def release(self, persons: int) -> None:
        """Let the next one through, by a pulse; or whoever comes until it is shut, by a level.

        A pulse that is asked for while one is running follows it.
        """
        del persons  # it cannot count: its lane shuts it
        with self._lock:
            self._answering()
            self._off_at = None
            if self._held:
                return
            self._counting = True
            if self._wiring.pulse_s == 0:
                self._command("release", active=True)
                return
            self._pulses.ask()
            self._pulse(self._monotonic())

    def hold_open(self) -> None:
        """Stand open until ``secure``."""
        with self._lock:
            self._off_at = None
            self._held = True  # also of one that does not answer now: it comes back open
            self._maybe = self._counting = False  # it stands open for more than a guess, and for everybody
            self._pulses.forget()
            self._answering()
            self._command(self._wiring.opening, active=True)

    def secure(self) -> None:
        """Switch everything off; ``Secured`` follows when the contact has come to rest."""
        with self._lock:
            self._held = False
            self._pulses.forget()
            self._answering()
            with self._commanding():
                make_safe(self._board, self._wiring)
            self._off_at = self._monotonic()
            self._pulses.end(self._off_at)

    def stop(self) -> None:
        """Tell nothing more; shut it, unless it is held open."""
        self._stopping.set()
        if self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join(_STOP_S)
        if self._lock.acquire(timeout=_STOP_S):  # else the board hangs: nobody can shut it
            with suppress(Exception):
                make_safe(self._board, self._wiring, held=self._held)
            self._lock.release()

    # -------------------------------------------------------------- the thread

    def _run(self) -> None:
        while not self._stopping.wait(self._wiring.poll_s):
            try:
                self.poll()
            except Exception:  # a bug must not leave a pulse without an end
                log.exception("barrier on %s: unexpected", self._board.name)

    def poll(self) -> None:
        """End what is due, look at every input once, tell what there is to tell."""
        now = self._monotonic()
        with self._lock:
            if self._lost is not None:
                if now >= self._retry_at:
                    self._revive(now)
            else:
                self._step(now)
        self._flush()

    def _step(self, now: float) -> None:
        try:
            self._pulse(now)
            self._look(now)
            self._hold_again(now)
        except Exception as error:  # noqa: BLE001  # a bug must not leave a lane in service that sees nothing
            self._lose(self._broken(error))
            return
        passage = self._contacts["passage"]
        if passage.stuck(now):
            line = self._line("passage")
            self._report.fault(Trouble.CONTACT_STUCK, f"{line} stays active: does somebody lean on it?")
        if self._off_at is not None and passage.idle_since(self._off_at, now):
            self._off_at = None
            self._counting = False
            self._report.put(Secured())

    def _look(self, now: float) -> None:
        names = self._wiring.inputs
        levels = self._board.read(tuple(names.values()))
        self._doubt()
        for name, on in zip(names, levels, strict=True):
            edge = self._contacts[name].sample(on is not (name in self._wiring.inverted), now)
            match name, edge:
                case "passage", Edge.RISE:
                    self._report.put(Passed(1))
                case "fault", Edge.RISE:
                    self._report.fault(Trouble.FAULT_INPUT, f"{self._line('fault')}: it says it has a fault")
                case "fault", Edge.FALL:
                    self._report.clear(Trouble.FAULT_INPUT)
                case "fire", Edge.RISE:
                    self._report.put(FireAlarm())
                case "fire", Edge.FALL:
                    self._report.put(FireQuiet())
                case _:
                    pass
        if not self._contacts["passage"].active:
            self._report.clear(Trouble.CONTACT_STUCK)

    def _doubt(self) -> None:
        """A release during which nobody looked is not settled by what was seen: told as a passing fault."""
        at = self._monotonic()
        unseen_s, self._looked_at = at - self._looked_at, at
        if self._counting and unseen_s > BLIND_S:
            self._counting = False
            why = f"{self._board.name}: nobody could look at its inputs for {unseen_s:.1f} s"
            self._report.fault(Trouble.FAULT, why)
            self._report.clear(Trouble.FAULT)

    def _pulse(self, now: float) -> None:
        """End the pulse whose time is over, begin the next one that is owed."""
        held = self._held and self._wiring.free is None
        if self._pulses.over(now):
            if held:
                # A module that ends its pulse by itself has just shut what is to stand open.
                self._command("release", active=True)
            elif not self._self_ending:
                self._command("release", active=False)
        if held:
            self._pulses.forget()  # each would be shut again by a module that ends it
        if self._pulses.begins(now):
            self._self_ending = False
            if "release" in self._wiring.inverted:
                self._command("release", active=True)
            else:
                with self._commanding():
                    self._self_ending = self._board.pulse(self._wiring.release)

    def _hold_again(self, now: float) -> None:
        """What stands open is opened again now and then: a module's own timer, or its reboot, may shut it."""
        fire = self._contacts["fire"]
        if self._maybe and (fire.active or fire.idle_since(self._began, now)):
            self._maybe = False
            if not fire.active:  # it was none
                self._held = False
                make_safe(self._board, self._wiring)
        if self._held and now - self._opened_at >= HOLD_AGAIN_S:
            self._opened_at = now
            self._command(self._wiring.opening, active=True)

    def _broken(self, error: Exception) -> BarrierError:
        if isinstance(error, BarrierError):
            return error
        log.error("barrier on %s: unexpected", self._board.name, exc_info=error)
        return BarrierError(f"{self._board.name}: {type(error).__name__}", hint="report what the log says")

    # -------------------------------------------------------------- volts

    def _command(self, name: str, *, active: bool) -> None:
        with self._commanding():
            self._board.write(self._wiring.outputs[name], active is not (name in self._wiring.inverted))

    @contextmanager
    def _commanding(self) -> Iterator[None]:
        try:
            yield
        except BarrierError as error:
            self._lose(error)
            raise

    def _answering(self) -> None:
        if self._lost is not None:
            raise BarrierError(self._lost.message, hint=self._lost.hint)

    def _lose(self, error: BarrierError) -> None:
        """Remember that it cannot be commanded; ``poll`` tells it, and tries again."""
        self._counting = False
        if self._lost is None:
            self._retry_at = -math.inf
            self._report.fault(Trouble.FAULT, str(error))
        self._lost = error

    def _revive(self, now: float) -> None:
        """Make it safe, and only then say that it is back."""
        try:
            make_safe(self._board, self._wiring, held=self._held)
            self._contacts["passage"].forget()
            self._look(now)
        except Exception as error:  # noqa: BLE001  # likewise
            self._lose(self._broken(error))
            self._retry_at = self._monotonic() + self._pause_s
            self._pause_s = min(2 * self._pause_s, MOST_RETRY_S)
            return
        self._pause_s = RETRY_S
        self._lost = None
        self._pulses.forget()
        self._pulses.end(now)
        self._report.clear(Trouble.FAULT)

    # -------------------------------------------------------------- telling

    def _line(self, name: str) -> str:
        return f"{name} ({self._board.name}, input {self._wiring.inputs[name]})"

    def _flush(self) -> None:
        self._report.tell(self._tell, self._stopping.is_set)

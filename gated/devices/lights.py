"""Lamps and a buzzer on a board's outputs.

One thread of its own writes to the board, so that a slow or broken one holds up no lane. A lamp that cannot
be switched is tried again; the others go on meanwhile.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from gated.devices.beat import Beat
from gated.devices.board import Board
from gated.devices.signs import OUTCOMES, SIGNS, Lamp, Rhythm
from gated.errors import one_line
from gated.model.refusal import Refusal
from gated.ports import Signal

log = logging.getLogger(__name__)

#: An output that failed is tried this often, in seconds: each try may hold a bus that a barrier needs.
RETRY_S = 5.0
#: An output is told again what it should be this often, in seconds: a module that was without power is dark.
REFRESH_S = 10.0
_STOP_S = 2.0


@dataclass(frozen=True, slots=True)
class LightLines:
    """Which line of the board is what. Lines are GPIO numbers (BCM), or coils from 0."""

    green: int
    red: int
    amber: int | None = None
    buzzer: int | None = None
    inverted: frozenset[str] = frozenset()  # names of those that are active when off

    @property
    def outputs(self) -> dict[str, int]:
        """The outputs that there are."""
        lines = {"green": self.green, "red": self.red, "amber": self.amber, "buzzer": self.buzzer}
        return {name: line for name, line in lines.items() if line is not None}

    @property
    def inputs(self) -> dict[str, int]:
        """None: lamps listen to nobody."""
        return {}


class Lights:
    """Keeps the indicator port over a board that others may use too; closing the board is not its business.

    ``start`` gives it its thread; who calls ``step`` by hand needs none. Dark until the first signal.
    """

    def __init__(
        self, board: Board, lines: LightLines, monotonic: Callable[[], float], name: str = ""
    ) -> None:
        self._board = board
        self._lines = lines
        self._name = f"lights {name or board.name}"
        self._beat = Beat(self._name, self.step, monotonic)
        self._lock = threading.Lock()  # over what ``show`` leaves for ``step``
        self._signal: Signal | None = None
        self._light = _Playing(None)
        self._sound = _Playing(None)
        self._written: dict[str, bool] = {}
        self._again: dict[str, float] = {}  # when an output is due whatever is to be shown
        self._failed: set[str] = set()
        self._closed = False

    def start(self) -> None:
        """Switch all off, then show what there is to show."""
        self._beat.start()

    def show(self, signal: Signal, refusal: Refusal | None = None, texts: Sequence[str] = ()) -> None:
        """Show a signal until the next one. Returns at once."""
        del refusal, texts  # a lamp says no more than the signal
        sign = SIGNS[signal]
        with self._lock:
            if sign.sound is not None or self._signal not in OUTCOMES:
                self._sound = _Playing(sign.sound)
            self._light = _Playing(sign.light)
            self._signal = signal
        self._beat.wake()

    def step(self, now: float) -> float:
        """Switch what is due at ``now``; returns when something is due next, both in monotonic seconds."""
        with self._lock:
            lit, light_ends = self._light.at(now)
            loud, sound_ends = self._sound.at(now)
            lamps = SIGNS[self._signal].lamps if self._signal is not None else ()
        wanted = {
            name: (loud if name == Lamp.BUZZER else lit and name in lamps) for name in self._lines.outputs
        }
        # Off before on: two colours at once would say neither.
        again = [self._set(name, on=wanted[name], now=now) for name in sorted(wanted, key=wanted.__getitem__)]
        return min(light_ends, sound_ends, *again)

    def close(self) -> None:
        """Show nothing more; all off. Never raises."""
        if not self._closed:
            self._closed = True
            if self._beat.stop(_STOP_S):  # else the board hangs: nobody can switch anything
                darken(self._board, self._lines, but=self._failed)

    def _set(self, name: str, *, on: bool, now: float) -> float:
        again = self._again.get(name, -math.inf)
        if self._closed or (now < again and (name in self._failed or self._written[name] is on)):
            return again
        try:
            self._board.write(self._lines.outputs[name], on is not (name in self._lines.inverted))
        except Exception as error:  # noqa: BLE001  # of whatever driver: the other lamps go on
            self._fail(name, error)
            self._again[name] = now + RETRY_S
        else:
            self._mend(name)
            self._written[name] = on
            self._again[name] = now + REFRESH_S
        return self._again[name]

    def _fail(self, name: str, error: Exception) -> None:
        if not self._failed:
            log.error(
                "%s: %s cannot be switched, the lane goes on: %s", self._name, name, one_line(str(error))
            )
        self._failed.add(name)

    def _mend(self, name: str) -> None:
        if name in self._failed:
            self._failed.remove(name)
            if not self._failed:
                log.info("%s: all can be switched again", self._name)


def darken(board: Board, lines: LightLines, but: Collection[str] = ()) -> None:
    """Switch lamps and buzzer off, ``but`` those that failed before. Never raises."""
    for name, line in lines.outputs.items():
        if name not in but:
            try:
                board.write(line, name in lines.inverted)
            except Exception as error:  # noqa: BLE001  # the others are tried all the same
                log.error("lights: %s cannot be switched off: %s", name, one_line(str(error)))


class _Playing:
    """A rhythm from the first step that plays it: a short beep is heard even if the board was slow."""

    def __init__(self, rhythm: Rhythm | None) -> None:
        self._rhythm = rhythm
        self._began: float | None = None

    def at(self, now: float) -> tuple[bool, float]:
        """Whether it is on, and when that changes, in monotonic seconds; inf = never."""
        if self._rhythm is None:
            return False, math.inf
        if self._began is None:
            self._began = now
        on, ends = self._rhythm.at(round((now - self._began) * 1000))
        return on, math.inf if ends is None else self._began + ends / 1000

"""The twins of the indicator port, each with a way to look at it and to break it."""

from __future__ import annotations

import contextlib
import itertools
import os
import termios
from pathlib import Path

from gpiozero.pins.mock import MockFactory

from barriers import LosablePin
from gated.devices.board import Board
from gated.devices.gpio import GpioBoard
from gated.devices.indicators import Chorus
from gated.devices.lights import LightLines, Lights
from gated.devices.panel import SMALL
from gated.devices.signs import SIGNS, Lamp
from gated.devices.simulated.board import SimulatedBoard
from gated.devices.simulated.clock import SimulatedClock
from gated.devices.simulated.indicator import SimulatedIndicator
from gated.devices.terminal import REST_S, TerminalDisplay
from gated.errors import BarrierError
from gated.ports import Signal
from screen import Screen
from venue import until

TWINS = ("simulated", "lights", "pins", "terminal", "chorus")
LINES = LightLines(green=5, red=6, amber=7, buzzer=8, inverted=frozenset({"red"}))
MARK = b"\x01"  # no display writes it
LOOK_MS = 50  # how often one looks at lamps: all beats are multiples of it


class Outlets(SimulatedBoard):
    """A board of which single outputs break, and which remembers what it was told."""

    def __init__(self) -> None:
        super().__init__("outlets")
        self.writes: list[tuple[int, bool]] = []
        self.broken: set[int] = set()

    def write(self, output: int, on: bool) -> None:
        if output in self.broken:
            raise BarrierError(f"outlets, output {output}: it does not answer", hint="look at its cable")
        super().write(output, on)
        self.writes.append((output, on))


class SimulatedWorld:
    def __init__(self, _tmp_path: Path) -> None:
        self.indicator = SimulatedIndicator()

    def shown(self) -> Signal:
        return self.indicator.signal

    def lose(self) -> None:
        """It cannot break."""

    back = lose
    close = lose


class LightsWorld:
    """Driven by hand: time goes on while one looks."""

    def __init__(self, _tmp_path: Path, lines: LightLines = LINES) -> None:
        self.clock = SimulatedClock(0)
        self.lines = lines
        self.board = self._board()
        self.indicator = Lights(self.board, lines, self.clock.monotonic, "in-1")

    def _board(self) -> Board:
        return Outlets()

    def _on(self, line: int) -> bool:
        return self.board.outputs.get(line, False)

    def active(self) -> frozenset[str]:
        """Which lamps and buzzers are on now, as people see and hear them."""
        return frozenset(
            name
            for name, line in self.lines.outputs.items()
            if self._on(line) is not (name in self.lines.inverted)
        )

    def watch(self, seconds: float) -> list[frozenset[str]]:
        """What is on, look by look."""
        seen = []
        for _ in range(round(seconds * 1000 / LOOK_MS)):
            self.indicator.step(self.clock.monotonic())
            seen.append(self.active())
            self.clock.advance(LOOK_MS / 1000)
        return seen

    def shown(self) -> Signal | None:
        """Which signal the lamps give, told by which are lit and by the lengths of light and dark."""
        seen = [one - {Lamp.BUZZER} for one in self.watch(12.0)]
        lamps, lengths = frozenset().union(*seen), set(runs([bool(one) for one in seen]))
        found = [
            signal
            for signal, sign in SIGNS.items()
            if set(sign.lamps) == lamps
            and {(place % 2 == 0, beat) for place, beat in enumerate(sign.light.beats)} == lengths
        ]
        assert len(found) < 2
        return found[0] if found else None

    def beeps(self, seconds: float) -> list[int]:
        """How long each beep is, in milliseconds."""
        heard = [False, *(Lamp.BUZZER in one for one in self.watch(seconds)), False]
        return [length for on, length in runs(heard) if on]

    def lose(self) -> None:
        self.board.gone = True

    def back(self) -> None:
        self.board.gone = False

    def close(self) -> None:
        self.indicator.close()


class PinsWorld(LightsWorld):
    """gpiozero's mock pins, on a chip that can be lost."""

    def _board(self) -> Board:
        self._factory = MockFactory(pin_class=LosablePin)
        self._factory.lost = False
        return GpioBoard(lambda: self._factory)

    def _on(self, line: int) -> bool:
        pin = self._factory.pin(line)
        return pin.function == "output" and bool(pin._state)

    def lose(self) -> None:
        self._factory.lost = True

    def back(self) -> None:
        self._factory.lost = False

    def close(self) -> None:
        super().close()
        self.board.close()


class TerminalWorld:
    """A real pseudo-terminal. Its path leads to another one after it was unplugged."""

    def __init__(self, tmp_path: Path, columns: int = 20, rows: int = 4, *, colour: bool = True) -> None:
        self.clock = SimulatedClock(0)
        self.size = columns, rows
        self.path = tmp_path / "tty"
        self.back()
        self.indicator = TerminalDisplay(str(self.path), self.clock.monotonic, colour=colour)

    def back(self) -> None:
        self.path.unlink(missing_ok=True)
        self.ours, self.other = os.openpty()  # ``other`` = another program's, that holds it open
        for one in (self.ours, self.other):
            os.set_blocking(one, False)
        columns, rows = self.size
        termios.tcsetwinsize(self.ours, (rows, columns))
        self.screen = Screen(columns, rows)
        self._marks = 0
        self.path.symlink_to(os.ttyname(self.other))

    def lose(self) -> None:
        os.close(self.ours)
        os.close(self.other)
        self.ours = self.other = -1

    def resize(self, columns: int, rows: int) -> None:
        termios.tcsetwinsize(self.ours, (rows, columns))
        self.look()
        self.screen = Screen(columns, rows)

    def step(self, seconds: float = 0.0) -> float:
        """Let time pass, draw all of it, look. Returns when it wants to draw next, from now."""
        self.clock.advance(seconds)
        while (due := self.draw()) == REST_S:
            self._take()
            self.clock.advance(REST_S)
        self.look()
        return due

    def draw(self) -> float:
        """Draw, and let it lie there. Returns when it wants to draw next, from now."""
        now = self.clock.monotonic()
        return round(self.indicator.step(now) - now, 6)

    def look(self) -> None:
        """Take all that was written until now: behind it we write a mark that nobody else does."""
        if self.ours >= 0:
            self._take()
            os.write(self.other, MARK)
            self._marks += 1
            assert until(lambda: self._take() == 0)

    def _take(self) -> int:
        """Take what is there. Returns how many marks are still to come."""
        with contextlib.suppress(BlockingIOError):
            raw = os.read(self.ours, 65536)
            self._marks = max(0, self._marks - raw.count(MARK))
            self.screen.feed(raw.replace(MARK, b"").replace(b"\x00", b""))
        return self._marks

    def shown(self) -> Signal | None:
        self.step(10.0)
        rows = [row.strip() for row in self.screen.rows]
        found = [signal for signal, symbol in SMALL.items() if symbol in rows]
        return found[0] if found else None

    def close(self) -> None:
        self.indicator.close()
        if self.ours >= 0:
            self.lose()


class Raising:
    """Breaks the contract."""

    def show(self, signal, refusal=None, texts=()) -> None:
        raise OSError("no such lamp")

    def close(self) -> None:
        raise OSError("no such lamp")


class ChorusWorld:
    """All of them, and one that raises before them."""

    def __init__(self, tmp_path: Path) -> None:
        self.members = (SimulatedWorld(tmp_path), LightsWorld(tmp_path), TerminalWorld(tmp_path))
        self.indicator = Chorus(Raising(), *(member.indicator for member in self.members))

    def shown(self) -> Signal | None:
        signals = {member.shown() for member in self.members}
        return signals.pop() if len(signals) == 1 else None

    def lose(self) -> None:
        for member in self.members:
            member.lose()

    def back(self) -> None:
        for member in self.members:
            member.back()

    def close(self) -> None:
        self.indicator.close()
        for member in self.members:
            member.close()


def world(name: str, tmp_path: Path):
    made = {
        "simulated": SimulatedWorld,
        "lights": LightsWorld,
        "pins": PinsWorld,
        "terminal": TerminalWorld,
        "chorus": ChorusWorld,
    }
    return made[name](tmp_path)


def runs(levels: list[bool]) -> list[tuple[bool, int]]:
    """Level and milliseconds of each run that was seen from its beginning to its end."""
    edges = [place for place in range(1, len(levels)) if levels[place] is not levels[place - 1]]
    return [(levels[begin], (end - begin) * LOOK_MS) for begin, end in itertools.pairwise(edges)]

"""A display that is a terminal: a small screen on /dev/tty1 at the gate, or any other terminal.

Its commands are those of ECMA-48 which the Linux console and all others know; nothing is read from it. Writes
never wait: what a terminal does not take at once (a slow line, one held with Ctrl-S) it is given later.
"""

from __future__ import annotations

import logging
import math
import os
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from gated.devices.beat import Beat
from gated.devices.panel import COLUMNS, ROWS, Page, Row, pages
from gated.errors import one_line
from gated.model.refusal import Refusal
from gated.ports import Signal

log = logging.getLogger(__name__)

#: How long a page stands where there are several, in seconds: two of them within a refusal (``REFUSAL_S``).
TURN_S = 2.5
#: Drawn again this often, in seconds: others write on terminals too, and windows change their size.
REFRESH_S = 5.0
#: One that was lost, or takes nothing for so long, is told of and tried this often, in seconds.
RETRY_S = 1.0
#: The rest of what it has no room for follows after this, in seconds.
REST_S = 0.05
_STOP_S = 2.0

#: Graphic renditions (ECMA-48, 8.3.117). Bold black is grey on a Linux console: only white is bold.
_COLOURS: Mapping[Signal, str] = {
    Signal.READY: "1;37;44",  # white on blue
    Signal.GRANTED: "30;42",  # black on green
    Signal.LOOK: "30;42",
    Signal.REFUSED: "1;37;41",  # white on red
    Signal.OUT_OF_SERVICE: "1;37;41",
    Signal.FREE: "30;42",
    Signal.FIRE: "30;43",  # black on yellow
    Signal.ALARM: "1;37;41",
}
_PLAIN = "1"
_RUN = re.compile("#+| +")
#: No blank screen after a while (console_codes(4)), nothing left of what stood there.
_BEGIN = "\x1b[0m\x1b[9;0]\x1b[14;0]\x1b[2J"
_END = "\x1b[0m\x1b[2J\x1b[1;1H\x1b[?25h"


class TerminalDisplay:
    """Keeps the indicator port on a terminal, which it opens and, after a loss, opens again.

    ``start`` gives it its thread; who calls ``step`` by hand needs none.

    Args:
        path: of the terminal's device.
        colour: False = words and symbol alone, as NO_COLOR asks for.

    """

    def __init__(self, path: str, monotonic: Callable[[], float], *, colour: bool = True) -> None:
        self._path = path
        self._colour = colour
        self._beat = Beat(f"display {path}", self.step, monotonic)
        self._lock = threading.Lock()  # over what ``show`` leaves for ``step``
        self._shown: tuple[Signal, tuple[str, ...]] | None = None
        self._began: float | None = None  # when the first page of it was drawn
        self._terminal: int | None = None
        self._drawn: object = None  # what stands there, or will as soon as the rest is taken
        self._refresh = math.inf
        self._rest = b""
        self._held: float | None = None  # since when it takes nothing
        self._lost = False
        self._closed = False

    def start(self) -> None:
        """Open it and draw what there is to show."""
        self._beat.start()

    def show(self, signal: Signal, refusal: Refusal | None = None, texts: Sequence[str] = ()) -> None:
        """Show a signal until the next one. Returns at once."""
        del refusal  # its parameters are for staff; the texts say what a visitor may read
        with self._lock:
            self._shown, self._began = (signal, tuple(texts)), None
        self._beat.wake()

    def step(self, now: float) -> float:
        """Draw; returns when to draw next, both in monotonic seconds."""
        with self._lock:
            shown = self._shown
            began = self._began = now if self._began is None else self._began
        if shown is None or self._closed:
            return math.inf
        try:
            return self._draw(*shown, now, began)
        except OSError as error:
            self._lose(error.strerror or str(error))
            self._leave()
            return now + RETRY_S

    def close(self) -> None:
        """Show nothing more, leave the terminal empty. Never raises."""
        self._closed = True
        if self._beat.stop(_STOP_S) and self._terminal is not None:
            with suppress(OSError):
                os.write(self._terminal, _END.encode())
            self._leave()

    def _draw(self, signal: Signal, texts: tuple[str, ...], now: float, began: float) -> float:
        size = os.get_terminal_size(self._open())
        columns, rows = size.columns or COLUMNS, size.lines or ROWS  # a serial line knows no size
        turns = pages(signal, texts, columns, rows)
        turn = int((now - began) / TURN_S)
        # What was begun is ended first: half a command would take the next one along.
        if not self._gave_all(now):
            return self._later(now)
        wanted = signal, texts, began, turn if len(turns) > 1 else 0, columns, rows
        if wanted != self._drawn or now >= self._refresh:
            begin = _BEGIN if self._drawn is None else ""
            frame = self._frame(signal, turns[turn % len(turns)], columns)
            self._drawn, self._refresh, self._rest = wanted, now + REFRESH_S, (begin + frame).encode()
            if not self._gave_all(now):
                return self._later(now)
        return self._refresh if len(turns) == 1 else min(self._refresh, began + (turn + 1) * TURN_S)

    def _frame(self, signal: Signal, page: Page, columns: int) -> str:
        style = _COLOURS[signal] if self._colour else _PLAIN
        rows = "".join(_painted(row, place, columns) for place, row in enumerate(page, start=1))
        return f"\x1b[?25l\x1b[0;{style}m{rows}"  # no cursor

    def _gave_all(self, now: float) -> bool:
        """Whether it took all that it was to take."""
        while self._rest:
            try:
                taken = os.write(self._open(), self._rest)
            except BlockingIOError:
                self._held = now if self._held is None else self._held
                if now - self._held >= RETRY_S:
                    self._lose("it takes nothing")
                return False
            self._rest, self._held = self._rest[taken:], None
        if self._lost and self._drawn is not None:
            self._lost = False
            log.info("display %s: shows again", self._path)
        return True

    def _later(self, now: float) -> float:
        return now + (RETRY_S if self._lost else REST_S)

    def _open(self) -> int:
        if self._terminal is None:
            terminal = os.open(self._path, os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
            if not os.isatty(terminal):
                os.close(terminal)
                raise OSError("it is no terminal")
            self._terminal = terminal
        return self._terminal

    def _lose(self, why: str) -> None:
        if not self._lost:
            log.error(
                "display %s: nothing can be shown, the lane goes on: %s; check its cable, and that the daemon"
                " may write to it",
                self._path,
                one_line(why),
            )
        self._lost = True

    def _leave(self) -> None:
        terminal, self._terminal = self._terminal, None
        self._drawn, self._rest, self._held = None, b"", None
        if terminal is not None:
            with suppress(OSError):
                os.close(terminal)


def _painted(row: Row, place: int, columns: int) -> str:
    # Erased first, in the colour: to erase after the last column would take the last character away.
    erased = f"\x1b[{place};1H\x1b[K"
    if not row.text:
        return erased
    text = _RUN.sub(_run, row.text) if row.drawn else row.text
    return f"{erased}\x1b[{place};{(columns - len(row.text)) // 2 + 1}H{text}"


def _run(match: re.Match[str]) -> str:
    """A gap is passed over; light is reversed blanks, which no font lacks."""
    run = match[0]
    return f"\x1b[{len(run)}C" if run[0] == " " else f"\x1b[7m{' ' * len(run)}\x1b[27m"

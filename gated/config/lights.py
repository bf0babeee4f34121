"""What a lane shows people with: lamps and a buzzer on a board, a display."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gated.config.driver import Driver
from gated.config.wiring import MAX_LINE, barrier_driver
from gated.devices.gpio import FIRST_LINE, LAST_LINE
from gated.devices.lights import LightLines
from gated.model.document import DocumentError, Table

_TERMINAL = "terminal:"


@dataclass(frozen=True, slots=True)
class LightSettings:
    """Lamps and a buzzer, and the board that they are on."""

    board: Driver  # gpio or modbus
    lines: LightLines


def read_lights(lane: Table, barrier: Driver) -> LightSettings | None:
    """Read ``[lane.lights]``, by default on the board of the barrier; None where there are none.

    Those of a simulated board are checked, and not used. Raises ``DocumentError``.
    """
    if not lane.has("lights"):
        return None
    table = lane.table("lights")
    board = table.checked("board", barrier_driver, barrier)
    least, most = (FIRST_LINE, LAST_LINE) if board.name == "gpio" else (0, MAX_LINE)
    lines = LightLines(
        green=table.whole("green", least=least, most=most),
        red=table.whole("red", least=least, most=most),
        amber=table.whole_or_none("amber", least=least, most=most),
        buzzer=table.whole_or_none("buzzer", least=least, most=most),
        inverted=frozenset(table.texts_or_none("inverted") or ()),
    )
    table.done()
    for name in lines.inverted - lines.outputs.keys():
        raise DocumentError(table.path("inverted"), f"{name!r} is no line of these lights")
    return None if board.name == "simulated" else LightSettings(board, lines)


def read_display(lane: Table) -> str:
    """Read ``lane.display``: the path of a terminal; empty = none. Raises ``DocumentError``."""
    return lane.checked("display", _terminal) if lane.has("display") else ""


def _terminal(text: str) -> str:
    path = text.removeprefix(_TERMINAL)
    if not text.startswith(f"{_TERMINAL}/dev/") or ".." in path:
        raise ValueError('must be "terminal:/dev/…", such as "terminal:/dev/tty1"')
    return path


def check_displays(paths: Iterable[str]) -> None:
    """Refuse one display for two lanes. Raises ``DocumentError``."""
    named = [path for path in paths if path]
    if len(set(named)) < len(named):
        raise DocumentError("lane", "two lanes have one display: each needs its own")

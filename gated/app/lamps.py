"""What a lane shows people with, as its configuration names it."""

from __future__ import annotations

import os
from collections.abc import Callable

from gated.app.parts import Boards
from gated.config.settings import LaneSettings
from gated.devices.indicators import Chorus
from gated.devices.lights import Lights
from gated.devices.terminal import TerminalDisplay
from gated.ports import Indicator


def make_indicator(lane: LaneSettings, boards: Boards, monotonic: Callable[[], float]) -> Chorus:
    """The lamps, the buzzer and the display of a lane, running: close it before the boards."""
    shown: list[Indicator] = []
    if lane.lights is not None:
        lights = Lights(boards.board(lane.lights.board), lane.lights.lines, monotonic, lane.lane.id)
        lights.start()
        shown.append(lights)
    if lane.display:
        # By the convention of NO_COLOR: present and not empty.
        display = TerminalDisplay(lane.display, monotonic, colour=not os.environ.get("NO_COLOR"))
        display.start()
        shown.append(display)
    return Chorus(*shown)

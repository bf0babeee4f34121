"""Numbered outputs and inputs of one piece of hardware, shared by barriers (and lamps) of several lanes.

An output that is *on* has its relay pulled in: GPIO drives it high, a Modbus module sets its coil. An input
that is *on* has its contact closed: GPIO is tied to ground, a Modbus module sees a voltage. Whether on means
active is a matter of who wired it (``Wiring.inverted``), not of the board.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


class Board(Protocol):
    """Any thread may use it; each call is one whole exchange with the hardware.

    It opens its hardware when it is first used, and again after a failure: nobody reconnects it. Every
    failure is a ``BarrierError`` that names board and line, and may have moved the output all the same.
    """

    @property
    def name(self) -> str:
        """For people: ``gpio``, or a Modbus address with its unit."""

    def read(self, inputs: Sequence[int]) -> tuple[bool, ...]:
        """Which of the inputs are on, in their order, all sampled at once where the hardware can."""

    def write(self, output: int, on: bool) -> None:  # noqa: FBT001  # a level is what it is
        """Set an output. Its first level is the one that it gets here: it has no other before."""

    def pulse(self, output: int) -> bool:
        """Switch an output on. True = the hardware switches it off again, whatever becomes of us."""

    def close(self) -> None:
        """Give the hardware back; outputs keep their level where the hardware can. Never raises."""


@dataclass(frozen=True, slots=True)
class Flash:
    """How to tell a Modbus module to switch an output on for a while, by itself.

    A coil (function 5) takes a raw duration in place of on or off, as Waveshare's modules have it: coil
    0x0200 + relay, in units of 0.1 s. A holding register (function 6) takes what the module's manual says,
    such as 0x0600 + seconds in register 1 + relay.
    """

    address: int  # 0 to 65535, as it stands in the frame
    value: int  # 0 to 65535
    coil: bool = False

"""The devices that a configuration names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from gated.config.driver import Driver
from gated.devices.board import Board
from gated.devices.gpio import GpioBoard
from gated.devices.modbus import ModbusBoard, ModbusLine, ModbusPlace, modbus_place
from gated.devices.simulated.barrier import SimulatedBarrier
from gated.devices.wired import WiredBarrier
from gated.devices.wiring import Wiring, make_safe
from gated.ports import Barrier

if TYPE_CHECKING:
    from gated.config.settings import LaneSettings


class OnBoard(Protocol):
    """What of a lane's settings says where its barrier is."""

    @property
    def barrier(self) -> Driver:
        """By driver and place."""

    @property
    def wiring(self) -> Wiring | None:
        """Its lines; None = it has none."""


class Boards:
    """The boards of a gate, each made once, whoever shares it. Nothing is opened before it is used."""

    def __init__(self, lanes: Sequence[OnBoard]) -> None:
        self._lanes = lanes
        self._boards: dict[Driver, Board] = {}
        self._lines: dict[ModbusPlace, ModbusLine] = {}

    def board(self, driver: Driver) -> Board:
        """The board that a driver names, ``gpio`` or ``modbus``."""
        if driver.name == "gpio":
            return self._boards.setdefault(driver, GpioBoard())
        place, unit = modbus_place(driver.target)
        driver = Driver("modbus", f"{place} {unit}")  # the same place, however it was spelt
        if driver not in self._boards:
            line = self._lines.setdefault(place, ModbusLine(place))
            flashes = {
                lane.wiring.release: lane.wiring.flash
                for lane in self._lanes
                if lane.wiring is not None and lane.wiring.flash is not None
                if modbus_place(lane.barrier.target) == (place, unit)
            }
            self._boards[driver] = ModbusBoard(line, unit, flashes)
        return self._boards[driver]

    def close(self) -> None:
        """Give all hardware back. Outputs stay as they are: barriers are stopped before."""
        for board in self._boards.values():
            board.close()


def make_barrier(lane: LaneSettings, boards: Boards, monotonic: Callable[[], float]) -> Barrier:
    """The barrier of a lane, not started."""
    if lane.wiring is None:
        return SimulatedBarrier()
    return WiredBarrier(boards.board(lane.barrier), lane.wiring, monotonic, lane.lane.id)


def make_lane_safe(lane: OnBoard, boards: Boards, *, held: bool) -> None:
    """Shut a lane whose daemon is gone, or hold it open while a fire stands. Raises ``BarrierError``."""
    if lane.wiring is not None:
        make_safe(boards.board(lane.barrier), lane.wiring, held=held)

"""The twins of the barrier port, with what people and the world can do to each, under the same names."""

from __future__ import annotations

from contextlib import contextmanager

from gpiozero.pins.mock import MockFactory, MockPin

from gated.config.driver import Driver
from gated.devices.board import Flash
from gated.devices.gpio import GpioBoard
from gated.devices.modbus import ModbusBoard, ModbusLine, modbus_place
from gated.devices.simulated.barrier import SimulatedBarrier
from gated.devices.simulated.clock import SimulatedClock
from gated.devices.wired import WiredBarrier
from gated.devices.wiring import Wiring
from modbus_module import FLASH_COIL, FLASH_REGISTER, RtuModule, TcpModule
from turnstile_model import FAULT, FIRE, FREE, PASSAGE, RELEASE, TurnstileModel

#: For ``@pytest.fixture(params=…)``.
WIRED = ("gpio", "modbus-tcp", "modbus-rtu")
TWINS = ("simulated", *WIRED)
POLL_S = 0.02
PULSE_S = 1.0
FLASHES = {
    "coil": Flash(FLASH_COIL + RELEASE, 10, coil=True),
    "register": Flash(FLASH_REGISTER + RELEASE, 0x0601),
}


def wiring(**more) -> Wiring:
    usual = {"release": RELEASE, "passage": PASSAGE, "fault": FAULT, "fire": FIRE, "debounce_s": 0.04}
    return Wiring(**usual | {"poll_s": POLL_S} | more)


class SimulatedWorld:
    """The simulated barrier: its faults are its own."""

    def __init__(self) -> None:
        self.barrier = SimulatedBarrier(passes=False)
        self.told: list[object] = []
        self.push, self.stick, self.unstick = self.barrier.push, self.barrier.stick, self.barrier.unstick
        self.jam, self.free = self.barrier.jam, self.barrier.free
        self.fire, self.quiet = self.barrier.fire, self.barrier.quiet
        self.lose, self.back = self.barrier.cut_wire, self.barrier.mend_wire

    def begin(self) -> None:
        self.barrier.start(self.told.append)

    def go_on(self, seconds: float) -> None:
        """Nothing in it takes time."""

    @property
    def open(self) -> bool:
        return self.barrier.released or self.barrier.held

    def end(self) -> None:
        self.barrier.stop()


class WiredWorld:
    """A turnstile on a board, polled by hand while time is let pass."""

    def __init__(self, wired: Wiring) -> None:
        self.clock = SimulatedClock(0)
        self.model = TurnstileModel(self.clock.monotonic)
        self.told: list[object] = []
        self.board = self._board(wired)
        self.barrier = WiredBarrier(self.board, wired, self.clock.monotonic, "in-1")

    def begin(self) -> None:
        self.barrier.begin(self.told.append)

    def go_on(self, seconds: float) -> None:
        """Let time pass, in steps of a poll."""
        until = self.clock.monotonic() + seconds
        while self.clock.monotonic() < until:
            self.alone(POLL_S)
            self.barrier.poll()

    def alone(self, seconds: float) -> None:
        """Let time pass while our process is dead: the hardware goes on."""
        self.clock.advance(seconds)
        self.model.move()
        self.carry()

    def carry(self) -> None:
        """Bring levels from the model to the board's inputs and back, where nobody else does."""

    @property
    def open(self) -> bool:
        self.carry()
        return self.model.open

    def push(self) -> None:
        self.carry()
        self.model.push()

    def stick(self) -> None:
        self.model.leant_on = True

    def unstick(self) -> None:
        self.model.leant_on = False
        self.model.inputs[PASSAGE] = False

    def _input(self, line: int, on: bool) -> None:
        self.model.inputs[line] = on

    def jam(self) -> None:
        self._input(FAULT, True)

    def free(self) -> None:
        self._input(FAULT, False)

    def fire(self) -> None:
        self._input(FIRE, True)

    def quiet(self) -> None:
        self._input(FIRE, False)

    def end(self) -> None:
        self.barrier.stop()
        self.board.close()


class GpioWorld(WiredWorld):
    """gpiozero's own mock pins, on a chip that can be lost."""

    def _board(self, wired: Wiring) -> GpioBoard:
        self.wired = wired
        self.factory = MockFactory(pin_class=LosablePin)
        self.factory.lost = False
        return GpioBoard(lambda: self.factory)

    def carry(self) -> None:
        if self.factory.lost:
            return  # a relay keeps its level
        for line, on in self.model.inputs.items():
            pin = self.factory.pin(line)
            if pin.function == "input":
                (pin.drive_low if on else pin.drive_high)()
        for line in self.wired.outputs.values():
            pin = self.factory.pin(line)
            on = pin.function == "output" and bool(pin.state)
            if on is not self.model.outputs.get(line, False):
                self.model.write(line, on)

    def lose(self) -> None:
        self.factory.lost = True

    def back(self) -> None:
        self.factory.lost = False


class LosablePin(MockPin):
    def _get_state(self):
        self._reach()
        return super()._get_state()

    def _set_state(self, value):
        self._reach()
        super()._set_state(value)

    def _reach(self):
        if self.factory.lost:
            raise OSError(19, "No such device", "/dev/gpiochip0")


class ModbusWorld(WiredWorld):
    """pymodbus's own server."""

    def _board(self, wired: Wiring) -> ModbusBoard:
        self.module = self._module().start()
        place, unit = modbus_place(self.module.target)
        flashes = {} if wired.flash is None else {wired.release: wired.flash}
        return ModbusBoard(ModbusLine(place), unit, flashes)

    def _module(self):
        return TcpModule(self.model)

    @property
    def driver(self) -> Driver:
        return Driver("modbus", self.module.target)

    def lose(self) -> None:
        self.module.stop()

    def back(self) -> None:
        self.module.start()

    def end(self) -> None:
        super().end()
        self.module.stop()


class RtuWorld(ModbusWorld):
    def __init__(self, wired: Wiring, path) -> None:
        self._path = path
        super().__init__(wired)

    def _module(self):
        return RtuModule(self.model, self._path)


@contextmanager
def world(twin: str, path, *, begin: bool = True, **more):
    """A twin that was begun, on a wiring of its own."""
    made = {
        "simulated": SimulatedWorld,
        "gpio": lambda: GpioWorld(wiring(**more)),
        "modbus-tcp": lambda: ModbusWorld(wiring(**more)),
        "modbus-rtu": lambda: RtuWorld(wiring(**more), path),
    }[twin]()
    try:
        if begin:
            made.begin()
        yield made
    finally:
        made.end()


__all__ = ["FLASHES", "FREE", "PULSE_S", "TWINS", "WIRED", "wiring", "world"]

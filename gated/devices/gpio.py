"""The pins of a Raspberry Pi, through gpiozero.

Two habits of gpiozero's pins on lgpio are mended here, because a relay hangs on them. An output is first
claimed low, then set: a relay that pulls in at a low level clicks. And a pin that is closed becomes an input
without a pull resistor: that lets go of a barrier which a fire holds open.
"""

from __future__ import annotations

import os
import tempfile
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from gated.errors import BarrierError

#: BCM numbers on the 40-pin header; 0 and 1 belong to the EEPROM of an add-on board.
FIRST_LINE, LAST_LINE = 2, 27


class GpioBoard:
    """Outputs drive their pin high when on; inputs have a pull-up, and are on when tied to ground.

    Args:
        factory: makes the pins, once and again after a failure.

    """

    name = "gpio"

    def __init__(self, factory: Callable[[], Any] | None = None) -> None:
        self._make = factory or pi_pins
        self._lock = threading.Lock()
        self._factory: Any = None
        self._outputs: dict[int, Any] = {}
        self._inputs: dict[int, Any] = {}

    def read(self, inputs: Sequence[int]) -> tuple[bool, ...]:
        """Which of the inputs are tied to ground."""
        with self._lock:
            return tuple(self._do(f"input {line}", partial(self._input, line)) for line in inputs)

    def write(self, output: int, on: bool) -> None:  # noqa: FBT001  # see ``Board``
        """Drive a pin high or low. It becomes an output with this very level."""
        with self._lock:
            self._do(f"output {output}", partial(self._output, output, on=on))

    def pulse(self, output: int) -> bool:
        """Drive a pin high. Nothing but us will end that."""
        self.write(output, on=True)
        return False

    def close(self) -> None:
        """Let go of the pins."""
        with self._lock:
            self._drop()

    def _input(self, line: int) -> bool:
        from gpiozero import InputDevice  # noqa: PLC0415  # only gates with such a board need it

        if line not in self._inputs:
            self._inputs[line] = InputDevice(line, pull_up=True, pin_factory=self._pins())
        return bool(self._inputs[line].value)

    def _output(self, line: int, *, on: bool) -> None:
        from gpiozero import OutputDevice  # noqa: PLC0415

        if line in self._outputs:
            self._outputs[line].value = on
        else:
            self._outputs[line] = OutputDevice(line, initial_value=on, pin_factory=self._pins())

    def _pins(self) -> Any:
        if self._factory is None:
            self._factory = self._make()
        return self._factory

    def _do(self, what: str, step: Callable[[], Any]) -> Any:
        try:
            return step()
        except Exception as error:  # noqa: BLE001  # gpiozero's, lgpio's, OSError, ImportError
            why = str(error)
        # Not from within: a traceback that somebody keeps would keep a half-made device, and its pin in use.
        self._drop()
        raise BarrierError(
            f"{self.name}, {what}: {why}",
            hint="check that /dev/gpiochip0 is there, that the daemon may open it and that nobody else"
            " uses this line (gpioinfo tells)",
        )

    def _drop(self) -> None:
        devices = [*self._outputs.values(), *self._inputs.values(), self._factory]
        self._outputs, self._inputs, self._factory = {}, {}, None
        for device in devices:
            if device is not None:
                with suppress(Exception):
                    device.close()


def pi_pins() -> Any:
    """Pins of this Raspberry Pi, steady when they are opened and closed.

    The kernel of Raspberry Pi OS keeps the level of an output that nobody holds any more, unless config.txt
    says ``dtparam=strict_gpiod``: whoever ends first writes the level that is to stay.
    """
    lgpio = _import_lgpio()
    from gpiozero.pins.lgpio import LGPIOFactory, LGPIOPin  # noqa: PLC0415  # needs the import above

    class SteadyPin(LGPIOPin):  # type: ignore[misc]  # gpiozero has no types
        """An output has its first level from the beginning, and its last one to the end."""

        def output_with_state(self, state: bool) -> None:  # noqa: FBT001
            lgpio.gpio_claim_output(self.factory._handle, self._number, int(state))  # noqa: SLF001

        def close(self) -> None:
            pass

    factory = LGPIOFactory()
    factory.pin_class = SteadyPin
    return factory


def _import_lgpio() -> Any:
    """Import lgpio, which makes a pipe in the working directory and wants to change to another one.

    Under systemd the working directory is ``/`` and cannot be written to.
    """
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as place:
        os.environ.setdefault("LG_WD", place)
        try:
            import lgpio  # noqa: PLC0415
        finally:
            if os.environ["LG_WD"] == place:
                del os.environ["LG_WD"]
            os.chdir(here)
    return lgpio

"""What to measure with a multimeter when a step of ``gated lane test`` fails: where, and what is right."""

from __future__ import annotations

from dataclasses import dataclass

from gated.config.driver import Driver
from gated.devices.wiring import Wiring


@dataclass(frozen=True, slots=True)
class Meter:
    """One lane's wires; ``wiring`` None = a simulated barrier, which has none."""

    barrier: Driver
    wiring: Wiring | None
    reader_name: Driver

    def board(self) -> str:
        """The board does not answer."""
        if self.barrier.name == "modbus":
            return (
                f"is the module there (ping, or its lamps), and are the two wires of RS-485 not exchanged?"
                f" it is looked for at {self.barrier.target}"
            )
        if self.barrier.name == "gpio":
            return "is /dev/gpiochip0 there, may this user open it, and is the line free (gpioinfo tells)?"
        return "nothing: it is simulated"

    def resting(self, line: str) -> str:
        """An input is active that should not be."""
        return self._or(
            f"{self._input(line)}: at rest it must be {self._level(line, active=False)}; is it inverted?"
        )

    def silent(self, line: str) -> str:
        """An input does not become active."""
        return self._or(
            f"{self._input(line)}: it must become {self._level(line, active=True)}."
            " No change: the contact or its wire; a change the other way round: inverted"
        )

    def no_turn(self) -> str:
        """Released, and nobody was seen."""
        return self._or(
            f"1. ohms across the relay's contact ({self._output()}), wires off: it must close at the release."
            " It does not: the relay's supply, and whether release is inverted."
            " It does, and the arm stays locked: the turnstile's own release terminals and supply."
            f" 2. The arm turned: {self._input('passage')}: {self._level('passage', active=False)} at rest,"
            f" {self._level('passage', active=True)} once for each turn."
            " No change: contact or wire; too short a change: a lower debounce"
        )

    def bounce(self) -> str:
        """One turn counted as more."""
        return self._or(
            f"{self._input('passage')} with an oscilloscope, or raise debounce ({self._debounce():g} ms now):"
            " a contact that bounces counts twice. Does the arm turn on by itself?"
        )

    def not_shut(self) -> str:
        """It turned though it is shut."""
        return self._or(
            f"ohms across the relay's contact ({self._output()}): it must be open."
            " Closed: release is inverted, or NO and NC are exchanged."
            " Open: the turnstile's own time-out is longer than ours, or it is set to stand free"
        )

    def not_free(self, persons: int) -> str:
        """Held open, and not counted right."""
        return self.no_turn() if persons < 2 else self.bounce()  # two were to go through

    def reader(self) -> str:
        """The reader senses nothing."""
        if self.reader_name.name == "simulated":
            return "nothing: it is simulated"
        return (
            "is it listed (lsusb; pcsc_scan -r for PC/SC), under the name that gate.toml has?"
            " 5 V at its plug, another cable, another card; does another program hold it?"
        )

    # -------------------------------------------------------------- places

    def _or(self, told: str) -> str:
        return told if self.wiring is not None else "nothing: it is simulated"

    def _input(self, line: str) -> str:
        return self._place(
            line, "volts from GPIO {} to ground", "the lamp of input {} and volts at its terminal"
        )

    def _output(self) -> str:
        return self._place("release", "GPIO {}", "output {} of the module")

    def _place(self, line: str, gpio: str, modbus: str) -> str:
        number = None if self.wiring is None else {**self.wiring.outputs, **self.wiring.inputs}.get(line)
        return f"{line}, {(gpio if self.barrier.name == 'gpio' else modbus).format(number)}"

    def _level(self, line: str, *, active: bool) -> str:
        inverted = self.wiring is not None and line in self.wiring.inverted
        on = active is not inverted
        if self.barrier.name == "gpio":
            return "below 0.8 V" if on else "about 3.3 V"
        return "on" if on else "off"

    def _debounce(self) -> float:
        return 0.0 if self.wiring is None else self.wiring.debounce_s * 1000

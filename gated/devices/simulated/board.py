"""A board without metal: its lines are read and set by hand, its faults come to order."""

from __future__ import annotations

from collections.abc import Sequence

from gated.errors import BarrierError


class SimulatedBoard:
    """Every line begins off."""

    def __init__(self, name: str = "simulated board", *, self_ending: bool = False) -> None:
        self.name = name
        self.outputs: dict[int, bool] = {}
        self.inputs: dict[int, bool] = {}
        self.self_ending = self_ending  # it ends pulses itself: by whoever moves its time
        self.gone = False  # it answers nothing
        self.stuck: dict[int, bool] = {}  # outputs that do not move any more, whatever is written
        self.cut: set[int] = set()  # inputs whose wire is cut: off for ever
        self.closed = 0

    def read(self, inputs: Sequence[int]) -> tuple[bool, ...]:
        """Which of the inputs are on."""
        self._answer(f"inputs {', '.join(map(str, inputs))}")
        return tuple(line not in self.cut and self.inputs.get(line, False) for line in inputs)

    def write(self, output: int, on: bool) -> None:  # noqa: FBT001  # see ``Board``
        """Set an output."""
        self._answer(f"output {output}")
        self.outputs[output] = self.stuck.get(output, on)

    def pulse(self, output: int) -> bool:
        """Switch an output on."""
        self.write(output, on=True)
        return self.self_ending

    def close(self) -> None:
        """Counted, so that a test sees it."""
        self.closed += 1

    def _answer(self, what: str) -> None:
        if self.gone:
            raise BarrierError(
                f"{self.name}, {what}: it does not answer", hint="check its supply and its cable"
            )

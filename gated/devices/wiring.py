"""Which line of a board is what of a barrier, and how to make all of it safe."""

from __future__ import annotations

from dataclasses import dataclass

from gated.devices.board import Board, Flash
from gated.errors import BarrierError


@dataclass(frozen=True, slots=True)
class Wiring:
    """Which line of the board is what. Lines are GPIO numbers (BCM), or coils and discrete inputs from 0."""

    release: int
    passage: int
    free: int | None = None  # holds it open; None = ``release`` does
    fault: int | None = None
    fire: int | None = None
    inverted: frozenset[str] = frozenset()  # names of those that are active when off
    pulse_s: float = 0.0  # how long a release lasts; 0 = until it is shut
    flash: Flash | None = None  # the module ends the pulse itself
    debounce_s: float = 0.03
    stuck_s: float = 10.0
    poll_s: float = 0.01

    @property
    def opening(self) -> str:
        """The output that holds it open."""
        return "release" if self.free is None else "free"

    @property
    def outputs(self) -> dict[str, int]:
        """The outputs that there are."""
        return self._lines("release", "free")

    @property
    def inputs(self) -> dict[str, int]:
        """The inputs that there are."""
        return self._lines("passage", "fault", "fire")

    def _lines(self, *names: str) -> dict[str, int]:
        return {name: line for name in names if (line := getattr(self, name)) is not None}


def make_safe(board: Board, wiring: Wiring, *, held: bool = False) -> None:
    """Switch every output of a lane off, or hold it open while a fire stands. Raises ``BarrierError``.

    Every output is tried, whatever becomes of the others.
    """
    failed: BarrierError | None = None
    for name, line in wiring.outputs.items():
        active = held and name == wiring.opening
        try:
            board.write(line, active is not (name in wiring.inverted))
        except BarrierError as error:
            failed = error
    if failed is not None:
        raise failed


#: The fire input must say so each time it is read: a spike opens no venue.
_READS = 3


def burns(board: Board, wiring: Wiring) -> bool:
    """Whether a lane's fire input is active now, without waiting. Raises ``BarrierError``."""
    if wiring.fire is None:
        return False
    quiet = "fire" in wiring.inverted
    return all(board.read((wiring.fire,))[0] is not quiet for _ in range(_READS))

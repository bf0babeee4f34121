"""What happens to a lane, beside what its barrier tells (``gated.model.barrier``), and what is to be done.

Not named tuples: those without a field would all be equal to each other.
"""

from __future__ import annotations

from dataclasses import dataclass

from gated.model.barrier import BarrierEvent
from gated.model.event import Event, LaneCause
from gated.model.order import Mode


@dataclass(frozen=True, slots=True)
class Begun:
    """The daemon starts, and so the lane was left. ``burning``: nobody had re-armed it."""

    mode: Mode
    burning: bool


@dataclass(frozen=True, slots=True)
class Let:
    """A grant, or an order to open, is durable in row ``decision``."""

    decision: int
    persons: int
    cost: int


@dataclass(frozen=True, slots=True)
class Leave:
    """Somebody wants out. No row decided it: nobody is kept inside by a disk."""

    persons: int
    pass_: bytes | None


@dataclass(frozen=True, slots=True)
class HoldOver:
    """Nobody has passed for as long as a release waits."""


@dataclass(frozen=True, slots=True)
class Disobeyed:
    """The barrier did not take a command; it may have moved all the same."""


@dataclass(frozen=True, slots=True)
class Obeyed:
    """It takes commands again."""


@dataclass(frozen=True, slots=True)
class TryAgain:
    """Time to see whether it does."""


@dataclass(frozen=True, slots=True)
class ReaderMissing:
    """The reader is gone, or a medium holds it."""

    cause: LaneCause


@dataclass(frozen=True, slots=True)
class ReaderBack:
    """The reader serves."""


@dataclass(frozen=True, slots=True)
class FireElsewhere:
    """Another lane of this gate has a fire alarm."""


@dataclass(frozen=True, slots=True)
class QuietElsewhere:
    """The fire inputs of all other lanes are quiet again."""


@dataclass(frozen=True, slots=True)
class ModeOrdered:
    """An order for a mode is durable."""

    mode: Mode


@dataclass(frozen=True, slots=True)
class Rearmed:
    """An order to re-arm is durable."""


@dataclass(frozen=True, slots=True)
class Stopped:
    """The daemon ends."""


Happening = (
    BarrierEvent
    | Begun
    | Let
    | Leave
    | HoldOver
    | Disobeyed
    | Obeyed
    | TryAgain
    | ReaderMissing
    | ReaderBack
    | FireElsewhere
    | QuietElsewhere
    | ModeOrdered
    | Rearmed
    | Stopped
)


@dataclass(frozen=True, slots=True)
class LetThrough:
    """Release the barrier, and begin the hold."""

    persons: int


@dataclass(frozen=True, slots=True)
class HoldAgain:
    """Begin the hold anew, for the next of the party."""


@dataclass(frozen=True, slots=True)
class HoldOpen:
    """Open the barrier until it is shut."""


@dataclass(frozen=True, slots=True)
class Shut:
    """Shut the barrier."""


@dataclass(frozen=True, slots=True)
class Write:
    """Write a row. ``moved`` people went in (below 0: out), beside what a settlement counts."""

    event: Event
    moved: int = 0
    pass_: bytes | None = None


Effect = LetThrough | HoldAgain | HoldOpen | Shut | Write

"""What happens to a lane, beside what its barrier tells (``gated.model.barrier``), and what is to be done."""

from __future__ import annotations

from typing import NamedTuple

from gated.model.barrier import BarrierEvent
from gated.model.event import Event, LaneCause
from gated.model.order import Mode


class Begun(NamedTuple):
    """The daemon starts, and so the lane was left. ``burning``: nobody had re-armed it."""

    mode: Mode
    burning: bool


class Let(NamedTuple):
    """A grant, or an order to open, is durable in row ``decision``."""

    decision: int
    persons: int
    cost: int


class Leave(NamedTuple):
    """Somebody wants out. No row decided it: nobody is kept inside by a disk."""

    persons: int
    pass_: bytes | None


class HoldOver(NamedTuple):
    """Nobody has passed for as long as a release waits."""


class Disobeyed(NamedTuple):
    """The barrier did not take a command; it may have moved all the same."""


class Obeyed(NamedTuple):
    """It takes commands again."""


class TryAgain(NamedTuple):
    """Time to see whether it does."""


class ReaderMissing(NamedTuple):
    """The reader is gone, or a medium holds it."""

    cause: LaneCause


class ReaderBack(NamedTuple):
    """The reader serves."""


class FireElsewhere(NamedTuple):
    """Another lane of this gate has a fire alarm."""


class ModeOrdered(NamedTuple):
    """An order for a mode is durable."""

    mode: Mode


class Rearmed(NamedTuple):
    """An order to re-arm is durable."""


class Stopped(NamedTuple):
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
    | ModeOrdered
    | Rearmed
    | Stopped
)


class LetThrough(NamedTuple):
    """Release the barrier, and begin the hold."""

    persons: int


class HoldAgain(NamedTuple):
    """Begin the hold anew, for the next of the party."""


class HoldOpen(NamedTuple):
    """Open the barrier until it is shut."""


class Shut(NamedTuple):
    """Shut the barrier."""


class Write(NamedTuple):
    """Write a row. ``moved`` people went in (below 0: out), beside what a settlement counts."""

    event: Event
    moved: int = 0
    pass_: bytes | None = None


Effect = LetThrough | HoldAgain | HoldOpen | Shut | Write

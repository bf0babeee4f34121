"""What a person may order of a lane, and who ordered it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

MAX_WORDS = 64


class Mode(StrEnum):
    """How a lane serves, by order. It stands until the next order, restarts included."""

    NORMAL = "normal"
    FREE_PASSAGE = "free_passage"  # it stands open, and nobody taps
    OUT_OF_SERVICE = "out_of_service"
    ENTRY_ONLY = "entry_only"  # lanes that lead out serve nobody
    EXIT_ONLY = "exit_only"  # lanes that lead in serve nobody


class Order(StrEnum):
    """What can be ordered of a lane."""

    NORMAL = "normal"
    FREE_PASSAGE = "free_passage"
    OUT_OF_SERVICE = "out_of_service"
    ENTRY_ONLY = "entry_only"
    EXIT_ONLY = "exit_only"
    OPEN = "open"  # let one person through now
    REARM = "rearm"  # the fire is over

    @property
    def mode(self) -> Mode | None:
        """The mode it brings about; None for what is done once."""
        return None if self in (Order.OPEN, Order.REARM) else Mode(self.value)


@dataclass(frozen=True, slots=True)
class Operator:
    """Who orders: the name they gave, and what vouches for it.

    At the gate that is ``user``, the number of the Unix user that the socket's peer really is; from afar it
    is ``key``, the name of the key that signed command number ``counter``.
    """

    name: str
    user: int | None
    reason: str
    key: bytes | None = None
    counter: int | None = None

    def __str__(self) -> str:
        return f"user {self.user}" if self.key is None else f"command {self.counter} of key {self.key.hex()}"

"""What a barrier tells its lane."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Trouble(StrEnum):
    """Why a barrier cannot be relied on. The values stand in the journal, as causes."""

    FAULT = "barrier_fault"  # it, or what commands it, does not answer
    FAULT_INPUT = "fault_input"  # it says so itself
    CONTACT_STUCK = "contact_stuck"  # its passage contact does not come back: nobody can be counted


@dataclass(frozen=True, slots=True)
class Passed:
    """Persons went through, the lane's way."""

    persons: int


@dataclass(frozen=True, slots=True)
class Secured:
    """It is shut, and whoever went through before that was told before this."""


@dataclass(frozen=True, slots=True)
class Faulted:
    """It cannot be relied on any more; told once for each trouble until ``Cleared``."""

    trouble: Trouble
    detail: str  # for people: which line, which module, what to look at


@dataclass(frozen=True, slots=True)
class Cleared:
    """A trouble is over."""

    trouble: Trouble


@dataclass(frozen=True, slots=True)
class FireAlarm:
    """The fire input is active."""


@dataclass(frozen=True, slots=True)
class FireQuiet:
    """The fire input is quiet again. Nothing is shut for that: see ``gated.policy.lane``."""


BarrierEvent = Passed | Secured | Faulted | Cleared | FireAlarm | FireQuiet

"""What a lane's worker is told, by its reader and its barrier; and what it tells."""

from __future__ import annotations

from dataclasses import dataclass

from gated.model.barrier import Passed
from gated.model.credential import Credential
from gated.model.decision import Decision
from gated.model.refusal import Refusal


@dataclass(frozen=True, slots=True)
class LaneTimes:
    """A lane's deadlines, in seconds."""

    hold_s: float
    conversation_s: float
    hung_limit_s: float


@dataclass(frozen=True, slots=True)
class Told:
    """What a tap came to, for whoever watches the lane (the demo, later the display)."""

    lane: str
    granted: bool
    refusal: Refusal | None
    decision: Decision | None
    seq: int
    took_s: float  # from the first command to the light
    judged_s: float  # of which recalling, opening, judging, writing


@dataclass(frozen=True, slots=True)
class ReaderReady:
    """The reader is open."""


@dataclass(frozen=True, slots=True)
class ReaderLost:
    """The reader is gone; it is being reopened."""

    detail: str


@dataclass(frozen=True, slots=True)
class Conversing:
    """Tap number ``tap`` has begun."""

    tap: int


@dataclass(frozen=True, slots=True)
class Conversed:
    """What the medium of a tap proved; None = it is none of ours."""

    tap: int
    result: Credential | Refusal | None


@dataclass(frozen=True, slots=True)
class HoldEnded:
    """The barrier was secured because the hold time of a release was over.

    The lane posts it to itself: whoever passed before the barrier was shut stands ahead of it.
    """

    release: int  # the lane's number of it


Message = ReaderReady | ReaderLost | Conversing | Conversed | Passed | HoldEnded

"""What a lane's worker is told, by its reader and its barrier; and what it tells."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from gated.model.barrier import BarrierEvent
from gated.model.credential import Proof
from gated.model.decision import Decision
from gated.model.order import Operator, Order
from gated.model.refusal import Refusal
from gated.policy.happening import FireElsewhere, QuietElsewhere
from gated.policy.orders import WhyNot


@dataclass(frozen=True, slots=True)
class LaneTimes:
    """A lane's deadlines, in seconds."""

    hold_s: float
    conversation_s: float
    hung_limit_s: float


class Hops(NamedTuple):
    """How long the hops of a tap took, in seconds (docs/explanation/the-way-of-a-tap.md)."""

    opened: float = 0.0  # recalled, and the statements opened
    judged: float = 0.0
    written: float = 0.0
    acted: float = 0.0  # the barrier commanded
    conversed: float = 0.0  # from sensing to what the medium proved
    handed: float = 0.0  # from the reader's thread to the lane's


NO_HOPS = Hops()


class Answer(NamedTuple):
    """Of a lane, to an order; ``refused`` None = it was obeyed."""

    lane: str
    refused: WhyNot | None


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
    hops: Hops = NO_HOPS  # of a grant


@dataclass(frozen=True, slots=True)
class ReaderReady:
    """The reader is open."""


@dataclass(frozen=True, slots=True)
class ReaderLost:
    """The reader is gone; it is being reopened."""

    detail: str


@dataclass(frozen=True, slots=True)
class Conversing:
    """Tap number ``tap`` has begun; ``at`` in monotonic seconds."""

    tap: int
    at: float


@dataclass(frozen=True, slots=True)
class Conversed:
    """What the medium of a tap proved; None = it is none of ours."""

    tap: int
    result: Proof | Refusal | None
    at: float


@dataclass(frozen=True, slots=True)
class Ordering:
    """A person orders something; ``answer`` is called once, by the lane's thread.

    Past ``until``, in monotonic seconds, nobody waits for it any more, and it is not obeyed. An opening is
    for so many ``persons``.
    """

    order: Order
    operator: Operator
    answer: Callable[[Answer], None]
    until: float = math.inf
    persons: int = 1


Message = (
    ReaderReady | ReaderLost | Conversing | Conversed | Ordering
    | BarrierEvent | FireElsewhere | QuietElsewhere
)  # fmt: skip

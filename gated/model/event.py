"""What the journal keeps. The set of kinds and fields is closed: version 1 of the schema is this file.

``docs/reference/events.schema.json`` is generated from these classes (``gated.wire.schema``). An
event never holds a UID, a card number, a key or a name: the pass and the entitlement id are the
sector's pseudonyms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar

from gated.model.decision import Notice
from gated.model.order import Order
from gated.model.refusal import Reason
from gated.model.venue import Freshness

SCHEMA_VERSION = 1


class Outcome(StrEnum):
    """Of a decision."""

    GRANTED = "granted"
    DENIED = "denied"


class Settlement(StrEnum):
    """What became of a release."""

    TAKEN = "taken"
    NOT_TAKEN = "not_taken"
    UNKNOWN = "unknown"


class SettledBy(StrEnum):
    """What told us so."""

    PASSAGE = "passage"  # the barrier saw somebody pass
    HOLD_ENDED = "hold_ended"  # nobody passed in time
    LATE_ROW = "late_row"  # the row became durable after its lane had given up
    RESTART = "restart"  # found open at start: nobody can know
    BARRIER_FAULT = "barrier_fault"  # the barrier could not be commanded, or could count nobody any more
    FIRE = "fire"  # the lane stands open since: who is let out of a fire pays for nothing
    ORDER = "order"  # the lane was opened by order meanwhile
    STOPPED = "stopped"  # the daemon was asked to stop


class LaneState(StrEnum):
    """Whether a lane serves."""

    IN_SERVICE = "in_service"
    OUT_OF_SERVICE = "out_of_service"
    FREE_PASSAGE = "free_passage"  # it stands open by order
    FIRE = "fire"  # it stands open until somebody re-arms it


class LaneCause(StrEnum):
    """Why a lane's state changed."""

    STARTED = "started"
    READER_BACK = "reader_back"
    READER_LOST = "reader_lost"
    READER_HUNG = "reader_hung"
    BARRIER_BACK = "barrier_back"
    BARRIER_FAULT = "barrier_fault"
    FAULT_INPUT = "fault_input"
    CONTACT_STUCK = "contact_stuck"
    FIRE = "fire"  # its own input
    FIRE_ELSEWHERE = "fire_elsewhere"  # that of another lane of this gate
    ORDERED = "ordered"  # the row before says what, by whom and why


@dataclass(frozen=True, slots=True)
class Started:
    """The daemon started."""

    kind: ClassVar[str] = "started"
    version: str
    unsettled: int  # releases found open, now settled as unknown


@dataclass(frozen=True, slots=True)
class Stopped:
    """The daemon was asked to stop and did."""

    kind: ClassVar[str] = "stopped"


@dataclass(frozen=True, slots=True)
class Decided:
    """A tap was judged. ``day`` is the venue's calendar day as yyyymmdd."""

    kind: ClassVar[str] = "decided"
    lane: str
    outcome: Outcome
    day: int
    reason: Reason | None = None
    params: Mapping[str, int | str] | None = None
    scheme: str | None = None
    assurance: str | None = None
    pass_: bytes | None = None
    cti: bytes | None = None
    product: str | None = None
    persons: int | None = None
    cost: int | None = None
    left: int | None = None
    next_at: int | None = None
    warnings: Sequence[Notice] | None = None
    knowledge: Freshness | None = None  # where it is not fresh


@dataclass(frozen=True, slots=True)
class Settled:
    """A release was settled; ``decision`` is the seq of the row that granted it.

    ``persons`` is how many passed of those released, or how many were released where nobody passed or
    nobody knows. ``uses`` is told where fewer stay counted than the decision cost. ``epoch`` is told where
    that row stands in an earlier epoch.
    """

    kind: ClassVar[str] = "settled"
    lane: str
    decision: int
    outcome: Settlement
    by: SettledBy
    persons: int
    epoch: str | None = None
    uses: int | None = None
    unknown: int | None = None


@dataclass(frozen=True, slots=True)
class Ordered:
    """A person ordered something of a lane. ``user`` is the Unix user that spoke to the daemon.

    The row is durable before the order is obeyed. An ``open`` is a release of ``persons``, and is settled
    as a grant is.
    """

    kind: ClassVar[str] = "ordered"
    lane: str
    order: Order
    operator: str
    user: int
    reason: str
    persons: int | None = None


@dataclass(frozen=True, slots=True)
class Walked:
    """``persons`` went through a lane that stood open: nobody was asked for anything."""

    kind: ClassVar[str] = "walked"
    lane: str
    persons: int
    state: LaneState


@dataclass(frozen=True, slots=True)
class Forced:
    """``persons`` went in beyond what was released, or without a release: they are inside, nobody paid."""

    kind: ClassVar[str] = "forced"
    lane: str
    persons: int


@dataclass(frozen=True, slots=True)
class Exited:
    """``persons`` went out after a tap. ``pass`` is told where the medium is bound to one."""

    kind: ClassVar[str] = "exited"
    lane: str
    persons: int
    pass_: bytes | None = None


@dataclass(frozen=True, slots=True)
class Repeated:
    """``count`` further refusals of the same credential for the same reason, within 10 s of ``decision``."""

    kind: ClassVar[str] = "repeated"
    lane: str
    decision: int
    count: int


@dataclass(frozen=True, slots=True)
class Foreign:
    """``count`` media that are none of ours were presented in the minute that began at ``minute``."""

    kind: ClassVar[str] = "foreign"
    minute: int
    count: int


@dataclass(frozen=True, slots=True)
class LaneChanged:
    """A lane went out of service, opened or came back, or the reason for it changed."""

    kind: ClassVar[str] = "lane"
    lane: str
    state: LaneState
    cause: LaneCause


@dataclass(frozen=True, slots=True)
class Imported:
    """Statements arrived."""

    kind: ClassVar[str] = "imported"
    accepted: int
    known: int
    refused: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class SetAside:
    """A damaged file was set aside under a new name; ``file`` is the name it had."""

    kind: ClassVar[str] = "set_aside"
    file: str


@dataclass(frozen=True, slots=True)
class KnowledgeChanged:
    """How old what the gate knows is became another matter; its newest head was signed at ``known_at``."""

    kind: ClassVar[str] = "knowledge"
    state: Freshness
    known_at: int


@dataclass(frozen=True, slots=True)
class Unbelieved:
    """Something arrived that was not believed, or was found changed, ``count`` times within a minute.

    ``what`` it claimed to be (a head, a page, a command, …) and ``code`` why it was refused stand in
    docs/reference/sync.md.
    """

    kind: ClassVar[str] = "unbelieved"
    what: str
    code: str
    count: int


@dataclass(frozen=True, slots=True)
class Forked:
    """Central holds another event under the number ``row`` of ``epoch``: this disk was copied.

    Both journals are kept there. The gate must be enrolled again, which begins a new epoch.
    """

    kind: ClassVar[str] = "forked"
    row: int
    epoch: str


Event = (
    Started
    | Stopped
    | Decided
    | Settled
    | Ordered
    | Walked
    | Forced
    | Exited
    | Repeated
    | Foreign
    | LaneChanged
    | Imported
    | SetAside
    | KnowledgeChanged
    | Unbelieved
    | Forked
)
KINDS: tuple[type[Event], ...] = (
    Started,
    Stopped,
    Decided,
    Settled,
    Ordered,
    Walked,
    Forced,
    Exited,
    Repeated,
    Foreign,
    LaneChanged,
    Imported,
    SetAside,
    KnowledgeChanged,
    Unbelieved,
    Forked,
)

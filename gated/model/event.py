"""What the journal keeps. The set of kinds and fields is closed: version 1 of the schema is this file.

``docs/reference/events.schema.json`` is generated from these classes (``gated.wire.schema``). An
event never holds a UID, a card number, a key or a name: the pass and the entitlement id are the
sector's pseudonyms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, get_args

from gated.model.decision import Notice
from gated.model.order import Order
from gated.model.outcome import LaneCause, LaneState, Outcome, SettledBy, Settlement
from gated.model.refusal import Reason
from gated.model.venue import Freshness

#: Words of events that others speak too; what is defined here needs no mention.
__all__ = ["LaneCause", "LaneState", "Outcome", "SettledBy", "Settlement"]

SCHEMA_VERSION = 1


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
    """A tap was judged. ``day`` is the venue's calendar day as yyyymmdd.

    ``zone`` and ``shift`` (the venue's service day as yyyymmdd) are told of a grant where the venue watches
    who is inside.
    """

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
    zone: str | None = None
    shift: int | None = None
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
    """A person ordered something of a lane: the Unix ``user`` that spoke to the daemon, or whoever holds the
    ``key`` that signed command number ``counter``.

    The row is durable before the order is obeyed. An ``open`` is a release of ``persons``, and is settled
    as a grant is.
    """

    kind: ClassVar[str] = "ordered"
    lane: str
    order: Order
    operator: str
    reason: str
    persons: int | None = None
    user: int | None = None
    key: bytes | None = None
    counter: int | None = None


@dataclass(frozen=True, slots=True)
class Commanded:
    """Command number ``counter`` of ``key`` was carried out, or was not: ``refused`` says why.

    An order to a lane that was obeyed is told as ``ordered`` instead, and a report as ``reported``.
    """

    kind: ClassVar[str] = "commanded"
    key: bytes
    counter: int
    what: str
    operator: str
    reason: str
    refused: str | None = None


@dataclass(frozen=True, slots=True)
class Reported:
    """How the gate is, because command number ``counter`` of ``key`` asked."""

    kind: ClassVar[str] = "reported"
    key: bytes
    counter: int
    operator: str
    reason: str
    status: Mapping[str, int | str]


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
    """``persons`` went out after a tap. ``pass`` is told where the medium is bound to one.

    ``zone`` and ``shift`` (the venue's service day as yyyymmdd) are told where the venue watches who is
    inside.
    """

    kind: ClassVar[str] = "exited"
    lane: str
    persons: int
    pass_: bytes | None = None
    zone: str | None = None
    shift: int | None = None


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
    | Commanded
    | Reported
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
#: Each kind once.
KINDS: tuple[type[Event], ...] = get_args(Event)

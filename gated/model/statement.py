"""Signed claims, after they were verified. Their only maker is ``gated.credential.statement``.

Before verification the same thing is a *token*: bytes that nobody may believe.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import NamedTuple

from gated.model.rules import Rules


class Kind(StrEnum):
    """What a key may sign: statements, and what gates and central tell each other."""

    BINDING = "binding"
    ENTITLEMENT = "entitlement"
    DENIAL = "denial"

    TIME = "time"
    ACK = "ack"
    EVENTS = "events"
    STATE = "state"
    ENROLMENT = "enrolment"
    REQUEST = "request"

    HEAD = "head"
    USES = "uses"
    COMMAND = "command"


#: How kinds stand in tables and pages, and the order of statements under one key.
KIND_NUMBERS = {Kind.BINDING: 0, Kind.ENTITLEMENT: 1, Kind.DENIAL: 2}


class DenialState(IntEnum):
    """A larger value is more severe: it wins where two denials bear the same number."""

    LIFTED = 0
    BLOCKED = 1
    REVOKED = 2


class TargetKind(IntEnum):
    """What a denial speaks of."""

    CREDENTIAL = 0
    PASS = 1
    ENTITLEMENT = 2


@dataclass(frozen=True, slots=True)
class Binding:
    """This credential stands for this pass, in this sector, until."""

    sector: str
    pass_: bytes  # 16 bytes, the sector's pseudonym of the holder
    not_before: int  # seconds since 1970, first second of validity
    expires: int | None  # first second no longer valid; None = no end
    issued_at: int
    id: bytes  # cti, 8 bytes
    index: bytes  # HMAC of the credential under the sector key, 16 bytes
    revision: int
    #: RFC 8747: the SHA-256 of the public key whose holder must prove it, where a medium carries this.
    confirmed_by: bytes | None = None

    @property
    def key(self) -> bytes:
        """What the cache finds it by."""
        return self.index

    @property
    def rank(self) -> int:
        """The highest rank of an index counts."""
        return self.revision


@dataclass(frozen=True, slots=True)
class Entitlement(Rules):
    """A right of a pass. A rule that is ``None`` is "as the product says"."""

    sector: str
    pass_: bytes
    not_before: int
    expires: int | None
    issued_at: int
    id: bytes  # cti, 8 bytes: what uses are counted by
    product: str
    revision: int

    @property
    def key(self) -> bytes:
        """What the cache finds it by."""
        return self.pass_

    @property
    def rank(self) -> int:
        """The highest rank of an id counts."""
        return self.revision


@dataclass(frozen=True, slots=True)
class Denial:
    """Refuse this target from now on, or (``LIFTED``) no longer."""

    sector: str
    issued_at: int
    target_kind: TargetKind
    target: bytes
    state: DenialState
    number: int

    @property
    def key(self) -> bytes:
        """What the cache finds it by."""
        return self.target

    @property
    def rank(self) -> int:
        """The highest number of a target counts; of equals the more severe state does."""
        return self.number * 4 + self.state


Statement = Binding | Entitlement | Denial


class Row(NamedTuple):
    """A statement as central's log numbers it and a gate's table keeps it. Nothing in it is believed before
    its token was opened. Its place is (key, kind, id), of which the highest rank counts.
    """

    key: bytes
    kind: int  # of KIND_NUMBERS
    id: bytes
    rank: int
    token: bytes
    number: int  # in the log of its sector, from 1


def place_of(statement: Statement) -> tuple[Kind, bytes]:
    """The kind and the id under which a statement stands beside its key."""
    match statement:
        case Binding():
            return Kind.BINDING, b""
        case Entitlement():
            return Kind.ENTITLEMENT, statement.id
        case Denial():
            return Kind.DENIAL, bytes([statement.target_kind])

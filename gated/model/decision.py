"""The question a tap asks, and its answer. ``Granted`` and ``Denied`` are made in policy alone."""

from __future__ import annotations

from dataclasses import dataclass

from gated.model.credential import Credential
from gated.model.refusal import Refusal
from gated.model.statement import Binding, Denial, Entitlement
from gated.model.time import ClockQuality, TimeReading
from gated.model.venue import Lane, Profile


@dataclass(frozen=True, slots=True)
class Candidate:
    """An entitlement that opened, with all that is known of it."""

    entitlement: Entitlement
    used: int  # uses taken or reserved, here
    used_elsewhere: int = 0  # from use records
    denial: Denial | None = None  # the one that counts for its id


@dataclass(frozen=True, slots=True)
class Question:
    """All that a decision may depend on. Whatever is not in here cannot matter."""

    credential: Credential
    binding: Binding | Refusal | None
    candidates: tuple[Candidate, ...]
    refused: tuple[Refusal, ...]  # statements of this pass that did not open
    denials: tuple[Denial | Refusal, ...]  # of the credential and of the pass, those that count
    lane: Lane
    profile: Profile
    now: TimeReading


@dataclass(frozen=True, slots=True)
class Granted:
    """Let ``persons`` through, at the cost of ``cost`` uses of ``entitlement``."""

    entitlement: Entitlement
    cost: int
    persons: int
    left: int | None  # uses left after this one; None = unlimited
    clock: ClockQuality


@dataclass(frozen=True, slots=True)
class Denied:
    """Keep the barrier shut, and say why."""

    refusal: Refusal
    pass_: bytes | None  # None where the medium is not bound to a pass
    entitlement: Entitlement | None  # the candidate whose refusal is told
    clock: ClockQuality


Decision = Granted | Denied

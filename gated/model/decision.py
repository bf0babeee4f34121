"""The question a tap asks, and its answer. Answers are made in policy alone."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from gated.model.credential import Credential
from gated.model.refusal import Refusal
from gated.model.statement import Binding, Denial, Entitlement
from gated.model.time import ClockQuality, TimeReading
from gated.model.venue import Lane, Profile


class Uses(NamedTuple):
    """How often a right was used, taken or reserved."""

    total: int = 0
    today: int = 0  # on the venue's calendar day, at any venue
    here: int = 0  # at this venue, on any day


UNUSED = Uses()


@dataclass(frozen=True, slots=True)
class Candidate:
    """An entitlement that opened, with all that is known of it."""

    entitlement: Entitlement
    used: Uses = UNUSED  # by this gate
    elsewhere: Uses = UNUSED  # from use records of other gates
    denial: Denial | None = None  # the one that counts for its id
    paid_at: int | None = None  # the newest entry at this venue that cost a use and was taken
    apart: int | None = None  # uses by this gate since those elsewhere are unknown; None = they are known


class Presence(NamedTuple):
    """How many of a pass are inside a zone, since the venue's day began."""

    inside: int = 0
    last_in: int | None = None  # the newest entry, in seconds since 1970


NOBODY = Presence()


class Occupancy(NamedTuple):
    """How many people are inside a venue, since its day began."""

    inside: int = 0  # releases that are open among them
    exits_counted: bool = True  # False = nobody counts who leaves, so the number only grows


EMPTY = Occupancy()


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
    presence: Presence = NOBODY
    occupancy: Occupancy = EMPTY
    known_at: int | None = None  # when the newest applied head was signed; None = knowledge is not judged


class Notice(StrEnum):
    """What is said beside a grant."""

    CONCESSION = "concession"  # a reduced fare: have a look at this person
    PASSBACK = "passback"  # somebody is inside on this pass already
    RETIREMENT = "retirement"  # this medium will not be accepted much longer


class Warned(NamedTuple):
    """A notice with what it speaks of: the concession, how many are inside, when the medium's time ends."""

    notice: Notice
    about: int | str


@dataclass(frozen=True, slots=True)
class Granted:
    """Let ``persons`` through, at the cost of ``cost`` uses of ``entitlement``."""

    entitlement: Entitlement
    cost: int  # as many as persons, or 1, or 0: see ``gated.policy.settle``
    persons: int
    left: int | None  # the smallest remainder for this venue and day after this one; None = unlimited
    clock: ClockQuality
    warnings: tuple[Warned, ...] = ()


@dataclass(frozen=True, slots=True)
class Denied:
    """Keep the barrier shut, and say why."""

    refusal: Refusal
    pass_: bytes | None  # None where the medium is not bound to a pass
    entitlement: Entitlement | None  # the candidate whose refusal is told
    clock: ClockQuality
    next_at: int | None = None  # first second at which the same tap would be granted if nothing else changes


@dataclass(frozen=True, slots=True)
class Leaving:
    """Let out whoever wants out. Nobody is kept inside, whatever the medium is."""

    pass_: bytes | None
    persons: int  # as many as are inside on this pass, and at least one
    clock: ClockQuality


Decision = Granted | Denied | Leaving

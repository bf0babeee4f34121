"""What a lane's worker is told, by its reader and its barrier."""

from __future__ import annotations

from dataclasses import dataclass

from gated.model.credential import Credential
from gated.model.refusal import Refusal


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
class Passed:
    """Persons went through the barrier."""

    persons: int


Message = ReaderReady | ReaderLost | Conversing | Conversed | Passed

"""What a medium proved about itself."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Assurance(IntEnum):
    """How strong a proof is; a larger value is a stronger proof."""

    UID_ONLY = 1
    STATIC_SIGNED = 2
    SYMMETRIC_ROLLING = 3
    SYMMETRIC_MUTUAL = 4
    ASYMMETRIC = 5

    @property
    def label(self) -> str:
        """The word used in files, events and on screens, such as ``uid-only``."""
        return self.name.lower().replace("_", "-")

    @classmethod
    def from_label(cls, label: str) -> Assurance:
        """Read a word such as ``asymmetric``. Raises ``ValueError`` for any other word."""
        for level in cls:
            if level.label == label:
                return level
        known = ", ".join(level.label for level in cls)
        raise ValueError(f"unknown assurance {label!r}, use one of: {known}")


@dataclass(frozen=True, slots=True)
class Credential:
    """``scheme:hex`` with the level of assurance that the conversation reached.

    ``pkoc:<sha256 of the public key>``, ``uid:<uid>``. It names a medium, so it stays inside the
    gate's memory: events and logs carry the pass instead, and ``repr`` shows the scheme alone.
    """

    scheme: str
    value: bytes
    assurance: Assurance

    @property
    def text(self) -> str:
        """``scheme:hex``, the form that bindings index (docs/reference/statements.md)."""
        return f"{self.scheme}:{self.value.hex()}"

    def __repr__(self) -> str:
        return f"Credential({self.scheme}, {self.assurance.label})"


@dataclass(frozen=True, slots=True)
class Proof:
    """What a medium proved in one conversation, and what it brought along. Shown as its credential alone."""

    credential: Credential
    #: Statements that it carries, framed as in a file of statements. Nothing in them is believed yet.
    carried: bytes = b""
    #: Of a rolling proof: it counts only if it is higher than every one seen before of this credential.
    counter: int | None = None
    #: The commands, counted from 0, in which it gave the answer that nobody could give before it was asked,
    #: from the question to the last part of the answer; None = there was none.
    fresh: range | None = None

    def __repr__(self) -> str:
        return f"Proof({self.credential!r})"

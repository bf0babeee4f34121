"""Why something was refused: one stable code for people, logs, events and other implementations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Reason(StrEnum):
    """A stable code. Codes are never reused; each is explained in docs/reference/reasons.md."""

    # The rules, in the order in which they are asked (policy/decide.py).
    UNKNOWN_MEDIUM = "unknown_medium"
    DENIED = "denied"
    WEAK_CREDENTIAL = "weak_credential"
    NO_ENTITLEMENT = "no_entitlement"
    WRONG_VENUE = "wrong_venue"
    EXPIRED = "expired"
    NOT_YET_VALID = "not_yet_valid"
    KNOWLEDGE_EXPIRED = "knowledge_expired"
    USES_EXHAUSTED = "uses_exhausted"
    OUTSIDE_HOURS = "outside_hours"
    PASSBACK = "passback"
    VENUE_FULL = "venue_full"

    # A statement that does not open (credential room).
    OVERSIZE = "oversize"
    TRUNCATED = "truncated"
    MALFORMED = "malformed"
    UNSIGNED = "unsigned"
    UNKNOWN_KEY = "unknown_key"
    KEY_NOT_VALID = "key_not_valid"
    OUT_OF_SCOPE = "out_of_scope"
    BAD_SIGNATURE = "bad_signature"
    MISPLACED = "misplaced"

    # A statement that opens and is not taken in (on import; bad_hours also at a tap).
    FOREIGN_SECTOR = "foreign_sector"
    OLDER_REVISION = "older_revision"
    CONFLICTING_REVISION = "conflicting_revision"
    BAD_HOURS = "bad_hours"

    # A medium that was recognised and did not prove itself (card room).
    BAD_PROOF = "bad_proof"
    UNREADABLE = "unreadable"
    REPLAYED = "replayed"
    COPIED = "copied"
    TOO_SLOW = "too_slow"
    INVALIDATED = "invalidated"

    # The lane cannot do its work.
    OUT_OF_SERVICE = "out_of_service"


#: What a person may be told beside the code: numbers and short codes, never an identity.
Params = Mapping[str, int | str]


@dataclass(frozen=True, slots=True)
class Refusal:
    """A reason with its parameters.

    ``params`` holds numbers and short codes only: no UID, no key, no name may stand in it, because
    it travels into logs, events and displays.
    """

    reason: Reason
    params: Params = field(default_factory=dict)

    def __str__(self) -> str:
        told = ", ".join(f"{name}={value}" for name, value in self.params.items())
        return f"{self.reason} ({told})" if told else str(self.reason)

"""An identifier that stands somewhere on a city's card, where its operator says (``uid-only``).

For cards whose specification is not public: the operator tells application, file, record and offset, and this
gate reads so many bytes there. They are told to anybody, and prove nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from gated.card.apdu import CardFault, command
from gated.card.talk import Conversation, Steps, Talk, expect, recognised, unreadable
from gated.model.credential import Assurance, Credential, Proof
from gated.model.refusal import Refusal

SCHEME = "record"
MAX_FILE = (
    30  # short identifiers have five bits, and 31 means another thing (ISO/IEC 7816-4:2020 clause 7.3.2)
)
MAX_OFFSET = 255
LEAST_BYTES, MOST_BYTES = 4, 32


@dataclass(frozen=True, slots=True)
class Place:
    """Where the identifier stands."""

    aid: bytes
    file: int  # short file identifier, 1 to 30
    record: int | None  # 1 to 254; None = a file without records
    offset: int
    size: int


def converse(talk: Talk, place: Place) -> Conversation:
    """Read the identifier. Raises ``CardError`` before the medium was recognised."""
    if (yield from talk.select(place.aid)) is None:
        return None
    return (yield from recognised(SCHEME, _read(talk, place)))


def _read(talk: Talk, place: Place) -> Steps[Proof | Refusal]:
    if place.record is None:
        # READ BINARY with a short file identifier and an offset below 256 (clause 11.3.3).
        asked = bytes((0x00, 0xB0, 0x80 | place.file, place.offset, place.size))
        found = expect((yield from talk.ask(asked)))
    else:
        # READ RECORD by number (clause 11.4.3), whole.
        asked = command(0x00, 0xB2, place.record, place.file << 3 | 0x04)
        found = expect((yield from talk.ask(asked)))[place.offset :]
    identifier = found[: place.size]
    if len(identifier) != place.size:
        raise CardFault("short")
    # A card that nobody has written yet would be everybody's.
    if identifier.strip(b"\x00") == b"" or identifier.strip(b"\xff") == b"":
        return unreadable(SCHEME, "blank")
    return Proof(Credential(SCHEME, identifier, Assurance.UID_ONLY))

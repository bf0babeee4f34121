"""What a gate asks of central, and central's answer (docs/reference/sync.md).

A request is signed by the gate, so that nobody makes central work in another's name. An answer is not: each
body proves itself, by its signature or by the name that was asked for, and a broker that answers in central's
place can only waste the question.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gated.model.document import DocumentError, Table
from gated.wire.event import canonical
from gated.wire.forms import DIGEST, EPOCH, GATE, MAX_SEQ, NONCE, match, one_form, parse
from gated.wire.trust_file import FILE_NAME

REQUEST_VERSION = 1
MAX_REQUEST_BYTES = 1024
#: Names a question: 8 bytes, drawn by the gate.
ID_BYTES = 8
#: Of a body. With its frame, topic and TLS it stays below the 128 KiB that the broker takes.
MAX_BODY_BYTES = 125_000
NONCE_BYTES = 16
#: Of a trust file: a part that has so many bytes is followed by another, which may be missing.
PART_BYTES = 120_000
MAX_PARTS = 8

#: What an answer says before its body.
HERE, NO_SUCH_THING, LATER = 0, 1, 2
_CODES = (HERE, NO_SUCH_THING, LATER)


@dataclass(frozen=True, slots=True)
class HeadWanted:
    """The newest head of the gate's sector."""


@dataclass(frozen=True, slots=True)
class BlobWanted:
    """A part of the feed, by the SHA-256 of its bytes (32 bytes)."""

    name: bytes


@dataclass(frozen=True, slots=True)
class PulseWanted:
    """Central's time, over a fresh nonce (16 bytes), and how far head, uses and trust have come."""

    nonce: bytes


@dataclass(frozen=True, slots=True)
class UsesWanted:
    """The use records that follow a number."""

    after: int


@dataclass(frozen=True, slots=True)
class TrustWanted:
    """A file of the trust repository; a large one comes in parts of ``PART_BYTES``, the last one shorter."""

    file: str
    part: int = 0


Want = HeadWanted | BlobWanted | PulseWanted | UsesWanted | TrustWanted


@dataclass(frozen=True, slots=True)
class Request:
    """A question; ``id`` is 8 bytes, and the answer bears it."""

    gate: str
    id: bytes
    want: Want


@dataclass(frozen=True, slots=True)
class Answer:
    """``code`` is ``HERE``, ``NO_SUCH_THING`` or ``LATER``; only what is here has a body."""

    id: bytes
    code: int
    body: bytes = b""


def encode_request(request: Request) -> bytes:
    """The payload of a request."""
    members: dict[str, Any] = {"v": REQUEST_VERSION, "gate": request.gate, "id": request.id.hex()}
    match request.want:
        case HeadWanted():
            members["want"] = "head"
        case BlobWanted(name):
            members |= {"want": "blob", "name": name.hex()}
        case PulseWanted(nonce):
            members |= {"want": "pulse", "nonce": nonce.hex()}
        case UsesWanted(after):
            members |= {"want": "uses", "after": after}
        case TrustWanted(file, part):
            members |= {"want": "trust", "file": file} | ({"part": part} if part else {})
    return canonical(members).encode()


def read_request(payload: bytes) -> Request:
    """Read a payload. Raises ``DocumentError``."""
    top = parse(payload, MAX_REQUEST_BYTES, "request")
    top.whole("v", least=REQUEST_VERSION, most=REQUEST_VERSION)
    request = Request(match(top, "gate", GATE), bytes.fromhex(match(top, "id", EPOCH)), _want(top))
    top.done()
    one_form(encode_request(request), payload, "request")
    return request


def _want(top: Table) -> Want:
    what = top.text("want")
    if what == "head":
        return HeadWanted()
    if what == "blob":
        return BlobWanted(bytes.fromhex(match(top, "name", DIGEST)))
    if what == "pulse":
        return PulseWanted(bytes.fromhex(match(top, "nonce", NONCE)))
    if what == "uses":
        return UsesWanted(top.whole("after", most=MAX_SEQ))
    if what == "trust":
        file = match(top, "file", FILE_NAME)
        return TrustWanted(file, top.whole_or_none("part", least=1, most=MAX_PARTS - 1) or 0)
    raise DocumentError(top.path("want"), "must be head, blob, pulse, uses or trust")


def encode_answer(answer: Answer) -> bytes:
    """An answer as it travels: 8 bytes of id, one of code, the body."""
    return answer.id + bytes([answer.code]) + answer.body


def read_answer(payload: bytes) -> Answer:
    """Read what arrived where answers do. Raises ``DocumentError``."""
    if not ID_BYTES < len(payload) <= ID_BYTES + 1 + MAX_BODY_BYTES:
        raise DocumentError("answer", f"must have at most {MAX_BODY_BYTES} bytes behind its frame")
    code, body = payload[ID_BYTES], payload[ID_BYTES + 1 :]
    if code not in _CODES or bool(body) != (code == HERE):
        raise DocumentError("answer", "must say whether it is here, and have a body only then")
    return Answer(payload[:ID_BYTES], code, body)

"""The two files of an enrolment: what a box asks for, and what central answers (docs/reference/enrolment.md).

Both are payloads of the one envelope, each signed by a key that it carries itself. That proves possession
and nothing else: a fingerprint, told by voice, says whose key it is.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from typing import Any

from gated.model.document import DocumentError, Table
from gated.model.time import END_OF_TIME
from gated.model.trust import Algorithm
from gated.wire.broker import broker_url
from gated.wire.certificate import MAX_PEM_BYTES
from gated.wire.event import canonical
from gated.wire.forms import DIGEST, GATE, match, parse

ENROLMENT_VERSION = 1
#: Of what is sealed: with the root of the office's trust repository, and without.
ROOTED_VERSION, ROOTLESS_VERSION = 2, 1
#: A request has about 1 kB.
MAX_REQUEST_BYTES = 8192
#: What is sealed: certificates, a keys.json and a profile that may have 262,144 bytes each, a root of 65,536.
MAX_BUNDLE_BYTES = 680_000
#: The answer tells the sealed bytes in hex.
MAX_ENROLMENT_BYTES = 2 * MAX_BUNDLE_BYTES + 4096

_SEALED = re.compile(r"[0-9a-f]{64,}\Z")
_32_BYTES = DIGEST  # in hex, too
_BROKER = re.compile(
    r"mqtts://(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])(?::([1-9][0-9]{0,4}))?\Z"
)
_PORT = 8883
_PUBLIC = {
    Algorithm.EDDSA: re.compile(r"[0-9a-f]{64}\Z"),
    Algorithm.ES256: re.compile(r"04[0-9a-f]{128}\Z"),
}


@dataclass(frozen=True, slots=True)
class Request:
    """What a box asks for: a certificate, and that its signing key be believed."""

    gate: str
    csr: str  # PKCS #10 in PEM; its common name is the gate
    algorithm: Algorithm
    public: bytes  # of the signing key, which signs the request too
    box: bytes  # X25519, 32 bytes: what the answer is sealed to, once
    at: int  # seconds since 1970 as the box believes; it may be wrong by decades


@dataclass(frozen=True, slots=True)
class Enrolment:
    """Central's answer to one request. ``sealed`` holds a ``Bundle``."""

    gate: str
    central: bytes  # Ed25519 public key that signs it
    at: int  # central's time, seconds since 1970
    expires: int  # first second in which it is no longer taken in
    box: bytes  # of the request
    ephemeral: bytes  # X25519, made for this answer
    sealed: bytes


@dataclass(frozen=True, slots=True)
class Bundle:
    """What makes a box a gate. The sector key is a secret: ``repr`` does not show it."""

    sector: str
    venue: str
    broker: str  # mqtts://host:port
    certificate: str  # of the gate, PEM
    ca: str  # by which the gate knows the broker, PEM
    keys: dict[str, Any] = field(repr=False)  # keys.json
    profile: dict[str, Any] = field(repr=False)  # of the venue
    sector_key: bytes = field(repr=False)
    root: dict[str, Any] | None = field(default=None, repr=False)  # of the office's trust repository


@dataclass(frozen=True, slots=True)
class Record:
    """What stays on the box: enrolment.json. ``box`` tells an answer that was used already."""

    gate: str
    sector: str
    venue: str
    broker: str
    enrolled_at: int  # by the box's clock
    box: bytes


# ------------------------------------------------------------------ the request


def encode_request(request: Request) -> bytes:
    """The payload of a request."""
    return canonical(
        {
            "v": ENROLMENT_VERSION,
            "gate": request.gate,
            "csr": request.csr,
            "signing": {"alg": str(request.algorithm), "public": request.public.hex()},
            "box": request.box.hex(),
            "at": request.at,
        }
    ).encode()


def read_request(payload: bytes) -> Request:
    """Read a payload. Raises ``DocumentError``."""
    top = parse(payload, MAX_REQUEST_BYTES, "request")
    top.whole("v", least=ENROLMENT_VERSION, most=ENROLMENT_VERSION)
    signing = top.table("signing")
    algorithm = signing.checked("alg", Algorithm)
    request = Request(
        gate=match(top, "gate", GATE),
        csr=top.lines("csr", most=MAX_PEM_BYTES),
        algorithm=algorithm,
        public=bytes.fromhex(match(signing, "public", _PUBLIC[algorithm])),
        box=_key(top, "box"),
        at=top.whole("at", most=END_OF_TIME),
    )
    signing.done()
    top.done()
    return request


# ------------------------------------------------------------------ the answer


def encode_enrolment(enrolment: Enrolment) -> bytes:
    """The payload of an answer."""
    return canonical(
        {
            "v": ENROLMENT_VERSION,
            "gate": enrolment.gate,
            "central": enrolment.central.hex(),
            "at": enrolment.at,
            "expires": enrolment.expires,
            "box": enrolment.box.hex(),
            "ephemeral": enrolment.ephemeral.hex(),
            "sealed": enrolment.sealed.hex(),
        }
    ).encode()


def read_enrolment(payload: bytes) -> Enrolment:
    """Read a payload. Raises ``DocumentError``."""
    top = parse(payload, MAX_ENROLMENT_BYTES, "enrolment")
    top.whole("v", least=ENROLMENT_VERSION, most=ENROLMENT_VERSION)
    enrolment = Enrolment(
        gate=match(top, "gate", GATE),
        central=_key(top, "central"),
        at=top.whole("at", most=END_OF_TIME),
        expires=top.whole("expires", most=END_OF_TIME),
        box=_key(top, "box"),
        ephemeral=_key(top, "ephemeral"),
        sealed=_sealed(top),
    )
    top.done()
    return enrolment


def context(gate: str, request: bytes) -> bytes:
    """What an answer is sealed under: the very request (its file, envelope included) and the gate."""
    return hashlib.sha256(request).digest() + gate.encode()


def encode_bundle(bundle: Bundle) -> bytes:
    """What is sealed. Raises ``ValueError`` where it is larger than an answer carries."""
    members = {
        "v": ROOTLESS_VERSION,
        "sector": bundle.sector,
        "venue": bundle.venue,
        "broker": bundle.broker,
        "certificate": bundle.certificate,
        "ca": bundle.ca,
        "keys": bundle.keys,
        "profile": bundle.profile,
        "sector_key": bundle.sector_key.hex(),
    }
    if bundle.root is not None:
        members |= {"v": ROOTED_VERSION, "root": bundle.root}
    plain = canonical(members).encode()
    if len(plain) > MAX_BUNDLE_BYTES:
        raise ValueError(f"keys, profile and root are larger than {MAX_BUNDLE_BYTES} bytes together")
    return plain


def read_bundle(plain: bytes) -> Bundle:
    """Read what was sealed. Raises ``DocumentError``, which never shows the sector key."""
    top = parse(plain, MAX_BUNDLE_BYTES, "bundle")
    version = top.whole("v", least=ROOTLESS_VERSION, most=ROOTED_VERSION)
    bundle = Bundle(
        sector=match(top, "sector", GATE),
        venue=match(top, "venue", GATE),
        broker=top.checked("broker", _full),
        certificate=top.lines("certificate", most=MAX_PEM_BYTES),
        ca=top.lines("ca", most=MAX_PEM_BYTES),
        keys=top.document("keys"),
        profile=top.document("profile"),
        sector_key=_key(top, "sector_key"),
        root=top.document("root") if version == ROOTED_VERSION else None,
    )
    top.done()
    return bundle


def read_broker(text: str) -> str:
    """A broker's address in full, as a gate reaches it: with TLS. Raises ``ValueError``."""
    url = broker_url(text)
    if not url.tls:
        raise ValueError("is plain text (mqtt://); a gate's way is mqtts://HOST or mqtts://HOST:PORT")
    return str(url)


def _full(text: str) -> str:
    if read_broker(text) != text:
        raise ValueError("must be mqtts://HOST:PORT")
    return text


# ------------------------------------------------------------------ what stays


def encode_record(record: Record) -> bytes:
    """The content of enrolment.json."""
    members = {
        "v": ENROLMENT_VERSION,
        "gate": record.gate,
        "sector": record.sector,
        "venue": record.venue,
        "broker": record.broker,
        "enrolled_at": record.enrolled_at,
        "box": record.box.hex(),
    }
    return canonical(members).encode()


def read_record(content: bytes) -> Record:
    """Read enrolment.json. Raises ``DocumentError``."""
    top = parse(content, MAX_REQUEST_BYTES, "enrolment.json")
    top.whole("v", least=ENROLMENT_VERSION, most=ENROLMENT_VERSION)
    record = Record(
        gate=match(top, "gate", GATE),
        sector=match(top, "sector", GATE),
        venue=match(top, "venue", GATE),
        broker=top.checked("broker", _full),
        enrolled_at=top.whole("enrolled_at", most=END_OF_TIME),
        box=_key(top, "box"),
    )
    top.done()
    return record


def _key(table: Table, key: str) -> bytes:
    """32 bytes in hex."""
    return bytes.fromhex(match(table, key, _32_BYTES))


def _sealed(table: Table) -> bytes:
    text = match(table, "sealed", _SEALED)
    if len(text) % 2:
        raise DocumentError(table.path("sealed"), "must be whole bytes in hex")
    return bytes.fromhex(text)

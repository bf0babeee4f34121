"""Tokens made by hand, good and bad, without gated's own signing code: a second opinion on the form.

Keys follow from names and ECDSA signs deterministically (RFC 6979), so the same call gives the same bytes
on every machine. Nothing here is a key of anybody.
"""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

ISSUED = 1_795_500_000
EXPIRES = ISSUED + 365 * 86400
KEY_BEGINS = ISSUED - 86400
KEY_ENDS = ISSUED + 730 * 86400

PASS = bytes(range(16))
INDEX = bytes(range(16, 32))
ID = bytes(range(8))

BINDING, ENTITLEMENT, DENIAL = "gated/binding", "gated/entitlement", "gated/denial"
TYPES = (BINDING, ENTITLEMENT, DENIAL)
PRIVATE = -65537
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


@dataclass(frozen=True)
class Key:
    """A private key that follows from its name."""

    name: str
    alg: str = "EdDSA"
    sectors: tuple[str, ...] = ("pools",)
    kinds: tuple[str, ...] = ("binding", "entitlement", "denial")
    not_before: int = KEY_BEGINS
    expires: int = KEY_ENDS

    @property
    def _seed(self) -> bytes:
        return hashlib.sha256(b"gated test key: " + self.name.encode()).digest()

    @property
    def _private(self):
        if self.alg == "EdDSA":
            return Ed25519PrivateKey.from_private_bytes(self._seed)
        return ec.derive_private_key(int.from_bytes(self._seed, "big") % (_ORDER - 1) + 1, ec.SECP256R1())

    @property
    def public(self) -> bytes:
        form = (
            (serialization.Encoding.Raw, serialization.PublicFormat.Raw)
            if self.alg == "EdDSA"
            else (serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
        )
        return self._private.public_key().public_bytes(*form)

    @property
    def kid(self) -> bytes:
        return hashlib.sha256(self.public).digest()[:4]

    @property
    def cose_alg(self) -> int:
        return -8 if self.alg == "EdDSA" else -7

    def sign(self, message: bytes) -> bytes:
        """64 bytes: of Ed25519, or r ‖ s."""
        if self.alg == "EdDSA":
            return self._private.sign(message)
        how = ec.ECDSA(hashes.SHA256(), deterministic_signing=True)
        r, s = decode_dss_signature(self._private.sign(message, how))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")

    def entry(self) -> dict[str, Any]:
        """As keys.json has it."""
        return {
            "kid": self.kid.hex(),
            "alg": self.alg,
            "public": self.public.hex(),
            "sectors": list(self.sectors),
            "kinds": list(self.kinds),
            "not_before": self.not_before,
            "expires": self.expires,
        }


POOLS = Key("pools")
POOLS_P256 = Key("pools p256", alg="ES256")
ENTITLEMENTS_ONLY = Key("pools entitlements", kinds=("entitlement",))
MUSEUMS = Key("museums", sectors=("museums",))
OVER = Key("pools last year", expires=ISSUED + 3600)
FUTURE = Key("pools next year", not_before=ISSUED + 3600)
CLOCK = Key("pools clock", kinds=("denial", "time"))
STRANGER = Key("stranger")
TRUSTED = (POOLS, POOLS_P256, ENTITLEMENTS_ONLY, MUSEUMS, OVER, FUTURE, CLOCK)


def keys_document(keys=TRUSTED) -> dict[str, Any]:
    """A keys.json."""
    return {"v": 1, "keys": [key.entry() for key in keys]}


def encode(value: Any) -> bytes:
    """Deterministic CBOR."""
    return cbor2.dumps(value, canonical=True)


def sub(raw: bytes = PASS) -> str:
    """A pass as a claim."""
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def without(claims: dict, *keys) -> dict:
    return {key: value for key, value in claims.items() if key not in keys}


def _own(inner: dict, changes: dict | None) -> dict:
    return {key: value for key, value in {**inner, **(changes or {})}.items() if value is not ...}


def binding(changes: dict | None = None, private: dict | None = None) -> dict:
    """Claims of a binding; ``...`` as a value leaves a claim out."""
    claims = {1: "pools", 2: sub(), 4: EXPIRES, 6: ISSUED, 7: ID, PRIVATE: _own({1: INDEX, 2: 0}, private)}
    return _own(claims, changes)


def entitlement(changes: dict | None = None, private: dict | None = None) -> dict:
    """Claims of a typical entitlement; ``...`` as a value leaves a claim out."""
    inner = _own({1: "swim10", 2: 0}, private)
    return _own({1: "pools", 2: sub(), 4: EXPIRES, 6: ISSUED, 7: ID, PRIVATE: inner}, changes)


HOURS = "Mo-Fr 07:00-09:00"
FULL = {
    1: "swim10",
    2: 3,
    3: ["bron", "vaise"],
    4: 10,
    5: 5,
    6: 1,
    7: {"bron": 4, "vaise": 6},
    8: HOURS,
    9: 5,
    10: 1,
    11: 1800,
    12: "student",
}


def full_entitlement() -> dict:
    """Claims of an entitlement that says all it can."""
    return entitlement({5: ISSUED + 60}, FULL)


def denial(changes: dict | None = None, private: dict | None = None) -> dict:
    """Claims of a denial; ``...`` as a value leaves a claim out."""
    return _own({1: "pools", 6: ISSUED, PRIVATE: _own({1: 1, 2: PASS, 3: 2, 4: 0}, private)}, changes)


def header(key: Key, content_type: str) -> bytes:
    return encode({1: key.cose_alg, 3: content_type, 4: key.kid})


def bstr(value: bytes) -> bytes:
    return cbor2.dumps(value)


def assemble(protected: bytes, payload: bytes, signature: bytes, unprotected: bytes = b"\xa0") -> bytes:
    """The envelope around four parts."""
    return b"\xd2\x84" + bstr(protected) + unprotected + bstr(payload) + bstr(signature)


def sign(key: Key, protected: bytes, payload: bytes) -> bytes:
    """The signature over the Sig_structure (RFC 9052 section 4.4)."""
    return key.sign(encode(["Signature1", protected, b"", payload]))


def token(key: Key, content_type: str, claims: Any, protected: bytes | None = None) -> bytes:
    """A signed token; ``claims`` may be bytes that are no claims at all."""
    payload = claims if isinstance(claims, bytes) else encode(claims)
    protected = header(key, content_type) if protected is None else protected
    return assemble(protected, payload, sign(key, protected, payload))

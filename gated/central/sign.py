"""Making tokens: COSE_Sign1 around CWT claims, deterministic (docs/reference/statements.md)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from gated.credential.keys import KID_BYTES
from gated.credential.statement import CONTENT_TYPES, PRIVATE, encode_pass
from gated.model.statement import Binding, Denial, Entitlement, Kind, Statement
from gated.model.trust import Algorithm

_COSE_ALGORITHMS = {Algorithm.EDDSA: -8, Algorithm.ES256: -7}
_TYPE_OF = {kind: name for name, kind in CONTENT_TYPES.items()}


@dataclass(frozen=True)
class SigningKey:
    """A private key of central. ``repr`` shows the key id alone."""

    private: Ed25519PrivateKey | ec.EllipticCurvePrivateKey

    @classmethod
    def generate(cls, algorithm: Algorithm) -> SigningKey:
        """A fresh key."""
        if algorithm is Algorithm.EDDSA:
            return cls(Ed25519PrivateKey.generate())
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def from_pem(cls, pem: bytes) -> SigningKey:
        """Read what ``pem`` wrote. Raises ``ValueError``."""
        key = serialization.load_pem_private_key(pem, password=None)
        if isinstance(key, Ed25519PrivateKey | ec.EllipticCurvePrivateKey):
            return cls(key)
        raise ValueError("not an Ed25519 or P-256 key")

    def pem(self) -> bytes:
        """PKCS #8, unencrypted: the file's mode protects it."""
        return self.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    @property
    def algorithm(self) -> Algorithm:
        """What it signs with."""
        return Algorithm.EDDSA if isinstance(self.private, Ed25519PrivateKey) else Algorithm.ES256

    @property
    def public(self) -> bytes:
        """The public key as keys.json has it."""
        key = self.private.public_key()
        if self.algorithm is Algorithm.EDDSA:
            return key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)

    @property
    def kid(self) -> bytes:
        """The first bytes of the public key's SHA-256."""
        return hashlib.sha256(self.public).digest()[:KID_BYTES]

    def __repr__(self) -> str:
        return f"SigningKey({self.algorithm}, {self.kid.hex()})"

    def sign(self, content_type: str, payload: bytes) -> bytes:
        """A COSE_Sign1 token (RFC 9052 section 4.4)."""
        protected = _dumps({1: _COSE_ALGORITHMS[self.algorithm], 3: content_type, 4: self.kid})
        signed = _dumps(["Signature1", protected, b"", payload])
        return _dumps(cbor2.CBORTag(18, [protected, {}, payload, self._raw(signed)]))

    def _raw(self, signed: bytes) -> bytes:
        if isinstance(self.private, Ed25519PrivateKey):
            return self.private.sign(signed)
        r, s = decode_dss_signature(self.private.sign(signed, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def sign_statement(key: SigningKey, statement: Statement) -> bytes:
    """The token of a statement."""
    kind, claims = _claims(statement)
    return key.sign(_TYPE_OF[kind], _dumps(claims))


def _claims(statement: Statement) -> tuple[Kind, dict[int, Any]]:
    match statement:
        case Binding():
            inner: dict[int, Any] = {1: statement.index, 2: statement.revision}
            return Kind.BINDING, {**_dated(statement), PRIVATE: inner}
        case Entitlement():
            inner = {1: statement.product, 2: statement.revision}
            if statement.venues is not None:
                inner[3] = list(statement.venues)
            if statement.uses is not None:
                inner[4] = statement.uses
            if statement.min_assurance is not None:
                inner[5] = int(statement.min_assurance)
            return Kind.ENTITLEMENT, {**_dated(statement), PRIVATE: inner}
        case Denial():
            inner = {
                1: int(statement.target_kind),
                2: statement.target,
                3: int(statement.state),
                4: statement.number,
            }
            return Kind.DENIAL, {1: statement.sector, 6: statement.issued_at, PRIVATE: inner}


def _dated(statement: Binding | Entitlement) -> dict[int, Any]:
    claims: dict[int, Any] = {
        1: statement.sector,
        2: encode_pass(statement.pass_),
        6: statement.issued_at,
        7: statement.id,
    }
    if statement.expires is not None:
        claims[4] = statement.expires
    if statement.not_before != statement.issued_at:
        claims[5] = statement.not_before
    return claims


def _dumps(value: Any) -> bytes:
    return cbor2.dumps(value, canonical=True)

"""Signing a message: COSE_Sign1, everything in the protected header, deterministic (ADR 0002).

Central signs statements and receipts, a gate signs its own events and nothing else. What makes a
*statement* stands in ``gated.central`` alone; opening stands in ``gated.credential``.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from gated.model.trust import COSE_IDS, KID_BYTES, Algorithm

#: What a signed message has beside its payload; ours have 91 to 102.
ENVELOPE_BYTES = 128


@dataclass(frozen=True)
class SigningKey:
    """A private key. ``repr`` shows the key id alone."""

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
        protected = deterministic({1: COSE_IDS[self.algorithm], 3: content_type, 4: self.kid})
        signed = deterministic(["Signature1", protected, b"", payload])
        return deterministic(cbor2.CBORTag(18, [protected, {}, payload, self._raw(signed)]))

    def _raw(self, signed: bytes) -> bytes:
        if isinstance(self.private, Ed25519PrivateKey):
            return self.private.sign(signed)
        r, s = decode_dss_signature(self.private.sign(signed, ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def deterministic(value: Any) -> bytes:
    """Deterministic CBOR (RFC 8949 section 4.2.1)."""
    return cbor2.dumps(value, canonical=True)

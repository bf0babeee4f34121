"""COSE_Sign1 (RFC 9052 section 4.2), in the one form that gated uses.

Tag 18, an array of four, everything in the protected header, an empty unprotected header, a 64-byte
signature. The order of work is the order of the functions: split, header, key, scope, signature.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from gated.credential import cbor
from gated.credential.refused import Refused, malformed
from gated.model.refusal import Reason
from gated.model.trust import COSE_IDS, Algorithm, KeySet, TrustedKey

#: Largest token accepted: statements are 150 to 300 bytes, and a medium's file rarely holds more than 1 kB.
MAX_TOKEN_BYTES = 1024

_TAG_18 = 0xD2
_ARRAY_4 = 0x84
_EMPTY_MAP = 0xA0
_SIGNATURE_BYTES = 64  # r ‖ s (RFC 9053 section 2.1) and Ed25519 (RFC 8032) alike

_ALGORITHMS = {number: algorithm for algorithm, number in COSE_IDS.items()}

_CONTEXT = b"\x84\x6aSignature1"  # array of four, first member the context string (RFC 9052 section 4.4)
_NO_EXTERNAL_AAD = b"\x40"


class Header(NamedTuple):
    """The protected header: all three, nothing else."""

    algorithm: Algorithm
    content_type: str
    kid: bytes


class Sign1(NamedTuple):
    """A token taken apart. Nothing in it is believed yet."""

    header: Header
    protected: bytes
    payload: bytes
    signature: bytes


def split(token: bytes, limit: int = MAX_TOKEN_BYTES) -> Sign1:
    """Take a token apart. Raises ``Refused`` with oversize, truncated, unsigned or malformed."""
    if len(token) > limit:
        raise Refused(Reason.OVERSIZE, {"bytes": len(token), "limit": limit})
    if not token:
        raise Refused(Reason.TRUNCATED)
    if token[0] != _TAG_18:
        # A bare claims set is the honest mistake, and the first thing a forger tries.
        raise Refused(Reason.UNSIGNED) if token[0] >> 5 == 5 else malformed("tag")
    if len(token) < 2:
        raise Refused(Reason.TRUNCATED)
    if token[1] != _ARRAY_4:
        raise malformed("array")
    protected, at = _byte_string(token, 2)
    if token[at : at + 1] != bytes([_EMPTY_MAP]):
        raise malformed("unprotected") if at < len(token) else Refused(Reason.TRUNCATED)
    payload, at = _byte_string(token, at + 1)
    signature, at = _byte_string(token, at)
    if at != len(token):
        raise malformed("trailing")
    if not signature:
        raise Refused(Reason.UNSIGNED)
    # Halving an over-long signature would accept twelve known forgeries of ECDSA: the length is fixed.
    if len(signature) != _SIGNATURE_BYTES:
        raise malformed("signature_length")
    return Sign1(_header(protected), protected, payload, signature)


def _byte_string(token: bytes, at: int) -> tuple[bytes, int]:
    major, length, after = cbor.head(token, at)
    if major != 2:
        raise malformed("byte_string")
    if length > len(token) - after:
        raise Refused(Reason.TRUNCATED)
    return token[after : after + length], after + length


@lru_cache(maxsize=256)  # a gate meets a handful of headers: one per key and kind
def _header(protected: bytes) -> Header:
    fields = cbor.load(protected)
    if not isinstance(fields, dict) or set(fields) != {1, 3, 4}:
        raise malformed("header")
    algorithm = _ALGORITHMS.get(fields[1]) if isinstance(fields[1], int) else None
    if algorithm is None:
        raise malformed("algorithm")
    if not isinstance(fields[3], str) or not isinstance(fields[4], bytes):
        raise malformed("header")
    return Header(algorithm, fields[3], fields[4])


def key_of(message: Sign1, keys: KeySet) -> TrustedKey:
    """The key a token names. Raises ``Refused`` with unknown_key."""
    key = keys.get(message.header.kid)
    if key is None:
        raise Refused(Reason.UNKNOWN_KEY, {"kid": message.header.kid.hex()[:16]})
    # The key decides how it is used: a header that says otherwise is an attack or a mistake.
    if key.algorithm is not message.header.algorithm:
        raise Refused(Reason.UNKNOWN_KEY, {"kid": key.kid.hex(), "what": "algorithm"})
    return key


def verify(message: Sign1, key: TrustedKey) -> None:
    """Check the signature (RFC 9052 section 4.4). Raises ``Refused`` with bad_signature."""
    signed = b"".join(
        (
            _CONTEXT,
            _length(message.protected),
            message.protected,
            _NO_EXTERNAL_AAD,
            _length(message.payload),
            message.payload,
        )
    )
    try:
        if key.algorithm is Algorithm.EDDSA:
            _ed25519(key.public).verify(message.signature, signed)
        else:
            r, s = message.signature[:32], message.signature[32:]
            der = encode_dss_signature(int.from_bytes(r, "big"), int.from_bytes(s, "big"))
            _p256(key.public).verify(der, signed, _ES256)
    except InvalidSignature:
        raise Refused(Reason.BAD_SIGNATURE, {"kid": key.kid.hex()}) from None


_ES256 = ec.ECDSA(hashes.SHA256())


@lru_cache(maxsize=256)
def _ed25519(public: bytes) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(public)


@lru_cache(maxsize=256)
def _p256(public: bytes) -> ec.EllipticCurvePublicKey:
    return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)


def _length(data: bytes) -> bytes:
    """The head of a byte string."""
    size = len(data)
    if size < 24:
        return bytes((0x40 | size,))
    if size < 256:
        return bytes((0x58, size))
    if size < 65536:
        return b"\x59" + size.to_bytes(2, "big")
    return b"\x5a" + size.to_bytes(4, "big")

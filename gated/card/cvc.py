"""The certificate of a PKOC version 2 medium (PKOC-CVC): an issuer vouches for the medium's public key.

Source: PSIA PKOC Core 2.0.1 chapter 5, profile 0, as in the reference implementation com-elatec-pkoc-aliro;
BER-TLV of ISO/IEC 7816-4:2020 clause 5.2.2::

    7F21 { 7F4E { 5F29 profile, 42 issuer, 7F49 { 06 curve, 86 point }, 5F20 subject,
                  5F25 first day, 5F24 last day, 65 extensions }
           5F37 r ‖ s, the issuer's signature over the whole 7F4E }

Extensions are not read: they are credentials for other systems, and who passes here is asked by key alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from cryptography.hazmat.primitives.asymmetric import ec

from gated.card.apdu import CardFault
from gated.card.pkoc import signed
from gated.card.tlv import Object, find, objects
from gated.model.time import TimeReading

REFERENCE_BYTES = 16
#: An issuer's or a subject's reference (Core 5.4).
REFERENCE = re.compile(rb"[A-Z0-9]{16}\Z")
PROFILE = b"\x00"
P256 = bytes.fromhex("2A8648CE3D030107")  # 1.2.840.10045.3.1.7

_CERTIFICATE, _BODY, _SIGNATURE = 0x7F21, 0x7F4E, 0x5F37
_PROFILE, _ISSUER, _KEY, _SUBJECT, _FIRST_DAY, _LAST_DAY = 0x5F29, 0x42, 0x7F49, 0x5F20, 0x5F25, 0x5F24
_CURVE, _POINT = 0x06, 0x86

_EPOCH = date(1970, 1, 1)
_DAY_S = 86400


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a certificate says. Nothing in it is believed before ``objection`` had none."""

    issuer: str  # 16 characters, A to Z and 0 to 9
    public: bytes  # the medium's key: a point of P-256, uncompressed, 65 bytes
    begins: int  # first second of the first day, UTC, since 1970
    ends: int  # first second after the last day, UTC, since 1970
    signed: bytes  # the body with its tag and length
    signature: bytes  # r ‖ s, 64 bytes

    def __repr__(self) -> str:
        return f"Certificate(issuer {self.issuer})"


def parse(raw: bytes) -> Certificate:
    """Take a certificate apart. Raises ``CardFault`` for all that is not of profile 0 with a key of P-256."""
    (certificate,) = _exactly(raw, _CERTIFICATE)
    body, signature = _exactly(certificate.value, _BODY, _SIGNATURE)
    if len(signature.value) != 64:
        raise CardFault("signature")
    told = body.value
    if _required(told, _PROFILE) != PROFILE:
        raise CardFault("profile")
    issuer = _required(told, _ISSUER)
    if not REFERENCE.match(issuer):
        raise CardFault("issuer")
    if len(_required(told, _SUBJECT)) != REFERENCE_BYTES:
        raise CardFault("subject")
    first, last = _day(_required(told, _FIRST_DAY)), _day(_required(told, _LAST_DAY))
    if last < first:
        raise CardFault("dates")
    return Certificate(
        issuer.decode("ascii"),
        _public(_required(told, _KEY)),
        first * _DAY_S,
        (last + 1) * _DAY_S,
        body.whole,
        signature.value,
    )


def objection(certificate: Certificate, issuers: Mapping[str, bytes], time: TimeReading) -> str | None:
    """What speaks against a certificate; None = nothing.

    ``issuer``: none of ``issuers``, which maps references to uncompressed points of P-256; ``certificate``:
    that issuer did not sign it; ``expired``; ``not_yet_valid``.
    """
    key = issuers.get(certificate.issuer)
    if key is None:
        return "issuer"
    if not signed(key, certificate.signature, certificate.signed):
        return "certificate"
    # Both only where it is certain: the floor can only be too early and the ceiling too late. So a gate that
    # lost its clock turns nobody away for it, at the price that what ended lately still passes there.
    if time.floor >= certificate.ends:
        return "expired"
    latest = time.estimate if time.ceiling is None else time.ceiling
    if latest < certificate.begins:
        return "not_yet_valid"
    return None


def _exactly(body: bytes, *tags: int) -> list[Object]:
    """The objects of these tags in this order. Here, outside of what is signed, nothing may stand beside
    them, not even padding: one certificate could be shown in many forms.
    """
    found = list(objects(body))
    if [one.tag for one in found] != list(tags) or b"".join(one.whole for one in found) != body:
        raise CardFault("layout")
    return found


def _required(body: bytes, tag: int) -> bytes:
    value = find(body, tag)
    if value is None:
        raise CardFault(f"missing_{tag:02x}")
    return value


def _public(key: bytes) -> bytes:
    if _required(key, _CURVE) != P256:
        raise CardFault("curve")
    point = _required(key, _POINT)
    # Uncompressed only: two spellings of one key would be two credentials of one medium.
    if len(point) != 65 or point[0] != 0x04:
        raise CardFault("key")
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except ValueError:
        raise CardFault("point") from None
    return point


def _day(digits: bytes) -> int:
    """Days since 1970 of YYMMDD, one digit in a byte (Core 5.6). The century is not told: it is ours."""
    if len(digits) != 6 or max(digits) > 9:
        raise CardFault("dates")
    year, month, day = (10 * digits[at] + digits[at + 1] for at in (0, 2, 4))
    try:
        return (date(2000 + year, month, day) - _EPOCH).days
    except ValueError:
        raise CardFault("dates") from None

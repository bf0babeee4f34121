"""PKOC over NFC, version 1: the medium signs our fresh number with a key that never leaves it.

Source: PSIA Public Key Open Credential, NFC flow (AID, tags and message layout as in the reference
implementations com-psia-pkoc and openpkoc). Two commands:

1. SELECT A000000898000001 → 5C: the protocol versions the medium speaks, two bytes each.
2. 80 80 00 01 with 5C version, 4C our 16-byte transaction number, 4D site and reader number →
   5A: its public key, 9E: ECDSA P-256 over SHA-256 of the 16 bytes of 4C, r ‖ s.

Only the transaction number is signed: freshness rests on it alone, so it must come from a
cryptographic source and is never used twice. The reader proves nothing, so anybody near can read the
public key, and a live relay works (docs/explanation/trust-and-threats.md).
"""

from __future__ import annotations

import hashlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from gated.card.apdu import CardFault, command, objects
from gated.card.talk import Conversation, Steps, Talk, bad_proof, expect, recognised, unreadable
from gated.model.credential import Assurance, Credential, Proof
from gated.model.refusal import Refusal

SCHEME = "pkoc"
AID = bytes.fromhex("A000000898000001")
VERSION = b"\x01\x00"
TRANSACTION_BYTES = 16
READER_ID_BYTES = 32  # site number, then reader number, 16 bytes each

_TAG_VERSIONS, _TAG_TRANSACTION, _TAG_READER, _TAG_KEY, _TAG_SIGNATURE = 0x5C, 0x4C, 0x4D, 0x5A, 0x9E


def converse(talk: Talk, reader_id: bytes) -> Conversation:
    """Ask a medium to prove its key.

    A medium that leaves before it was recognised raises ``CardError``.
    """
    selected = yield from talk.select(AID)
    if selected is None:
        return None
    return (yield from recognised(SCHEME, prove(talk, selected.body, reader_id)))


def prove(talk: Talk, versions: bytes, reader_id: bytes) -> Steps[Proof | Refusal]:
    """The second command, to a medium that answered SELECT with ``versions``. Raises ``CardFault``."""
    if not _speaks_version_1(versions):
        return unreadable(SCHEME, "version")
    transaction = talk.random(TRANSACTION_BYTES)
    request = b"".join(
        (
            _object(_TAG_VERSIONS, VERSION),
            _object(_TAG_TRANSACTION, transaction),
            _object(_TAG_READER, reader_id),
        )
    )
    asked = talk.sent
    public, signature = _answer(expect((yield from talk.ask(command(0x80, 0x80, 0x00, 0x01, request)))))
    if not signed(public, signature, transaction):
        return bad_proof(SCHEME)
    return Proof(
        Credential(SCHEME, hashlib.sha256(public).digest(), Assurance.ASYMMETRIC),
        fresh=range(asked, talk.sent),
    )


def _speaks_version_1(body: bytes) -> bool:
    for tag, value in objects(body):
        if tag == _TAG_VERSIONS:
            return VERSION in (value[at : at + 2] for at in range(0, len(value), 2))
    return False


def _answer(body: bytes) -> tuple[bytes, bytes]:
    """(public key, r ‖ s). The order of the two objects is free; neither may come twice."""
    found: dict[int, bytes] = {}
    for tag, value in objects(body):
        if tag in found:
            raise CardFault("twice")
        found[tag] = value
    public, signature = found.get(_TAG_KEY, b""), found.get(_TAG_SIGNATURE, b"")
    # Uncompressed only: two spellings of one key would be two credentials of one medium.
    if len(public) != 65 or public[0] != 0x04:
        raise CardFault("key")
    if len(signature) != 64:
        raise CardFault("signature")
    return public, signature


def signed(public: bytes, signature: bytes, message: bytes) -> bool:
    """Whether ``signature`` (r ‖ s) over ``message`` is that of ``public``, an uncompressed P-256 point."""
    try:
        key = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)
    except ValueError:
        return False  # not a point of the curve
    r, s = int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")
    try:
        key.verify(encode_dss_signature(r, s), message, ec.ECDSA(hashes.SHA256()))
    except InvalidSignature:
        return False
    return True


def _object(tag: int, value: bytes) -> bytes:
    return bytes([tag, len(value)]) + value

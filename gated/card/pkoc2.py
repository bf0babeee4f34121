"""PKOC over NFC, version 2, validated mode: an issuer known here vouches for the key that the medium proves.

Source: PSIA PKOC NFC Transport Profile 2.0.1 (sections 2.1, 3.4, 6.2 and 8) and PKOC Core 2.0.1, as in the
reference implementation com-elatec-pkoc-aliro. After SELECT, which version 1 has too:

1. 00 CA 7F63 (INFO) → 7F63 { 5C 0200 }: it speaks version 2. Any other answer: version 1 alone.
2. 00 CA 7F21 → its certificate (gated/card/cvc.py).
3. 00 88 0000 with our 32-byte challenge → 9E: ECDSA P-256 over SHA-256 of the challenge, r ‖ s.

From step 2 on there is no way back to version 1 (section 2.1): whoever cannot show a certificate could pass
as a medium that needs none. As in version 1 the reader proves nothing, and a live relay works.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from gated.card import cvc, pkoc, tlv
from gated.card.apdu import OK, CardFault, command
from gated.card.talk import Conversation, Steps, Talk, bad_proof, expect, recognised, unreadable
from gated.model.credential import Assurance, Credential, Proof
from gated.model.refusal import Refusal

SCHEME = "pkoc2"
VERSION = b"\x02\x00"
CHALLENGE_BYTES = 32
#: Of a certificate, after the first: some media chain by 64 bytes.
MAX_PIECES = 16

_INFO = command(0x00, 0xCA, 0x7F, 0x63)
_CERTIFICATE = command(0x00, 0xCA, 0x7F, 0x21)
_VERSION_PATH = (0x7F63, 0x5C)
_SIGNATURE = 0x9E


def converse(talk: Talk, issuers: Mapping[str, bytes], reader_id: bytes | None = None) -> Conversation:
    """Ask a medium to prove a key that one of ``issuers`` vouches for.

    ``issuers`` maps the references in certificates to public keys: uncompressed points of P-256, 65 bytes.
    With a ``reader_id`` a medium of version 1 alone proves its key as ``pkoc``, after this one SELECT; else
    it is none of ours. A medium that leaves before it was recognised raises ``CardError``.
    """
    selected = yield from talk.select(pkoc.AID)
    if selected is None:
        return None
    if reader_id is not None:
        return (yield from recognised(pkoc.SCHEME, _either(talk, issuers, selected.body, reader_id)))
    if not (yield from speaks_version_2(talk)):
        return None
    return (yield from recognised(SCHEME, _prove(talk, issuers)))


def _either(
    talk: Talk, issuers: Mapping[str, bytes], versions: bytes, reader_id: bytes
) -> Steps[Proof | Refusal]:
    if (yield from speaks_version_2(talk)):
        return (yield from recognised(SCHEME, _prove(talk, issuers)))
    return (yield from pkoc.prove(talk, versions, reader_id))


def speaks_version_2(talk: Talk) -> Steps[bool]:
    """Whether a medium whose application is selected speaks version 2."""
    try:
        told = yield from talk.ask(_INFO)
        version = tlv.find(told.body, *_VERSION_PATH)
    except CardFault:
        return False
    return told.status == OK and version == VERSION


def _prove(talk: Talk, issuers: Mapping[str, bytes]) -> Steps[Proof | Refusal]:
    certificate = cvc.parse(expect((yield from talk.ask(_CERTIFICATE, tlv.MAX_BYTES, MAX_PIECES))))
    # Before the challenge: a forger gets no further command and no random number of ours, holds the lane no
    # longer than it takes to read, and no key verifies anything here unless an issuer vouches for it. What is
    # refused tells him nothing new: certificates are read by anybody, and the issuers' keys are public.
    objection = cvc.objection(certificate, issuers, talk.time())
    if objection is not None:
        return bad_proof(SCHEME, objection)
    challenge, asked = talk.random(CHALLENGE_BYTES), talk.sent
    answer = expect((yield from talk.ask(command(0x00, 0x88, 0x00, 0x00, challenge))))
    signature = tlv.find(answer, _SIGNATURE)
    if signature is None or len(signature) != 64:
        return unreadable(SCHEME, "signature")
    if not pkoc.signed(certificate.public, signature, challenge):
        return bad_proof(SCHEME)
    digest = hashlib.sha256(certificate.public).digest()
    return Proof(Credential(SCHEME, digest, Assurance.ASYMMETRIC), fresh=range(asked, talk.sent))

"""Fingerprints: what two people read to each other over the phone (docs/reference/enrolment.md)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

#: 80 bits: nobody finds a second file or key to the same, and it is still read aloud in a breath.
FINGERPRINT_BYTES = 10

_TOLD = re.compile(r"[A-Z2-7]{16}\Z")


def fingerprint(content: bytes) -> str:
    """The beginning of the SHA-256 of a file or key, in base32 (RFC 4648): XXXX-XXXX-XXXX-XXXX."""
    text = base64.b32encode(_digest(content)).decode()
    return "-".join(text[at : at + 4] for at in range(0, len(text), 4))


def is_fingerprint_of(told: str, content: bytes) -> bool:
    """Whether a person told the fingerprint of this. Case, dashes and spaces do not matter.

    Raises ``ValueError`` for a text that can be nobody's fingerprint.
    """
    text = told.upper().replace("-", "").replace(" ", "")
    if _TOLD.match(text) is None:
        raise ValueError("a fingerprint is XXXX-XXXX-XXXX-XXXX, of the letters A to Z and the digits 2 to 7")
    return hmac.compare_digest(base64.b32decode(text), _digest(content))


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()[:FINGERPRINT_BYTES]

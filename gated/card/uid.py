"""``uid-only``: the anticollision number as a credential. It proves nothing and can be copied.

It is off unless a lane's configuration lists it and a product allows it.
"""

from __future__ import annotations

from typing import TypeGuard

from gated.model.credential import Assurance, Credential, Proof

SCHEME = "uid"
#: Single, double and triple size (ISO/IEC 14443-3:2018 clause 6.5.4).
_SIZES = (4, 7, 10)
_RANDOM = 0x08  # first byte of a 4-byte UID that is drawn anew at each power-up (same clause)


def names_somebody(uid: bytes | None) -> TypeGuard[bytes]:
    """Whether a UID is one, and the same at each tap."""
    return uid is not None and len(uid) in _SIZES and not (len(uid) == 4 and uid[0] == _RANDOM)


def credential_of(uid: bytes | None) -> Credential | None:
    """The credential of a UID; None where there is none, or a random one that names nobody."""
    return Credential(SCHEME, uid, Assurance.UID_ONLY) if names_somebody(uid) else None


def proof_of(uid: bytes | None) -> Proof | None:
    """It as a medium's proof."""
    found = credential_of(uid)
    return None if found is None else Proof(found)

"""Opening a message that carries the key which signs it: enrolment files (docs/reference/enrolment.md).

It proves that its maker has that key, and nothing else. Whose key it is, a fingerprint must say.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from gated.credential import cose
from gated.credential.message import MESSAGE_TYPES
from gated.credential.refused import Refused, malformed
from gated.model.refusal import Refusal
from gated.model.statement import Kind
from gated.model.time import END_OF_TIME
from gated.model.trust import KID_BYTES, Algorithm, TrustedKey

#: From a payload that nobody believes yet: the key that it says it is signed by. Raises ``ValueError``.
KeyIn = Callable[[bytes], tuple[Algorithm, bytes]]


def open_own(token: bytes, kind: Kind, key_in: KeyIn, limit: int) -> bytes | Refusal:
    """Verify a message by the key in its own payload, and return the payload.

    The steps, each with its own reason: 1 size and form, 2 it is of this kind, 3 the payload carries a
    key, and the envelope names that one, 4 the signature.

    Args:
        token: the bytes as received.
        kind: what is expected at the place where it arrived.
        key_in: reads the key.
        limit: the most bytes that such a message has.

    """
    try:
        message = cose.split(token, limit)
        if message.header.content_type != MESSAGE_TYPES[kind]:
            raise malformed("content_type")
        key = _carried(message, kind, key_in)
        try:
            cose.verify(message, key)
        except ValueError:  # no point of the curve
            raise malformed("key") from None
    except Refused as refused:
        return refused.refusal
    return message.payload


def _carried(message: cose.Sign1, kind: Kind, key_in: KeyIn) -> TrustedKey:
    try:
        algorithm, public = key_in(message.payload)
    except ValueError:
        raise malformed("payload") from None
    kid = hashlib.sha256(public).digest()[:KID_BYTES]
    key = TrustedKey(kid, algorithm, public, frozenset(), frozenset({kind}), 0, END_OF_TIME)
    return cose.key_of(message, {kid: key})

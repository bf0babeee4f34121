"""Opening what gates and central tell each other: the same envelope as statements, other content types."""

from __future__ import annotations

from gated.credential import cose
from gated.credential.refused import Refused, malformed
from gated.model.refusal import Reason, Refusal
from gated.model.statement import Kind
from gated.model.trust import KeySet, TrustedKey

#: A batch of events is the largest (docs/reference/sync.md); 128 bytes of it are the envelope.
MAX_MESSAGE_BYTES = 65_536

#: Content types separate the domains: an old receipt is never read as a batch, a state never as a receipt.
MESSAGE_TYPES: dict[Kind, str] = {
    Kind.EVENTS: "gated/events",
    Kind.STATE: "gated/state",
    Kind.ACK: "gated/ack",
    Kind.ENROLMENT: "gated/enrolment",
    Kind.REQUEST: "gated/request",
    Kind.HEAD: "gated/head",
    Kind.TIME: "gated/time",
    Kind.USES: "gated/uses",
    Kind.COMMAND: "gated/command",
}


def open_message(
    token: bytes, kind: Kind, keys: KeySet, sector: str, floor: int, limit: int = MAX_MESSAGE_BYTES
) -> bytes | Refusal:
    """Verify a message and return its payload, whose form is for ``gated.wire`` to check.

    The steps, each with its own reason: 1 size and form, 2 it is of this kind, 3 the key is known, 4 it
    may sign this kind and speak for this sector, 5 it is within its time, 6 the signature.

    Args:
        token: the bytes as received.
        kind: what is expected at the place where it arrived.
        keys: who is believed there.
        sector: whose message it must be.
        floor: a time, in seconds since 1970, that is certainly over; key expiry is judged by it.
        limit: the most bytes that such a message has.

    """
    try:
        message = cose.split(token, limit)
        if message.header.content_type != MESSAGE_TYPES[kind]:
            raise malformed("content_type")
        key = cose.key_of(message, keys)
        if kind not in key.kinds:
            raise Refused(Reason.OUT_OF_SCOPE, {"scope": "kind", "kind": kind.value, "kid": key.kid.hex()})
        if sector not in key.sectors:
            raise Refused(Reason.OUT_OF_SCOPE, {"scope": "sector", "sector": sector, "kid": key.kid.hex()})
        if floor >= key.expires:
            raise Refused(Reason.KEY_NOT_VALID, {"kid": key.kid.hex(), "expires": key.expires})
        cose.verify(message, key)
    except Refused as refused:
        return refused.refusal
    return message.payload


def signer(token: bytes, keys: KeySet) -> TrustedKey:
    """Whose message it is. Ask it of those that opened."""
    return cose.key_of(cose.split(token, len(token)), keys)

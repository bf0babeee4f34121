"""The serial number of a Calypso transport card: it is told to anybody, and proves nothing (``uid-only``).

Source: Calypso Prime specification as eclipse-keyple implements it: SELECT answers the FCI
6F { 84 name, A5 { BF0C { C7 serial number (8 bytes), 53 startup information } } }, the inner objects in any
order; status 6283 says that the card was invalidated. Its secrets need a SAM, which a gate does not have.
"""

from __future__ import annotations

from gated.card import tlv
from gated.card.apdu import OK, CardFault, select
from gated.card.talk import Conversation, Steps, Talk, recognised, unreadable
from gated.model.credential import Assurance, Credential, Proof
from gated.model.refusal import Reason, Refusal

SCHEME = "calypso"
AID = b"1TIC.ICA"
SERIAL_BYTES = 8

INVALIDATED = 0x6283
_SERIAL = (0x6F, 0xA5, 0xBF0C, 0xC7)


def converse(talk: Talk) -> Conversation:
    """Ask a medium for its serial number. Raises ``CardError`` before it was recognised."""
    try:
        selected = yield from talk.ask(select(AID))
    except CardFault:
        return None
    if selected.status == INVALIDATED:
        return Refusal(Reason.INVALIDATED, {"scheme": SCHEME})
    if selected.status != OK:
        return None
    return (yield from recognised(SCHEME, _told(selected.body)))


def _told(body: bytes) -> Steps[Proof | Refusal]:
    yield from ()  # nothing more is asked: the answer to SELECT had it all
    serial = tlv.find(body, *_SERIAL)
    if serial is None or len(serial) != SERIAL_BYTES or not any(serial):
        return unreadable(SCHEME, "serial")
    return Proof(Credential(SCHEME, serial, Assurance.UID_ONLY))

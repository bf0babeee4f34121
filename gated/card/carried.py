"""``static-signed``: a medium that proves nothing but carries what central signed for its UID.

Whoever copies the record onto another medium has another UID, and is refused by name (``copied``). Whoever
can play that UID as well passes: it raises the price of a copy to a special blank, and no further.
"""

from __future__ import annotations

from gated.card import ndef, type2, type4
from gated.card.apdu import CardFault
from gated.card.talk import Conversation, Steps, Talk, left, unreadable
from gated.card.uid import names_somebody
from gated.errors import CardError
from gated.model.credential import Assurance, Credential, Proof
from gated.model.refusal import Refusal

SCHEME = "signed"


def converse(talk: Talk) -> Conversation:
    """Read what a medium carries. Raises ``CardError`` before it was recognised."""
    found = yield from read(talk)
    if found is None or isinstance(found, Refusal):
        return found
    if not names_somebody(talk.uid):
        return unreadable(SCHEME, "random_uid")
    return Proof(Credential(SCHEME, talk.uid, Assurance.STATIC_SIGNED), carried=found)


def read(talk: Talk) -> Steps[bytes | Refusal | None]:
    """The statements on a medium; None = none of ours are there.

    Memory that makes no sense is nobody's. What left once it was seen to hold a message is told so, for
    the next try may bring it.
    """
    known = talk.sent
    try:
        message = yield from type4.message(talk)
        if message is None:
            known = talk.sent
            message = yield from type2.message(talk)
        return None if message is None else ndef.carried_in(message)
    except CardFault:
        return None
    except CardError as error:
        if talk.sent <= known + 1:
            raise
        return unreadable(SCHEME, left(error))

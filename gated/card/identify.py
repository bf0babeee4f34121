"""Which of the configured schemes does this medium speak? Strongest first, and no way down.

After a medium was recognised by one scheme and failed it, nothing weaker is tried in that tap: the
answer is the refusal, or whoever can spoil a strong proof could pass with a weak one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum

from gated.card import pkoc, uid
from gated.card.pkoc import Conversation
from gated.errors import CardError


class Scheme(StrEnum):
    """In falling order of strength: the order in which they are tried, whatever the file's order."""

    PKOC = pkoc.SCHEME
    UID = uid.SCHEME


def identify(
    schemes: Sequence[Scheme], reader_id: bytes, nonce: Callable[[int], bytes], medium_uid: bytes | None
) -> Conversation:
    """Converse with a medium.

    Returns its credential; a ``Refusal`` where it was recognised and failed; None where it is none
    of ours or left before we could tell.
    """
    if Scheme.PKOC in schemes:
        try:
            result = yield from pkoc.converse(reader_id, nonce)
        except CardError:
            return None
        if result is not None:
            return result
    if Scheme.UID in schemes:
        return uid.credential_of(medium_uid)
    return None

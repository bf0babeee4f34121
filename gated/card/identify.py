"""Which of the configured schemes does this medium speak? Strongest first, and no way down.

After a medium was recognised by one scheme and failed it, nothing weaker is tried in that tap: the
answer is the refusal, or whoever can spoil a strong proof could pass with a weak one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from gated.card import calypso, carried, ev2, pkoc, pkoc2, record, sun, uid
from gated.card.talk import Conversation, Result, Steps, Talk, left, unreadable
from gated.errors import CardError
from gated.model.credential import Proof
from gated.model.refusal import Refusal


class Scheme(StrEnum):
    """In falling order of strength: the order in which they are tried, whatever the file's order."""

    PKOC2 = pkoc2.SCHEME
    PKOC = pkoc.SCHEME
    EV2 = ev2.SCHEME
    SUN = sun.SCHEME
    SIGNED = carried.SCHEME
    CALYPSO = calypso.SCHEME
    RECORD = record.SCHEME
    UID = uid.SCHEME


@dataclass(frozen=True, slots=True)
class Media:
    """What a gate knows of the media that it meets."""

    reader_id: bytes
    schemes: Sequence[Scheme]
    ev2: tuple[ev2.Application, ...] = ()
    sun: sun.Mirror | None = None
    record: record.Place | None = None
    #: Who vouches for keys of media (scheme pkoc2): reference to uncompressed point of P-256.
    issuers: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    #: Whether statements are read off a medium that proved itself by another scheme too.
    reads_carried: bool = False


def identify(talk: Talk, media: Media) -> Conversation:
    """Converse with a medium.

    Returns what it proved; a ``Refusal`` where it was recognised and failed; None where it is none of ours
    or left before we could tell.
    """
    try:
        for scheme in Scheme:
            if scheme in media.schemes:
                result = yield from _TRIED[scheme](talk, media)
                if result is not None:
                    return (yield from _with_carried(talk, media, result))
    except CardError:
        pass
    return None


def _with_carried(talk: Talk, media: Media, result: Proof | Refusal) -> Conversation:
    """What a proven medium carries beside: nothing there is believed for the medium's sake."""
    if isinstance(result, Refusal) or not media.reads_carried or result.carried:
        return result
    if result.counter is not None:
        return result  # its message is its address, and to read it again would count up to a number not spent
    try:
        found = yield from carried.read(talk)
    except CardError as error:  # it was recognised: what it may carry could be all that it has
        return unreadable(result.credential.scheme, left(error))
    if isinstance(found, Refusal) or found is None:
        return found or result
    return replace(result, carried=found)


def _pkoc2(talk: Talk, media: Media) -> Conversation:
    # Both versions answer to one SELECT: it is not sent twice to tell them apart.
    reader_id = media.reader_id if Scheme.PKOC in media.schemes else None
    return (yield from pkoc2.converse(talk, media.issuers, reader_id))


def _ev2(talk: Talk, media: Media) -> Conversation:
    for application in media.ev2:
        result = yield from ev2.converse(talk, application)
        if result is not None:
            return result
    return None


def _sun(talk: Talk, media: Media) -> Conversation:
    return None if media.sun is None else (yield from sun.converse(talk, media.sun))


def _record(talk: Talk, media: Media) -> Conversation:
    return None if media.record is None else (yield from record.converse(talk, media.record))


def _uid(talk: Talk, _media: Media) -> Steps[Result]:
    yield from ()  # the reader has asked already
    return uid.proof_of(talk.uid)


_TRIED: dict[Scheme, Callable[[Talk, Media], Conversation]] = {
    Scheme.PKOC2: _pkoc2,
    Scheme.PKOC: lambda talk, media: pkoc.converse(talk, media.reader_id),
    Scheme.EV2: _ev2,
    Scheme.SUN: _sun,
    Scheme.SIGNED: lambda talk, _media: carried.converse(talk),
    Scheme.CALYPSO: lambda talk, _media: calypso.converse(talk),
    Scheme.RECORD: _record,
    Scheme.UID: _uid,
}

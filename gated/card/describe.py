"""What a medium is, as far as it tells anybody: for people at a desk, never for a decision.

No key is used and no message is read: nothing that a card counts is spent. Sources: NT4H2421Gx rev. 3.0
section 10.5.1 (GetVersion, of DESFire too), and those of the rooms that it asks about.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from gated.card import calypso, ev2, pkoc, pkoc2, record, type2, type4
from gated.card.apdu import OK, CardFault, Response, objects, select
from gated.card.identify import Media
from gated.card.talk import Steps, Talk
from gated.card.uid import names_somebody
from gated.errors import CardError

#: Of an NDEF application: it has no scheme of its own.
NDEF = "ndef"

_VERSIONS = 0x5C  # of PKOC: two bytes each
_GET_VERSION, _DONE = 0x60, 0x9100
#: Of three frames: hardware (7 bytes), software (7), then UID and batch, which are nobody's business here.
_HARDWARE_BYTES, _TOLD_BYTES = 7, 14
_NOT_FOUND = 0x6A82


class Manner(StrEnum):
    """How a medium converses."""

    ISO_DEP = "iso-dep"
    TYPE_2 = "type-2-tag"
    UNKNOWN = "unknown"  # it answers nothing that is known, or its reader answers in its place


@dataclass(frozen=True, slots=True)
class Application:
    """An application that it has and this gate knows. ``scheme``: who asks for it, or ``NDEF``."""

    scheme: str
    aid: bytes
    told: tuple[str, ...] = ()  # such as the versions that it speaks


@dataclass(frozen=True, slots=True)
class Container:
    """A capability container: where a message stands, and who may touch it."""

    version: str
    size: int  # bytes, of the file or of the data area
    readable: bool  # by anybody
    writable: bool  # by anybody


@dataclass(frozen=True, slots=True)
class Chip:
    """What GetVersion tells of the hardware."""

    vendor: int  # ISO/IEC 7816-6: 04 = NXP
    kind: int  # 01 = DESFire, 04 = NTAG, 08 = DESFire Light
    version: tuple[int, int]
    storage: tuple[int, int]  # bytes: at least, at most


@dataclass(frozen=True, slots=True)
class Description:
    """A medium. What it did not tell before it left is not in here."""

    uid_bytes: int  # 0 = its reader tells none
    uid_random: bool  # drawn anew at each tap
    manner: Manner
    applications: tuple[Application, ...]
    container: Container | None
    chip: Chip | None
    left: bool  # it left before all was asked


@dataclass(slots=True)
class _Seen:
    converses: bool = False
    is_tag: bool = False
    applications: list[Application] = field(default_factory=list)
    container: Container | None = None
    chip: Chip | None = None
    left: bool = False


_Look = Callable[[Talk, Media, _Seen], Steps[None]]


def describe(talk: Talk, media: Media) -> Steps[Description]:
    """Ask a medium what it is, and for the applications that ``media`` names."""
    seen = _Seen()
    try:
        for look in _LOOKS:
            try:
                yield from look(talk, media, seen)
            except CardFault:
                continue
    except CardError:
        seen.left = True
    uid = talk.uid or b""
    manner = Manner.ISO_DEP if seen.converses else Manner.TYPE_2 if seen.is_tag else Manner.UNKNOWN
    return Description(
        uid_bytes=len(uid),
        uid_random=bool(uid) and not names_somebody(uid),
        manner=manner,
        applications=tuple(seen.applications),
        container=seen.container,
        chip=seen.chip,
        left=seen.left,
    )


def _selected(talk: Talk, aid: bytes, seen: _Seen) -> Steps[Response]:
    """SELECT, and whether a medium answered it: readers answer for tags, each with a status of its own."""
    response = yield from talk.ask(select(aid))
    seen.converses |= response.status in (OK, _NOT_FOUND, calypso.INVALIDATED)
    return response


def _pkoc(talk: Talk, _media: Media, seen: _Seen) -> Steps[None]:
    selected = yield from _selected(talk, pkoc.AID, seen)
    if selected.status != OK:
        return
    told = [
        f"version {value[at]}.{value[at + 1]}"
        for tag, value in objects(selected.body)
        if tag == _VERSIONS
        for at in range(0, len(value) - 1, 2)
    ]
    if (yield from pkoc2.speaks_version_2(talk)):
        told.append("version 2.0")
    seen.applications.append(Application(pkoc.SCHEME, pkoc.AID, tuple(dict.fromkeys(told))))


def _ndef(talk: Talk, _media: Media, seen: _Seen) -> Steps[None]:
    if (yield from _selected(talk, type4.AID, seen)).status != OK:
        return
    seen.applications.append(Application(NDEF, type4.AID))
    container = yield from type4.container(talk)
    # Behind the header of seven bytes the control TLV (Type 4 Tag 2.0 clause 5.1): tag, length, identifier,
    # size, access to read and to write, of which 00 is open.
    if len(container) == 15:
        seen.container = Container(
            f"{container[2] >> 4}.{container[2] & 0x0F}",
            int.from_bytes(container[11:13], "big"),
            readable=container[13] == 0,
            writable=container[14] == 0,
        )


def _calypso(talk: Talk, _media: Media, seen: _Seen) -> Steps[None]:
    status = (yield from _selected(talk, calypso.AID, seen)).status
    if status == calypso.INVALIDATED:
        seen.applications.append(Application(calypso.SCHEME, calypso.AID, ("invalidated",)))
    elif status == OK:
        seen.applications.append(Application(calypso.SCHEME, calypso.AID))


def _ev2(talk: Talk, media: Media, seen: _Seen) -> Steps[None]:
    for application in media.ev2:
        if (yield from ev2.is_ours(talk, application)):
            seen.converses = True
            seen.applications.append(Application(ev2.SCHEME, application.aid))


def _record(talk: Talk, media: Media, seen: _Seen) -> Steps[None]:
    if media.record is not None and (yield from _selected(talk, media.record.aid, seen)).status == OK:
        seen.applications.append(Application(record.SCHEME, media.record.aid))


def _tag(talk: Talk, _media: Media, seen: _Seen) -> Steps[None]:
    first = None if seen.converses else (yield from type2.beginning(talk))
    if first is None:
        return
    seen.is_tag = True
    if first[0] == type2.MAGIC:  # Type 2 Tag 1.2 section 6.1: version, size, access to read and to write
        seen.container = Container(
            f"{first[1] >> 4}.{first[1] & 0x0F}",
            first[2] * type2.UNIT,
            readable=first[3] >> 4 == 0,
            writable=first[3] & 0x0F == 0,
        )


def _chip(talk: Talk, _media: Media, seen: _Seen) -> Steps[None]:
    if not seen.converses:
        return
    told = yield from talk.ask_wrapped(_GET_VERSION)
    if told.status != _DONE or len(told.body) < _TOLD_BYTES:
        return
    vendor, kind, _, major, minor, size, _ = told.body[:_HARDWARE_BYTES]
    least = 1 << (size >> 1)  # the lowest bit tells that it is no power of two
    seen.chip = Chip(vendor, kind, (major, minor), (least, least << (size & 1)))


#: NDEF before what needs its application selected; the chip last, for a card that has one selected answers.
_LOOKS: tuple[_Look, ...] = (_pkoc, _ndef, _calypso, _ev2, _record, _tag, _chip)

"""Targets that are conversations: a medium of the input's making, or an honest one whose answers it spoils.

A proof must be what the honest medium says and nothing else. No conversation lasts longer than a tap may.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from typing import Any

import forge as f
from fuzz import cards, tags
from fuzz.cards import (
    ABSENT,
    APPLICATIONS,
    CONTAINER,
    MESSAGE,
    MIRRORS,
    OK,
    RANDOM_UID,
    UID,
    UIDS,
    Ev2Card,
    Type4Tag,
    cut,
    seen,
)
from fuzz.parsers import FCI, Seeds
from fuzz.supply import Supply, answers, edited
from gated.card import calypso, ev2, pkoc, record, sun
from gated.card.apdu import Response, parse, select
from gated.card.identify import Media, Scheme, identify
from gated.errors import CardError

# ------------------------------------------------------------------ EV2


@cache
def _heard(number: int, begin: int = 0) -> list[bytes]:
    """What the honest card says in a conversation that nobody disturbs; ``begin`` makes it another one."""
    application = APPLICATIONS[number]
    talk = cards.talk(RANDOM_UID if application.uid_key else UID, begin)
    return cards.heard(ev2.converse(talk, application), Ev2Card(application, drawn=7 + begin))


def ev2_target(data: bytes, scheme: Any = ev2) -> None:
    supply = Supply(data)
    kind = supply.byte()
    number, application = kind & 3, APPLICATIONS[kind & 3]
    honest, said = Ev2Card(application), []
    spoil = _spoilt(supply, _heard(number, begin=100)) if kind & 4 else None
    stranger = cut(supply, bool(kind & 8))

    def answer(sent: bytes) -> bytes | None:
        right = honest(sent)
        given = stranger(sent) if spoil is None else spoil(sent, right)
        said.append((sent, given, right))
        return given

    talk = cards.talk(RANDOM_UID if application.uid_key else UID)
    try:
        proof = cards.came_to(cards.play(scheme.converse(talk, application), answer))
    except CardError:  # it left before anything was asked of its key
        assert all(sent[1] in _BEFORE_KEYS or sent in _GO_ON for sent, _, _ in said)
        return
    if proof is not None:
        assert (UID, cards.CARRIED if application.file else b"") == (proof.credential.value, proof.carried)
        _nothing_but(said, [] if spoil else _heard(number))


def _spoilt(supply: Supply, recorded: list[bytes]) -> Callable[[bytes, bytes], bytes]:
    """A card that knows the key, and somebody between it and the gate who has listened before."""

    def answer(sent: bytes, right: bytes) -> bytes:
        match supply.byte() & 3:
            case 1:
                return edited(right, supply)
            case 2:
                return recorded[supply.byte() % len(recorded)]
            case 3:  # what the gate said itself
                return sent[5:-1] + supply.take(2)
        return right

    return answer


_BEFORE_KEYS = (0xA4, 0x5A, 0x64)
_GO_ON = (bytes.fromhex("90AF000000"), bytes.fromhex("00C0000000"))
_CHALLENGES = (0x71, 0x77)


def _nothing_but(said: list[tuple[bytes, bytes | None, bytes]], heard: list[bytes]) -> None:
    """From the first challenge on each answer was the honest card's, whatever frames it came in.

    Where all answers are the input's, a seed has ``heard`` what answers our number, which is the same in each
    run. Nothing in that answer binds the card's challenge: no card would give it to another one, a seed does.
    """
    whole: list[tuple[bytes, Response, bytes]] = []
    for sent, given, right in said:
        assert given is not None
        if sent in _GO_ON:
            first, before, due = whole.pop()
            more = parse(given)
            whole.append((first, Response(before.body + more.body, more.status), due))
        else:
            whole.append((sent, parse(given), right))
    for sent, got, right in whole:
        if sent[1] not in _BEFORE_KEYS and not (heard and sent[1] in _CHALLENGES):
            assert got in [parse(one) for one in (right, *heard)]


def ev2_seeds() -> Seeds:
    seeds = {"spoil-one": b"\x05\x00\x00\x01\x00\x00\x03\x01", "replayed": b"\x06\x00\x00\x02\x02\x02\x03"}
    seeds |= {
        "echoed": b"\x04\x00\x00\x03\x91\x00",
        "late": b"\x07\x00\x00\x00\x00\x00\x00\x01\x00\x00\x09\x80",
    }
    for number in range(len(APPLICATIONS)):
        seeds[f"honest-{number}"] = bytes([number]) + answers(*_heard(number))
    return seeds


# ------------------------------------------------------------------ the others


def calypso_target(data: bytes) -> None:
    supply, said = Supply(data), []
    answer = seen(cut(supply, bool(supply.byte() & 1)), said)
    try:
        proof = cards.came_to(cards.play(calypso.converse(cards.talk()), answer))
    except CardError:
        return
    if proof is not None:
        assert len(proof.credential.value) == 8
        assert any(proof.credential.value)
        assert proof.credential.value in b"".join(one[:-2] for one in said)


def calypso_seeds() -> Seeds:
    return {
        "honest": b"\x00" + answers(FCI + OK),
        "invalidated": b"\x00" + answers(FCI + b"\x62\x83"),
        "chained": b"\x00" + answers(FCI[:9] + b"\x61\x1b", FCI[9:] + OK),
        "another": b"\x01" + answers(ABSENT),
    }


PLACES = [record.Place(b"1TIC.ICA", 7, 1, 2, 8), record.Place(b"CITY01", 30, None, 255, 32)]


def record_target(data: bytes) -> None:
    supply, said = Supply(data), []
    kind = supply.byte()
    place = PLACES[kind & 1]
    answer = seen(cut(supply, bool(kind & 2)), said)
    try:
        proof = cards.came_to(cards.play(record.converse(cards.talk(), place), answer))
    except CardError:
        return
    if proof is not None:
        value = proof.credential.value
        assert len(value) == place.size
        assert 0 < int.from_bytes(value, "big") < (1 << 8 * place.size) - 1
        assert value in b"".join(one[:-2] for one in said)


def record_seeds() -> Seeds:
    return {
        "record": b"\x00" + answers(OK, b"\x00\x01SERIAL42....." + OK),
        "binary": b"\x01" + answers(OK, bytes(range(32)) + OK),
        "blank": b"\x00" + answers(OK, bytes(16) + OK),
        "chained": b"\x00" + answers(OK, b"\x00\x01SERI\x61\x04", b"AL42" + OK),
    }


MEDIUM = f.Key("a medium", alg="ES256")
_VERSIONS = b"\x5c\x02\x01\x00"


def pkoc_medium(sent: bytes) -> bytes:
    """Signs what it is asked to."""
    if sent == select(pkoc.AID):
        return _VERSIONS + OK
    if sent[:4] == b"\x80\x80\x00\x01":
        return b"\x5a\x41" + MEDIUM.public + b"\x9e\x40" + MEDIUM.sign(sent[11:27]) + OK
    return ABSENT


def pkoc_target(data: bytes, scheme: Any = pkoc) -> None:
    supply = Supply(data)
    medium = cut(supply, bool(supply.byte() & 1))
    try:
        proof = cards.came_to(cards.play(scheme.converse(cards.talk(), bytes(32)), medium))
    except CardError:
        return
    # No other medium has ever signed anything here.
    assert proof is None or proof.credential.value == hashlib.sha256(MEDIUM.public).digest()


def pkoc_seeds() -> Seeds:
    select_answer, proof = cards.heard(pkoc.converse(cards.talk(), bytes(32)), pkoc_medium)
    return {
        "honest": b"\x00" + answers(select_answer, proof),
        "chained": b"\x00" + answers(select_answer, proof[:60] + b"\x61\x49", proof[60:]),
        "two-versions": b"\x00" + answers(b"\x5c\x04\x02\x00\x01\x00" + OK, proof),
        "endless": b"\x01" + answers(b"\x61\x10"),
    }


# ------------------------------------------------------------------ all of them


def _media(kind: int) -> Media:
    return Media(
        bytes(32), tuple(Scheme), (APPLICATIONS[1],), MIRRORS[0], PLACES[0], reads_carried=bool(kind & 2)
    )


def identify_target(data: bytes) -> None:
    supply = Supply(data)
    kind = supply.byte()
    uid = UIDS[kind >> 2 & 3]
    proof = cards.came_to(cards.play(identify(cards.talk(uid), _media(kind)), cut(supply, bool(kind & 1))))
    if proof is None:
        return
    scheme, value = proof.credential.scheme, proof.credential.value
    if scheme == pkoc.SCHEME:
        assert value == hashlib.sha256(MEDIUM.public).digest()
    elif scheme in (ev2.SCHEME, sun.SCHEME):
        assert value == UID
    elif scheme not in (calypso.SCHEME, record.SCHEME):
        assert value == uid


def identify_seeds() -> Seeds:
    tag2 = tags.type2_seeds()["ntag213"][1:]
    media: dict[str, Callable[[bytes], bytes]] = {
        "pkoc": pkoc_medium,
        "ev2": Ev2Card(APPLICATIONS[1]),
        "sun": Type4Tag(CONTAINER, cards.sun_file(MIRRORS[0])),
        "carried-4": Type4Tag(CONTAINER, cards.in_file(MESSAGE)),
        "carried-2": lambda sent: (
            tag2[(sent[3] - 3) * 4 :][:16].ljust(16, b"\x00") + OK if sent[0] == 0xFF else ABSENT
        ),
        "calypso": lambda sent: FCI + OK if sent == select(calypso.AID) else ABSENT,
        "nobody": lambda _sent: ABSENT,
    }
    seeds = {
        name: b"\x02" + answers(*cards.heard(identify(cards.talk(), _media(2)), medium))
        for name, medium in media.items()
    }
    return seeds | {"again": b"\x03" + answers(OK), "empties": b"\x0b" + answers(b"")}

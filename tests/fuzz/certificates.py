"""Certificates of media (PKOC version 2): whatever is shown, none is believed but those that were issued."""

from __future__ import annotations

import json
from pathlib import Path

from fuzz import cards
from fuzz.cards import cut
from fuzz.parsers import Seeds
from fuzz.supply import Supply, answers, edited
from gated.card import cvc, pkoc2
from gated.card.apdu import CardFault
from gated.errors import CardError
from gated.model.time import ClockQuality, ClockSample, TimeReading

_VECTORS = json.loads((Path(__file__).parents[1] / "vectors" / "pkoc2.json").read_text())
GOOD = bytes.fromhex(_VECTORS["certificates"][0]["certificate"])
ISSUERS = {reference: bytes.fromhex(key) for reference, key in _VECTORS["issuers"].items()}
_AT = _VECTORS["at"]
TIME = TimeReading(_AT, _AT, _AT, ClockQuality.GOOD, ClockSample(_AT, 1.0, "0" * 16))


def cvc_target(data: bytes) -> None:
    supply = Supply(data)
    kind = supply.byte()
    raw = GOOD if kind & 1 else supply.rest()
    for _ in range(1 + kind % 3 if kind & 1 else 0):
        raw = edited(raw, supply)
    try:
        certificate = cvc.parse(raw)
    except CardFault:
        assert raw != GOOD
        return
    assert certificate.begins < certificate.ends
    assert certificate.signed in raw
    assert certificate.signature in raw
    assert (cvc.objection(certificate, ISSUERS, TIME) is None) == (raw == GOOD)


def pkoc2_target(data: bytes) -> None:
    supply = Supply(data)
    kind = supply.byte()
    talk = cards.talk()
    talk.time = lambda: TIME
    try:
        proof = cards.came_to(cards.play(pkoc2.converse(talk, ISSUERS), cut(supply, bool(kind & 1))))
    except CardError:
        return
    assert proof is None, "nobody here has the key of that certificate"


def cvc_seeds() -> Seeds:
    return {
        "good": b"\x00" + GOOD,
        "edits": b"\x01\x00\x00\x00\x30\x01",
        "more": b"\x05\x03\x00\x40\x07\x00\x01\x02\x09",
    }


def pkoc2_seeds() -> Seeds:
    info, selected = bytes.fromhex("7F63045C0202009000"), bytes.fromhex("5C0201009000")
    head, rest = GOOD[:256] + bytes((0x61, max(0, len(GOOD) - 256))), GOOD[256:] + b"\x90\x00"
    shown = [head, rest] if len(GOOD) > 256 else [GOOD + b"\x90\x00"]
    proof = b"\x9e\x40" + bytes(64) + b"\x90\x00"
    return {
        "certified": b"\x00" + answers(selected, info, *shown, proof),
        "no-certificate": b"\x00" + answers(selected, info, b"\x6a\x88"),
        "version-1": b"\x00" + answers(selected, b"\x6d\x00"),
    }

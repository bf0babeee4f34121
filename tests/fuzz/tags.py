"""Targets that are the memory of a tag: its bytes are the input's, the tag itself is honest."""

from __future__ import annotations

import contextlib
from typing import Any

from fuzz import cards
from fuzz.cards import ABSENT, CONTAINER, MESSAGE, MIRRORS, OK, RANDOM_UID, UID, UIDS, Answer, Type4Tag, cut
from fuzz.parsers import Seeds
from fuzz.supply import Supply, answers, edited
from gated.card import ndef, sun, type2, type4
from gated.card.apdu import CardFault
from gated.errors import CardError


def type2_target(data: bytes) -> None:
    supply = Supply(data)
    zeros = supply.byte() & 1  # what stands past the end: nothing, or zeros without end
    memory = supply.rest()

    def answer(sent: bytes) -> bytes:
        assert (b"\xff\xb0\x00", 16) == (sent[:3], sent[4])
        at = (sent[3] - 3) * 4
        block = memory[at : at + 16]
        return block.ljust(16, b"\x00") + OK if zeros or len(block) == 16 else ABSENT

    try:
        found = cards.play(type2.message(cards.talk()), answer)
    except CardFault:
        found = None
    area = memory[4:].ljust(2048, b"\x00")
    if found is not None:
        assert found == type2.message_in(area[: type2.capacity(memory[:4])])
    try:
        whole = type2.message_in(memory)
    except CardFault:
        return
    assert whole is None or whole in memory


def type2_seeds() -> Seeds:
    message = b"\x03" + bytes([len(MESSAGE)]) + MESSAGE if len(MESSAGE) < 255 else b""
    message = message or b"\x03\xff" + len(MESSAGE).to_bytes(2, "big") + MESSAGE
    locks = bytes.fromhex("0103A00C34")
    return {
        "ntag216": b"\x01\xe1\x10\x6d\x00" + message + b"\xfe",
        "ntag213": b"\x01\xe1\x10\x12\x00" + locks + b"\x03\x0a" + ndef.carrying(b"") + b"\xfe",
        "large": b"\x01\xe1\x10\x6d\x00\x03\xff\x03\x60" + MESSAGE,
        "empty": b"\x01\xe1\x10\x12\x00\x03\x00\xfe",
        "torn": b"\x00\xe1\x10\x6d\x00" + message,
        "container-only": b"\x00\xe1\x10\xff\x00" + bytes(12),
    }


def type4_target(data: bytes) -> None:
    supply = Supply(data)
    kind = supply.byte()
    if kind & 1:
        container = supply.take(15) if kind & 2 else CONTAINER
        file = supply.rest()
        answer: Answer = Type4Tag(container, file)
    else:
        file, answer = b"", cut(supply, bool(kind & 2))
    try:
        found = cards.play(type4.message(cards.talk()), answer)
    except (CardFault, CardError):
        return
    assert found is None or len(found) <= ndef.MAX_MESSAGE_BYTES
    assert not kind & 1 or found == file[2 : 2 + int.from_bytes(file[:2], "big")]


def type4_seeds() -> Seeds:
    file = cards.in_file(MESSAGE)
    said = [OK, OK, CONTAINER + OK, OK, file[:59] + OK]
    said += [file[at : at + 59] + OK for at in range(59, len(file), 59)]
    return {
        "answers": b"\x00" + answers(*said),
        "again": b"\x02" + answers(*said),
        "tag": b"\x01" + file,
        "container": b"\x03" + CONTAINER + file,
        "empty": b"\x01\x00\x00",
    }


# ------------------------------------------------------------------ SUN


def sun_target(data: bytes, scheme: Any = sun) -> None:
    supply = Supply(data)
    kind = supply.byte()
    mirror, uid = MIRRORS[kind & 3], UIDS[kind >> 2 & 3]
    honest = cards.sun_file(mirror)
    file = honest
    if kind & 16:
        for _ in range(1 + supply.byte() % 3):
            file = edited(file, supply)
    else:
        file = supply.rest()
    with contextlib.suppress(CardFault):
        assert sun.address_in(file[2:]) in file
    proof = cards.came_to(cards.play(scheme.converse(cards.talk(uid), mirror), Type4Tag(CONTAINER, file)))
    if proof is not None:
        assert (UID, cards.COUNTER) == (proof.credential.value, proof.counter)
        assert uid in (UID, None, RANDOM_UID)
        covered = honest.partition(b"=")[2].rpartition(b"=")[0] + b"=" if mirror.mac_from else b""
        assert covered in file
        assert cards.sun_mac(covered) in file.upper()


def sun_seeds() -> Seeds:
    seeds = {}
    for number, mirror in enumerate(MIRRORS):
        file = cards.sun_file(mirror)
        cards.heard(sun.converse(cards.talk(), mirror), Type4Tag(CONTAINER, file))
        seeds[f"honest-{number}"] = bytes([number]) + file
    seeds |= {f"edits-{number}": bytes([16 + number]) + b"\x00\x00\x00\x40\x01" for number in range(4)}
    return seeds | {"copied": b"\x08" + cards.sun_file(MIRRORS[0])}

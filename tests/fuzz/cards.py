"""Honest media, and what drives a conversation with them. Their keys are nobody's."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from itertools import cycle
from typing import Any

import forge as f
from fuzz.supply import Supply
from gated.card import ndef, type4
from gated.card.apdu import CardFault, select
from gated.card.diversify import UID as ITS_UID
from gated.card.diversify import Diversification, cmac, diversified
from gated.card.ev2 import Application, PassFile, UidKey
from gated.card.secure import BLOCK, Mode, cbc_decrypt, cbc_encrypt, padded, session_keys, truncated
from gated.card.sun import Mirror
from gated.card.talk import MAX_COMMANDS, Talk
from gated.errors import CardError
from gated.model.credential import Proof
from gated.model.refusal import Refusal
from gated.wire.statement_file import frame

UID = bytes.fromhex("04112233445566")
RANDOM_UID = bytes.fromhex("08010203")
UIDS = (UID, None, bytes.fromhex("04998877665544"), RANDOM_UID)

VENUE_KEY, META_KEY, SHARED_KEY = (bytes([number]) * BLOCK for number in (0x11, 0x22, 0x33))
CARRIED = frame(f.token(f.POOLS, f.BINDING, f.binding())) + frame(b"second")
MESSAGE = ndef.carrying(CARRIED)
OK = b"\x90\x00"
ABSENT = b"\x6a\x82"

Answer = Callable[[bytes], bytes | None]

_BY_UID = Diversification((ITS_UID,))


def talk(uid: bytes | None = UID, begin: int = 0) -> Talk:
    """Fresh numbers that are the same in each run: what failed once fails again."""
    drawn = iter(range(begin, 256))
    return Talk(uid, lambda size: hashlib.sha256(bytes([next(drawn)])).digest()[:size], lambda: None)


def play(steps: Any, answer: Answer) -> Any:
    """What a conversation comes to with a medium that answers so; None = it went away."""
    try:
        sent = next(steps)
        for _ in range(MAX_COMMANDS):
            assert 4 <= len(sent) <= 261, sent.hex()
            # Lc, and perhaps Le behind what it counts (ISO/IEC 7816-4:2020 clause 5.2).
            assert len(sent) <= 5 or sent[4] in (len(sent) - 5, len(sent) - 6), sent.hex()
            given = answer(sent)
            sent = steps.throw(CardError("gone")) if given is None else steps.send(given)
    except StopIteration as done:
        return done.value
    raise AssertionError(f"more than {MAX_COMMANDS} commands")


def cut(supply: Supply, again: bool) -> Answer:
    """A medium that says one answer of the supply after the other; then it leaves, or begins anew."""
    given = iter(supply.answer, None)
    endless = cycle(given) if again else given
    return lambda _sent: next(endless, None)


def seen(answer: Answer, said: list[bytes]) -> Answer:
    def told(sent: bytes) -> bytes | None:
        given = answer(sent)
        said.append(given or b"")
        return given

    return told


def came_to(result: object) -> Proof | None:
    """The proof, if a conversation came to one; its refusals must tell nobody who it was."""
    assert result is None or isinstance(result, Proof | Refusal), result
    if isinstance(result, Refusal):
        for told in result.params.values():
            assert isinstance(told, int) or (len(told) <= 24 and told.isascii()), result
    return result if isinstance(result, Proof) else None


# ------------------------------------------------------------------ a Type 4 tag, and SUN


class Type4Tag:
    """Files behind one application; what is written in them is the input's."""

    def __init__(self, container: bytes, file: bytes) -> None:
        self._files = {b"\xe1\x03": container, type4.NDEF_FILE: file}
        self._open = b""

    def __call__(self, sent: bytes) -> bytes:
        if sent == select(type4.AID):
            return OK
        if sent[:4] == b"\x00\xa4\x00\x0c" and sent[5:] in self._files:
            self._open = self._files[sent[5:]]
            return OK
        if sent[:2] == b"\x00\xb0":
            at = int.from_bytes(sent[2:4], "big")
            return self._open[at : at + sent[4]] + OK
        return ABSENT


CONTAINER = bytes.fromhex("000F20003B00340406E10401000000")


def in_file(message: bytes) -> bytes:
    """A message as it stands in a Type 4 tag's file."""
    return len(message).to_bytes(2, "big") + message


COUNTER = 0x000102
MIRRORS = [
    Mirror(lambda: VENUE_KEY, _BY_UID, meta, mac_from=mac_from)
    for meta, mac_from in ((lambda: META_KEY, ""), (lambda: META_KEY, "picc_data"), (None, ""), (None, "uid"))
]


def sun_mac(covered: bytes) -> bytes:
    """What the one honest tag at its one count says over ``covered``, in hex."""
    key = diversified(VENUE_KEY, UID)
    session = cmac(key, bytes.fromhex("3CC300010080") + UID + COUNTER.to_bytes(3, "little"))
    return truncated(cmac(session, covered)).hex().upper().encode()


def sun_file(mirror: Mirror) -> bytes:
    """The file of the honest tag."""
    if mirror.meta_key is not None:
        picc = b"\xc7" + UID + COUNTER.to_bytes(3, "little") + bytes(5)
        shown = b"picc_data=" + cbc_encrypt(META_KEY, bytes(BLOCK), picc).hex().upper().encode()
    else:
        shown = b"uid=" + UID.hex().upper().encode() + b"&ctr=" + COUNTER.to_bytes(3, "big").hex().encode()
    covered = (shown + b"&cmac=")[shown.index(b"=") + 1 :] if mirror.mac_from else b""
    address = b"gated.example/t?" + shown + b"&cmac=" + sun_mac(covered)
    return in_file(ndef.record(1, b"U", b"\x04" + address))


# ------------------------------------------------------------------ a card that knows an EV2 key


_DF_NAME = bytes.fromhex("D2760000850101")
_SHARED = UidKey(2, lambda: SHARED_KEY)
APPLICATIONS = [
    Application(_DF_NAME, lambda: VENUE_KEY, 0, None, _BY_UID),
    Application(b"\x01\x48\xf5", lambda: VENUE_KEY, 1, 1, _BY_UID, file=PassFile(2, Mode.MAC, 64)),
    Application(_DF_NAME, lambda: VENUE_KEY, 1, 1, _BY_UID, file=PassFile(2, Mode.FULL, 80)),
    Application(_DF_NAME, lambda: VENUE_KEY, 1, None, _BY_UID, _SHARED, PassFile(3, Mode.FULL, 96)),
]


class Ev2Card:
    """As the data sheet has it, as far as a gate asks. It believes no more than a real one would."""

    def __init__(self, application: Application, drawn: int = 7) -> None:
        self._application = application
        self._file = in_file(MESSAGE).ljust(512, b"\x00")
        self._drawn = drawn
        self._ti = bytes([drawn]) * 4
        self._authenticating: tuple[bytes, bytes, bool] | None = None
        self._session: tuple[bytes, bytes] | None = None
        self._count = 0

    def __call__(self, sent: bytes) -> bytes:
        asked, self._authenticating = self._authenticating, None
        ins, body = sent[1], sent[5:-1]
        if ins in (0xA4, 0x5A):
            return (b"\x91\x00" if sent[0] == 0x90 else OK) if body == self._application.aid else ABSENT
        if ins == 0x64:
            return b"\x01\x91\x00"
        if ins in (0x71, 0x77) and (ins == 0x71 or self._session):
            return self._challenge(body[0], ins == 0x71)
        if ins == 0xAF and asked is not None:
            return self._answer(body, *asked)
        return self._said(ins, body)

    def _challenge(self, number: int, first: bool) -> bytes:
        own = diversified(VENUE_KEY, UID) if number == self._application.key_number else SHARED_KEY
        rnd_b = hashlib.sha256(bytes([self._drawn, number])).digest()[:BLOCK]
        self._authenticating = own, rnd_b, first
        return cbc_encrypt(own, bytes(BLOCK), rnd_b) + b"\x91\xaf"

    def _answer(self, body: bytes, key: bytes, rnd_b: bytes, first: bool) -> bytes:
        plain = cbc_decrypt(key, bytes(BLOCK), body) if len(body) == 2 * BLOCK else b""
        if plain[BLOCK:] != rnd_b[1:] + rnd_b[:1]:
            return b"\x91\xae"
        rnd_a = plain[:BLOCK]
        self._session = session_keys(key, rnd_a, rnd_b)
        self._count = 0 if first else self._count
        echo = rnd_a[1:] + rnd_a[:1]
        told = self._ti + echo + bytes(12) if first else echo
        return cbc_encrypt(key, bytes(BLOCK), told) + b"\x91\x00"

    def _said(self, ins: int, body: bytes) -> bytes:
        if self._session is None or body[-8:] != self._mac(ins, body[:-8]):
            return b"\x91\x1e"
        self._count += 1
        if ins == 0x51:
            return self._sealed(UID, Mode.FULL)
        at, size = (int.from_bytes(body[place : place + 3], "little") for place in (1, 4))
        assert self._application.file is not None
        return self._sealed(self._file[at : at + size], self._application.file.mode)

    def _sealed(self, data: bytes, mode: Mode) -> bytes:
        assert self._session is not None
        if mode is Mode.FULL:
            place = b"\x5a\xa5" + self._ti + self._count.to_bytes(2, "little") + bytes(8)
            iv = cbc_encrypt(self._session[0], bytes(BLOCK), place)
            data = cbc_encrypt(self._session[0], iv, padded(data))
        return data + self._mac(0x00, data) + b"\x91\x00"

    def _mac(self, code: int, data: bytes) -> bytes:
        assert self._session is not None
        place = bytes([code]) + self._count.to_bytes(2, "little") + self._ti
        return truncated(cmac(self._session[1], place + data))


def heard(steps: Any, card: Callable[[bytes], bytes]) -> list[bytes]:
    """The answers of an honest card in a conversation that comes to a proof."""
    given: list[bytes] = []

    def answer(sent: bytes) -> bytes:
        given.append(card(sent))
        return given[-1]

    try:
        assert isinstance(play(steps, answer), Proof)
    except CardFault as fault:
        raise AssertionError from fault
    return given

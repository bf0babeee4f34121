"""AuthenticateEV2First: a medium and a gate prove to each other that they know a key. Nothing is sent of it.

For NTAG 424 DNA, MIFARE DESFire EV2 and EV3, in the ISO wrapping (CLA 90). Sources: NT4H2421Gx rev. 3.0
sections 9.1.5 (EV2First), 9.1.6 (EV2NonFirst), 10.5.3 (GetCardUID), 10.5.4 (GetKeyVersion), 10.8.1
(ReadData); status codes of section 10.3. The examples of AN12196 and AN12343 are among the tests' vectors.

1. SELECT of the application; GetKeyVersion, where one is configured. Until here nothing counts against a
   medium: a wrong key is counted by the card, for some for ever, so only our own may be asked to prove.
2. 71: the medium sends RndB, encrypted. AF: we send RndA ‖ RndB*, encrypted; it answers TI ‖ RndA* ‖ … (* is
   its first byte moved to the end).
3. ReadData of the pass file, where one is configured.

A medium with a random UID is asked twice: first under a key that all share and that is worth no more than
the answer to GetCardUID, then (77, within the same transaction) under its own.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import dataclass

from gated.card import ndef
from gated.card.apdu import CardFault, command
from gated.card.diversify import MAX_INPUT_BYTES, Diversification, diversified
from gated.card.secure import BLOCK, TI_BYTES, Mode, Session, WrongMac, cbc_decrypt, cbc_encrypt, session_keys
from gated.card.talk import Conversation, Steps, Talk, bad_proof, expect, recognised, unreadable
from gated.card.uid import names_somebody
from gated.model.credential import Assurance, Credential, Proof
from gated.model.refusal import Refusal

SCHEME = "ev2"

#: What the ISO wrapping makes of the DESFire status codes 00, AF and AE.
_DONE, _GO_ON, _KEY_REFUSED = 0x9100, 0x91AF, 0x91AE

_SELECT_NATIVE, _KEY_VERSION, _CARD_UID, _READ = 0x5A, 0x64, 0x51, 0xAD
_FIRST, _NON_FIRST, _FRAME = 0x71, 0x77, 0xAF
_NATIVE_AID_BYTES = 3
_NO_IV = bytes(BLOCK)
_CAPABILITIES = b"\x00"  # length of the reader's capability vector: we have none to tell
#: Of the plain answer to EV2First: TI, RndA*, and six bytes of capabilities each.
_FIRST_BYTES = TI_BYTES + BLOCK + 12

#: Brings a key when it is needed: so none lies in memory between two media. Raises ``CardFault`` where it
#: cannot be read.
KeySource = Callable[[], bytes]


@dataclass(frozen=True, slots=True)
class PassFile:
    """A standard data file with an NDEF message behind its length, as in a Type 4 tag's NDEF file."""

    number: int
    mode: Mode
    chunk: int  # bytes asked for at once; no more than the file has, and than an answer holds


@dataclass(frozen=True, slots=True)
class UidKey:
    """With which a medium with a random UID tells its real one: the same key on all media."""

    number: int
    key: KeySource


@dataclass(frozen=True, slots=True)
class Application:
    """One application on media, and the one key with which this gate meets it. There is no second to try."""

    aid: bytes  # three bytes: native, in the order of the air interface; more: a DF name
    key: KeySource  # the venue's key, from which each medium's own follows
    key_number: int
    key_version: int | None  # which a medium of ours tells of that key; None = the application tells enough
    diversification: Diversification
    uid_key: UidKey | None = None
    file: PassFile | None = None

    def __repr__(self) -> str:
        return f"Application({self.aid.hex()}, key {self.key_number})"


def converse(talk: Talk, application: Application) -> Conversation:
    """Let a medium with this application prove itself. Raises ``CardError`` before it was recognised."""
    if not (yield from is_ours(talk, application)):
        return None
    return (yield from recognised(SCHEME, _prove(talk, application)))


def is_ours(talk: Talk, application: Application) -> Steps[bool]:
    """Whether a medium has the application, with the version of its key that ours have. Costs it nothing."""
    try:
        if len(application.aid) == _NATIVE_AID_BYTES:
            selected = yield from talk.ask_wrapped(_SELECT_NATIVE, application.aid)
            found = selected.status == _DONE
        else:
            found = (yield from talk.select(application.aid)) is not None
        if not found or application.key_version is None:
            return found
        told = yield from talk.ask_wrapped(_KEY_VERSION, bytes([application.key_number]))
    except CardFault:
        return False
    return told.status == _DONE and told.body == bytes([application.key_version])


def _prove(talk: Talk, application: Application) -> Steps[Proof | Refusal]:
    try:
        if names_somebody(talk.uid):
            uid, session = talk.uid, None
        elif application.uid_key is None:
            return unreadable(SCHEME, "random_uid")
        else:
            session = yield from _authenticated(talk, application.uid_key.number, application.uid_key.key())
            uid = yield from _card_uid(talk, session)
        session = yield from _authenticated(talk, application.key_number, _own_key(application, uid), session)
        fresh = range(talk.sent - 1, talk.sent)
        carried = b"" if application.file is None else (yield from _carried(talk, session, application.file))
    except (_NotGenuine, WrongMac) as fault:
        return bad_proof(SCHEME, fault.what)
    return Proof(Credential(SCHEME, uid, Assurance.SYMMETRIC_MUTUAL), carried=carried, fresh=fresh)


class _NotGenuine(CardFault):
    """It does not know the key."""


def _own_key(application: Application, uid: bytes) -> bytes:
    more = application.diversification.input(uid, application.aid)
    if len(more) > MAX_INPUT_BYTES:  # with a UID of ten bytes
        raise CardFault("uid")
    return diversified(application.key(), more)


def _authenticated(talk: Talk, number: int, key: bytes, session: Session | None = None) -> Steps[Session]:
    """Both prove that they know ``key``; within ``session``, if there is one. Raises ``CardFault``."""
    begin = bytes([number]) if session is not None else bytes([number]) + _CAPABILITIES
    asked = yield from talk.send(command(0x90, _FIRST if session is None else _NON_FIRST, 0, 0, begin))
    challenge = expect(asked, _GO_ON)
    if len(challenge) != BLOCK:
        raise CardFault("challenge")
    rnd_b, rnd_a = cbc_decrypt(key, _NO_IV, challenge), talk.random(BLOCK)
    token = cbc_encrypt(key, _NO_IV, rnd_a + _rotated(rnd_b))
    answer = yield from talk.send(command(0x90, _FRAME, 0, 0, token))
    if answer.status == _KEY_REFUSED:
        raise _NotGenuine("key")
    sealed = expect(answer, _DONE)
    if len(sealed) != (_FIRST_BYTES if session is None else BLOCK):
        raise CardFault("answer")
    plain = cbc_decrypt(key, _NO_IV, sealed)
    ti, echo = (
        (plain[:TI_BYTES], plain[TI_BYTES : TI_BYTES + BLOCK]) if session is None else (session.ti, plain)
    )
    # What came back must be our own fresh number: an answer recorded from another session, or our command
    # sent back to us, bears another one. In constant time, or the time it takes would tell how near it was.
    if not hmac.compare_digest(echo, _rotated(rnd_a)):
        raise _NotGenuine("answer")
    return Session(*session_keys(key, rnd_a, rnd_b), ti, 0 if session is None else session.counter)


def _rotated(number: bytes) -> bytes:
    return number[1:] + number[:1]


def _card_uid(talk: Talk, session: Session) -> Steps[bytes]:
    uid = yield from _said(talk, session, _CARD_UID, b"", Mode.FULL)
    # One of 4 or 10 bytes comes behind a format of 00 and its length (DESFire EV2 and EV3).
    if len(uid) in (6, 12) and uid[0] == 0 and uid[1] == len(uid) - 2:
        uid = uid[2:]
    if not names_somebody(uid):
        raise CardFault("uid")
    return uid


def _carried(talk: Talk, session: Session, file: PassFile) -> Steps[bytes]:
    def read(offset: int, count: int) -> Steps[bytes]:
        part = bytes([file.number]) + offset.to_bytes(3, "little") + count.to_bytes(3, "little")
        return (yield from _said(talk, session, _READ, part, file.mode))

    message = yield from ndef.from_file(read, file.chunk)
    return ndef.carried_in(message) or b""


def _said(talk: Talk, session: Session, ins: int, header: bytes, mode: Mode) -> Steps[bytes]:
    """A command of the session, and what it is answered. Raises ``CardFault``."""
    answer = yield from talk.ask_wrapped(ins, session.command(ins, header, mode=mode))
    return session.response(answer.status, expect(answer, _DONE), mode)

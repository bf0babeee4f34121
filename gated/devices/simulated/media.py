"""Virtual media, APDU by APDU, with faults to order. They know no reader: each reader twin carries them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from gated.errors import CardError

_OK = b"\x90\x00"
_NOT_FOUND = b"\x6a\x82"
_UNKNOWN_INS = b"\x6d\x00"
_WRONG_LENGTH = b"\x67\x00"
_NOT_SELECTED = b"\x69\x85"
_GENERAL_ERROR = b"\x6f\x00"
NOT_SUPPORTED = b"\x6a\x81"
_OF_THE_READER = 0xFF  # the class of pseudo-APDUs (PC/SC part 3 clause 3.2): no medium ever sees one
_AGAIN = "present the medium again and hold it still"


class LeftFieldError(CardError):
    """The medium is no longer there: whoever carries it takes it out of the field."""


@dataclass(slots=True)
class Faults:
    """What goes wrong with a medium. APDUs are counted from 0 in each presentation."""

    hang_waking: bool = False  # does not answer the reader's own questions, until it is freed
    tear_at: int | None = None  # leaves the field instead of answering this APDU
    hang_at: int | None = None  # never answers this APDU, until it is freed
    late_at: int | None = None  # answers this APDU rightly, but only when it is freed
    empty_at: int | None = None  # answers this APDU with nothing
    answers: dict[int, bytes] | None = None  # answers these APDUs with these bytes


class Medium:
    """A medium that answers nothing known: a bank card, a transport card of another city.

    Without a ``uid`` (empty) it is one whose reader tells none.
    """

    #: Whether it takes APDUs. Of one that does not, a reader answers those itself, and reads its memory.
    converses = True

    def __init__(self, uid: bytes) -> None:
        self.uid = uid
        self.faults = Faults()
        self._count = 0
        self._freed = threading.Event()
        self.hanging = threading.Event()  # set while, and after, it lets somebody wait for an answer

    def present(self) -> None:
        """It enters the field: all it had selected is forgotten."""
        self._count = 0
        self._freed.clear()
        self.hanging.clear()
        self.reset()

    def reset(self) -> None:
        """Forget the session."""

    def free(self) -> None:
        """Let an answer that hangs come back as an error, and a late one as itself."""
        self._freed.set()

    def wake(self) -> bytes:
        """Answer the reader's own questions: its UID, empty where it tells none."""
        if self.faults.hang_waking:
            self.hanging.set()
            self._freed.wait()
            raise CardError("the medium answered nothing", hint=_AGAIN)
        return self.uid

    def transmit(self, apdu: bytes) -> bytes:
        """Answer an APDU, or fail as ordered."""
        number, self._count = self._count, self._count + 1
        if number == self.faults.tear_at:
            raise LeftFieldError("the medium left the field", hint=_AGAIN)
        if number in (self.faults.hang_at, self.faults.late_at):
            self.hanging.set()
            self._freed.wait()
        if number == self.faults.hang_at:
            raise CardError("the medium answered nothing", hint=_AGAIN)
        if number == self.faults.empty_at:
            return b""
        if self.faults.answers is not None and number in self.faults.answers:
            return self.faults.answers[number]
        if len(apdu) < 4:
            return _WRONG_LENGTH
        return self.answer(apdu)

    def answer(self, apdu: bytes) -> bytes:
        """What this kind of medium answers."""
        return _NOT_FOUND if apdu[1] == 0xA4 else _UNKNOWN_INS


def answered_by_reader(medium: Medium, apdu: bytes) -> bytes | None:
    """What a reader says in a medium's place; None = the medium is asked."""
    return NOT_SUPPORTED if (apdu[:1] == bytes([_OF_THE_READER])) == medium.converses else None


def uncompressed(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The public key of a P-256 key, 65 bytes (SEC 1 section 2.3.3)."""
    return key.public_key().public_bytes(
        serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint
    )


def raw_signature(key: ec.EllipticCurvePrivateKey, message: bytes) -> bytes:
    """ECDSA with SHA-256, as media give it: r ‖ s, 32 bytes each."""
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


class PkocMedium(Medium):
    """A PKOC version 1 card or phone with a key of its own."""

    AID = bytes.fromhex("A000000898000001")

    def __init__(self, uid: bytes, key: ec.EllipticCurvePrivateKey | None = None) -> None:
        super().__init__(uid)
        self._key = key or ec.generate_private_key(ec.SECP256R1())
        self._selected = False
        self.last_answer = b""
        self.versions = b"\x01\x00"

    @classmethod
    def from_number(cls, uid: bytes, number: int) -> PkocMedium:
        """A medium whose key follows from a number, for runs that must repeat exactly."""
        return cls(uid, ec.derive_private_key(number, ec.SECP256R1()))

    @property
    def public(self) -> bytes:
        """Its public key, uncompressed, 65 bytes."""
        return uncompressed(self._key)

    def reset(self) -> None:
        """Forget the session."""
        self._selected = False

    def answer(self, apdu: bytes) -> bytes:
        """SELECT and the authentication command; everything else is unknown."""
        if apdu[:4] == b"\x00\xa4\x04\x00":
            self._selected = apdu[5 : 5 + apdu[4]] == self.AID
            return (
                b"\x5c" + bytes([len(self.versions)]) + self.versions + _OK if self._selected else _NOT_FOUND
            )
        if apdu[:4] == b"\x80\x80\x00\x01":
            return self._authenticate(apdu) if self._selected else _NOT_SELECTED
        return _UNKNOWN_INS

    def _authenticate(self, apdu: bytes) -> bytes:
        body = apdu[5 : 5 + apdu[4]]
        if body[:2] == b"\x5c\x02" and body[2:4] != b"\x01\x00":
            return _GENERAL_ERROR  # another version, as in the reference implementation com-psia-pkoc
        at = body.find(b"\x4c\x10")
        if at < 0:
            return _WRONG_LENGTH
        transaction = body[at + 2 : at + 18]
        signature = raw_signature(self._key, transaction)
        self.last_answer = b"\x5a\x41" + self.public + b"\x9e\x40" + signature + _OK
        return self.last_answer


class Replayer(PkocMedium):
    """An attacker's card: it answers with what it once overheard from another medium."""

    def __init__(self, uid: bytes, overheard: bytes) -> None:
        super().__init__(uid)
        self._overheard = overheard

    def _authenticate(self, _apdu: bytes) -> bytes:
        return self._overheard


@contextmanager
def faulty(medium: Medium, **faults: int | dict[int, bytes]) -> Iterator[Medium]:
    """``medium`` with faults for a while, and without them afterwards."""
    before = medium.faults
    medium.faults = Faults(**faults)  # type: ignore[arg-type]  # the names are Faults' own
    try:
        yield medium
    finally:
        medium.free()
        medium.faults = before

"""A virtual medium with several applications, and an NDEF application for it (NFC Forum Type 4 Tag 2.0)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from gated.card import type4
from gated.devices.simulated.media import Medium, PkocMedium

OK = b"\x90\x00"
NOT_FOUND = b"\x6a\x82"
UNKNOWN_INS = b"\x6d\x00"
WRONG_LENGTH = b"\x67\x00"
NOT_ALLOWED = b"\x69\x86"
#: Frames of a card: what does not fit into one answer is chained (61xx).
FRAME_BYTES = 256


class Applet(Protocol):
    """One application. It answers commands while it is selected."""

    aid: bytes
    native_aid: bytes  # by which DESFire's own SELECT finds it; empty = it does not

    def select(self) -> bytes:
        """It was selected: the answer, with its status."""

    def answer(self, apdu: bytes) -> bytes:
        """The answer to a command of at least four bytes."""

    def reset(self) -> None:
        """The field went off."""


class AppletMedium(Medium):
    """A medium that holds applications, of which one at a time is selected."""

    def __init__(self, uid: bytes, applets: Sequence[Applet]) -> None:
        super().__init__(uid)
        self.applets = list(applets)
        self._selected: Applet | None = None
        self._rest = b""

    def reset(self) -> None:
        """Forget the session."""
        self._selected, self._rest = None, b""
        for applet in self.applets:
            applet.reset()

    def answer(self, apdu: bytes) -> bytes:
        """SELECT by name or native identifier, the rest of a chain; else what the selected one answers."""
        if apdu[:4] == b"\x00\xc0\x00\x00" and self._rest:
            return self._chained(self._rest)
        self._rest = b""
        if apdu[:4] == b"\x00\xa4\x04\x00":
            return self._select(lambda applet: applet.aid, body_of(apdu), NOT_FOUND)
        if apdu[:2] == b"\x90\x5a":
            return self._select(lambda applet: applet.native_aid, body_of(apdu), b"\x91\xa0")
        if self._selected is None:
            return UNKNOWN_INS
        return self._chained(self._selected.answer(apdu))

    def _select(self, name: Callable[[Applet], bytes], wanted: bytes, absent: bytes) -> bytes:
        found = [applet for applet in self.applets if wanted and name(applet) == wanted]
        if not found:
            return absent
        self._selected = found[0]
        return self._chained(found[0].select())

    def _chained(self, answer: bytes) -> bytes:
        if len(answer) - 2 <= FRAME_BYTES:
            self._rest = b""
            return answer
        self._rest = answer[FRAME_BYTES:]
        left = len(self._rest) - 2
        return answer[:FRAME_BYTES] + bytes((0x61, left if left < 256 else 0))


def body_of(apdu: bytes) -> bytes:
    """The data of a short command; empty where it has none."""
    return apdu[5 : 5 + apdu[4]] if len(apdu) > 5 else b""


class NdefApplet:
    """An NDEF file that anybody may read."""

    aid = type4.AID
    native_aid = b""

    def __init__(self, message: bytes, answer_bytes: int = 255, least: int = 32) -> None:
        self.message = message
        self.least = least
        self.answer_bytes = answer_bytes  # MLe
        self._file: bytes | None = None

    @property
    def container(self) -> bytes:
        """The capability container."""
        room = self.size.to_bytes(2, "big")
        control = b"\x04\x06" + type4.NDEF_FILE + room + b"\x00\xff"
        return b"\x00\x0f\x20" + self.answer_bytes.to_bytes(2, "big") + b"\x00\xff" + control

    @property
    def size(self) -> int:
        """Of its file, in bytes; past its end it answers nothing, as cards do."""
        return max(len(self.message) + 2, self.least)

    def contents(self) -> dict[bytes, bytes]:
        """Its files by identifier, as they are read now."""
        written = len(self.message).to_bytes(2, "big") + self.message
        return {b"\xe1\x03": self.container, type4.NDEF_FILE: written.ljust(self.size, b"\x00")}

    def reset(self) -> None:
        """Forget the session."""
        self._file = None

    def select(self) -> bytes:
        """It was selected."""
        self._file = None
        return OK

    def answer(self, apdu: bytes) -> bytes:
        """SELECT of a file, READ BINARY."""
        if apdu[:4] == b"\x00\xa4\x00\x0c":
            found = self.contents().get(body_of(apdu))
            self._file = found
            return NOT_FOUND if found is None else OK
        if apdu[:2] != b"\x00\xb0":
            return UNKNOWN_INS
        if self._file is None:
            return NOT_ALLOWED
        offset, count = int.from_bytes(apdu[2:4], "big"), apdu[4] if len(apdu) > 4 else 0
        if offset + (count or 1) > len(self._file):
            return WRONG_LENGTH
        return self._file[offset : offset + (count or 256)] + OK


class PkocApplet:
    """A PKOC version 1 application, with the key of a ``PkocMedium``."""

    aid = PkocMedium.AID
    native_aid = b""

    def __init__(self, medium: PkocMedium) -> None:
        self.medium = medium

    def reset(self) -> None:
        """Forget the session."""
        self.medium.reset()

    def select(self) -> bytes:
        """It was selected."""
        return self.medium.answer(b"\x00\xa4\x04\x00" + bytes([len(self.aid)]) + self.aid)

    def answer(self, apdu: bytes) -> bytes:
        """Its authentication."""
        return self.medium.answer(apdu)


def carrying_pkoc(medium: PkocMedium, message: bytes) -> AppletMedium:
    """A PKOC medium, a Java card or a phone, that has an NDEF file as well."""
    return AppletMedium(medium.uid, [PkocApplet(medium), NdefApplet(message)])

"""Virtual NTAG 424 DNA and MIFARE DESFire EV2/EV3 media: the card's side of EV2 secure messaging and of SUN.

The arithmetic is that of ``gated.card.secure``, which published examples pin down; what is said when, is
written here anew, from the data sheets.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field

from gated.card import type4
from gated.card.diversify import cmac
from gated.card.secure import (
    BLOCK,
    Mode,
    cbc_decrypt,
    cbc_encrypt,
    padded,
    session_keys,
    truncated,
)
from gated.devices.simulated.applets import NOT_ALLOWED, NOT_FOUND, OK, UNKNOWN_INS, AppletMedium, body_of

_DONE, _GO_ON, _KEY_REFUSED, _NO_KEY = b"\x91\x00", b"\x91\xaf", b"\x91\xae", b"\x91\x40"
_LENGTH, _DENIED, _NO_FILE, _BOUNDARY, _BAD_MAC = (
    b"\x91\x7e",
    b"\x91\x9d",
    b"\x91\xf0",
    b"\x91\xbe",
    b"\x91\x1e",
)
#: Of GetVersion: vendor, type, subtype, version, size, protocol. A DESFire EV3 of 4 kB, and an NTAG 424.
_DESFIRE, _NTAG_424 = bytes.fromhex("04010133001805"), bytes.fromhex("04040230001105")
#: Native answers of a DESFire card go in frames of so many bytes.
_FRAME_BYTES = 59


@dataclass
class File:
    """A standard data file."""

    data: bytes
    mode: Mode | None = None  # None = anybody reads it, in clear
    iso_id: bytes = b""


@dataclass
class _Session:
    encryption: bytes
    mac: bytes
    ti: bytes
    counter: int = 0


@dataclass
class Ev2Applet:
    """An application with keys and files."""

    aid: bytes
    real_uid: bytes
    keys: dict[int, bytes]
    native_aid: bytes = b""
    versions: dict[int, int] = field(default_factory=dict)
    files: dict[int, File] = field(default_factory=dict)
    random: Callable[[int], bytes] = secrets.token_bytes
    sun: Sun | None = None
    failures: int = 0  # authentications that failed, ever: a real card counts them too
    _session: _Session | None = field(default=None, init=False)
    _pending: tuple[int, bytes, bool] | None = field(default=None, init=False)
    _rest: bytes = field(default=b"", init=False)
    _frames: list[bytes] = field(default_factory=list, init=False)  # of GetVersion, still to be told
    _file: File | None = field(default=None, init=False)
    _mirrored: bool = field(default=False, init=False)

    def reset(self) -> None:
        """The field went off."""
        self._session = self._pending = self._file = None
        self._rest, self._frames, self._mirrored = b"", [], False

    def select(self) -> bytes:
        """It was selected: what was authenticated is forgotten."""
        self._session = self._pending = self._file = None
        return OK if not self.native_aid else _DONE

    def answer(self, apdu: bytes) -> bytes:
        """A wrapped native command, or one of ISO/IEC 7816-4 on its files."""
        if apdu[0] == 0x90:
            return self._native(apdu[1], body_of(apdu))
        if apdu[:4] == b"\x00\xa4\x00\x0c":
            found = [file for file in self.files.values() if file.iso_id == body_of(apdu)]
            self._file = found[0] if found else None
            return OK if found else NOT_FOUND
        if apdu[:2] == b"\x00\xb0":
            return self._read_binary(int.from_bytes(apdu[2:4], "big"), apdu[4] if len(apdu) > 4 else 0)
        return UNKNOWN_INS

    # -------------------------------------------------------------- native commands

    def _native(self, ins: int, body: bytes) -> bytes:
        if ins == 0xAF:
            if self._pending is not None:
                return self._second(body)
            if self._frames:
                return self._version_frame()
            return self._framed(self._rest) if self._rest else b"\x91\x1c"
        self._pending, self._rest, self._frames = None, b"", []
        if ins == 0x60:
            return self._version()
        if ins == 0x64:
            return self._key_version(body)
        if ins in (0x71, 0x77):
            return self._first(body, first=ins == 0x71)
        if self._session is None:
            return _DENIED
        return self._secured(ins, body, self._session)

    def _version(self) -> bytes:
        """GetVersion (NT4H2421Gx section 10.5.1): hardware, software, and who it is, a frame for each."""
        hardware = _DESFIRE if self.native_aid else _NTAG_424
        self._frames = [hardware, hardware, self.real_uid + bytes(7)]
        return self._version_frame()

    def _version_frame(self) -> bytes:
        return self._frames.pop(0) + (_GO_ON if self._frames else _DONE)

    def _key_version(self, body: bytes) -> bytes:
        if len(body) != 1 or body[0] not in self.keys:
            return _NO_KEY
        return bytes([self.versions.get(body[0], 0)]) + _DONE

    def _first(self, body: bytes, *, first: bool) -> bytes:
        if not body or (not first and self._session is None):
            return _LENGTH
        if body[0] not in self.keys:
            return _NO_KEY
        rnd_b = self.random(BLOCK)
        self._pending = (body[0], rnd_b, first)
        return cbc_encrypt(self.keys[body[0]], bytes(BLOCK), rnd_b) + _GO_ON

    def _second(self, body: bytes) -> bytes:
        assert self._pending is not None
        (number, rnd_b, first), self._pending = self._pending, None
        if len(body) != 2 * BLOCK:
            return _LENGTH
        key = self.keys[number]
        plain = cbc_decrypt(key, bytes(BLOCK), body)
        rnd_a, echo = plain[:BLOCK], plain[BLOCK:]
        before = self._session
        if echo != rnd_b[1:] + rnd_b[:1]:
            self.failures += 1
            self._session = None
            return _KEY_REFUSED
        proof = rnd_a[1:] + rnd_a[:1]
        if first or before is None:
            ti = self.random(4)
            self._session = _Session(*session_keys(key, rnd_a, rnd_b), ti)
            proof = ti + proof + bytes(12)
        else:
            self._session = _Session(*session_keys(key, rnd_a, rnd_b), before.ti, before.counter)
        return cbc_encrypt(key, bytes(BLOCK), proof) + _DONE

    def _secured(self, ins: int, body: bytes, session: _Session) -> bytes:
        header, mac = body[:-8], body[-8:]
        if mac != self._mac(session, ins, header):
            self._session = None
            return _BAD_MAC
        if ins == 0x51 and not header:
            return self._said(session, self.real_uid, Mode.FULL)
        if ins != 0xAD or len(header) != 7:
            self._session = None
            return b"\x91\x1c"
        file = self.files.get(header[0])
        if file is None or file.mode is None:
            return _NO_FILE
        offset, count = int.from_bytes(header[1:4], "little"), int.from_bytes(header[4:7], "little")
        if not count or offset + count > len(file.data):
            return _BOUNDARY
        return self._said(session, file.data[offset : offset + count], file.mode)

    def _said(self, session: _Session, data: bytes, mode: Mode) -> bytes:
        session.counter += 1
        if mode is Mode.FULL:
            key = session.encryption
            plain = (b"\x5a\xa5" + session.ti + session.counter.to_bytes(2, "little")).ljust(BLOCK, b"\x00")
            data = cbc_encrypt(key, cbc_encrypt(key, bytes(BLOCK), plain), padded(data))
        return self._framed(data + self._mac(session, 0x00, data))

    def _mac(self, session: _Session, code: int, data: bytes) -> bytes:
        place = bytes([code]) + session.counter.to_bytes(2, "little") + session.ti
        return truncated(cmac(session.mac, place + data))

    def _framed(self, data: bytes) -> bytes:
        part, self._rest = (data, b"") if not self.native_aid else (data[:_FRAME_BYTES], data[_FRAME_BYTES:])
        return part + (_GO_ON if self._rest else _DONE)

    # -------------------------------------------------------------- files as ISO/IEC 7816-4 reads them

    def _read_binary(self, offset: int, count: int) -> bytes:
        if self._file is None:
            return NOT_ALLOWED
        if self._file.mode is not None:
            return b"\x69\x82"
        data = self._file.data
        if self.sun is not None and self._file.iso_id == type4.NDEF_FILE:
            if not self._mirrored:
                self.sun.counter += 1  # at the first read of each presentation (NT4H2421Gx section 9.3.3)
                self._mirrored = True
            message = self.sun.message(self.real_uid)
            data = len(message).to_bytes(2, "big") + message
        return data[offset : offset + (count or 256)] + OK


@dataclass
class Sun:
    """What an NTAG 424 mirrors into its address: plain, or encrypted where there is a ``meta_key``."""

    file_key: bytes  # the medium's own
    meta_key: bytes | None = None
    counter: int = 0
    address: str = "city.example/t"

    def message(self, uid: bytes) -> bytes:
        """The NDEF message as it reads now."""
        counter = self.counter.to_bytes(3, "little")
        if self.meta_key is None:
            shown = f"uid={uid.hex().upper()}&ctr={counter[::-1].hex().upper()}"
        else:
            plain = (b"\xc7" + uid + counter).ljust(BLOCK, b"\x5a")
            shown = f"picc_data={cbc_encrypt(self.meta_key, bytes(BLOCK), plain).hex().upper()}"
        key = cmac(self.file_key, bytes.fromhex("3CC300010080") + uid + counter)
        url = f"{self.address}?{shown}&cmac={truncated(cmac(key, b'')).hex().upper()}"
        return b"\xd1\x01" + bytes([len(url) + 1]) + b"U\x04" + url.encode("ascii")


def ntag424(uid: bytes, applet: Ev2Applet, *, shown_uid: bytes | None = None) -> AppletMedium:
    """An NTAG 424 with this application; ``shown_uid``: a random number that it shows in place of its UID."""
    return AppletMedium(uid if shown_uid is None else shown_uid, [applet])

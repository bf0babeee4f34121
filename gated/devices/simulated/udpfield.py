"""A radio field for nfcpy's own udp driver, on this machine's loopback only, with media in it.

A datagram is a technology and the frame in hex: ``106A 26``; ``RFOFF`` says that the field went off. A frame
that nobody answers is met with silence, as on a radio, once a conversation has begun. Before that the answer
is a technology without a frame: the driver waits a whole second for a first answer, and takes this for noise.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import reduce
from operator import xor
from typing import Any

from gated.card.type2 import read_block
from gated.devices.simulated.isodep import ATS, IsoDepTarget, asked
from gated.devices.simulated.media import LeftFieldError, Medium

_STOP_S = 5.0
_CASCADE = bytes.fromhex("939597")  # SEL of the three cascade levels (ISO/IEC 14443-3:2018 clause 6.5.3.1)
_READ = 0x30
_READ_S = 0.005  # a tag that takes longer has not answered
_TAG = b"\x88"  # cascade tag: the UID goes on
_BEGINNINGS = {b"106A": (b"\x26", b"\x52", b"\x93", b"\x95", b"\x97"), b"106B": (b"\x05",)}


class _TypeA:
    """A medium of type A, with a UID of 4, 7 or 10 bytes."""

    TECHNOLOGY = b"106A"

    def __init__(self, medium: Medium, ats: bytes) -> None:
        self._medium = medium
        self.protocol = IsoDepTarget(medium, ats)
        self._converses = bool(ats) and medium.converses
        self._level: int | None = None  # of the anticollision; None = nobody asked yet

    def reset(self) -> None:
        self._level = None
        self.protocol.reset()

    def frame(self, frame: bytes) -> bytes | None:
        if self.protocol.active:
            return self.protocol.frame(frame)
        if frame in (b"\x26", b"\x52"):
            self._level = 0
            return bytes([0x04 if len(self._medium.uid) == 4 else 0x44, 0x00])
        parts = self._parts()
        if self._level is None:
            return None
        if self._level == len(parts):
            return self.protocol.frame(frame) if self._converses else self._read(frame)
        if frame[:1] != _CASCADE[self._level : self._level + 1]:
            return None
        if frame[1:] == b"\x20":
            return parts[self._level]
        if frame[1:] != b"\x70" + parts[self._level]:
            return None
        self._level += 1
        more = 0x04 if self._level < len(parts) else 0x00
        return bytes([more | (0x20 if self._converses else 0x00)])

    def _read(self, frame: bytes) -> bytes | None:
        """READ of a Type 2 tag (NFC Forum Type 2 Tag 1.2 clause 6.2). What it refuses is met with silence."""
        if self._medium.converses or len(frame) != 2 or frame[0] != _READ:
            return None
        page = frame[1]
        answer = asked(lambda: self._medium.transmit(read_block(page)), _READ_S)
        if isinstance(answer, LeftFieldError):
            raise answer
        return answer[:-2] if isinstance(answer, bytes) and answer[-2:] == b"\x90\x00" else None

    def _parts(self) -> list[bytes]:
        """The UID as it is told, level by level, each with its check byte."""
        uid, parts = self._medium.uid, []
        while len(uid) > 4:
            parts.append(_TAG + uid[:3])
            uid = uid[3:]
        return [part + bytes([reduce(xor, part)]) for part in (*parts, uid)]


class _TypeB:
    """A medium of type B: what it tells (PUPI) is no UID."""

    TECHNOLOGY = b"106B"

    def __init__(self, medium: Medium, number: int) -> None:
        self.protocol = IsoDepTarget(medium)
        self._pupi = number.to_bytes(4, "big")

    def reset(self) -> None:
        self.protocol.reset()

    def frame(self, frame: bytes) -> bytes | None:
        if self.protocol.active:
            return self.protocol.frame(frame)
        if frame[:1] == b"\x05":  # REQB: frames of 128 bytes, frame waiting time code 8
            return b"\x50" + self._pupi + bytes(4) + bytes.fromhex("007181")
        if frame[:5] == b"\x1d" + self._pupi and len(frame) >= 9:
            return self.protocol.select(frame[6] & 0x0F, b"\x00")
        return None


class UdpField:
    """A field and a plug to pull. Any thread may call."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.path = f"udp:127.0.0.1:{self._socket.getsockname()[1]}"
        self._lock = threading.Lock()
        self._medium: Medium | None = None
        self._card: _TypeA | _TypeB | None = None
        self._presentations = 0
        self._pulled = 0  # how often the plug was
        self._plugged = True
        self._closing = False
        self._thread = threading.Thread(target=self._serve, name=self.path, daemon=True)
        self._thread.start()

    # -------------------------------------------------------------- what the world does to it

    def present(self, medium: Medium, ats: bytes = ATS) -> None:
        """Put a medium into the field, in the place of the last. Without a UID it is one of type B.

        Without an answer to select (``ats`` empty) it has a UID and knows no APDUs.
        """
        self.remove()
        with self._lock:
            self._presentations += 1
            medium.present()
            self._medium = medium
            self._card = _TypeA(medium, ats) if medium.uid else _TypeB(medium, self._presentations)

    def remove(self) -> None:
        """Take the medium away. An answer that hangs is given up."""
        with self._lock:
            self._take()

    def blink(self) -> None:
        """Let the medium lose the field for a moment, so that it forgets where it was."""
        with self._lock:
            if self._card is not None:
                self._card.reset()

    def unplug(self) -> None:
        """Pull the reader's plug; what was opened stays dead."""
        with self._lock:
            self._take()
            self._plugged = False
            self._pulled += 1

    def replug(self) -> None:
        """Put it back; the reader must be opened again."""
        with self._lock:
            self._plugged = True

    def frontend(self, path: str) -> Any:
        """What nfcpy opens under ``path``, with a cable that can be pulled. Raises ``OSError``."""
        import nfc  # noqa: PLC0415  # the field itself stands without it

        with self._lock:
            pulled, plugged = self._pulled, self._plugged
        if not plugged:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        frontend = nfc.ContactlessFrontend(path)
        frontend.device = _Cable(frontend.device, lambda: self._plugged and self._pulled == pulled)
        return frontend

    def close(self) -> None:
        """End the field."""
        self.remove()
        self._closing = True
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bell:
            bell.sendto(b"", self._socket.getsockname())
        self._thread.join(_STOP_S)
        self._socket.close()

    # -------------------------------------------------------------- the thread

    def _serve(self) -> None:
        while True:
            datagram, sender = self._socket.recvfrom(2048)
            if self._closing:
                return
            with self._lock:
                answer = self._answer(datagram) if self._plugged else None
            if answer is not None:
                with suppress(OSError):
                    self._socket.sendto(answer, sender)

    def _answer(self, datagram: bytes) -> bytes | None:
        if datagram == b"RFOFF":
            if self._card is not None:
                self._card.reset()
            return None
        technology, _, digits = datagram.partition(b" ")
        frame = bytes.fromhex(digits.decode("ascii"))
        answer = None
        if self._card is not None and technology == self._card.TECHNOLOGY:
            try:
                answer = self._card.frame(frame)
            except LeftFieldError:
                self._take()
        if answer is not None:
            return technology + b" " + answer.hex().encode("ascii")
        beginning = frame.startswith(_BEGINNINGS.get(technology, ()))
        conversing = self._card is not None and self._card.protocol.active
        return technology if beginning and not conversing else None

    def _take(self) -> None:
        medium, self._medium, self._card = self._medium, None, None
        if medium is not None:
            medium.free()


class _Cable:
    """A device of nfcpy at the end of a cable. Pulled, it fails as nfcpy's USB transport does."""

    def __init__(self, device: Any, plugged: Callable[[], bool]) -> None:
        self._device = device
        self._plugged = plugged

    def __getattr__(self, name: str) -> Any:
        if not self._plugged():
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        return getattr(self._device, name)

    def send_cmd_recv_rsp(self, target: Any, frame: Any, timeout_s: float) -> Any:
        """Exchange frames. A radio keeps nothing: an answer that came too late is heard by nobody."""
        exchange = self.__getattr__("send_cmd_recv_rsp")
        waiting = self._device.socket
        while waiting is not None and select.select([waiting], [], [], 0)[0]:
            waiting.recvfrom(2048)
        return exchange(target, frame, timeout_s)

    def close(self) -> None:
        """Close the device, whether or not the cable is in."""
        self._device.close()

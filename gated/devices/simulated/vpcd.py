"""A virtual medium in a slot of vpcd, the virtual reader of vsmartcard, so that pcscd takes it for a card.

vpcd listens on a TCP port per slot; connecting is inserting, dropping the link is removing. Messages are
a length (two bytes, big-endian) and a payload. From the reader: one byte is a control (0 power off, 1
power on, 2 reset, 4 tell the ATR, the only one that is answered), anything else a command APDU, which is
answered by a response APDU.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from functools import reduce
from operator import xor

from gated.devices.simulated.media import NOT_SUPPORTED, LeftFieldError, Medium, answered_by_reader
from gated.errors import CardError, ReaderError

CONNECT_S = 5.0
_STOP_S = 5.0

_TELL_ATR = 4
_GET_UID = bytes.fromhex("FFCA000000")  # same part, clause 3.2.2.1.3
_LIGHTS = (b"\xff\x00\x40", b"\xff\x00\x52")  # those of an ACR122U
_OK = b"\x90\x00"
#: Too short to be a response. An empty message would say it better, but vpcd 3.3 waits on after one.
_NOTHING = b"\x00"


def contactless_atr(historical: bytes) -> bytes:
    """The ATR under which PC/SC shows an ISO/IEC 14443-4 medium (PC/SC part 3 clause 3.1.3.2.3.1)."""
    body = bytes([0x80 | len(historical), 0x80, 0x01]) + historical
    return b"\x3b" + body + bytes([reduce(xor, body)])


class VpcdPresentation:
    """A medium in a slot, from its insertion until ``remove``.

    Faults of the medium show as on a radio: one that left the field drops the link, one that hangs
    answers nothing until it is freed or removed.
    """

    ATR = contactless_atr(b"gated")
    #: Of a tag without APDUs: its standard (03) and its name (0003, MIFARE Ultralight, which NTAG is called
    #: too) after the identifier of the PC/SC workgroup (part 3 clause 3.1.3.2.3.2).
    TAG_ATR = contactless_atr(bytes.fromhex("804F0CA000000306 03 0003 00000000"))

    def __init__(self, medium: Medium, port: int, host: str = "127.0.0.1") -> None:
        """Insert ``medium``. Raises ``ReaderError`` where no slot listens."""
        self._medium = medium
        self.orders: list[bytes] = []  # what the reader was told to do with its light and buzzer
        self.lit = True  # whether it obeys
        try:
            self._link = socket.create_connection((host, port), CONNECT_S)
        except OSError as error:
            raise ReaderError(
                f"no vpcd slot listens on {host} port {port} ({error.strerror or error})",
                hint="start pcscd with the vpcd driver; its port stands in reader.conf.d",
            ) from None
        self._link.settimeout(None)
        medium.present()
        self._thread = threading.Thread(target=self._serve, name=f"vpcd slot {port}", daemon=True)
        self._thread.start()

    def remove(self) -> None:
        """Take the medium away. An answer that hangs is given up. May be called twice."""
        self._drop()
        self._medium.free()
        self._thread.join(_STOP_S)
        self._link.close()

    # -------------------------------------------------------------- the thread

    def _serve(self) -> None:
        try:
            while (message := self._receive()) is not None:
                answer = self._answer(message)
                if answer is not None:
                    self._link.sendall(len(answer).to_bytes(2, "big") + answer)
        except (LeftFieldError, OSError):
            pass  # the medium left, or the slot is gone
        finally:
            self._drop()

    def _answer(self, message: bytes) -> bytes | None:
        if len(message) == 1:
            if message[0] == _TELL_ATR:
                return self.ATR if self._medium.converses else self.TAG_ATR
            self._medium.reset()
            return None
        if message == _GET_UID:
            return self._uid()
        if message.startswith(_LIGHTS):
            self.orders.append(message)
            return _OK if self.lit else NOT_SUPPORTED
        told = answered_by_reader(self._medium, message)
        if told is not None:
            return told
        try:
            return self._medium.transmit(message) or _NOTHING
        except LeftFieldError:
            raise
        except CardError:
            return _NOTHING

    def _uid(self) -> bytes:
        try:
            uid = self._medium.wake()
        except CardError:
            return _NOTHING
        return uid + _OK if uid else NOT_SUPPORTED

    def _receive(self) -> bytes | None:
        size = self._exactly(2)
        return None if size is None else self._exactly(int.from_bytes(size, "big"))

    def _exactly(self, count: int) -> bytes | None:
        """``count`` bytes of the link; None when it has ended."""
        received = b""
        while len(received) < count:
            # vpcd 3.3 sends length and payload apart, so Nagle waits for our delayed ACK: 44 ms a
            # command. The option does not last, hence before each recv.
            self._link.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            part = self._link.recv(count - len(received))
            if not part:
                return None
            received += part
        return received

    def _drop(self) -> None:
        with suppress(OSError):
            self._link.shutdown(socket.SHUT_RDWR)

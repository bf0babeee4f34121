"""An ACR122U below nfcpy: what its driver needs to begin, to sense an empty field and to end."""

from __future__ import annotations

import errno
import os
import struct

ACK = bytes.fromhex("0000ff00ff00")


class UsbAcr122u:
    """The reader's end of the USB cable: CCID blocks in and out (CCID 1.1 clauses 6.1.4 and 6.2.1)."""

    TYPE = "USB"
    manufacturer_name = "ACS"
    product_name = "ACR122U PICC Interface"

    def __init__(self) -> None:
        self.orders: list[bytes] = []
        self.timeouts_ms: list[int] = []  # how long each was waited for
        self.plugged = True
        self.lit = True
        self._answer = b""

    def write(self, frame: bytearray, _timeout: int = 0) -> None:
        self._check()
        self._answer = self._block(bytes(frame[10:])) if frame[0] == 0x6F else b""

    def read(self, timeout: int = 0) -> bytearray:
        self._check()
        if self.orders:
            self.timeouts_ms.append(timeout)
        return bytearray(struct.pack("<BI5B", 0x80, len(self._answer), 0, 0, 0, 0, 0) + self._answer)

    def close(self) -> None:
        pass

    def _check(self) -> None:
        if not self.plugged:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))

    def _block(self, block: bytes) -> bytes:
        if block == bytes.fromhex("FF00480000"):
            return b"ACR122U207"
        if block.startswith(b"\xff\x00\x40"):
            self.orders.append(block)
            return b"\x90\x02" if self.lit else b"\x63\x00"
        if block.startswith(b"\xff\x00\x00\x00"):  # to the PN532 inside
            code, body = block[6], block[7:]
            return bytes([0xD5, code + 1]) + self._chip(code, body) + b"\x90\x00"
        return b"\x90\x00"

    @staticmethod
    def _chip(code: int, body: bytes) -> bytes:
        """PN532 User Manual, clause 7.2: Diagnose, GetFirmwareVersion, ReadRegister, InListPassiveTarget."""
        return {
            0x00: body,
            0x02: bytes.fromhex("32010607"),
            0x06: b"\x26" * (len(body) // 2),
            0x4A: b"\x00",
        }.get(code, b"")

"""A virtual Type 2 tag: memory in pages, no applications, no APDUs. Its reader answers those in its place."""

from __future__ import annotations

from gated.card.type2 import BLOCK_BYTES, PAGE_BYTES, read_block
from gated.devices.simulated.media import NOT_SUPPORTED, Medium

#: Of the data area, by chip, as the capability container tells it when delivered (data sheets NTAG213_215_216
#: rev. 3.2 section 8.5.6 and MF0ULX1 rev. 3.3): less than the user memory of the two larger ones.
DATA_BYTES = {"ntag213": 144, "ntag215": 496, "ntag216": 872, "ultralight": 48}
_NO_SUCH_PAGE = b"\x6a\x82"
_OK = b"\x90\x00"
_FIRST_PAGE = 4


class TagMemoryError(ValueError):
    """It does not fit."""


class Type2Medium(Medium):
    """A tag that holds an NDEF message."""

    converses = False

    def __init__(self, uid: bytes, message: bytes = b"", chip: str = "ntag215") -> None:
        super().__init__(uid)
        size = DATA_BYTES[chip]
        body = b"\x03" + (_length(len(message)) + message) + b"\xfe"
        if len(body) > size + 1:  # the terminator is not needed where the memory ends
            raise TagMemoryError(f"{len(body)} bytes do not fit into the {size} of an {chip}")
        head = (uid + bytes(9))[:12] + bytes((0xE1, 0x10, size // 8, 0x00))
        self.memory = bytearray(head + body[:size].ljust(size, b"\x00"))

    def answer(self, apdu: bytes) -> bytes:
        """READ of four pages, as the reader's pseudo-APDU asks for it."""
        if apdu[:3] != b"\xff\xb0\x00" or apdu != read_block(apdu[3]):
            return NOT_SUPPORTED
        at = apdu[3] * PAGE_BYTES
        if at >= len(self.memory):
            return _NO_SUCH_PAGE
        # A READ near the end goes on from the first page (NTAG213_215_216 section 10.2).
        return bytes((self.memory[at:] + self.memory)[:BLOCK_BYTES]) + _OK


def _length(size: int) -> bytes:
    return bytes([size]) if size < 0xFF else b"\xff" + size.to_bytes(2, "big")

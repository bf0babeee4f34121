"""Virtual cards of a city that tell a number and prove nothing: Calypso, and one with a file of records."""

from __future__ import annotations

from gated.card import calypso
from gated.devices.simulated.applets import NOT_FOUND, OK, UNKNOWN_INS, AppletMedium


class CalypsoApplet:
    """A Calypso application that answers SELECT with its serial number."""

    aid = calypso.AID
    native_aid = b""

    def __init__(self, serial: bytes, *, invalidated: bool = False, serial_first: bool = True) -> None:
        self.serial = serial
        self.invalidated = invalidated
        self.serial_first = serial_first

    def reset(self) -> None:
        """It keeps nothing."""

    def select(self) -> bytes:
        """The FCI; its inner objects come in either order."""
        parts = [b"\xc7" + bytes([len(self.serial)]) + self.serial, bytes.fromhex("53070A2E11420001FF")]
        inner = b"".join(parts if self.serial_first else parts[::-1])
        template = b"\xbf\x0c" + bytes([len(inner)]) + inner
        proprietary = b"\xa5" + bytes([len(template)]) + template
        body = b"\x84" + bytes([len(self.aid)]) + self.aid + proprietary
        return b"\x6f" + bytes([len(body)]) + body + (b"\x62\x83" if self.invalidated else OK)

    def answer(self, _apdu: bytes) -> bytes:
        """Nothing that a gate could ask."""
        return UNKNOWN_INS


class RecordApplet:
    """An application with one file of records, or one without."""

    native_aid = b""

    def __init__(self, aid: bytes, file: int, contents: dict[int, bytes] | bytes) -> None:
        self.aid = aid
        self._file = file
        self._contents = contents  # by record number

    def reset(self) -> None:
        """It keeps nothing."""

    def select(self) -> bytes:
        """It was selected."""
        return OK

    def answer(self, apdu: bytes) -> bytes:
        """READ RECORD, READ BINARY."""
        if apdu[1] == 0xB2 and isinstance(self._contents, dict) and apdu[3] == self._file << 3 | 0x04:
            found = self._contents.get(apdu[2])
            return b"\x6a\x83" if found is None else found + OK
        if apdu[1] == 0xB0 and isinstance(self._contents, bytes) and apdu[2] == 0x80 | self._file:
            count = apdu[4] if len(apdu) > 4 else 0
            return self._contents[apdu[3] : apdu[3] + (count or 256)] + OK
        return NOT_FOUND


def calypso_medium(uid: bytes, serial: bytes, *, invalidated: bool = False) -> AppletMedium:
    """A transport card."""
    return AppletMedium(uid, [CalypsoApplet(serial, invalidated=invalidated)])

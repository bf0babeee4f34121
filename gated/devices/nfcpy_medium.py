"""A medium as nfcpy finds it, a conversation with it, and whom to blame when one fails."""

from __future__ import annotations

import errno
import logging
import os
import termios
from collections.abc import Callable
from typing import Any

from gated.errors import CardError, ConfigError, ReaderError

try:
    import nfc
    import nfc.clf
    import nfc.tag
    import nfc.tag.tt4
except (ImportError, OSError) as error:  # OSError: the library libusb-1.0 is missing
    raise ConfigError(
        f"the reader driver nfcpy needs nfcpy and libusb ({error})",
        hint="apt install libusb-1.0-0, then pip install 'gated[nfcpy]'",
    ) from None

# Its log lines are frames with UIDs in them, and warnings at each repeated block. Ours say what matters.
logging.getLogger("nfc").setLevel(logging.CRITICAL + 1)
logging.captureWarnings(False)  # nfc.tag turns it on for the whole process

__all__ = ["AGAIN", "CABLE", "LOST", "NfcpySession", "Sensed", "gone", "nfc"]

_NOT_SUPPORTED = bytes.fromhex("6A81")
_OK = bytes.fromhex("9000")
#: READ BINARY of a tag's memory (PC/SC part 3 clause 3.2.2.1.4), up to the page.
_READ_BINARY = bytes.fromhex("FFB000")
#: READ of a Type 2 tag (NFC Forum Type 2 Tag 1.2 clause 6.2), which answers within 5 ms.
_READ, _READ_S = 0x30, 0.05
#: What pyserial and libusb raise when the reader, not the medium, is gone.
LOST = (OSError, termios.error)

AGAIN = "present the medium again and hold it still"
_KERNEL = "the kernel's modules pn533_usb, pn533 and nfc must be blacklisted"
CABLE = f"check the reader's cable and its path in gate.toml; {_KERNEL}"
_HINTS = {
    errno.EACCES: "let the daemon's user have the device: a udev rule (docs/how-to/choose-a-reader.md)",
    errno.EBUSY: f"another driver holds it: pcscd takes every CCID reader, and {_KERNEL}",
}


class Sensed:
    """A medium as the last sweep found it, and as it was woken."""

    def __init__(self, target: Any) -> None:
        self.target = target
        self.tag: Any = None  # where it converses by ISO/IEC 14443-4 and was woken
        self.fresh = True  # nobody has begun a session with it
        self.failed = False  # it did not wake, or fell silent: the next try may find it nearer

    @property
    def uid(self) -> bytes | None:
        """Of type A. The number of type B (PUPI) may be drawn anew each time, and nothing tells which."""
        return bytes(self.target.sdd_res) if self.target.sdd_res else None

    @property
    def converses(self) -> bool:
        """Whether it takes APDUs."""
        sel_res = self.target.sel_res
        # Bit 6 of SAK (ISO/IEC 14443-3:2018 table 9); every type B that drivers report does.
        return bool(self.target.sensb_res or (sel_res and sel_res[0] & 0x20))

    @property
    def has_pages(self) -> bool:
        """Whether it is a Type 2 tag, whose memory is read without asking for a key: SAK 00."""
        return bool(self.target.sdd_res) and bytes(self.target.sel_res or b"") == b"\x00"

    def is_like(self, target: Any) -> bool:
        """Whether that is the same medium, as far as numbers tell."""
        return _number(self.target) == _number(target)

    def sought(self) -> Any:
        """What to sense for to find this one, and no other."""
        if self.uid is not None:
            return nfc.clf.RemoteTarget(self.target.brty, sel_req=self.target.sdd_res)
        return nfc.clf.RemoteTarget(self.target.brty)


class NfcpySession:
    """A medium in the field."""

    def __init__(
        self,
        reader: str,
        sensed: Sensed,
        still_there: Callable[[], bool],
        exchange: Callable[[bytearray, float], bytearray],
    ) -> None:
        self._reader = reader
        self.uid = sensed.uid  # of type A; None for type B
        self._sensed = sensed
        self._tag = sensed.tag
        self._still_there = still_there
        self._exchange = exchange
        self._closed = False

    def transmit(self, apdu: bytes) -> bytes:
        """Send a command APDU, return the response. Raises ``CardError`` or ``ReaderError``.

        A medium that knows no APDUs has the reader answer in its place, as PC/SC readers do (6A81,
        function not supported): it is none that fails, it is one with a UID only. A medium may ask for more
        time as often as it likes (ISO/IEC 14443-4:2018 clause 7.3), and hold this call for ever.
        """
        if self._closed:
            raise CardError(f"reader {self._reader}: the conversation is over", hint=AGAIN)
        if self._tag is None:
            if self._sensed.has_pages and apdu[:3] == _READ_BINARY:
                return self._read(apdu[3])
            if not self._still_there():
                raise CardError(f"reader {self._reader}: the medium left the field", hint=AGAIN)
            return _NOT_SUPPORTED
        try:
            response = bytes(self._tag.transceive(bytearray(apdu)))
        except LOST as error:
            raise gone(self._reader, "conversing", error) from None
        except Exception as error:  # noqa: BLE001  # nfcpy indexes into what a medium answers
            self._sensed.failed = True
            what = type(error).__name__  # its words may be the medium's bytes
            raise CardError(f"reader {self._reader}: no sense in the answer ({what})", hint=AGAIN) from None
        if len(response) < 2:
            raise CardError(f"reader {self._reader}: the medium answered nothing", hint=AGAIN)
        return response

    def _read(self, page: int) -> bytes:
        """Four pages, as PC/SC readers have it. A tag that refuses falls asleep and answers nothing more."""
        try:
            pages = bytes(self._exchange(bytearray([_READ, page]), _READ_S))
        except LOST as error:
            raise gone(self._reader, "conversing", error) from None
        except Exception as error:  # noqa: BLE001  # as above
            what = type(error).__name__
            raise CardError(f"reader {self._reader}: no sense in the answer ({what})", hint=AGAIN) from None
        return pages + _OK

    def close(self) -> None:
        """Leave the medium, awake: so it can be asked whether it is still there."""
        self._closed = True


def _number(target: Any) -> bytes:
    """UID (type A), RID (Topaz) or PUPI (type B)."""
    return bytes(target.sdd_res or target.rid_res or (target.sensb_res or b"")[1:5])


def gone(reader: str, doing: str, error: Exception) -> ReaderError:
    """What to tell of a reader that failed."""
    code = error.errno if isinstance(error, OSError) else None
    said = os.strerror(code) if code else type(error).__name__
    return ReaderError(f"reader {reader}: {doing} failed: {said}", hint=_HINTS.get(code or 0, CABLE))

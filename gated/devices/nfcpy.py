"""A reader that nfcpy drives itself, with no pcscd between: PN532 on a serial line, SCL3711, RC-S380.

nfcpy's own loop (``ContactlessFrontend.connect``) is left alone: it swallows the loss of a reader and ends
up to 1.6 s after it was asked to. What stands here was read in nfcpy 1.0.4 and measured over its udp driver.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from gated.devices.acr122u import ORDERS, duration_s, obeyed
from gated.devices.clock import SystemClock
from gated.devices.nfcpy_medium import AGAIN, CABLE, LOST, NfcpySession, Sensed, gone, nfc
from gated.errors import CardError, ReaderError
from gated.ports import Signal

#: Between two sweeps. A medium is found after half of it on average, and the CPU sleeps meanwhile.
PAUSE_S = 0.05
#: Sweeps in a row that ended in a way no driver should: a medium can do that, but hardly for a second.
CONFUSED = 20
#: A medium that is asked whether it is still there answers within this or has left.
PRESENCE_S = 0.1

_LIGHT_S = 1.0
#: R(NAK) of ISO/IEC 14443-4:2018 clause 7.5.5: whatever its number, a medium that has it answers.
_ARE_YOU_THERE = bytes([0xB2])


class NfcpyReader:
    """A reader under nfcpy's path for it, such as ``usb:04e6:5591``.

    ``open_frontend`` opens it: anything that behaves as ``nfc.ContactlessFrontend`` and raises ``OSError``.
    """

    def __init__(self, path: str, open_frontend: Callable[[str], Any] = nfc.ContactlessFrontend) -> None:
        self._name = path
        self._open_frontend = open_frontend
        self._frontend: Any = None
        self._sensed: Sensed | None = None
        self._light: Any = None
        self._confused = 0
        self._interrupted = threading.Event()
        self._monotonic = SystemClock().monotonic

    @property
    def name(self) -> str:
        """As in the configuration."""
        return self._name

    def open(self) -> None:
        """Get ready, also after a loss. Raises ``ReaderError``.

        nfcpy never recovers a device that was gone, so each opening takes a new one.
        """
        self.close()
        try:
            self._frontend = self._open_frontend(self._name)
        except Exception as error:  # noqa: BLE001  # drivers fail in many ways on what they find
            raise gone(self._name, "opening", error) from None
        device = self._frontend.device
        self._light = device.chipset if type(device).__module__ == "nfc.clf.acr122" else None

    def wait_card(self, timeout_s: float) -> bool:
        """Wait for a medium; False after the timeout or an interrupt. Raises ``ReaderError``."""
        deadline = self._monotonic() + timeout_s
        self._interrupted.clear()
        while not self._sweep():
            if not self._pause(deadline):
                return False
        return True

    def connect(self) -> NfcpySession:
        """Begin a session. Raises ``CardError`` when the medium has left or sleeps on, ``ReaderError``."""
        sensed = self._sensed
        if sensed is None or not sensed.fresh:
            self._sweep()
            sensed = self._sensed
        if sensed is None:
            raise CardError(f"reader {self._name}: the medium left the field", hint=AGAIN)
        sensed.fresh = False
        self._wake(sensed)
        if sensed.converses and sensed.tag is None:
            sensed.failed = True
            raise CardError(f"reader {self._name}: the medium does not wake up", hint=AGAIN)
        return NfcpySession(self._name, sensed, self._still_there, self._opened().exchange)

    def wait_removed(self, timeout_s: float) -> bool:
        """Wait until the last medium is gone; False after the timeout or an interrupt.

        Another medium in its place counts as gone. Raises ``ReaderError``.
        """
        deadline = self._monotonic() + timeout_s
        self._interrupted.clear()
        self._opened()
        while self._still_there():
            if not self._pause(deadline):
                return False
        self._sensed = None
        return True

    def interrupt(self) -> None:
        """Make a wait of the other thread return soon. It reaches only a wait that is already pending."""
        self._interrupted.set()

    def show(self, signal: Signal) -> None:
        """Say it with the reader's own light and sound: an ACR122U's. Never raises."""
        if self._light is None:
            return
        order = ORDERS[signal]
        try:
            # The answer comes when the flashes are over; one that is not waited for would be taken for
            # that of the next command.
            response = self._light.ccid_xfr_block(bytearray(order), duration_s(order) + _LIGHT_S)
        except Exception:  # noqa: BLE001  # a dark lamp closes no lane; a lost reader tells it at the next wait
            response = b""
        if not obeyed(response):
            self._light = None

    def close(self) -> None:
        """Give the reader back. Never raises."""
        frontend, self._frontend = self._frontend, None
        self._sensed = self._light = None
        self._confused = 0
        if frontend is not None:
            with suppress(Exception):  # a driver may want to talk to what is no longer there
                frontend.close()

    # -------------------------------------------------------------- inside

    def _pause(self, deadline: float) -> bool:
        """Wait for the next sweep; False when there shall be none."""
        left_s = deadline - self._monotonic()
        return left_s > 0 and not self._interrupted.wait(min(PAUSE_S, left_s))

    def _opened(self) -> Any:
        if self._frontend is None:
            raise ReaderError(f"reader {self._name} is not open", hint=CABLE)
        return self._frontend

    def _sweep(self) -> bool:
        target = self._sense(nfc.clf.RemoteTarget("106A"), nfc.clf.RemoteTarget("106B"))
        self._sensed = None if target is None else Sensed(target)
        return target is not None

    def _sense(self, *sought: Any) -> Any:
        """One sweep: what was found, or None. The field goes off and on, so media forget all."""
        frontend = self._opened()
        try:
            found = frontend.sense(*sought)
        except LOST as error:
            raise gone(self._name, "sensing", error) from None
        except Exception as error:  # noqa: BLE001  # nfcpy indexes into what a medium answers
            self._confused += 1
            if self._confused >= CONFUSED:
                raise gone(self._name, "sensing", error) from None
            return None
        self._confused = 0
        return found

    def _wake(self, sensed: Sensed) -> None:
        """Begin ISO/IEC 14443-4, where the medium has it. Raises ``ReaderError``."""
        sensed.tag = None
        if sensed.converses:
            try:
                sensed.tag = nfc.tag.activate(self._opened(), sensed.target)
            except LOST as error:
                raise gone(self._name, "waking a medium", error) from None
            except Exception:  # noqa: BLE001, S110  # an answer cut short: it did not wake
                pass

    def _still_there(self) -> bool:
        """Whether the medium that was sensed lies there, and no other in its place.

        One that converses is asked without dropping the field: a phone would come back with another UID.
        One that keeps silent may only have lost its place in the conversation, so it is sought by its UID.
        """
        sensed = self._sensed
        if sensed is None:
            return False
        if sensed.tag is not None and self._answers():
            return True
        for _ in range(2):  # at the edge of the field a single sweep misses
            found = self._sense(sensed.sought())
            if found is not None and sensed.is_like(found):
                sensed.target = found
                self._wake(sensed)
                # One that failed and is awake now counts as gone: so it gets its second chance.
                return not (sensed.failed and sensed.tag is not None)
        return False

    def _answers(self) -> bool:
        try:
            self._opened().exchange(bytearray(_ARE_YOU_THERE), PRESENCE_S)
        except LOST as error:
            raise gone(self._name, "looking", error) from None
        except Exception:  # noqa: BLE001
            return False
        return True

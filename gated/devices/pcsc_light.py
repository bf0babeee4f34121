"""The light and buzzer of an ACR122U that stands behind PC/SC. Best effort: a dark lamp closes no lane."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from gated.devices.acr122u import ORDERS, SILENCE, obeyed
from gated.devices.pcsc_calls import ask, scard
from gated.errors import CardError, ReaderError
from gated.ports import Signal

#: The control code under which libccid hands a command to the reader's own firmware (its reader.h:
#: IOCTL_SMARTCARD_VENDOR_IFD_EXCHANGE). It refuses unless ifdDriverOptions in its Info.plist has bit 0 set.
_ESCAPE = scard.SCARD_CTL_CODE(1)
_NO_PROTOCOL = 0  # a direct connection is to the reader: it needs no medium and speaks to none


class PcscLight:
    """One opening of a reader: what it refused once is not tried again until the next.

    While a medium is there, orders go the way of its commands, and the reader takes them out on the way.
    Without one there is only the control call.
    """

    def __init__(self, reader: str, context: int) -> None:
        self._reader = reader
        self._context = context
        self._ways = {True: self._beside_medium, False: self._direct}  # by whether a medium is there
        self._silent = False

    def begin(self, *, present: bool) -> None:
        """Take the reader's own beep away, where it lets us already."""
        self._give([], present)

    def show(self, signal: Signal, *, present: bool) -> None:
        """Show a signal, where the reader lets us."""
        self._give([ORDERS[signal]], present)

    def _give(self, orders: list[bytes], present: bool) -> None:  # noqa: FBT001  # which way
        way = self._ways.get(present)
        if way is None:
            return
        try:
            responses = way(orders if self._silent else [SILENCE, *orders])
            self._silent = True  # or it knows no such order: then it is not asked again either
            if orders and not obeyed(responses[-1]):
                raise ReaderError(f"reader {self._reader} knows no such light")
        except CardError:
            pass  # it left, or another program has it: the next order may find it otherwise
        except ReaderError:
            del self._ways[present]

    def _beside_medium(self, orders: Iterable[bytes]) -> list[bytes]:
        handle, protocol = self._connect(
            scard.SCARD_SHARE_SHARED, scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1
        )
        pci = scard.SCARD_PCI_T0 if protocol == scard.SCARD_PROTOCOL_T0 else scard.SCARD_PCI_T1
        with _leaving(handle):
            return [self._answer(scard.SCardTransmit, handle, pci, list(order)) for order in orders]

    def _direct(self, orders: Iterable[bytes]) -> list[bytes]:
        handle, _ = self._connect(scard.SCARD_SHARE_DIRECT, _NO_PROTOCOL)
        with _leaving(handle):
            return [self._answer(scard.SCardControl, handle, _ESCAPE, list(order)) for order in orders]

    def _connect(self, share: int, protocols: int) -> tuple[int, int]:
        handle, protocol = ask(
            self._reader, "lighting", scard.SCardConnect, self._context, self._reader, share, protocols
        )
        return handle, protocol

    def _answer(self, function: Callable[..., Any], *arguments: Any) -> bytes:
        (response,) = ask(self._reader, "lighting", function, *arguments)
        if not response:  # a medium torn away in the middle of a command
            raise CardError(f"reader {self._reader}: the medium left while lighting")
        return bytes(byte & 0xFF for byte in response)


@contextmanager
def _leaving(handle: int) -> Iterator[None]:
    try:
        yield
    finally:
        with suppress(SystemError):
            scard.SCardDisconnect(handle, scard.SCARD_LEAVE_CARD)

"""A reader behind PC/SC (pcscd on Linux), through pyscard's calls of the C interface.

pyscard's comfortable classes are left alone: their monitor threads die for good when pcscd restarts, and
they take two cards with one ATR for the same card. What stands here was measured with pcsc-lite 1.9.9
and pyscard 2.3.1; the calls are those of PC/SC part 5, the UID's pseudo-APDU is of part 3.
"""

from __future__ import annotations

from contextlib import suppress

from gated.devices.acr122u import NAME as ACR122U
from gated.devices.clock import SystemClock
from gated.devices.pcsc_calls import AGAIN, CABLE, ask, call, failure, scard
from gated.devices.pcsc_light import PcscLight
from gated.errors import CardError, ReaderError
from gated.ports import Signal

_GET_UID = bytes.fromhex("FFCA000000")  # PC/SC part 3 clause 3.2.2.1.3: answered by the reader itself
_OK = b"\x90\x00"
_GONE_FLAGS = scard.SCARD_STATE_UNKNOWN | scard.SCARD_STATE_UNAVAILABLE | scard.SCARD_STATE_IGNORE


class PcscSession:
    """A medium that a reader holds for us alone."""

    def __init__(self, reader: str, handle: int, protocol: int) -> None:
        self._reader = reader
        self._handle: int | None = handle
        self._pci = scard.SCARD_PCI_T0 if protocol == scard.SCARD_PROTOCOL_T0 else scard.SCARD_PCI_T1
        self._uid: bytes | None = None

    @property
    def uid(self) -> bytes | None:
        """The anticollision number; None where the reader does not tell it."""
        return self._uid

    def learn_uid(self) -> None:
        """Ask the reader for the UID. Raises as ``transmit`` does; that there is none is no error."""
        response = self.transmit(_GET_UID)
        if response[-2:] == _OK and len(response) > 2:
            self._uid = response[:-2]

    def transmit(self, apdu: bytes) -> bytes:
        """Send a command APDU, return the response. Raises ``CardError`` or ``ReaderError``.

        A medium that answers nothing holds this call until it leaves: PC/SC has no deadline here, and
        no way to cancel.
        """
        if self._handle is None:
            raise CardError(f"reader {self._reader}: the conversation is over", hint=AGAIN)
        (response,) = ask(
            self._reader, "conversing", scard.SCardTransmit, self._handle, self._pci, list(apdu)
        )
        # A medium torn away in the middle of a command shows as success with an empty response.
        if len(response) < 2:
            raise CardError(f"reader {self._reader}: the medium answered nothing", hint=AGAIN)
        return bytes(byte & 0xFF for byte in response)

    def close(self) -> None:
        """Leave the medium. Never raises."""
        handle, self._handle = self._handle, None
        if handle is not None:
            # Left as it is: a reset would drop the field, and some readers tell that as a new medium.
            with suppress(SystemError):
                scard.SCardDisconnect(handle, scard.SCARD_LEAVE_CARD)


class PcscReader:
    """A reader that pcscd lists under exactly this name (``pcsc_scan -r`` shows the names)."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._context: int | None = None
        self._state: int = scard.SCARD_STATE_UNAWARE
        self._served: int | None = None  # the event counter of the last session's medium
        self._light: PcscLight | None = None
        self._monotonic = SystemClock().monotonic

    @property
    def name(self) -> str:
        """As in the configuration."""
        return self._name

    def open(self) -> None:
        """Get ready, also after a loss. Raises ``ReaderError``.

        A context dies with the pcscd that gave it, so each opening takes a new one.
        """
        self.close()
        (self._context,) = ask(self._name, "opening", scard.SCardEstablishContext, scard.SCARD_SCOPE_USER)
        try:
            self._check_listed()
            self._look()
            if ACR122U in self._name:
                self._light = PcscLight(self._name, self._context)
                self._light.begin(present=self._present)
        except BaseException:
            self.close()
            raise

    def wait_card(self, timeout_s: float) -> bool:
        """Wait for a medium; False after the timeout or an interrupt. Raises ``ReaderError``."""
        deadline = self._monotonic() + timeout_s
        self._look()
        while not self._present:
            if not self._watch(deadline - self._monotonic()):
                return False
        return True

    def connect(self) -> PcscSession:
        """Begin a session. Raises ``CardError`` when the medium cannot be used or has left, ``ReaderError``.

        Waking a medium and asking for its UID may hold this call as any other command may.
        """
        self._served = _events(self._state)
        if self._state & scard.SCARD_STATE_MUTE:
            raise CardError(f"reader {self._name}: the medium does not wake up", hint=AGAIN)
        # Exclusive: nobody slips a command of their own between ours.
        handle, protocol = ask(
            self._name,
            "connecting",
            scard.SCardConnect,
            self._context,
            self._name,
            scard.SCARD_SHARE_EXCLUSIVE,
            scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1,
        )
        session = PcscSession(self._name, handle, protocol)
        try:
            self._look()
            session.learn_uid()
        except BaseException:
            session.close()
            raise
        # It answered after the look, so the medium that was counted there is the one we converse with,
        # even if another lay there when the wait ended.
        self._served = _events(self._state)
        return session

    def wait_removed(self, timeout_s: float) -> bool:
        """Wait until the last medium is gone; False after the timeout or an interrupt.

        Another medium in its place counts as gone. Raises ``ReaderError``.
        """
        deadline = self._monotonic() + timeout_s
        self._look()
        served = _events(self._state) if self._served is None else self._served
        while self._present and _events(self._state) == served:
            if not self._watch(deadline - self._monotonic()):
                return False
        self._served = None
        return True

    def interrupt(self) -> None:
        """Make a wait of the other thread return soon.

        It reaches only a wait that is already pending, and no exchange with a medium: repeat it.
        """
        context = self._context
        if context is not None:
            with suppress(SystemError):
                scard.SCardCancel(context)

    def show(self, signal: Signal) -> None:
        """Say it with the reader's own light and sound: an ACR122U's, by its name. Never raises."""
        if self._light is not None:
            with suppress(ReaderError):  # a reader that is lost tells it at the next wait
                self._look()
                self._light.show(signal, present=self._present)

    def close(self) -> None:
        """Give the reader back. Never raises."""
        context, self._context = self._context, None
        self._served = None
        self._light = None
        if context is not None:
            with suppress(SystemError):
                scard.SCardReleaseContext(context)

    # -------------------------------------------------------------- inside

    @property
    def _present(self) -> bool:
        return bool(self._state & scard.SCARD_STATE_PRESENT)

    def _check_listed(self) -> None:
        names = self._names()
        if self._name not in names:
            others = ", ".join(repr(name) for name in names) or "none"
            raise ReaderError(
                f"reader {self._name} is not there; pcscd lists: {others}",
                hint="check the reader's cable, or write one of the listed names into gate.toml",
            )

    def _names(self) -> list[str]:
        code, given = call(self._name, "opening", scard.SCardListReaders, self._context, [])
        if code == scard.SCARD_E_NO_READERS_AVAILABLE:
            return []
        if code != scard.SCARD_S_SUCCESS:
            raise failure(self._name, "opening", code)
        return list(given[0])

    def _look(self) -> None:
        """See how things stand now."""
        self._state = scard.SCARD_STATE_UNAWARE
        self._watch(0.0)

    def _watch(self, timeout_s: float) -> bool:
        """Wait for a state other than the one last seen; False after the timeout or an interrupt."""
        if self._context is None:
            raise ReaderError(f"reader {self._name} is not open", hint=CABLE)
        wait_ms = max(0, round(timeout_s * 1000))
        code, given = call(
            self._name,
            "waiting",
            scard.SCardGetStatusChange,
            self._context,
            wait_ms,
            [(self._name, self._state)],
        )
        if code in (scard.SCARD_E_TIMEOUT, scard.SCARD_E_CANCELLED):
            return False
        if code != scard.SCARD_S_SUCCESS:
            raise failure(self._name, "waiting", code)
        state: int = given[0][0][1]
        if state & _GONE_FLAGS:
            raise ReaderError(f"reader {self._name} has gone", hint=CABLE)
        self._state = state & ~scard.SCARD_STATE_CHANGED
        return True


def _events(state: int) -> int:
    """How often media came and left, modulo 65536: tells a fast swap, where all else looks unchanged."""
    return state >> 16 & 0xFFFF

"""A reader behind PC/SC (pcscd on Linux), through pyscard's calls of the C interface.

pyscard's comfortable classes are left alone: their monitor threads die for good when pcscd restarts, and
they take two cards with one ATR for the same card. What stands here was measured with pcsc-lite 1.9.9
and pyscard 2.3.1; the calls are those of PC/SC part 5, the UID's pseudo-APDU is of part 3.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from gated.devices.clock import SystemClock
from gated.errors import CardError, ConfigError, ReaderError
from gated.ports import Signal

try:
    from smartcard import scard
except ImportError as error:
    raise ConfigError(
        f"the reader driver pcsc needs pyscard ({error})",
        hint="apt install gcc python3-dev libpcsclite-dev, then pip install 'gated[pcsc]'",
    ) from None

_GET_UID = bytes.fromhex("FFCA000000")  # PC/SC part 3 clause 3.2.2.1.3: answered by the reader itself
_OK = b"\x90\x00"

#: What a medium, and not the reader, is to blame for. Everything else means that the reader is gone.
_OF_THE_MEDIUM = frozenset(
    {
        scard.SCARD_E_CARD_UNSUPPORTED,
        scard.SCARD_E_INSUFFICIENT_BUFFER,  # it answered more than any APDU may hold
        scard.SCARD_E_NO_SMARTCARD,
        scard.SCARD_E_NOT_TRANSACTED,
        scard.SCARD_E_PROTO_MISMATCH,
        scard.SCARD_E_TIMEOUT,  # the reader's driver gave it up
        scard.SCARD_E_SHARING_VIOLATION,  # somebody else converses with it: over when it leaves
        scard.SCARD_W_REMOVED_CARD,
        scard.SCARD_W_RESET_CARD,
        scard.SCARD_W_UNPOWERED_CARD,
        scard.SCARD_W_UNRESPONSIVE_CARD,
        scard.SCARD_W_UNSUPPORTED_CARD,
    }
)
_AGAIN = "present the medium again and hold it still"
_CABLE = "check the reader's cable and the service behind it: systemctl status pcscd.socket pcscd"
_POLKIT = "allow org.debian.pcsc-lite.access_pcsc and access_card to the daemon's user in polkit"
_HINTS = {
    scard.SCARD_E_NO_ACCESS: _POLKIT,
    scard.SCARD_W_SECURITY_VIOLATION: _POLKIT,
    scard.SCARD_E_NO_SERVICE: "start it: systemctl start pcscd.socket (Debian packages pcscd, libpcsclite1)",
    scard.SCARD_E_SHARING_VIOLATION: "another program uses this reader: end it",
}
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
            raise CardError(f"reader {self._reader}: the conversation is over", hint=_AGAIN)
        (response,) = _ask(
            self._reader, "conversing", scard.SCardTransmit, self._handle, self._pci, list(apdu)
        )
        # A medium torn away in the middle of a command shows as success with an empty response.
        if len(response) < 2:
            raise CardError(f"reader {self._reader}: the medium answered nothing", hint=_AGAIN)
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
        (self._context,) = _ask(self._name, "opening", scard.SCardEstablishContext, scard.SCARD_SCOPE_USER)
        try:
            self._check_listed()
            self._look()
        except BaseException:
            self.close()
            raise

    def wait_card(self, timeout_s: float) -> bool:
        """Wait for a medium; False after the timeout or an interrupt. Raises ``ReaderError``."""
        deadline = self._monotonic() + timeout_s
        self._look()
        while not self._state & scard.SCARD_STATE_PRESENT:
            if not self._watch(deadline - self._monotonic()):
                return False
        return True

    def connect(self) -> PcscSession:
        """Begin a session. Raises ``CardError`` when the medium cannot be used or has left, ``ReaderError``.

        Waking a medium and asking for its UID may hold this call as any other command may.
        """
        self._served = _events(self._state)
        if self._state & scard.SCARD_STATE_MUTE:
            raise CardError(f"reader {self._name}: the medium does not wake up", hint=_AGAIN)
        # Exclusive: nobody slips a command of their own between ours.
        handle, protocol = _ask(
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
        while self._state & scard.SCARD_STATE_PRESENT and _events(self._state) == served:
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
        """Say it with the reader's own light and sound."""

    def close(self) -> None:
        """Give the reader back. Never raises."""
        context, self._context = self._context, None
        self._served = None
        if context is not None:
            with suppress(SystemError):
                scard.SCardReleaseContext(context)

    # -------------------------------------------------------------- inside

    def _check_listed(self) -> None:
        names = self._names()
        if self._name not in names:
            others = ", ".join(repr(name) for name in names) or "none"
            raise ReaderError(
                f"reader {self._name} is not there; pcscd lists: {others}",
                hint="check the reader's cable, or write one of the listed names into gate.toml",
            )

    def _names(self) -> list[str]:
        code, given = _call(self._name, "opening", scard.SCardListReaders, self._context, [])
        if code == scard.SCARD_E_NO_READERS_AVAILABLE:
            return []
        if code != scard.SCARD_S_SUCCESS:
            raise _failure(self._name, "opening", code)
        return list(given[0])

    def _look(self) -> None:
        """See how things stand now."""
        self._state = scard.SCARD_STATE_UNAWARE
        self._watch(0.0)

    def _watch(self, timeout_s: float) -> bool:
        """Wait for a state other than the one last seen; False after the timeout or an interrupt."""
        if self._context is None:
            raise ReaderError(f"reader {self._name} is not open", hint=_CABLE)
        wait_ms = max(0, round(timeout_s * 1000))
        code, given = _call(
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
            raise _failure(self._name, "waiting", code)
        state: int = given[0][0][1]
        if state & _GONE_FLAGS:
            raise ReaderError(f"reader {self._name} has gone", hint=_CABLE)
        self._state = state & ~scard.SCARD_STATE_CHANGED
        return True


def _call(reader: str, doing: str, call: Callable[..., Any], *arguments: Any) -> tuple[int, list[Any]]:
    """Make a call of PC/SC; returns its code and what else it gives. Raises ``ReaderError``."""
    try:
        code, *given = call(*arguments)
    except SystemError:
        # pyscard forgets to set an exception when pcscd dies within a call.
        raise ReaderError(f"reader {reader}: {doing} ended with pcscd itself", hint=_CABLE) from None
    return code, given


def _ask(reader: str, doing: str, call: Callable[..., Any], *arguments: Any) -> list[Any]:
    """Make a call that must succeed. Raises ``CardError`` or ``ReaderError``."""
    code, given = _call(reader, doing, call, *arguments)
    if code != scard.SCARD_S_SUCCESS:
        raise _failure(reader, doing, code)
    return given


def _failure(reader: str, doing: str, code: int) -> CardError | ReaderError:
    said = scard.SCardGetErrorMessage(code).strip().rstrip(".")
    message = f"reader {reader}: {doing} failed: {said} ({code & 0xFFFFFFFF:#010x})"
    if code in _OF_THE_MEDIUM:
        return CardError(message, hint=_HINTS.get(code, _AGAIN))
    return ReaderError(message, hint=_HINTS.get(code, _CABLE))


def _events(state: int) -> int:
    """How often media came and left, modulo 65536: tells a fast swap, where all else looks unchanged."""
    return state >> 16 & 0xFFFF

"""Calls of PC/SC part 5 through pyscard, and whom to blame when one fails.

What stands here was measured with pcsc-lite 1.9.9 and pyscard 2.3.1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from gated.errors import CardError, ConfigError, ReaderError

try:
    from smartcard import scard
except ImportError as error:
    raise ConfigError(
        f"the reader driver pcsc needs pyscard ({error})",
        hint="apt install gcc python3-dev libpcsclite-dev, then pip install 'gated[pcsc]'",
    ) from None

__all__ = ["AGAIN", "CABLE", "ask", "call", "failure", "scard"]

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
AGAIN = "present the medium again and hold it still"
CABLE = "check the reader's cable and the service behind it: systemctl status pcscd.socket pcscd"
_POLKIT = "allow org.debian.pcsc-lite.access_pcsc and access_card to the daemon's user in polkit"
_HINTS = {
    scard.SCARD_E_NO_ACCESS: _POLKIT,
    scard.SCARD_W_SECURITY_VIOLATION: _POLKIT,
    scard.SCARD_E_NO_SERVICE: "start it: systemctl start pcscd.socket (Debian packages pcscd, libpcsclite1)",
    scard.SCARD_E_SHARING_VIOLATION: "another program uses this reader: end it",
}


def call(reader: str, doing: str, function: Callable[..., Any], *arguments: Any) -> tuple[int, list[Any]]:
    """Make a call of PC/SC; returns its code and what else it gives. Raises ``ReaderError``."""
    try:
        code, *given = function(*arguments)
    except SystemError:
        # pyscard forgets to set an exception when pcscd dies within a call.
        raise ReaderError(f"reader {reader}: {doing} ended with pcscd itself", hint=CABLE) from None
    return code, given


def ask(reader: str, doing: str, function: Callable[..., Any], *arguments: Any) -> list[Any]:
    """Make a call that must succeed. Raises ``CardError`` or ``ReaderError``."""
    code, given = call(reader, doing, function, *arguments)
    if code != scard.SCARD_S_SUCCESS:
        raise failure(reader, doing, code)
    return given


def failure(reader: str, doing: str, code: int) -> CardError | ReaderError:
    """What a code of PC/SC means to us."""
    said = scard.SCardGetErrorMessage(code).strip().rstrip(".")
    message = f"reader {reader}: {doing} failed: {said} ({code & 0xFFFFFFFF:#010x})"
    if code in _OF_THE_MEDIUM:
        return CardError(message, hint=_HINTS.get(code, AGAIN))
    return ReaderError(message, hint=_HINTS.get(code, CABLE))

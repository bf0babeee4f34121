"""The control socket's client: what commands ask a running gate."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from gated.errors import GatedError, LinkError, one_line
from gated.wire.control import MAX_ANSWER_BYTES, Kind, Line, Request, read_line, request_line

#: A gate answers in milliseconds; orders wait for the disk (``journal.wait``).
ANSWER_S = 70.0
CONNECT_S = 3.0


class NoGateError(LinkError):
    """No gate answers at the socket."""


class NotServedError(GatedError):
    """The gate does not serve the request. ``code`` says why (``gated.wire.control.Why``)."""

    exit_code = 2

    def __init__(self, code: str, what: str) -> None:
        super().__init__(f"the gate refuses this request ({code}): {what}")
        self.code = code


class ControlClient:
    """One connection to a gate, for one thread. Raises ``LinkError``; ``NoGateError`` where nobody is."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._in = bytearray()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            self._socket.settimeout(CONNECT_S)
            self._socket.connect(str(path))
        except OSError as error:
            self._socket.close()
            raise _not_there(path, error) from None

    def close(self) -> None:
        """Hang up."""
        self._socket.close()

    def fileno(self) -> int:
        """For ``select``: readable when ``lines`` finds something."""
        return self._socket.fileno()

    def ask(self, request: Request, timeout_s: float = ANSWER_S) -> Any:
        """The answer's value. Raises ``NotServedError`` too."""
        self.send(request)
        while True:
            for line in self.lines(timeout_s):
                if line.kind is not None:
                    return value_of(line)

    def send(self, request: Request) -> None:
        """Ask, and read the answer with ``lines``."""
        try:
            self._socket.sendall(request_line(request))
        except BrokenPipeError:
            pass  # it may have said why before it hung up
        except OSError as error:
            raise self._gone(error.strerror or "") from error

    def lines(self, timeout_s: float) -> Iterator[Line]:
        """The lines that have come, at least one within ``timeout_s``. Raises ``LinkError`` after it."""
        while (end := self._in.find(b"\n")) < 0:
            if len(self._in) > MAX_ANSWER_BYTES:
                raise self._gone("its answer has no end")
            self._fill(timeout_s)
        while end >= 0:
            line = bytes(self._in[: end + 1])
            del self._in[: end + 1]
            end = self._in.find(b"\n")
            try:
                yield read_line(line)
            except ValueError as error:
                raise self._gone(str(error)) from None

    def _fill(self, timeout_s: float) -> None:
        try:
            self._socket.settimeout(timeout_s)
            got = self._socket.recv(MAX_ANSWER_BYTES)
        except TimeoutError:
            raise LinkError(
                f"the gate at {self._path} does not answer", hint="what does its log say? journalctl -u gated"
            ) from None
        except OSError as error:
            raise self._gone(error.strerror or "") from error
        if not got:
            raise self._gone("it hung up")
        self._in += got

    def _gone(self, why: str) -> LinkError:
        return LinkError(
            f"the gate at {self._path} is gone ({one_line(why)})",
            hint="is it being started anew? try again; journalctl -u gated",
        )


def value_of(line: Line) -> Any:
    """What a line tells. Raises ``NotServedError``."""
    if line.kind is not Kind.ERROR:
        return line.value
    code = what = ""
    with suppress(TypeError, KeyError):
        code, what = str(line.value["code"]), str(line.value["what"])
    raise NotServedError(code, what)


def _not_there(path: Path, error: OSError) -> LinkError:
    if error.errno == errno.EACCES:
        return LinkError(
            f"{path} may not be opened by this user",
            hint="it is for the group gated: sudo usermod -aG gated $USER, then log in anew",
        )
    if isinstance(error, FileNotFoundError | ConnectionRefusedError | NotADirectoryError):
        return NoGateError(
            f"no gate runs here (no one listens at {path})", hint="start it: sudo systemctl start gated"
        )
    return LinkError(f"{path} does not answer ({os.strerror(error.errno or 0)})", hint="journalctl -u gated")

"""One client at the control socket: what it sent, what it did not read yet, and how long it may take."""

from __future__ import annotations

import itertools
import selectors
import socket
import struct
from contextlib import suppress

from gated.wire.control import MAX_REQUEST_BYTES, RequestError, Why

#: Of what a client did not read yet; more, and it is dropped.
MAX_UNREAD_BYTES = 262_144
#: A client may be silent so long between two requests, or in the middle of one.
IDLE_S = 30.0
#: And may leave unread so long what was sent to it.
STALL_S = 10.0

#: struct ucred of unix(7): pid, uid, gid.
_PEER = struct.Struct("iII")
_numbers = itertools.count(1)


class Connection:
    """Used by the server's thread."""

    def __init__(self, made: socket.socket, now: float) -> None:
        made.setblocking(False)
        self.socket = made
        self.number = next(_numbers)
        self.user = peer_user(made)
        self.watches = False
        self.busy = False  # its request is not answered yet: nothing more is read
        self.registered = selectors.EVENT_READ
        self.over = False
        self._ending = False  # close as soon as all is sent
        self._in = bytearray()
        self._out = bytearray()
        self._asked_at = now  # when it was last its turn to ask
        self._moved_at = now  # when it last read something, or had nothing to read

    def fill(self) -> None:
        """Take in what it sent."""
        try:
            got = self.socket.recv(MAX_REQUEST_BYTES)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self.over = True
            return
        if not got:
            self._ending = True
        elif self.watches:
            self.over = True  # there is nothing that it could ask
        else:
            self._in += got

    def take(self) -> bytes | None:
        """Its next request, without the newline; None = not yet. Raises ``RequestError``."""
        if self.busy or self.watches or self.over:
            return None
        end = self._in.find(b"\n", 0, MAX_REQUEST_BYTES)
        if end < 0:
            if len(self._in) >= MAX_REQUEST_BYTES:
                raise RequestError(Why.TOO_LONG, f"a request has at most {MAX_REQUEST_BYTES} bytes")
            return None
        line = bytes(self._in[:end])
        del self._in[: end + 1]
        return line

    def answer(self, line: bytes, now: float) -> None:
        """The answer to its request has come."""
        self.busy = False
        self._asked_at = now
        self.put(line)

    def end(self, line: bytes) -> None:
        """Say a last thing: it said what cannot be understood."""
        self._ending = True
        self._in.clear()
        self.put(line)

    def put(self, line: bytes) -> None:
        """Send this."""
        self._out += line
        if len(self._out) > MAX_UNREAD_BYTES:
            self.over = True

    def flush(self, now: float) -> None:
        """Send as much as it takes now."""
        try:
            while self._out and not self.over:
                sent = self.socket.send(self._out)
                self._moved_at = now
                del self._out[:sent]
        except (BlockingIOError, InterruptedError):
            pass
        except OSError:
            self.over = True
        if not self._out:
            self._moved_at = now
            if self._ending and not self.busy and not self.watches:
                self.over = True

    @property
    def wants(self) -> int:
        """What the kernel shall wake us for."""
        reading = 0 if self.busy or self._ending else selectors.EVENT_READ
        return reading | (selectors.EVENT_WRITE if self._out else 0)

    def late(self, now: float) -> bool:
        """Whether its patience, or ours, is over."""
        if self._out and now - self._moved_at >= STALL_S:
            return True
        return not self.busy and not self.watches and now - self._asked_at >= IDLE_S

    def close(self) -> None:
        """Close it."""
        with suppress(OSError):
            self.socket.close()


def peer_user(made: socket.socket) -> int:
    """The Unix user at the other end, as the kernel knows it (unix(7), SO_PEERCRED)."""
    _, user, _ = _PEER.unpack(made.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))
    return int(user)

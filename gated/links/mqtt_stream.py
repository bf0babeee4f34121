"""The bytes of one connection, cut into whole packets before paho sees any.

paho believes every length it is told, keeps QoS 2 letters until their sender releases them, and answers
whatever is asked. So this stands in front: it holds at most one packet of the agreed size and a read, and it
ends the connection at the first header that a broker has no business to send to us.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Callable

from gated.errors import LinkError
from gated.links.mqtt_publish import read_head

#: One read: what TLS can hold in a record, four times.
READ = 65_536

# MQTT 5 section 2.1.2: what a broker may send to a client of ours, and with which flags.
_CONNACK, _PUBLISH, _PUBACK, _SUBACK, _PINGRESP, _DISCONNECT = 0x20, 0x30, 0x40, 0x90, 0xD0, 0xE0
_PLAIN = frozenset((_PUBACK, _SUBACK, _PINGRESP, _DISCONNECT))
_QOS_2 = 0x04


class Stream:
    """What paho takes for its socket: it never blocks, and gives one admitted packet at a time.

    Args:
        connected: a socket that does not block.
        max_packet: bytes of the largest packet that may come, its header included.
        strange: makes the error for a peer that breaks the protocol.

    """

    def __init__(
        self, connected: socket.socket, max_packet: int, strange: Callable[[str], LinkError]
    ) -> None:
        self._socket = connected
        self._max_packet = max_packet
        self._strange = strange
        self._buffer = bytearray()
        self._admitted = 0  # bytes of the front packet that paho has not read yet
        self._greeted = False
        self._dry = True  # the last read took all there was
        #: The peer will send no more.
        self.ended = False
        #: What broke the connection, where it broke.
        self.error: OSError | None = None

    # -------------------------------------------------------------- what the link does

    def fill(self) -> None:
        """Read what is there, as far as there is room. Never raises: see ``ended`` and ``error``."""
        self._dry = False
        while not self.ended and len(self._buffer) < self._max_packet:
            try:
                read = self._socket.recv(READ)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                self._dry = True
                return
            except ssl.SSLEOFError:
                read = b""  # closed without TLS's good-bye: as good as closed
            except OSError as error:
                # An alert says why; a write that failed before only told that.
                if self.error is None or isinstance(error, ssl.SSLError):
                    self.error = error
                read = b""
            self._buffer += read
            self.ended = not read

    @property
    def waits(self) -> bool:
        """Whether a packet is there, or bytes that no poll of the socket would tell of."""
        return not self._dry or bool(self.front())

    def front(self) -> int:
        """Bytes of the packet in front; 0 while it is not whole. Raises ``LinkError`` on a strange header."""
        buffer = self._buffer
        if not buffer:
            return 0
        self._check_kind(buffer[0])
        length = 0
        for at in range(1, 5):
            if at >= len(buffer):
                return 0
            length |= (buffer[at] & 0x7F) << (7 * (at - 1))
            if not buffer[at] & 0x80:
                break
        else:
            raise self._strange("the length of a packet has no end")
        size = at + 1 + length
        if size > self._max_packet:
            raise self._strange(f"a packet of {size} bytes, where {self._max_packet} were agreed")
        return size if size <= len(buffer) else 0

    def admit(self) -> int | None:
        """Let paho read the packet in front, and no more; a letter without its properties. Returns None.

        A letter whose topic cannot be read is gone instead: the packet id that an answer must name, or 0.
        Raises ``LinkError`` for a letter whose parts do not fit into it.
        """
        size = self.front()
        self._greeted = True
        if size and self._buffer[0] & 0xF0 == _PUBLISH:
            try:
                head = read_head(self._buffer, size)
            except ValueError as error:
                raise self._strange(str(error)) from None
            if not head.has_topic:
                del self._buffer[:size]
                return head.packet_id
            self._buffer[: head.size] = head.bare
            size += len(head.bare) - head.size
        self._admitted = size
        return None

    def goodbye(self) -> int | None:
        """The reason code of the DISCONNECT in front; None where something else is."""
        size = self.front()
        if not size or self._buffer[0] != _DISCONNECT:
            return None
        body = next(at for at in range(1, size) if not self._buffer[at] & 0x80) + 1
        return self._buffer[body] if size > body else 0

    def last_word(self) -> int | None:
        """The reason code of a DISCONNECT somewhere in what came, read before giving the connection up."""
        self.fill()
        while size := self.front():
            code = self.goodbye()
            if code is not None:
                return code
            self._greeted = True
            del self._buffer[:size]
        return None

    def finish(self, left_s: Callable[[], float]) -> None:
        """Tell the peer that nothing more comes, and wait for it to close: then it has read all of it."""
        with self._socket, contextlib.suppress(OSError):  # it may be gone, or not care
            self._socket.shutdown(socket.SHUT_WR)
            while (left := left_s()) > 0:
                self._socket.settimeout(left)
                if not self._socket.recv(READ):
                    break

    def drop(self) -> None:
        """Close at once."""
        self._socket.close()

    # -------------------------------------------------------------- what paho does

    def recv(self, size: int) -> bytes:
        """Bytes of the admitted packet; ``BlockingIOError`` after its last."""
        if not self._admitted:
            raise BlockingIOError
        read = bytes(memoryview(self._buffer)[: min(size, self._admitted)])
        del self._buffer[: len(read)]
        self._admitted -= len(read)
        return read

    def send(self, packet: bytes | bytearray) -> int:
        """As a socket that does not block; what breaks it is kept in ``error``."""
        try:
            return self._socket.send(packet)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            raise
        except OSError as error:
            self.error = self.error or error
            raise

    def fileno(self) -> int:
        """The descriptor to wait on."""
        return self._socket.fileno()

    def setblocking(self, flag: bool) -> None:  # noqa: FBT001  # as of a socket
        """It never blocks, whatever is asked."""

    def close(self) -> None:
        """Paho is done with it; the link closes it, in order where it can."""

    # -------------------------------------------------------------- inside

    def _check_kind(self, header: int) -> None:
        kind = header & 0xF0
        if not self._greeted:
            fits = header in (_CONNACK, _DISCONNECT)
        elif kind == _PUBLISH:
            fits = not header & _QOS_2  # QoS 2 and 3: nobody asked for the one, nobody may send the other
        else:
            fits = header in _PLAIN
        if not fits:
            raise self._strange(f"a packet beginning with 0x{header:02X}, which has no place here")

"""A bad network between a client and a server on this machine: passes, swallows, cuts, refuses."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading

HOST = "127.0.0.1"


class _Pair:
    """One connection through the proxy: two sockets, and a thread for each way."""

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self._sockets = (client, server)
        self.swallows = False
        self._threads = [
            threading.Thread(target=self._pump, args=way, daemon=True)
            for way in ((client, server), (server, client))
        ]
        for thread in self._threads:
            thread.start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while read := source.recv(65536):
                if not self.swallows:
                    sink.sendall(read)
        if not self.swallows:  # in a hole nobody hears of a closed connection either
            for end in self._sockets:
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_WR if end is sink else socket.SHUT_RD)

    def end(self) -> None:
        """Reset both ends."""
        for one in self._sockets:
            with contextlib.suppress(OSError):
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                one.shutdown(socket.SHUT_RD)  # wakes the thread that reads here, and tells the peer nothing
        for thread in self._threads:
            thread.join(0.2)
        for one in self._sockets:
            one.close()
        for thread in self._threads:
            thread.join(5.0)


class Proxy:
    """Forwards from ``port`` to ``target``."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self._lock = threading.Lock()
        self._pairs: list[_Pair] = []
        self._swallows = False
        self._listener: socket.socket | None = None
        self.accept()

    def accept(self) -> None:
        """Let connections in (again)."""
        if self._listener is None:
            self._listener = socket.create_server((HOST, self.port))
            self.port = self._listener.getsockname()[1]
            threading.Thread(target=self._serve, args=(self._listener,), daemon=True).start()

    def refuse(self) -> None:
        """Refuse connections; those that are there stay."""
        if self._listener is not None:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None

    def hole(self) -> None:
        """Swallow everything from now on, and keep every socket open: half-open connections."""
        with self._lock:
            self._swallows = True
            for pair in self._pairs:
                pair.swallows = True

    def heal(self) -> None:
        """Pass on what new connections say; those of the hole stay dead."""
        with self._lock:
            self._swallows = False

    def cut(self) -> None:
        """Reset every connection."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            pair.end()

    def close(self) -> None:
        """Refuse and cut."""
        self.refuse()
        self.cut()

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection((HOST, self.target), timeout=5)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            for one in (client, server):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                pair = _Pair(client, server)
                pair.swallows = self._swallows
                self._pairs.append(pair)

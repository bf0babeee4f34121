"""The control socket's server: one thread for all connections, on a Unix stream socket.

Whoever may open the socket (mode 0660: the daemon's user and group) may order; the kernel says which user
that is. Nothing here waits for anybody: answers come later, from other threads, and a client that does not
read, or does not send, loses its connection.
"""

from __future__ import annotations

import logging
import selectors
import socket
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from gated.errors import LinkError
from gated.links.control_connection import Connection
from gated.links.control_door import Door
from gated.wire.control import AskWatch, Request, RequestError, Why, error_line, read_request

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 16
#: Deadlines, and what lanes do not tell by themselves, are looked at this often, in seconds.
TICK_S = 0.25
#: Whoever watches hears at least this often that the gate is alive, in seconds.
ALIVE_S = 5.0

Reply = Callable[[bytes], None]


class Desk(Protocol):
    """Who answers. All but ``Reply`` is called by the server's thread and returns at once."""

    def ask(self, request: Request, user: int, reply: Reply) -> None:
        """Answer a request of a Unix user: ``reply`` is called once, now or later, from any thread.

        Raises ``RequestError``.
        """

    def listen(self, wake: Callable[[], None] | None) -> None:
        """Somebody watches from now on, and ``wake`` is to be called when there is news; None = nobody."""

    def picture(self) -> Sequence[bytes]:
        """The lines with which whoever watches begins."""

    def news(self) -> Sequence[bytes] | None:
        """The lines since the last call; None = some were lost."""

    def alive(self) -> bytes:
        """The line that says that nothing happened."""

    def tick(self) -> None:
        """Look at deadlines."""


class ControlServer:
    """Made, then ``open`` and ``start``; ``stop`` ends it.

    Args:
        path: of the socket.
        desk: who answers.
        monotonic: seconds that never go back, for the deadlines of clients.

    """

    def __init__(self, path: Path, desk: Desk, monotonic: Callable[[], float]) -> None:
        self._path = path
        self._desk = desk
        self._monotonic = monotonic
        self._selector = selectors.DefaultSelector()
        self._connections: dict[int, Connection] = {}
        self._replies: deque[tuple[Connection, bytes]] = deque()
        self._door: Door | None = None
        self._stopping = False
        self._watched = False
        self._deaf = False
        self._alive_at = 0.0
        self._bell, self._wakes = socket.socketpair()
        for end in (self._bell, self._wakes):
            end.setblocking(False)
        self._thread = threading.Thread(target=self._run, name="control", daemon=True)

    def open(self) -> None:
        """Make the socket, in place of what a dead process left. Raises ``LinkError``, and is over then."""
        try:
            self._door = Door(self._path)
        except LinkError:
            self.stop(0.0)
            raise

    def start(self) -> None:
        """Serve."""
        assert self._door is not None
        self._selector.register(self._door.socket, selectors.EVENT_READ)
        self._selector.register(self._wakes, selectors.EVENT_READ)
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Close every connection, and take the socket away."""
        self._stopping = True
        self.wake()
        if self._thread.is_alive():
            self._thread.join(timeout_s)
        if self._thread.is_alive():
            return
        for end in (self._selector, self._bell, self._wakes):
            end.close()
        if self._door is not None:
            self._door.close()

    def wake(self) -> None:
        """There is news; from any thread. Never blocks: a bell that is full is heard anyway."""
        with suppress(OSError):
            self._bell.send(b"\0")

    # -------------------------------------------------------------- the thread

    def _run(self) -> None:
        while not self._stopping:
            try:
                self._turn()
            except Exception:  # a bug here must not end the gate's only door for people
                log.exception("control socket: unexpected")
                self._drop_all()
        self._drop_all()
        self._desk.listen(None)

    def _turn(self) -> None:
        deaf = self._deaf
        for key, events in self._selector.select(TICK_S if self._connections or deaf else None):
            if key.fileobj is self._wakes:
                with suppress(BlockingIOError):
                    self._wakes.recv(4096)
            elif key.data is None:
                self._accept()
            else:
                self._serve(key.data, events)
        self._desk.tick()
        self._send_replies()
        self._send_news()
        self._look_at_clocks()
        if deaf and self._door is not None:
            self._selector.register(self._door.socket, selectors.EVENT_READ)
            self._deaf = False

    def _accept(self) -> None:
        assert self._door is not None
        try:
            made, _ = self._door.socket.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):  # it left again
            return
        except OSError as error:  # no file is left for it: asked again at once, it would cost a core
            log.error("control socket: %s", error.strerror)
            self._selector.unregister(self._door.socket)
            self._deaf = True
            return
        connection = Connection(made, self._monotonic())
        if len(self._connections) >= MAX_CONNECTIONS:
            connection.put(error_line(Why.BUSY, f"at most {MAX_CONNECTIONS} connections"))
            connection.flush(self._monotonic())
            connection.close()
            return
        self._connections[connection.number] = connection
        self._selector.register(made, selectors.EVENT_READ, connection)

    def _serve(self, connection: Connection, events: int) -> None:
        if events & selectors.EVENT_READ:
            connection.fill()
        self._go_on(connection)

    def _go_on(self, connection: Connection) -> None:
        """Answer what was asked, send what waits, and say for what the kernel shall wake us."""
        try:
            while (line := connection.take()) is not None:
                self._ask(connection, line)
        except RequestError as error:
            connection.end(error_line(error.why, error.what))  # it may be no client of ours at all
        connection.flush(self._monotonic())
        if connection.over:
            self._drop(connection)
            return
        self._register(connection)

    def _ask(self, connection: Connection, line: bytes) -> None:
        request = read_request(line)
        if isinstance(request, AskWatch):
            self._send_news()  # what happened before is told to the others: the picture holds it
            connection.watches = True
            self._watch()
            for told in self._desk.picture():
                connection.put(told)
            return
        connection.busy = True

        def reply(answer: bytes) -> None:
            self._replies.append((connection, answer))
            self.wake()

        try:
            self._desk.ask(request, connection.user, reply)
        except RequestError:
            connection.busy = False
            raise
        except Exception as error:  # a bug that one client finds is not for the others to bear
            log.exception("control socket: unexpected")
            connection.busy = False
            raise RequestError(Why.FAILED, "the gate's log says why") from error

    def _watch(self) -> None:
        watched = any(one.watches for one in self._connections.values())
        if watched and not self._watched:
            self._alive_at = self._monotonic() + ALIVE_S
            self._desk.listen(self.wake)
        elif self._watched and not watched:
            self._desk.listen(None)
        self._watched = watched

    def _send_replies(self) -> None:
        while self._replies:
            connection, answer = self._replies.popleft()
            if connection.number in self._connections:
                connection.answer(answer, self._monotonic())
                self._go_on(connection)

    def _send_news(self) -> None:
        if not self._watched:
            return
        watchers = [one for one in self._connections.values() if one.watches]
        news = self._desk.news()
        if news is None:
            log.warning("control socket: whoever watches was too slow")
            for connection in watchers:
                self._drop(connection)
            return
        if self._monotonic() >= self._alive_at:
            self._alive_at = self._monotonic() + ALIVE_S
            news = [*news, self._desk.alive()]
        if not news:
            return
        block = b"".join(news)
        for connection in watchers:
            connection.put(block)
            self._go_on(connection)

    def _look_at_clocks(self) -> None:
        now = self._monotonic()
        for connection in list(self._connections.values()):
            if connection.late(now):
                self._drop(connection)

    def _register(self, connection: Connection) -> None:
        wanted = connection.wants
        if wanted == connection.registered:
            return
        if connection.registered == 0:
            self._selector.register(connection.socket, wanted, connection)
        elif wanted == 0:  # it says nothing more and waits for an answer: a hang-up would wake us for ever
            self._selector.unregister(connection.socket)
        else:
            self._selector.modify(connection.socket, wanted, connection)
        connection.registered = wanted

    def _drop(self, connection: Connection) -> None:
        if self._connections.pop(connection.number, None) is None:
            return
        if connection.registered:
            self._selector.unregister(connection.socket)
        connection.close()
        if connection.watches:
            self._watch()

    def _drop_all(self) -> None:
        for connection in list(self._connections.values()):
            self._drop(connection)

"""The in-process twin of the link: one contract (``tests/contracts/test_link.py``), and faults to order."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Sequence

from gated.errors import LetterTooLargeError, LinkError
from gated.links.memory_broker import Connection, MemoryBroker
from gated.model.letter import Answered, Letter, Received

__all__ = ["MemoryBroker", "MemoryLink"]

_AGAIN = "open the link again"


class MemoryLink:
    """A link to a ``MemoryBroker``.

    Args:
        client_id: the broker knows one connection by this name; a second one ends the first.
        window: letters unanswered at once, where the broker allows as many; and received ones untaken.

    """

    def __init__(self, broker: MemoryBroker, client_id: str, *, window: int = 20) -> None:
        self._broker = broker
        self._client = client_id
        self._window = window
        self._changed = threading.Condition(broker.lock)
        self._numbers = itertools.count(1)  # over all connections: an old number never names a new letter
        self._connection: Connection | None = None
        self._rung = False

    def open(self, topics: Sequence[str], will: Letter | None = None) -> None:
        """Connect and subscribe. Raises ``LinkError``."""
        with self._changed:
            self._leave()
            connection = Connection(
                client=self._client,
                topics=tuple(topics),
                will=will,
                untaken_at_most=self._window,
                changed=self._changed.notify_all,
                numbers=self._numbers,
            )
            self._broker.connect(connection)
            self._connection = connection

    @property
    def window(self) -> int:
        """How many letters may be unanswered at once."""
        return min(self._window, self._broker.window)

    def send(self, letter: Letter) -> int:
        """Hand a letter over; its number."""
        with self._changed:
            connection = self._alive()
            size = len(letter.topic.encode()) + len(letter.payload)
            if size > self._broker.max_packet:
                raise LetterTooLargeError(
                    f"a letter of {size} bytes on {letter.topic}: the broker takes {self._broker.max_packet}",
                    hint="send less at once",
                )
            if len(connection.unanswered) >= self.window:
                raise LinkError(
                    f"{len(connection.unanswered)} letters are unanswered, and the broker allows no more",
                    hint="receive answers before the next letter",
                )
            number = next(self._numbers)
            self._broker.accept(connection, number, letter)
            return number

    def receive(self, timeout_s: float) -> Received | Answered | None:
        """What comes next; None after the timeout or an interrupt. Raises ``LinkError``."""
        with self._changed:
            self._changed.wait_for(self._something, timeout_s)
            connection = self._alive()
            if not connection.inbox:
                self._rung = False
                return None
            came = connection.inbox.popleft()
            if isinstance(came, Answered):
                connection.unanswered.discard(came.number)
            return came

    def take(self, received: Received) -> None:
        """This one need not come again; nothing happens where it is one of an earlier connection."""
        with self._changed:
            connection = self._alive()
            if not connection.deaf:
                connection.take(received.number)

    def welcome(self, received: Received) -> None:
        """Nothing: this broker floods nobody."""

    def close(self) -> None:
        """End the link in order. Never raises."""
        with self._changed:
            self._leave()
            self._changed.notify_all()

    def interrupt(self) -> None:
        """Make the wait of the other thread return, or the next one where none waits."""
        with self._changed:
            self._rung = True
            self._changed.notify_all()

    def _leave(self) -> None:
        if self._connection is not None:
            self._broker.disconnect(self._connection)
            self._connection = None

    def _something(self) -> bool:
        connection = self._connection
        return self._rung or connection is None or bool(connection.inbox) or bool(connection.ended)

    def _alive(self) -> Connection:
        connection = self._connection
        if connection is None:
            raise LinkError("the link to the broker in memory is not open", hint=_AGAIN)
        if connection.ended:
            raise LinkError(f"the link to the broker in memory is lost: {connection.ended}", hint=_AGAIN)
        return connection

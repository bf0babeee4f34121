"""Any link, with an outage to order: what the cable at a gate's back does, and what the demo shows."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from gated.errors import LinkError
from gated.model.letter import Answered, Letter, Received
from gated.ports import Link


class OutageLink:
    """A link whose cable can be pulled and plugged in again, from any thread."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._out = threading.Event()
        self._open = False
        #: How often an open link was lost to it.
        self.lost = 0

    def cut(self) -> None:
        """Pull the cable."""
        self._out.set()
        self._link.interrupt()

    def mend(self) -> None:
        """Plug it in again."""
        self._out.clear()

    @property
    def window(self) -> int:
        """How many letters may be unanswered at once."""
        return self._link.window

    def open(self, topics: Sequence[str], will: Letter | None = None) -> None:
        """Connect. Raises ``LinkError``."""
        self._feel()
        self._link.open(topics, will)
        self._open = True

    def send(self, letter: Letter) -> int:
        """Hand a letter over; its number."""
        self._feel()
        return self._link.send(letter)

    def receive(self, timeout_s: float) -> Received | Answered | None:
        """What comes next. Raises ``LinkError``."""
        self._feel()
        came = self._link.receive(timeout_s)
        self._feel()
        return came

    def take(self, received: Received) -> None:
        """This one need not come again."""
        self._feel()
        self._link.take(received)

    def welcome(self, received: Received) -> None:
        """As the link."""
        self._link.welcome(received)

    def close(self) -> None:
        """End the link."""
        self._open = False
        self._link.close()

    def interrupt(self) -> None:
        """Make the wait of the other thread return."""
        self._link.interrupt()

    def _feel(self) -> None:
        if not self._out.is_set():
            return
        if self._open:
            self._open = False
            self.lost += 1
        raise LinkError("the network is gone", hint="plug the cable in again")

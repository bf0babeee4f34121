"""The link through an MQTT 5 broker, over mutual TLS; paho without its threads, queue and reconnecting.

Nothing happens between the calls of the thread that uses the link: it keeps the link alive by receiving, at
least once in a keepalive.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import weakref
from collections.abc import Callable, Iterator, Sequence

from gated.errors import LinkError
from gated.links import mqtt_trouble as trouble
from gated.links.mqtt_conversation import Conversation
from gated.links.mqtt_dial import dial
from gated.links.mqtt_place import MqttPlace
from gated.links.mqtt_stream import Stream
from gated.model.letter import Answered, Letter, Received


class MqttLink:
    """A link to the broker at ``place``.

    Args:
        floor: seconds since 1970 that have surely passed; the broker's certificate must last beyond.
        monotonic: seconds that never go back.

    """

    def __init__(self, place: MqttPlace, *, floor: Callable[[], int], monotonic: Callable[[], float]) -> None:
        self._place = place
        self._floor = floor
        self._monotonic = monotonic
        self._numbers = itertools.count(1)  # over all connections: an old number never names a new letter
        self._conversation: Conversation | None = None
        self._lost = ""
        self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        weakref.finalize(self, os.close, self._bell)

    def open(self, topics: Sequence[str], will: Letter | None = None) -> None:
        """Connect, greet, subscribe: within ``connect_timeout_s`` of the place. Raises ``LinkError``."""
        self.close()
        place = self._place
        deadline = self._monotonic() + place.connect_timeout_s
        stream = Stream(
            dial(place, self._floor, self._monotonic),
            place.max_packet,
            lambda what: trouble.no_mqtt(place, what),
        )
        begun = Conversation(place, stream, self._bell, self._numbers, self._monotonic)
        try:
            begun.begin(topics, will, deadline)
        except BaseException:
            begun.drop()
            raise
        self._conversation = begun

    @property
    def window(self) -> int:
        """How many letters may be unanswered at once, as the broker and the place allow."""
        return self._alive().agreed.window

    def send(self, letter: Letter) -> int:
        """Hand a letter over; its number."""
        conversation = self._alive()
        conversation.check(letter)
        with self._losing(conversation):
            return conversation.send(letter)

    def receive(self, timeout_s: float) -> Received | Answered | None:
        """What comes next; None after the timeout or an interrupt. Raises ``LinkError``."""
        conversation = self._alive()
        deadline = self._monotonic() + timeout_s
        with self._losing(conversation):
            if not conversation.inbox or conversation.due:
                conversation.pump(0)
            while True:
                came = conversation.next()
                if came is not None or self._rung():
                    return came
                left = deadline - self._monotonic()
                if left <= 0:
                    return None
                conversation.pump(left)

    def take(self, received: Received) -> None:
        """This one need not come again; nothing happens where it is one of an earlier connection."""
        conversation = self._alive()
        with self._losing(conversation):
            conversation.take(received.number)

    def welcome(self, received: Received) -> None:
        """This one was asked for, or was news: it does not count against what is read in a second."""
        self._alive().welcome(len(received.payload))

    def close(self) -> None:
        """End the link in order, within ``GOODBYE_S``. Never raises."""
        if self._conversation is not None:
            self._conversation.end()
            self._conversation = None
        self._lost = ""

    def interrupt(self) -> None:
        """Make the wait of the other thread return, or the next one where none waits."""
        with contextlib.suppress(BlockingIOError):  # it rings already, and how
            os.eventfd_write(self._bell, 1)

    def _rung(self) -> bool:
        try:
            return bool(os.eventfd_read(self._bell))
        except BlockingIOError:
            return False

    def _alive(self) -> Conversation:
        if self._conversation is None:
            state = f"is lost: {self._lost}" if self._lost else "is not open"
            raise LinkError(f"the link to {trouble.where(self._place)} {state}", hint="open it again")
        return self._conversation

    @contextlib.contextmanager
    def _losing(self, conversation: Conversation) -> Iterator[None]:
        """What breaks the connection ends it."""
        try:
            yield
        except LinkError as error:
            conversation.drop()
            self._conversation = None
            self._lost = error.message
            raise

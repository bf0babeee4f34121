"""One connection to a broker, from CONNECT to its end, with a paho client of its own.

paho packs, parses and keeps alive; it has no thread, never more than a window of letters, and it is thrown
away with the connection, so that nothing it still holds is ever sent on another one.
"""

from __future__ import annotations

import select
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from paho.mqtt.client import Client, ConnectFlags, MQTTMessage
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from gated.errors import LetterTooLargeError, LinkError
from gated.links import mqtt_trouble as trouble
from gated.links.mqtt_budget import Budget
from gated.links.mqtt_paho import Agreed, PahoClient, agree, packet_bytes, wishes
from gated.links.mqtt_place import MqttPlace
from gated.links.mqtt_stream import Stream
from gated.model.letter import Answered, Letter, Received

#: How long an orderly end waits for what is still to be written, and for the broker to close.
GOODBYE_S = 1.0


class Conversation:
    """What one connection knows. Used by one thread.

    Args:
        bell: a descriptor that turns readable when a wait shall end.
        numbers: names letters; no two connections of a link share one.

    """

    def __init__(
        self,
        place: MqttPlace,
        stream: Stream,
        bell: int,
        numbers: Iterator[int],
        monotonic: Callable[[], float],
    ) -> None:
        self._place = place
        self._stream = stream
        self._bell = bell
        self._numbers = numbers
        self._monotonic = monotonic
        self._budget = Budget(place.inbound_per_s, monotonic)
        self._next_misc = 0.0
        self._greeting: tuple[int, Properties | None] | None = None
        self._subscribed: list[int] | None = None
        self._sent: dict[int, int] = {}  # packet id → number, until the broker's answer
        self._untaken: dict[int, int] = {}  # number → packet id
        self._unanswered: set[int] = set()  # numbers whose answer nobody has read yet
        self.inbox: deque[Received | Answered] = deque()
        self.agreed = Agreed(0, 0, place.keepalive_s)
        client = self._client = PahoClient(place, stream)
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_publish = self._on_publish
        client.on_message = self._on_message

    # -------------------------------------------------------------- beginning and end

    def begin(self, topics: Sequence[str], will: Letter | None, deadline: float) -> None:
        """Greet the broker and subscribe. Raises ``LinkError``."""
        place, client = self._place, self._client
        if will is not None:
            client.will_set(will.topic, will.payload, qos=1, retain=will.retain)
        asked = wishes(place)
        self._paho(
            lambda: client.connect(
                place.host, place.port, place.keepalive_s, clean_start=True, properties=asked
            )
        )
        self._until(lambda: self._greeting is not None, deadline, "greet us")
        assert self._greeting is not None  # that was awaited
        self.agreed = agree(place, self._greeting[1])
        self._next_misc = 0.0  # the broker's keepalive may be shorter than ours
        if topics:
            self._paho(lambda: client.subscribe([(topic, 1) for topic in topics])[0])
            self._until(lambda: self._subscribed is not None, deadline, "confirm subscriptions")
            self._check_subscribed(topics)

    def end(self) -> None:
        """Say good-bye, so that the broker drops the will. Never raises."""
        deadline = self._monotonic() + GOODBYE_S
        try:
            self._paho(self._client.disconnect)
            while self._client.want_write() and self._monotonic() < deadline:
                self._wait(select.POLLOUT, deadline - self._monotonic(), bell=False)
                self._paho(self._client.loop_write)
            self._stream.finish(lambda: deadline - self._monotonic())
        except LinkError:
            pass  # it is gone already
        self.drop()

    def drop(self) -> None:
        """Let go at once, and of paho too: it holds us, and we hold it."""
        self._stream.drop()
        self._client.on_connect = self._client.on_subscribe = None
        self._client.on_publish = self._client.on_message = None

    # -------------------------------------------------------------- letters

    def check(self, letter: Letter) -> None:
        """Raise what ``Link.send`` raises where the letter cannot be sent and the connection is fine."""
        size = packet_bytes(letter)
        if size > self.agreed.largest:
            raise LetterTooLargeError(
                f"a letter of {size} bytes on {letter.topic}: {trouble.where(self._place)}"
                f" takes {self.agreed.largest}",
                hint="send less at once, or raise the broker's max_packet_size",
            )
        if len(self._unanswered) >= self.agreed.window:
            raise LinkError(
                f"{len(self._unanswered)} letters are unanswered, and {trouble.where(self._place)}"
                " allows no more",
                hint="receive answers before the next letter",
            )

    def send(self, letter: Letter) -> int:
        """Hand a checked letter to the kernel, or to paho where the kernel is full; its number."""
        told = self._client.publish(letter.topic, letter.payload, qos=1, retain=letter.retain)
        number = next(self._numbers)
        self._sent[told.mid] = number
        self._unanswered.add(number)
        self._check(told.rc)
        return number

    def next(self) -> Received | Answered | None:
        """What came first of what nobody has read yet."""
        if not self.inbox:
            return None
        came = self.inbox.popleft()
        if isinstance(came, Answered):
            self._unanswered.discard(came.number)
        return came

    def take(self, number: int) -> None:
        """Acknowledge a letter of this connection; others are nobody's."""
        self._acknowledge(self._untaken.pop(number, 0))

    def welcome(self, size: int) -> None:
        """A letter of so many bytes does not count against what may be read."""
        self._budget.welcome(size)

    def _acknowledge(self, packet_id: int) -> None:
        if packet_id:
            self._paho(lambda: self._client.ack(packet_id, 1))

    # -------------------------------------------------------------- one round

    @property
    def due(self) -> bool:
        """Whether the connection wants care, though letters wait to be read."""
        return self._monotonic() >= self._next_misc

    def pump(self, wait_s: float, *, bell: bool = True) -> None:
        """Wait for the socket or the bell, then write, read and keep alive. Raises ``LinkError``."""
        reads = self._has_room() and self._budget.allows()
        events = (select.POLLIN if reads else 0) | (select.POLLOUT if self._client.want_write() else 0)
        if reads and self._stream.waits:
            wait_s = 0.0
        elif not reads and not self.inbox:
            wait_s = min(wait_s, self._budget.pause_s())
        self._wait(events, min(wait_s, self._tick_s()), bell=bell)
        if self._client.want_write():
            self._paho(self._client.loop_write)
        if reads:
            self._read()
        # After reading: the answer to a ping may have waited for us longer than the keepalive.
        if self.due:
            self._next_misc = self._monotonic() + self._tick_s()
            self._paho(self._client.loop_misc)
            if self._client.socket() is None:
                raise trouble.silent(self._place)

    def _read(self) -> None:
        self._stream.fill()
        while self._has_room() and self._budget.allows() and (size := self._stream.front()):
            code = self._stream.goodbye()
            if code is not None:
                raise trouble.told(code, self._place)
            self._budget.spend(size)
            dropped = self._stream.admit()
            if dropped is None:
                self._paho(self._client.loop_read)
            else:
                self._acknowledge(dropped)
        if self._stream.ended and not self._stream.front():
            raise self._broken()

    def _tick_s(self) -> float:
        """How often paho looks at its clock: a ping is late by this at most."""
        return min(self._place.keepalive_s, self.agreed.keepalive_s or 1) / 8

    def _has_room(self) -> bool:
        return len(self.inbox) < self._place.unread

    def _wait(self, events: int, wait_s: float, *, bell: bool) -> None:
        poll = select.poll()
        if events:  # without, a broken connection would end the wait again and again
            poll.register(self._stream, events)
        if bell:
            poll.register(self._bell, select.POLLIN)
        poll.poll(max(0.0, wait_s) * 1000)

    def _until(self, reached: Callable[[], bool], deadline: float, what: str) -> None:
        while not reached():
            left = deadline - self._monotonic()
            if left <= 0:
                raise trouble.timed_out(self._place, what)
            if not self._has_room():
                raise trouble.no_mqtt(self._place, f"it sends letters, and does not {what}")
            self.pump(left, bell=False)

    # -------------------------------------------------------------- what was agreed

    def _check_subscribed(self, topics: Sequence[str]) -> None:
        codes = self._subscribed or []
        if len(codes) != len(topics):
            raise trouble.no_mqtt(self._place, "it confirms other subscriptions than were asked for")
        for topic, code in zip(topics, codes, strict=True):
            if code >= 0x80:
                what = f"{trouble.where(self._place)} refuses the subscription to {topic}: 0x{code:02X}"
                raise LinkError(what, hint="check the broker's acl_file")

    # -------------------------------------------------------------- paho

    def _paho(self, call: Callable[[], MQTTErrorCode]) -> None:
        try:
            code = call()
        except LinkError:
            raise
        except Exception as error:
            # A parser under a stranger's bytes: whatever it raises, the connection is at fault.
            raise trouble.no_mqtt(self._place, f"{type(error).__name__} in what it sent") from error
        self._check(code)

    def _check(self, code: MQTTErrorCode) -> None:
        if code and self._stream.error is not None:  # writing failed; where reading did, what came counts
            raise self._broken()
        if self._greeting is not None and self._greeting[0]:
            raise trouble.told(self._greeting[0], self._place)
        if code == MQTTErrorCode.MQTT_ERR_PROTOCOL:
            raise trouble.no_mqtt(self._place, "a packet is malformed")
        if code:
            raise trouble.silent(self._place)

    def _broken(self) -> LinkError:
        """Why there is no connection any more: the broker's own last word, where one came."""
        code = self._stream.last_word()
        if code is not None:
            return trouble.told(code, self._place)
        return trouble.broken(self._place, self._stream.error, greeted=self._greeting is not None)

    def _on_connect(
        self, _: Client, __: Any, ___: ConnectFlags, reason: ReasonCode, offered: Properties | None
    ) -> None:
        self._greeting = (reason.value, offered)

    def _on_subscribe(
        self, _: Client, __: Any, ___: int, reasons: list[ReasonCode], ____: Properties | None
    ) -> None:
        self._subscribed = [reason.value for reason in reasons]

    def _on_publish(
        self, _: Client, __: Any, packet_id: int, reason: ReasonCode, ___: Properties | None
    ) -> None:
        number = self._sent.pop(packet_id, 0)
        if number:
            self._budget.give_back()
            self.inbox.append(Answered(number, reason.value))

    def _on_message(self, _: Client, __: Any, message: MQTTMessage) -> None:
        number = next(self._numbers)
        if message.qos:
            self._untaken[number] = message.mid
        self.inbox.append(Received(message.topic, bytes(message.payload), number))

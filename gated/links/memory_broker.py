"""A broker in this process: for the demo and for tests. It does what brokers do, and what they should not.

Like mosquitto it answers what it then throws away: a full queue, a session that ends, a lost letter.
"""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from gated.errors import LinkError
from gated.links.memory_faults import Fate, Faults, matches
from gated.model.letter import NOBODY_LISTENS, Answered, Letter, Received

#: Letters that wait for one client; what comes on top is answered and thrown away (mosquitto's default).
QUEUED = 1000
SHARE = "$share/"


@dataclass(frozen=True, slots=True)
class _Queued:
    letter: Letter
    share: str  # the shared subscription that chose this client; empty: its own


@dataclass(eq=False, slots=True)
class Connection:
    """One client, from its opening to its end. Every field is guarded by the broker's lock."""

    client: str
    topics: tuple[str, ...]
    will: Letter | None
    untaken_at_most: int
    changed: Callable[[], None]
    numbers: Iterator[int]
    inbox: deque[Received | Answered] = field(default_factory=deque)
    unanswered: set[int] = field(default_factory=set)
    #: Why it ended; empty while it lives.
    ended: str = ""
    #: Half-open: takes everything, and nothing comes of it.
    deaf: bool = False
    _waiting: deque[_Queued] = field(default_factory=deque)
    _untaken: dict[int, _Queued] = field(default_factory=dict)

    def queue(self, queued: _Queued) -> None:
        """A letter for this client; beyond ``QUEUED`` it is lost."""
        if len(self._waiting) < QUEUED:
            self._waiting.append(queued)
            self._hand_over()

    def take(self, number: int) -> None:
        """A letter need not come again; one of another connection is nobody's."""
        if self._untaken.pop(number, None) is not None:
            self._hand_over()

    def _hand_over(self) -> None:
        while self._waiting and len(self._untaken) < self.untaken_at_most and not self.deaf:
            queued = self._waiting.popleft()
            number = next(self.numbers)
            self._untaken[number] = queued
            self.inbox.append(Received(queued.letter.topic, queued.letter.payload, number))
        self.changed()

    def leave_behind(self) -> list[_Queued]:
        """What a shared subscription gave to this client and it did not take."""
        left = [*self._untaken.values(), *self._waiting]
        self._untaken.clear()
        self._waiting.clear()
        self.inbox.clear()
        self.changed()
        return [queued for queued in left if queued.share]


class MemoryBroker:
    """Topics, shared and plain subscriptions, retained letters and wills, all in memory. Thread-safe.

    Args:
        window: letters that one client may have unanswered at once.
        max_packet: bytes of the largest letter, its topic included.
        redelivers: gives another member of a share what one that went had not taken. MQTT 5 section 4.8.2
            says that a broker should; mosquitto 2.0.11 throws it away.

    """

    def __init__(self, *, window: int = 20, max_packet: int = 262_144, redelivers: bool = True) -> None:
        self.window = window
        self.max_packet = max_packet
        self.redelivers = redelivers
        self.lock = threading.RLock()
        #: False: letters are delivered, and who sent them is never answered.
        self.answers = True
        #: What shall go wrong.
        self.faults = Faults()
        self._connections: dict[str, Connection] = {}
        self._retained: dict[str, Letter] = {}
        self._turns: dict[str, Iterator[int]] = {}
        self._banned: set[str] = set()
        self._watchers: list[Callable[[str, Letter], None]] = []
        self._running = True
        self._silent = False

    # -------------------------------------------------------------- what the world does to it

    def stop(self, *, forget: bool = False) -> None:
        """An outage: every link is lost, no will is published, nobody can connect.

        ``forget`` loses the retained letters too, as a broker that was killed may.
        """
        with self.lock:
            self._running = False
            for connection in list(self._connections.values()):
                self._drop(connection, "the broker is gone")
            if forget:
                self._retained.clear()

    def start(self) -> None:
        """The outage is over."""
        with self.lock:
            self._running = True

    def silence(self) -> None:
        """Half-open: who is connected sends into the void for good, who connects waits in vain."""
        with self.lock:
            self._silent = True
            for connection in self._connections.values():
                connection.deaf = True

    def speak(self) -> None:
        """The silence is over, for new connections: the old ones stay dead until their client comes anew."""
        with self.lock:
            self._silent = False

    def cut(self, client: str) -> None:
        """The network of one client breaks: its will is published."""
        with self.lock:
            if client in self._connections:
                self._end(self._connections[client], "the connection was cut", willing=True)

    def ban(self, client: str) -> None:
        """Let a client not connect any more."""
        with self.lock:
            self._banned.add(client)

    def pardon(self, client: str) -> None:
        """Let it connect again."""
        with self.lock:
            self._banned.discard(client)

    def release(self, *, backwards: bool = False) -> None:
        """End every order for faults, and deliver what was held back; ``backwards``: the last one first."""
        with self.lock:
            held = self.faults.end()
            for letter in reversed(held) if backwards else held:
                self.publish(letter)

    # -------------------------------------------------------------- what can be seen of it

    @property
    def clients(self) -> tuple[str, ...]:
        """Who is connected, as the broker believes."""
        with self.lock:
            return tuple(self._connections)

    @property
    def retained(self) -> dict[str, Letter]:
        """The newest retained letter of each topic."""
        with self.lock:
            return dict(self._retained)

    def watch(self, sent: Callable[[str, Letter], None]) -> None:
        """Call ``sent`` with the client and the letter whenever one arrives; it must return at once."""
        with self.lock:
            self._watchers.append(sent)

    def publish(self, letter: Letter) -> bool:
        """Deliver a letter, also one that nobody sent: a broker can invent. Whether anybody listens."""
        with self.lock:
            if letter.retain:
                self._retained.pop(letter.topic, None)
                if letter.payload:
                    self._retained[letter.topic] = letter
            heard = False
            shares = set()
            for connection in self._connections.values():
                for topics in connection.topics:
                    if topics.startswith(SHARE):
                        shares.add(topics)
                    elif matches(topics, letter.topic):
                        connection.queue(_Queued(letter, ""))
                        heard = True
            for share in sorted(shares):
                if matches(share.split("/", 2)[2], letter.topic):
                    heard |= self._give_a_member(_Queued(letter, share))
            return heard

    # -------------------------------------------------------------- what a link does

    def connect(self, connection: Connection) -> None:
        """Let a client in; one of the same name is thrown out. Raises ``LinkError``."""
        with self.lock:
            if not self._running:
                raise LinkError("the broker in memory is stopped", hint="start it, then open the link again")
            if self._silent:
                raise LinkError("the broker in memory does not answer", hint="open the link again later")
            if connection.client in self._banned:
                raise LinkError(f"the broker in memory lets {connection.client} not in", hint="pardon it")
            if connection.client in self._connections:
                other = self._connections[connection.client]
                self._end(other, "another client took its name", willing=True)
            self._connections[connection.client] = connection
            for topics in connection.topics:
                for letter in self._retained.values():
                    if not topics.startswith(SHARE) and matches(topics, letter.topic):
                        connection.queue(_Queued(letter, ""))

    def accept(self, connection: Connection, number: int, letter: Letter) -> None:
        """A letter from a client: answered, and delivered as the orders have it."""
        with self.lock:
            connection.unanswered.add(number)
            if connection.deaf:
                return
            for sent in self._watchers:
                sent(connection.client, letter)
            fate, code, deliver = self.faults.meet(letter)
            heard = [self.publish(one) for one in deliver]
            if fate is Fate.PASS and not any(heard):
                code = NOBODY_LISTENS
            if self.answers:
                connection.inbox.append(Answered(number, code))
                connection.changed()

    def disconnect(self, connection: Connection) -> None:
        """A client leaves in order: no will. A half-open one cannot say so."""
        with self.lock:
            if not connection.ended and not connection.deaf:
                self._end(connection, "the link was closed", willing=False)

    # -------------------------------------------------------------- inside

    def _drop(self, connection: Connection, why: str) -> list[_Queued]:
        connection.ended = why
        del self._connections[connection.client]
        return connection.leave_behind()

    def _end(self, connection: Connection, why: str, *, willing: bool) -> None:
        left = self._drop(connection, why)
        for queued in left if self.redelivers else ():
            self._give_a_member(queued)
        if willing and connection.will is not None:
            self.publish(connection.will)

    def _give_a_member(self, queued: _Queued) -> bool:
        members = [one for one in self._connections.values() if queued.share in one.topics]
        if members:
            turn = next(self._turns.setdefault(queued.share, itertools.count()))
            members[turn % len(members)].queue(queued)
        return bool(members)

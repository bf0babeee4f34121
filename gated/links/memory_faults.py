"""What can be ordered to go wrong on the broker in memory, for the next so many letters of a filter."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, auto

from gated.model.letter import Letter

EVERY_TOPIC = "#"


def matches(topics: str, topic: str) -> bool:
    """Whether a filter (``+``: any one level, ``#``: all below) takes in a topic. MQTT 5 section 4.7."""
    wanted, levels = topics.split("/"), topic.split("/")
    for at, level in enumerate(wanted):
        if level == "#":
            return True
        if at >= len(levels) or level not in ("+", levels[at]):
            return False
    return len(wanted) == len(levels)


class Fate(Enum):
    """What becomes of a letter that a client sent."""

    PASS = auto()
    LOSE = auto()  # answered as success, and thrown away
    DOUBLE = auto()
    HOLD = auto()  # answered as success, and delivered when released
    REFUSE = auto()


@dataclass(slots=True)
class _Order:
    fate: Fate
    left: int | None  # None: until the orders are cleared
    topics: str
    code: int = 0
    backwards: bool = False  # held letters go out by themselves, last first, when the order is used up
    held: list[Letter] = field(default_factory=list)


class Faults:
    """Orders, the oldest first; a letter meets the first whose filter fits. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._orders: list[_Order] = []
        self._held: list[Letter] = []

    def lose(self, letters: int | None = 1, *, topics: str = EVERY_TOPIC) -> None:
        """Throw the next ``letters`` away, and answer them as success; None: all from now on."""
        self._order(_Order(Fate.LOSE, letters, topics))

    def double(self, letters: int | None = 1, *, topics: str = EVERY_TOPIC) -> None:
        """Deliver the next ``letters`` twice."""
        self._order(_Order(Fate.DOUBLE, letters, topics))

    def hold(self, letters: int | None = None, *, topics: str = EVERY_TOPIC) -> None:
        """Keep the next ``letters`` back until ``MemoryBroker.release``, and answer them as success."""
        self._order(_Order(Fate.HOLD, letters, topics))

    def reorder(self, letters: int = 2, *, topics: str = EVERY_TOPIC) -> None:
        """Keep the next ``letters`` back and deliver them, the last first, when all of them are there."""
        self._order(_Order(Fate.HOLD, letters, topics, backwards=True))

    def refuse(self, code: int, letters: int | None = 1, *, topics: str = EVERY_TOPIC) -> None:
        """Answer the next ``letters`` with a reason code (MQTT 5 section 2.4) and deliver none of them."""
        self._order(_Order(Fate.REFUSE, letters, topics, code))

    def meet(self, letter: Letter) -> tuple[Fate, int, Sequence[Letter]]:
        """What becomes of a letter, the code it is answered with, and what is to be delivered now."""
        with self._lock:
            order = next((one for one in self._orders if matches(one.topics, letter.topic)), None)
            if order is None:
                return Fate.PASS, 0, (letter,)
            if order.left is not None:
                order.left -= 1
                if not order.left:
                    self._orders.remove(order)
            if order.fate is Fate.DOUBLE:
                return order.fate, 0, (letter, letter)
            if order.fate is not Fate.HOLD:
                return order.fate, order.code, ()
            if not order.backwards:
                self._held.append(letter)
                return order.fate, 0, ()
            order.held.append(letter)
            return order.fate, 0, () if order.left else order.held[::-1]

    def end(self) -> list[Letter]:
        """Forget every order; what was held back, to be delivered."""
        with self._lock:
            held = self._held + [letter for order in self._orders for letter in order.held]
            self._held = []
            self._orders = []
            return held

    def _order(self, order: _Order) -> None:
        with self._lock:
            self._orders.append(order)

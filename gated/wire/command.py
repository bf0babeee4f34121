"""A signed command: central lets somebody through, or changes, asks or wakes a gate (docs/reference/sync.md).

Bound to one gate, to a counter that only grows, and to an end that is near: whoever keeps a copy has nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from gated.model.document import DocumentError, Table
from gated.model.order import MAX_WORDS, Mode, Order
from gated.model.time import END_OF_TIME
from gated.wire.event import canonical
from gated.wire.forms import GATE, match, one_form, parse

COMMAND_VERSION = 1
MAX_COMMAND_BYTES = 1024
#: The counter of a key stands in a gate's floors, which hold no larger number.
MAX_COUNTER = (1 << 40) - 1
#: A command that is not carried out within an hour must be given anew: who waits has gone.
MAX_VALID_S = 3600
MAX_PERSONS = 99


class What(StrEnum):
    """What is commanded."""

    OPEN = "open"  # let somebody through a lane, once
    MODE = "mode"  # how a lane serves until the next order
    REFRESH = "refresh"  # ask for head, uses and trust now
    REPORT = "report"  # say how the gate is


@dataclass(frozen=True, slots=True)
class Command:
    """Times are seconds since 1970; ``lane``, ``persons`` and ``mode`` stand where ``what`` needs them."""

    gate: str
    counter: int
    at: int
    expires: int
    by: str  # the operator's name
    reason: str
    what: What
    lane: str | None = None
    persons: int | None = None
    mode: Mode | None = None

    @property
    def order(self) -> Order | None:
        """What it orders of its lane; None where it speaks to no lane."""
        if self.what is What.OPEN:
            return Order.OPEN
        return None if self.mode is None else Order(self.mode.value)


def encode_command(command: Command) -> bytes:
    """The payload of a command."""
    members: dict[str, Any] = {
        "v": COMMAND_VERSION,
        "gate": command.gate,
        "counter": command.counter,
        "at": command.at,
        "expires": command.expires,
        "by": command.by,
        "reason": command.reason,
        "what": str(command.what),
        "lane": command.lane,
        "persons": command.persons,
        "mode": command.mode and str(command.mode),
    }
    return canonical({name: value for name, value in members.items() if value is not None}).encode()


def read_command(payload: bytes) -> Command:
    """Read a payload. Raises ``DocumentError``."""
    top = parse(payload, MAX_COMMAND_BYTES, "command")
    top.whole("v", least=COMMAND_VERSION, most=COMMAND_VERSION)
    at = top.whole("at", most=END_OF_TIME - MAX_VALID_S)
    what = top.checked("what", What)
    command = Command(
        gate=match(top, "gate", GATE),
        counter=top.whole("counter", least=1, most=MAX_COUNTER),
        at=at,
        expires=top.whole("expires", least=at + 1, most=at + MAX_VALID_S),
        by=_words(top, "by"),
        reason=_words(top, "reason"),
        what=what,
        lane=top.name("lane") if what in (What.OPEN, What.MODE) else None,
        persons=top.whole("persons", least=1, most=MAX_PERSONS) if what is What.OPEN else None,
        mode=top.checked("mode", Mode) if what is What.MODE else None,
    )
    top.done()
    one_form(encode_command(command), payload, "command")
    return command


def _words(top: Table, key: str) -> str:
    """What a person says, as short as an event has it."""
    words = top.text(key)
    if len(words) > MAX_WORDS:
        raise DocumentError(top.path(key), f"must have at most {MAX_WORDS} characters")
    return words

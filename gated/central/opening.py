"""Letters that arrive, opened: what a gate told, or why nobody believes it.

The topic is the broker's word, and only says whose keys to try. What counts is that the gate's own key signed
it, and that it speaks of that gate.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from gated.central.answering import Asker
from gated.central.told import Told
from gated.credential import cose
from gated.credential.message import MAX_MESSAGE_BYTES, open_message
from gated.model.document import DocumentError
from gated.model.letter import Received
from gated.model.refusal import Refusal
from gated.model.statement import Kind
from gated.model.trust import KeySet
from gated.wire import topics
from gated.wire.batch import read_batch
from gated.wire.forms import GATE
from gated.wire.request import MAX_REQUEST_BYTES, Request, read_request
from gated.wire.seal import ENVELOPE_BYTES
from gated.wire.state import MAX_STATE_BYTES, State, read_state

#: Under which name everything is counted that comes from nobody we know.
NOBODY = ""
#: More states of a gate came at once than are opened.
TOO_MANY_STATES = "too_many_states"

#: (sector, keys) of an enrolled gate.
KeysOf = Callable[[str], tuple[str, KeySet] | None]


@dataclass(frozen=True, slots=True)
class Unbelieved:
    """A letter that changes nothing. ``gate`` is the one whose topic it came by, if that is enrolled."""

    gate: str
    code: str


@dataclass(frozen=True, slots=True)
class Greeting:
    """A state that the gate signed."""

    sector: str
    state: State


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that the gate signed."""

    asker: Asker
    request: Request


Opened = Told | Greeting | Asked | Unbelieved

#: By the last level of a topic: what is expected there, and the most bytes that it has.
_EXPECTED = {
    "events": (Kind.EVENTS, MAX_MESSAGE_BYTES),
    "state": (Kind.STATE, MAX_STATE_BYTES + ENVELOPE_BYTES),
    "request": (Kind.REQUEST, MAX_REQUEST_BYTES + ENVELOPE_BYTES),
}


def too_many_states(letters: Sequence[Received], most: int) -> tuple[Counter[str], list[Received]]:
    """How many states of which gates are not worth opening, and the letters that are, in order.

    The broker lets nobody but a gate write under its name: its newest states are the last ones.
    """
    seen: Counter[str] = Counter()
    kept: list[Received] = []
    for letter in reversed(letters):
        gate, what = topics.gate_of(letter.topic)
        if what == "state":
            seen[gate] += 1
        if what != "state" or seen[gate] <= most:
            kept.append(letter)
    late = Counter({gate: times - most for gate, times in seen.items() if times > most})
    return late, kept[::-1]


def newest(greetings: Sequence[Greeting]) -> list[Greeting]:
    """Of each gate the newest greeting, and every will, in order: one answer is enough."""
    last = {one.state.gate: one for one in greetings if one.state.online}
    return [one for one in greetings if not one.state.online or last[one.state.gate] is one]


def open_letter(letter: Received, keys_of: KeysOf, sectors: AbstractSet[str], now: int) -> Opened:
    """Open a letter.

    Args:
        letter: as it arrived.
        keys_of: asks for the keys of a gate that is enrolled at present.
        sectors: those whose receipts can be signed; of others nothing could be acknowledged.
        now: seconds since 1970.

    """
    gate, what = topics.gate_of(letter.topic)
    if GATE.match(gate) is None:
        return Unbelieved(NOBODY, "foreign_topic")
    found = keys_of(gate)
    if found is None:
        return Unbelieved(NOBODY, "unknown_gate")
    sector, keys = found
    if sector not in sectors:
        return Unbelieved(gate, "no_ack_key")
    kind, limit = _EXPECTED[what]
    payload = open_message(letter.payload, kind, keys, sector, now, limit)
    if isinstance(payload, Refusal):
        return Unbelieved(gate, payload.reason.value)
    try:
        opened, speaks_of = _read(kind, letter.payload, payload, sector)
    except DocumentError:
        return Unbelieved(gate, "malformed")
    return opened if speaks_of == gate else Unbelieved(gate, "foreign_gate")


def _read(kind: Kind, token: bytes, payload: bytes, sector: str) -> tuple[Opened, str]:
    """What a gate signed, and of which gate it speaks. Raises ``DocumentError``."""
    if kind is Kind.EVENTS:
        told = _told(token, payload, sector)
        return told, told.batch.gate
    if kind is Kind.STATE:
        state = read_state(payload)
        return Greeting(sector, state), state.gate
    request = read_request(payload)
    return Asked(Asker(request.gate, sector), request), request.gate


def _told(token: bytes, payload: bytes, sector: str) -> Told:
    """A batch with what proves it."""
    message = cose.split(token, MAX_MESSAGE_BYTES)
    return Told(sector, message.header.kid, message.signature, read_batch(payload), payload)

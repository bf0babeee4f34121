"""What a gate says of itself when it connects, and its will (docs/reference/sync.md)."""

from __future__ import annotations

from dataclasses import dataclass

from gated.model.document import DocumentError, Table
from gated.model.time import END_OF_TIME
from gated.wire.event import canonical
from gated.wire.forms import EPOCH, GATE, MAX_SEQ, match, one_form, parse

STATE_VERSION = 1
MAX_STATE_BYTES = 16_384
#: Epochs told of: the newest ones. More than two are held only after many journals were lost in a day.
MAX_EPOCHS = 8
_MAX_COUNTERS = 32


@dataclass(frozen=True, slots=True)
class EpochState:
    """An epoch as its journal holds it: seqs of the oldest row that is left and of the newest, and up to
    which central has acknowledged. ``oldest`` is ``last + 1`` where nothing is left.
    """

    epoch: str
    oldest: int
    last: int
    acked: int


@dataclass(frozen=True, slots=True)
class State:
    """A greeting (``online``), or the will that the broker publishes when the gate is gone."""

    gate: str
    session: str  # a fresh random name of this connection: central's answer must bear it
    online: bool
    at: int  # best estimate of the time, seconds since 1970
    boot: str
    version: str
    position: int  # of the statements that the cache holds
    epochs: tuple[EpochState, ...] = ()  # oldest first
    refused: tuple[tuple[str, int], ...] = ()  # what arrived and was not believed, by code


def encode_state(state: State) -> bytes:
    """The payload of a state."""
    epochs = [
        {"epoch": one.epoch, "oldest": one.oldest, "last": one.last, "acked": one.acked}
        for one in state.epochs
    ]
    return canonical(
        {
            "v": STATE_VERSION,
            "gate": state.gate,
            "session": state.session,
            "online": state.online,
            "at": state.at,
            "boot": state.boot,
            "version": state.version,
            "position": state.position,
            "epochs": epochs,
            "refused": [{"code": code, "count": count} for code, count in state.refused],
        }
    ).encode()


def read_state(payload: bytes) -> State:
    """Read a payload. Raises ``DocumentError``."""
    top = parse(payload, MAX_STATE_BYTES, "state")
    top.whole("v", least=STATE_VERSION, most=STATE_VERSION)
    state = State(
        gate=match(top, "gate", GATE),
        session=match(top, "session", EPOCH),
        online=top.flag("online"),
        at=top.whole("at", most=END_OF_TIME),
        boot=match(top, "boot", EPOCH),
        version=top.text("version"),
        position=top.whole("position"),
        epochs=tuple(_epoch(table) for table in top.tables("epochs", least=0, most=MAX_EPOCHS)),
        refused=tuple(_refused(table) for table in top.tables("refused", least=0, most=_MAX_COUNTERS)),
    )
    top.done()
    if len({one.epoch for one in state.epochs}) < len(state.epochs):
        raise DocumentError("epochs", "must name each epoch once")
    one_form(encode_state(state), payload, "state")
    return state


def _epoch(table: Table) -> EpochState:
    state = EpochState(
        epoch=match(table, "epoch", EPOCH),
        oldest=table.whole("oldest", least=1, most=MAX_SEQ),
        last=table.whole("last", most=MAX_SEQ),
        acked=table.whole("acked", most=MAX_SEQ),
    )
    table.done()
    return state


def _refused(table: Table) -> tuple[str, int]:
    counter = table.text("code"), table.whole("count")
    table.done()
    return counter

"""Central's receipt: everything up to this seq is kept (docs/reference/sync.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from gated.model.document import Table
from gated.model.time import END_OF_TIME
from gated.wire.batch import MAX_EVENTS
from gated.wire.event import canonical
from gated.wire.forms import CODE, DIGEST, EPOCH, GATE, MAX_SEQ, match, one_form, parse

ACK_VERSION = 1
MAX_ACK_BYTES = 16_384


@dataclass(frozen=True, slots=True)
class Ack:
    """``upto`` is the last seq kept without a gap and ``digest`` its digest, 0 and the epoch's beginning
    where nothing is.

    ``session`` names the connection whose greeting it answers; only such an answer may go back. ``forked``
    says that another journal told other events under the same numbers.
    """

    gate: str
    epoch: str
    upto: int
    digest: bytes
    at: int  # central's time, seconds since 1970
    quarantined: tuple[tuple[int, str], ...] = ()  # seq and code of rows kept aside, of this batch
    forked: bool = False
    session: str | None = None


def encode_ack(ack: Ack) -> bytes:
    """The payload of a receipt."""
    members: dict[str, Any] = {
        "v": ACK_VERSION,
        "gate": ack.gate,
        "epoch": ack.epoch,
        "upto": ack.upto,
        "digest": ack.digest.hex(),
        "at": ack.at,
        "quarantined": [{"seq": seq, "code": code} for seq, code in ack.quarantined],
    }
    if ack.forked:
        members["forked"] = True
    if ack.session is not None:
        members["session"] = ack.session
    return canonical(members).encode()


def read_ack(payload: bytes) -> Ack:
    """Read a payload. Raises ``DocumentError``."""
    top = parse(payload, MAX_ACK_BYTES, "ack")
    top.whole("v", least=ACK_VERSION, most=ACK_VERSION)
    ack = Ack(
        gate=match(top, "gate", GATE),
        epoch=match(top, "epoch", EPOCH),
        upto=top.whole("upto", most=MAX_SEQ),
        digest=bytes.fromhex(match(top, "digest", DIGEST)),
        at=top.whole("at", most=END_OF_TIME),
        quarantined=tuple(_quarantined(top)),
        forked=top.flag("forked", default=False),
        session=match(top, "session", EPOCH) if top.has("session") else None,
    )
    top.done()
    one_form(encode_ack(ack), payload, "ack")
    return ack


def _quarantined(top: Table) -> list[tuple[int, str]]:
    found = []
    for table in top.tables("quarantined", least=0, most=MAX_EVENTS):
        found.append((table.whole("seq", least=1, most=MAX_SEQ), match(table, "code", CODE)))
        table.done()
    return found

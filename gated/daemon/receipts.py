"""Opening central's receipts, whichever way they came."""

from __future__ import annotations

from gated.credential.message import open_message
from gated.daemon.beliefs import Trust
from gated.model.document import DocumentError
from gated.model.refusal import Refusal
from gated.model.statement import Kind
from gated.wire.ack import Ack, read_ack


def open_receipt(token: bytes, gate: str, trust: Trust, floor: int) -> Ack | str:
    """A receipt that central signed for this gate, or the code that says why it is none."""
    payload = open_message(token, Kind.ACK, trust.keys, trust.profile.sector, floor)
    if isinstance(payload, Refusal):
        return f"ack_{payload.reason}"
    try:
        ack = read_ack(payload)
    except DocumentError:
        return "ack_malformed"
    return ack if ack.gate == gate else "ack_foreign"

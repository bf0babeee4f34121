"""MQTT topics (docs/reference/asyncapi.yaml): a gate writes below its own ``up``, reads its own ``down``."""

from __future__ import annotations

import re

ROOT = "gated/v1"
#: Not shared: a retained greeting reaches only who subscribes alone (MQTT 5 section 4.8.2).
ALL_STATES = f"{ROOT}/gate/+/up/state"

_GATE = re.compile(rf"{ROOT}/gate/([^/]+)/up/(events|state|request)\Z")


def shared_events(group: str) -> str:
    """What central's workers subscribe to together: each batch reaches one of them.

    ``group`` is a secret of the office. A broker that judges no subscription hands every second letter to a
    stranger who joins the group, refuses it to them at delivery, and has then delivered it.
    """
    return f"$share/{group}/{ROOT}/gate/+/up/events"


def shared_requests(group: str) -> str:
    """What central's workers subscribe to together: each request is answered by one of them."""
    return f"$share/{group}/{ROOT}/gate/+/up/request"


def events(gate: str) -> str:
    """Where a gate sends batches."""
    return f"{ROOT}/gate/{gate}/up/events"


def state(gate: str) -> str:
    """Where a gate greets, and where its will is published. Retained."""
    return f"{ROOT}/gate/{gate}/up/state"


def request(gate: str) -> str:
    """Where a gate asks."""
    return f"{ROOT}/gate/{gate}/up/request"


def ack(gate: str) -> str:
    """Where central's receipts arrive."""
    return f"{ROOT}/gate/{gate}/down/ack"


def response(gate: str) -> str:
    """Where central's answers arrive: under the topic of the gate that asked, and no other."""
    return f"{ROOT}/gate/{gate}/down/response"


def command(gate: str) -> str:
    """Where signed commands arrive."""
    return f"{ROOT}/gate/{gate}/down/command"


def statement(sector: str) -> str:
    """Where one fresh statement arrives at once."""
    return f"{ROOT}/sector/{sector}/statement"


def head(sector: str) -> str:
    """Where a new head of the feed arrives. Retained."""
    return f"{ROOT}/sector/{sector}/head"


def uses(sector: str) -> str:
    """Where use records arrive as they change."""
    return f"{ROOT}/sector/{sector}/uses"


def gate_of(topic: str) -> tuple[str, str]:
    """(gate, ``events``, ``state`` or ``request``) of a topic that gates write to; else two empty texts."""
    found = _GATE.match(topic)
    return (found[1], found[2]) if found else ("", "")

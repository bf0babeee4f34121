"""An alarm while a gate says that what it knows is stale or expired."""

from __future__ import annotations

from collections.abc import Sequence

from gated.central.ledger import Ledger
from gated.central.ledger_gates import end_alarms, raise_alarm
from gated.model.event import KnowledgeChanged
from gated.model.venue import Freshness
from gated.wire.event import read_body

#: Codes of alarms (docs/reference/central.md), by what the gate says.
KNOWLEDGE = {Freshness.STALE: "knowledge_stale", Freshness.EXPIRED: "knowledge_expired"}


def heed_knowledge(ledger: Ledger, gate: str, epoch: str, bodies: Sequence[str], now: int) -> list[str]:
    """Take in what new rows of a gate say of its knowledge, the last of them; codes that are raised anew."""
    said = [state for body in bodies if (state := _said(body)) is not None]
    if not said:
        return []
    code = KNOWLEDGE.get(said[-1])
    for other in KNOWLEDGE.values():
        if other != code:
            end_alarms(ledger, gate, other)
    return [code] if code is not None and raise_alarm(ledger, gate, epoch, code, now) else []


def _said(body: str) -> Freshness | None:
    """The state in a row of the kind; None = it speaks of something else, or is none."""
    if f'"kind":"{KnowledgeChanged.kind}"' not in body:  # most rows, and reading each would cost more
        return None
    event = read_body(body)
    if event is None or event["kind"] != KnowledgeChanged.kind:
        return None
    return next((state for state in Freshness if state == event.get("state")), None)

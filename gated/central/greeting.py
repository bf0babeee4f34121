"""What a gate that greets is answered."""

from __future__ import annotations

from gated.central import ledger_events as events
from gated.central.ledger import Ledger
from gated.wire.ack import Ack
from gated.wire.event import genesis
from gated.wire.state import State


def answers_to(ledger: Ledger, state: State, now: int) -> list[Ack]:
    """How far central has each epoch that a greeting tells of; of a copied journal, in each history."""
    acks = []
    for told in state.epochs:
        found = events.chains(ledger, state.gate, told.epoch)
        cursors = [(chain.upto, chain.head) for chain in found] or [(0, genesis(state.gate, told.epoch))]
        acks += [
            Ack(state.gate, told.epoch, upto, head, now, forked=len(found) > 1, session=state.session)
            for upto, head in cursors
        ]
    return acks

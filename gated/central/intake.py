"""Taking in what gates told: each batch to its place, all in one transaction, and the receipts for it.

A receipt is made from what the ledger holds, so a batch that is told again gets the same one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet
from itertools import groupby

from gated.central import ledger_events as events
from gated.central.counting import count
from gated.central.epoch import Epoch, Taken
from gated.central.ledger import Ledger
from gated.central.ledger_gates import note_state, raise_alarm
from gated.central.limits import VenueRules
from gated.central.told import Told
from gated.wire.ack import Ack
from gated.wire.event import genesis
from gated.wire.state import State

#: Code of an alarm (docs/reference/central.md).
OVERSPENT = "overspent"
#: Why a believed batch is not taken in: its gate began too many epochs of late.
TOO_MANY_EPOCHS = "too_many_epochs"


def prepare(ledger: Ledger, batches: Iterable[Told]) -> None:
    """Judge the rows that look new, before the right to write is held: that is most of the work."""
    cursors: dict[tuple[str, str], int] = {}
    for told in batches:
        where = told.batch.gate, told.batch.epoch
        if where not in cursors:
            cursors[where] = max((chain.upto for chain in events.chains(ledger, *where)), default=0)
        if told.batch.last > cursors[where]:
            _ = told.codes


def take_in(
    ledger: Ledger,
    batches: Sequence[Told],
    now: int,
    greetings: Sequence[tuple[str, State]] = (),
    answered: AbstractSet[str] = frozenset(),
    rules: VenueRules | None = None,
) -> Taken:
    """Give batches their places and answer greetings (each with its sector), in one transaction.

    Those of gates in ``answered`` are kept, and not answered. What the rows say of uses and of who is inside
    is counted with them, by the ``rules`` of the venues.
    Nothing is acknowledged that is not durable: send the receipts after this has returned, and only then
    tell the broker that the letters are taken. Raises ``StoreError``; then nothing has changed.
    """
    prepare(ledger, batches)
    taken = Taken()
    ordered = sorted(batches, key=lambda told: (told.batch.gate, told.batch.epoch, told.batch.first))
    with ledger.transaction():
        for _, group in groupby(ordered, key=lambda told: (told.batch.gate, told.batch.epoch)):
            _take_epoch(ledger, list(group), now, taken)
        _count(ledger, taken, rules or VenueRules(None), now)
        for sector, state in greetings:
            note_state(ledger, state, now)
            if state.online and state.gate not in answered:
                taken.acks += [(sector, ack) for ack in _answers(ledger, state, now)]
    return taken


def _count(ledger: Ledger, taken: Taken, rules: VenueRules, now: int) -> None:
    if not taken.counted:
        return
    counted = count(ledger, taken.counted, rules, now)
    taken.uses = counted.told
    for gate, epoch in sorted(counted.overspent):
        if raise_alarm(ledger, gate, epoch, OVERSPENT, now):
            taken.alarms.append((gate, epoch, OVERSPENT))


def _take_epoch(ledger: Ledger, batches: Sequence[Told], now: int, taken: Taken) -> None:
    epoch = Epoch(ledger, batches[0], now, taken)
    if epoch.is_one_too_many():
        taken.refused[batches[0].batch.gate, TOO_MANY_EPOCHS] += len(batches)
        return
    for told in batches:
        epoch.offer(told)
    epoch.offer_waiting()
    epoch.finish()


def _answers(ledger: Ledger, state: State, now: int) -> list[Ack]:
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

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
from gated.central.greeting import answers_to
from gated.central.ledger import Ledger
from gated.central.ledger_gates import note_state
from gated.central.limits import VenueRules
from gated.central.told import Told
from gated.wire.state import State

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
        if taken.counted:
            counted = count(ledger, taken.counted, rules or VenueRules(None), now)
            taken.uses = counted.told
            taken.alarms += counted.alarms
        for sector, state in greetings:
            note_state(ledger, state, now)
            if state.online and state.gate not in answered:
                taken.acks += [(sector, ack) for ack in answers_to(ledger, state, now)]
    return taken


def _take_epoch(ledger: Ledger, batches: Sequence[Told], now: int, taken: Taken) -> None:
    epoch = Epoch(ledger, batches[0], now, taken)
    if epoch.is_one_too_many():
        taken.refused[batches[0].batch.gate, TOO_MANY_EPOCHS] += len(batches)
        return
    for told in batches:
        epoch.offer(told)
    epoch.offer_waiting()
    epoch.finish()

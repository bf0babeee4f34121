"""Taking in what gates told: each batch to its place, all in one transaction, and the receipts for it.

A receipt is made from what the ledger holds, so a batch that is told again gets the same one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from itertools import groupby

from gated.central import ledger_events as events
from gated.central.counting import New, count
from gated.central.greeting import answers_to
from gated.central.ledger import Ledger
from gated.central.ledger_events import Gap
from gated.central.ledger_gates import end_alarm, epochs_begun, note_state, raise_alarm
from gated.central.limits import VenueRules
from gated.central.placing import (
    MAX_BRANCHES,
    Belongs,
    Breaks,
    Chain,
    Forks,
    Known,
    Place,
    Resumes,
    Strays,
    Waits,
    place,
)
from gated.central.told import Told
from gated.wire.ack import CHAIN_BROKEN, Ack
from gated.wire.batch import MAX_EVENTS
from gated.wire.event import genesis
from gated.wire.state import State

#: Codes of alarms (docs/reference/central.md).
FORKED, BROKEN, MISSING = "forked", CHAIN_BROKEN, "missing"
#: Why a believed batch is not taken in.
TOO_MANY, TOO_MANY_EPOCHS = "too_many_branches", "too_many_epochs"
#: Epochs that a gate may begin in a day: eight times as many as it tells of in a greeting. A journal that is
#: lost begins one; a gate that loses more of them in a day is broken, or is somebody else.
MAX_NEW_EPOCHS, DAY_S = 64, 86_400


@dataclass(slots=True)
class Taken:
    """What became of a bunch of letters."""

    acks: list[tuple[str, Ack]] = field(default_factory=list)  # each with its sector
    alarms: list[tuple[str, str, str]] = field(default_factory=list)  # first ones: gate, epoch, code
    stored: int = 0  # rows that are new
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)  # by gate and code
    begun: dict[str, int] = field(default_factory=dict)  # epochs of the last day, by gate, where it matters
    counted: list[New] = field(default_factory=list)  # rows that are new and count
    uses: Mapping[str, tuple[int, int]] = field(default_factory=dict)  # use records told: see ``counting``


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
    epoch = _Epoch(ledger, batches[0], now, taken)
    if epoch.is_one_too_many():
        taken.refused[batches[0].batch.gate, TOO_MANY_EPOCHS] += len(batches)
        return
    for told in batches:
        epoch.offer(told)
    epoch.offer_waiting()
    epoch.finish()


_NOT_YET = 0  # the id of a history that is not in the ledger


@dataclass(slots=True)
class _Touch:
    """What a receipt of one history will say."""

    upto: int = 0
    digest: bytes = b""
    aside: dict[int, str] = field(default_factory=dict)


class _Epoch:
    """One epoch of one gate, within a transaction."""

    def __init__(self, ledger: Ledger, any_of_it: Told, now: int, taken: Taken) -> None:
        self._ledger = ledger
        self._gate, self._epoch = any_of_it.batch.gate, any_of_it.batch.epoch
        self._sector = any_of_it.sector
        self._now = now
        self._taken = taken
        self._chains = events.chains(ledger, self._gate, self._epoch)
        if not self._chains:  # in the ledger it begins with the first batch that finds its place
            head = genesis(self._gate, self._epoch)
            self._chains = [Chain(_NOT_YET, self._gate, self._epoch, 0, self._sector, None, 0, 0, head, 0)]
        self._touched: dict[Chain, list[_Touch]] = {}
        self._changed: set[Chain] = set()

    def is_one_too_many(self) -> bool:
        """Whether it is new, and its gate began too many of late."""
        if self._chains[0].id != _NOT_YET:
            return False
        begun = self._taken.begun
        if self._gate not in begun:
            begun[self._gate] = epochs_begun(self._ledger, self._gate, self._now - DAY_S)
        return begun[self._gate] >= MAX_NEW_EPOCHS

    def offer(self, told: Told) -> None:
        """Give a batch its place, or let it wait."""
        where = self._place(told)
        again = isinstance(where, Waits) and events.waits(self._ledger, told)
        if again:
            where = self._place(told, again=True)
        if not isinstance(where, Waits):
            self._keep(told, where)
        elif not again:
            events.let_wait(self._ledger, told)
            if where.forked:
                self._alarm(FORKED)

    def offer_waiting(self) -> None:
        """Give their places to those that waited for what has come now."""
        while True:
            settled = False
            for number, told in events.waiting(self._ledger, self._gate, self._epoch, self._sector):
                where = self._place(told)
                if not isinstance(where, Waits):
                    self._keep(told, where)
                    events.release(self._ledger, number)
                    settled = True
            if not settled:
                return

    def finish(self) -> None:
        """Keep how far the histories have come, and write the receipts."""
        events.save(self._ledger, self._changed)
        forked = len(self._chains) > 1
        ordered = sorted(self._touched, key=lambda chain: chain.branch)
        for chain, touch in ((one, touch) for one in ordered for touch in self._touched[one]):
            aside = sorted(touch.aside.items())
            for at in range(0, max(1, len(aside)), MAX_EVENTS):
                part = tuple(aside[at : at + MAX_EVENTS])
                ack = Ack(self._gate, self._epoch, touch.upto, touch.digest, self._now, part, forked)
                self._taken.acks.append((chain.sector, ack))

    def _place(self, told: Told, *, again: bool = False) -> Place:
        return place(told, self._chains, self._known(), again=again)

    def _known(self) -> Known:
        return lambda chain, first, last: events.known(self._ledger, chain, first, last)

    def _keep(self, told: Told, where: Belongs | Forks | Resumes | Breaks | Strays) -> None:
        if self._chains[0].id == _NOT_YET:
            self._chains[0].id = events.begin(self._ledger, told, 0, self._now).id
            self._taken.begun[self._gate] += 1
        match where:
            case Belongs(chain):
                self._add(chain, told)
            case Breaks(chain):
                self._alarm(BROKEN)
                self._add(chain, told, BROKEN)
            case Resumes(chain):
                self._note_missing(chain, told)
                self._add(chain, told)
            case Forks() | Strays():
                self._alarm(FORKED)
                if len(self._chains) == MAX_BRANCHES:
                    self._taken.refused[self._gate, TOO_MANY] += 1
                    return
                self._branch(told, where)

    def _branch(self, told: Told, where: Forks | Strays) -> None:
        number = len(self._chains)
        if isinstance(where, Forks):
            chain = events.begin(self._ledger, told, number, self._now, parent=where.chain, base=where.base)
            self._chains.append(chain)
            self._add(chain, told)
            return
        chain = events.begin(self._ledger, told, number, self._now)
        self._chains.append(chain)
        if told.batch.first == 1:  # no history begins like this
            self._add(chain, told, BROKEN)
        else:
            self._note_missing(chain, told)
            self._add(chain, told)

    def _note_missing(self, chain: Chain, told: Told) -> None:
        before = told.batch.first - 1
        events.add_gap(self._ledger, chain, Gap(chain.upto + 1, before, told.batch.prev))
        chain.upto, chain.head = before, told.batch.prev
        self._changed.add(chain)
        if chain.branch == 0:  # what a copy lacks is as a rule what it was copied from
            self._alarm(MISSING)

    def _add(self, chain: Chain, told: Told, code: str | None = None) -> None:
        """Keep the rows of a batch that are not here, with what proves them, and remember its receipt."""
        batch = told.batch
        before = self._taken.stored
        for part, first, last in chain.parts(batch.first, batch.last):
            if part.missing:
                self._fill(part, told, first, last)
        if batch.last > chain.upto:
            self._write(chain, told, chain.upto + 1, batch.last, code)
            chain.upto, chain.head = batch.last, told.digests[-1]
        new = self._taken.stored - before
        if new:
            events.add_proof(self._ledger, chain, told)
        if new == len(batch.bodies) and code is None:
            aside = [(seq, why) for seq, why in enumerate(told.codes, batch.first) if why]
        else:
            aside = events.aside(self._ledger, chain, batch.first, batch.last)
        touches = self._touched.setdefault(chain, [_Touch()])
        if BROKEN in dict(aside).values() and 0 < touches[-1].upto < batch.first:
            touches.append(_Touch())  # a gate takes it only when what stands before it is acknowledged
        touch = touches[-1]
        touch.aside.update(aside)
        if batch.last > touch.upto:
            touch.upto, touch.digest = batch.last, told.digests[-1]

    def _write(self, chain: Chain, told: Told, first: int, last: int, code: str | None = None) -> None:
        start = told.batch.first
        codes = told.codes if code is None else (code,) * len(told.batch.bodies)
        events.add_rows(
            self._ledger,
            [
                (chain.id, start + at, told.digests[at], codes[at], told.batch.bodies[at])
                for at in range(first - start, last - start + 1)
            ],
        )
        if chain.branch == 0:
            self._taken.counted += [
                New(chain.sector, chain.gate, chain.epoch, chain.id, start + at, told.batch.bodies[at])
                for at in range(first - start, last - start + 1)
                if codes[at] is None
            ]
        self._taken.stored += last - first + 1
        self._changed.add(chain)

    def _fill(self, chain: Chain, told: Told, first: int, last: int) -> None:
        """Rows of a gap came after all: late, or by another way."""
        for gap in events.gaps(self._ledger, chain, first, last):
            low, high = max(gap.first, first), min(gap.last, last)
            self._write(chain, told, low, high)
            events.remove_gap(self._ledger, chain, gap)
            if gap.first < low:
                events.add_gap(self._ledger, chain, Gap(gap.first, low - 1, told.digest_at(low - 1)))
            if high < gap.last:
                events.add_gap(self._ledger, chain, Gap(high + 1, gap.last, gap.digest))
        if not chain.missing and chain.branch == 0:
            end_alarm(self._ledger, self._gate, self._epoch, MISSING)

    def _alarm(self, code: str) -> None:
        if raise_alarm(self._ledger, self._gate, self._epoch, code, self._now):
            self._taken.alarms.append((self._gate, self._epoch, code))

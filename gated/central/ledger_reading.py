"""Questions to the ledger that people ask: which events came, how far each gate is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gated.central.ledger import Ledger
from gated.central.ledger_events import chains_of
from gated.central.ledger_gates import EnrolledGate, Heard, gates, heard_of
from gated.central.placing import Chain

_CHUNK = 1000
_SELECT = (
    "SELECT event.id, chain.sector, chain.gate, chain.epoch, chain.branch, event.seq, event.code, event.body"
    " FROM event JOIN chain ON chain.id = event.chain"
    " WHERE (?1 IS NULL OR chain.gate = ?1) AND (?2 IS NULL OR chain.sector = ?2) "
)


@dataclass(frozen=True, slots=True)
class KeptEvent:
    """A row as it was told. ``number`` counts in the order of arrival, over all gates.

    ``code`` says why it was kept aside; None = it is an event. ``body`` is then its canonical JSON.
    """

    number: int
    sector: str
    gate: str
    epoch: str
    branch: int
    seq: int
    code: str | None
    body: str

    @property
    def counted(self) -> bool:
        """Whether it counts: nothing kept aside does, and of a copied journal only what was told first."""
        return self.code is None and self.branch == 0


def highest(ledger: Ledger) -> int:
    """The number of the newest row of all; 0 = there is none."""
    return int(ledger.rows("SELECT coalesce(max(id), 0) FROM event")[0][0])


def newest(
    ledger: Ledger, count: int, *, gate: str | None = None, sector: str | None = None
) -> list[KeptEvent]:
    """The newest rows, oldest first."""
    rows = ledger.rows(_SELECT + "ORDER BY event.id DESC LIMIT ?3", (gate, sector, count))
    return [KeptEvent(*row) for row in reversed(rows)]


def after(
    ledger: Ledger, number: int, *, gate: str | None = None, sector: str | None = None
) -> Iterator[KeptEvent]:
    """All rows after a number, in the order of arrival."""
    while True:
        rows = ledger.rows(
            _SELECT + "AND event.id > ?3 ORDER BY event.id LIMIT ?4", (gate, sector, number, _CHUNK)
        )
        for row in rows:
            yield KeptEvent(*row)
        if len(rows) < _CHUNK:
            return
        number = rows[-1][0]


@dataclass(frozen=True, slots=True)
class EpochView:
    """How far an epoch is. ``told``: the newest row that the gate spoke of; ``waiting``: batches ahead."""

    epoch: str
    upto: int
    told: int
    missing: int
    quarantined: int
    branches: int
    waiting: int

    @property
    def unsent(self) -> int:
        """Rows that central waits for."""
        return max(0, self.told - self.upto)


@dataclass(frozen=True, slots=True)
class GateView:
    """A gate, what was heard of it, and its epochs as they began."""

    enrolled: EnrolledGate
    heard: Heard
    epochs: tuple[EpochView, ...]


def overview(ledger: Ledger) -> list[GateView]:
    """Every gate by name, in its newest enrolment."""
    newest_of = {one.gate: one for one in gates(ledger)}
    return [_view(ledger, one) for _, one in sorted(newest_of.items())]


def _view(ledger: Ledger, enrolled: EnrolledGate) -> GateView:
    heard = heard_of(ledger, enrolled.gate)
    told = {} if heard.state is None else {one.epoch: one.last for one in heard.state.epochs}
    chains = chains_of(ledger, enrolled.gate)
    epochs = dict.fromkeys([*(chain.epoch for chain in chains), *told])
    views = []
    for epoch in epochs:
        own = [chain for chain in chains if chain.epoch == epoch]
        upto = own[0].upto if own else 0
        view = EpochView(
            epoch=epoch,
            upto=upto,
            told=max(told.get(epoch, 0), upto),
            missing=own[0].missing if own else 0,
            quarantined=sum(_aside(ledger, chain) for chain in own),
            branches=len(own),
            waiting=_waiting(ledger, enrolled.gate, epoch),
        )
        views.append(view)
    return GateView(enrolled, heard, tuple(views))


def _aside(ledger: Ledger, chain: Chain) -> int:
    rows = ledger.rows("SELECT count(*) FROM event WHERE chain = ? AND code IS NOT NULL", (chain.id,))
    return int(rows[0][0])


def _waiting(ledger: Ledger, gate: str, epoch: str) -> int:
    rows = ledger.rows("SELECT count(*) FROM pending WHERE gate = ? AND epoch = ?", (gate, epoch))
    return int(rows[0][0])

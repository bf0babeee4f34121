"""The very messages that gates signed, made again from the rows here: what was told can be proved later."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cbor2

from gated.central.ledger import Ledger
from gated.central.ledger_events import SignedBatch, bodies, chains_of, signed_batches
from gated.central.ledger_gates import EnrolledGate, gates
from gated.central.placing import Chain
from gated.credential.message import MESSAGE_TYPES, open_message
from gated.model.refusal import Refusal
from gated.model.statement import Kind
from gated.model.trust import COSE_IDS
from gated.wire.batch import Batch, encode_batch
from gated.wire.forms import MAX_SEQ
from gated.wire.seal import deterministic


@dataclass(frozen=True, slots=True)
class Doubt:
    """Rows ``first`` to ``last`` of a history are not what their gate signed."""

    chain: Chain
    first: int
    last: int
    why: str


def message(ledger: Ledger, chain: Chain, batch: SignedBatch, gate: EnrolledGate) -> bytes:
    """A batch as its gate sent it, from the rows that are here."""
    payload = encode_batch(
        Batch(
            chain.gate,
            chain.epoch,
            batch.first,
            batch.prev,
            tuple(bodies(ledger, chain, batch.first, batch.last)),
            batch.erased,
        )
    )
    header = {1: COSE_IDS[gate.algorithm], 3: MESSAGE_TYPES[Kind.EVENTS], 4: batch.kid}
    return deterministic(cbor2.CBORTag(18, [deterministic(header), {}, payload, batch.signature]))


def doubts(ledger: Ledger, gate: str) -> Iterator[Doubt]:
    """Verify every batch of a gate again, with the key of its time, and look for rows that are in none."""
    keys = {enrolled.kid: enrolled for enrolled in gates(ledger) if enrolled.gate == gate}
    chains = chains_of(ledger, gate)
    signed: dict[Chain, list[tuple[int, int]]] = {chain: [] for chain in chains}
    for chain in chains:
        for batch in signed_batches(ledger, chain):
            why = _doubt(ledger, chain, batch, keys.get(batch.kid))
            if why:
                yield Doubt(chain, batch.first, batch.last, why)
            for part, first, last in chain.parts(batch.first, batch.last):
                signed[part].append((first, last))
    for chain, ranges in signed.items():
        for first, last in _between(chain.base + 1, sorted(ranges)):
            rows = bodies(ledger, chain, first, last)
            if rows:
                yield Doubt(chain, first, last, "unsigned")


def _doubt(ledger: Ledger, chain: Chain, batch: SignedBatch, enrolled: EnrolledGate | None) -> str:
    if enrolled is None:
        return "unknown_key"
    token = message(ledger, chain, batch, enrolled)
    opened = open_message(token, Kind.EVENTS, {enrolled.kid: enrolled.key}, chain.sector, 0)
    return opened.reason.value if isinstance(opened, Refusal) else ""


def _between(at: int, ranges: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """What lies before, between and after ranges."""
    for first, last in ranges:
        if at < first:
            yield at, first - 1
        at = max(at, last + 1)
    yield at, MAX_SEQ

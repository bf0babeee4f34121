"""The very messages that gates signed, made again from the rows here: what was told can be proved later."""

from __future__ import annotations

from collections.abc import Iterator
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
from gated.wire.seal import deterministic


@dataclass(frozen=True, slots=True)
class Doubt:
    """A batch whose rows are not what their gate signed."""

    chain: Chain
    batch: SignedBatch
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
    """Verify every batch of a gate again, with the key of its time."""
    keys = {enrolled.kid: enrolled for enrolled in gates(ledger) if enrolled.gate == gate}
    for chain in chains_of(ledger, gate):
        for batch in signed_batches(ledger, chain):
            enrolled = keys.get(batch.kid)
            if enrolled is None:
                yield Doubt(chain, batch, "unknown_key")
                continue
            token = message(ledger, chain, batch, enrolled)
            opened = open_message(token, Kind.EVENTS, {enrolled.kid: enrolled.key}, chain.sector, 0)
            if isinstance(opened, Refusal):
                yield Doubt(chain, batch, opened.reason.value)

"""What a gate told and its signature vouches for, before it has its place in the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from gated.wire.batch import Batch
from gated.wire.defect import defect


@dataclass(frozen=True)
class Told:
    """A batch whose signature held, with what proves it later: ``kid`` (4 bytes) and ``signature`` (64)."""

    sector: str
    kid: bytes
    signature: bytes
    batch: Batch
    payload: bytes

    @cached_property
    def digests(self) -> tuple[bytes, ...]:
        """The digest of each row, in order."""
        return tuple(self.batch.digests())

    @cached_property
    def codes(self) -> tuple[str | None, ...]:
        """What is wrong with each row; None = it is an event. Costs most of what a batch costs."""
        first = self.batch.first
        return tuple(defect(body, seq) or None for seq, body in enumerate(self.batch.bodies, first))

    def digest_at(self, seq: int) -> bytes:
        """The digest of a row of it, or of the one before its first."""
        return self.batch.prev if seq < self.batch.first else self.digests[seq - self.batch.first]

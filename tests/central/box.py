"""A gate as central sees it: a journal, a signing key, and whatever may go wrong between the two."""

from __future__ import annotations

import copy
import random

from gated.central.ledger_gates import enrol_gate
from gated.central.told import Told
from gated.model.statement import Kind
from gated.model.trust import Algorithm
from gated.wire.batch import Batch, encode_batch, read_batch
from gated.wire.event import canonical, digest, genesis
from gated.wire.seal import SigningKey
from gated.wire.state import EpochState, State, encode_state

EPOCH, SESSION = "0123456789abcdef", "00000000000000aa"
NOW = 1_800_000_000


def event(seq: int, **more) -> str:
    """A body that is an event."""
    usual = {
        "v": 1, "seq": seq, "kind": "decided", "at": NOW, "wall": NOW, "boot": EPOCH, "up": seq,
        "clock": "good", "lane": "in-1", "outcome": "granted", "day": 20270115,
        "pass": "00" * 16, "cti": "11" * 8, "product": "swim10", "persons": 1, "cost": 1,
    }  # fmt: skip
    return canonical(usual | more)


class Box:
    """A gate with its journal."""

    def __init__(self, gate: str = "bron-1", sector: str = "pools", epoch: str = EPOCH) -> None:
        self.gate, self.sector, self.epoch = gate, sector, epoch
        self.key = SigningKey.generate(Algorithm.EDDSA)
        self.bodies: list[str] = []
        self.links = [genesis(gate, epoch)]
        self.oldest = 1  # the oldest row that is left

    def enrol(self, ledger, **more) -> Box:
        usual = {"sector": self.sector, "venue": "bron", "serial": "01", "now": 1}
        enrol_gate(ledger, self.gate, kid=self.key.kid, public=self.key.public, **(usual | more))
        return self

    @property
    def last(self) -> int:
        return len(self.bodies)

    def write(self, count: int = 1, **more) -> Box:
        for _ in range(count):
            self.write_body(event(self.last + 1, **more))
        return self

    def write_body(self, body: str) -> Box:
        self.bodies.append(body)
        self.links.append(digest(self.links[-1], body))
        return self

    def copy(self) -> Box:
        """A copied disk: the same key, the same journal so far."""
        other = copy.copy(self)
        other.bodies, other.links = self.bodies[:], self.links[:]
        return other

    def batch(self, first: int = 1, last: int | None = None, **more) -> Batch:
        last = self.last if last is None else last
        usual = {"erased": first == self.oldest > 1, "prev": self.links[first - 1]}
        return Batch(
            self.gate, self.epoch, first, bodies=tuple(self.bodies[first - 1 : last]), **(usual | more)
        )

    def sign(self, payload: bytes, kind: str = "gated/events") -> bytes:
        return self.key.sign(kind, payload)

    def letter(self, *rows, **more) -> bytes:
        return self.sign(encode_batch(self.batch(*rows, **more)))

    def told(self, *rows, **more) -> Told:
        """A batch whose signature was verified."""
        payload = encode_batch(self.batch(*rows, **more))
        signature = self.sign(payload)[-64:]
        return Told(self.sector, self.key.kid, signature, read_batch(payload), payload)

    def cut(self, draw: random.Random, first: int = 1, most: int = 7) -> list[Told]:
        """All rows from ``first`` on, in batches with boundaries of their own."""
        cut = []
        while first <= self.last:
            last = min(self.last, first + draw.randrange(most))
            cut.append(self.told(first, last))
            first = last + 1
        return cut

    def state(self, *, online: bool = True, acked: int = 0, session: str = SESSION, **more) -> State:
        usual = {"epochs": (EpochState(self.epoch, self.oldest, self.last, acked),)}
        return State(self.gate, session, online, NOW, EPOCH, "0.1", 0, **(usual | more))

    def greeting(self, **more) -> bytes:
        return self.sign(encode_state(self.state(**more)), f"gated/{Kind.STATE}")


def rows_of(ledger, box: Box, branch: int = 0) -> dict[int, str]:
    """What the ledger has of a box: seq → body."""
    return dict(
        ledger.rows(
            "SELECT event.seq, body FROM event JOIN chain ON chain.id = chain"
            " WHERE gate = ? AND epoch = ? AND branch = ?",
            (box.gate, box.epoch, branch),
        )
    )


def counted(ledger, box: Box) -> list[int]:
    """The rows that count."""
    return [
        seq
        for (seq,) in ledger.rows(
            "SELECT seq FROM counted WHERE gate = ? AND epoch = ? ORDER BY id", (box.gate, box.epoch)
        )
    ]

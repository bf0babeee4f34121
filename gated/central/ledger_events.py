"""What gates told: chains, events, what proves them, what is missing and what waits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gated.central.ledger import Ledger
from gated.central.placing import Chain
from gated.central.told import Told
from gated.wire.batch import read_batch
from gated.wire.event import genesis
from gated.wire.forms import MAX_SEQ

#: Batches of one gate that may wait for what came before them: twice what a gate has on its way.
MAX_PENDING = 8
_SELECT = "SELECT id, gate, epoch, branch, sector, parent, base, upto, head, missing FROM chain "


@dataclass(frozen=True, slots=True)
class Gap:
    """Rows ``first`` to ``last`` of a chain are not here; ``digest`` is that of the last."""

    first: int
    last: int
    digest: bytes


@dataclass(frozen=True, slots=True)
class SignedBatch:
    """What a gate signed of a chain: rows ``first`` to ``last``, chained to ``prev``."""

    first: int
    last: int
    prev: bytes
    erased: bool
    kid: bytes
    signature: bytes


def chains(ledger: Ledger, gate: str, epoch: str) -> list[Chain]:
    """The histories of an epoch, by branch; empty where nothing was told."""
    return _chains(ledger.rows(_SELECT + "WHERE gate = ? AND epoch = ? ORDER BY id", (gate, epoch)))


def chains_of(ledger: Ledger, gate: str) -> list[Chain]:
    """All histories of a gate, the epochs as they began."""
    return _chains(ledger.rows(_SELECT + "WHERE gate = ? ORDER BY id", (gate,)))


def _chains(rows: Iterable[tuple[Any, ...]]) -> list[Chain]:
    """A parent is older than its branches."""
    found: dict[int, Chain] = {}
    for number, gate, epoch, branch, sector, parent, *rest in rows:
        over = None if parent is None else found[parent]
        found[number] = Chain(number, gate, epoch, branch, sector, over, *rest)
    return list(found.values())


def begin(
    ledger: Ledger, told: Told, branch: int, now: int, *, parent: Chain | None = None, base: int = 0
) -> Chain:
    """A new history: of an epoch, or of another journal under its numbers."""
    gate, epoch = told.batch.gate, told.batch.epoch
    head = genesis(gate, epoch) if parent is None else told.digest_at(base)
    made = ledger.execute(
        "INSERT INTO chain (gate, epoch, branch, sector, parent, base, upto, head, missing, begun_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?)",
        (gate, epoch, branch, told.sector, parent and parent.id, base, base, head, now),
    )
    return Chain(made, gate, epoch, branch, told.sector, parent, base, base, head, 0)


def save(ledger: Ledger, changed: Iterable[Chain]) -> None:
    """Keep how far histories have come."""
    ledger.executemany(
        "UPDATE chain SET upto = ?, head = ?, missing = ? WHERE id = ?",
        [(chain.upto, chain.head, chain.missing, chain.id) for chain in changed],
    )


def add_rows(ledger: Ledger, rows: Sequence[tuple[int, int, bytes, str | None, str]]) -> None:
    """Keep rows: chain, seq, digest, code, body."""
    ledger.executemany("INSERT INTO event (chain, seq, digest, code, body) VALUES (?, ?, ?, ?, ?)", rows)


def add_proof(ledger: Ledger, chain: Chain, told: Told) -> None:
    """Keep what proves the rows of a batch."""
    batch = told.batch
    ledger.execute(
        "INSERT INTO batch (chain, first, last, prev, erased, kid, signature) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (chain.id, batch.first, batch.last, batch.prev, batch.erased, told.kid, told.signature),
    )


def signed_batches(ledger: Ledger, chain: Chain) -> list[SignedBatch]:
    """What proves the rows of a history, as it came."""
    found = ledger.rows(
        "SELECT first, last, prev, erased, kid, signature FROM batch WHERE chain = ? ORDER BY id", (chain.id,)
    )
    return [
        SignedBatch(first, last, prev, bool(erased), kid, signature)
        for first, last, prev, erased, kid, signature in found
    ]


# ------------------------------------------------------------------ what a history knows


def known(ledger: Ledger, chain: Chain, first: int, last: int) -> Mapping[int, bytes]:
    """The digests that a history has of the rows from ``first`` to ``last``; of row 0: its beginning."""
    found = {0: genesis(chain.gate, chain.epoch)} if first == 0 else {}
    for part, low, high in chain.parts(max(first, 1), last):
        rows = ledger.rows(
            "SELECT seq, digest FROM event WHERE chain = ?1 AND seq BETWEEN ?2 AND ?3 UNION ALL"
            " SELECT last, digest FROM missing WHERE chain = ?1 AND last BETWEEN ?2 AND ?3",
            (part.id, low, high),
        )
        found.update(rows)
    return found


def bodies(ledger: Ledger, chain: Chain, first: int, last: int) -> list[str]:
    """The bodies of rows as they were told, in order."""
    found: list[tuple[int, str]] = []
    for part, low, high in chain.parts(first, last):
        found += ledger.rows(
            "SELECT seq, body FROM event WHERE chain = ? AND seq BETWEEN ? AND ?", (part.id, low, high)
        )
    return [body for _, body in sorted(found)]


def aside(ledger: Ledger, chain: Chain, first: int, last: int) -> list[tuple[int, str]]:
    """(seq, code) of rows that were kept aside, in order."""
    found: list[tuple[int, str]] = []
    for part, low, high in chain.parts(first, last):
        found += ledger.rows(
            "SELECT seq, code FROM event WHERE chain = ? AND seq BETWEEN ? AND ? AND code IS NOT NULL",
            (part.id, low, high),
        )
    return sorted(found)


# ------------------------------------------------------------------ what is missing


def gaps(ledger: Ledger, chain: Chain, first: int = 1, last: int = MAX_SEQ) -> list[Gap]:
    """What a history lacks of the rows from ``first`` to ``last``, whole gaps, in order."""
    found = ledger.rows(
        "SELECT first, last, digest FROM missing WHERE chain = ? AND last >= ? AND first <= ? ORDER BY last",
        (chain.id, first, last),
    )
    return [Gap(*row) for row in found]


def add_gap(ledger: Ledger, chain: Chain, gap: Gap) -> None:
    """A history lacks these rows."""
    row = (chain.id, gap.first, gap.last, gap.digest)
    ledger.execute("INSERT INTO missing (chain, first, last, digest) VALUES (?, ?, ?, ?)", row)
    chain.missing += gap.last - gap.first + 1


def remove_gap(ledger: Ledger, chain: Chain, gap: Gap) -> None:
    """It lacks them no longer."""
    ledger.execute("DELETE FROM missing WHERE chain = ? AND last = ?", (chain.id, gap.last))
    chain.missing -= gap.last - gap.first + 1


# ------------------------------------------------------------------ what waits


def waits(ledger: Ledger, told: Told) -> bool:
    """Whether the very same batch waits already."""
    batch = told.batch
    found = ledger.rows(
        "SELECT 1 FROM pending WHERE gate = ? AND epoch = ? AND first = ? AND head = ?",
        (batch.gate, batch.epoch, batch.first, told.digests[-1]),
    )
    return bool(found)


def let_wait(ledger: Ledger, told: Told) -> None:
    """Keep a batch until what it follows is here. Of too many of one gate the oldest is given up."""
    batch = told.batch
    ledger.execute(
        "INSERT OR IGNORE INTO pending (gate, epoch, first, head, kid, signature, payload)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (batch.gate, batch.epoch, batch.first, told.digests[-1], told.kid, told.signature, told.payload),
    )
    ledger.execute(
        "DELETE FROM pending WHERE id IN"
        " (SELECT id FROM pending WHERE gate = ? ORDER BY id DESC LIMIT -1 OFFSET ?)",
        (batch.gate, MAX_PENDING),
    )


def waiting(ledger: Ledger, gate: str, epoch: str, sector: str) -> list[tuple[int, Told]]:
    """(id, batch) of what waits in an epoch, by first row."""
    found = ledger.rows(
        "SELECT id, kid, signature, payload FROM pending WHERE gate = ? AND epoch = ? ORDER BY first, id",
        (gate, epoch),
    )
    return [
        (number, Told(sector, kid, signature, read_batch(payload), payload))
        for number, kid, signature, payload in found
    ]


def release(ledger: Ledger, number: int) -> None:
    """One waits no longer."""
    ledger.execute("DELETE FROM pending WHERE id = ?", (number,))

"""Where a batch belongs among what its gate told before: pure rules over numbers and digests.

A digest names a row *and* everything before it, so one equal digest says that two histories are the same up
to there. A journal has one history; two of them under the same numbers mean that a disk was copied.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from gated.central.told import Told

#: Histories kept of one epoch. A disk is copied once or twice; what comes on top is not taken in.
MAX_BRANCHES = 8


@dataclass(slots=True, eq=False)
class Chain:
    """One history of an epoch, as far as it was told; what is in the ledger as ``chain``.

    Its own rows are those after ``base``; up to there they are those of ``parent``.
    """

    id: int
    gate: str
    epoch: str
    branch: int
    sector: str
    parent: Chain | None
    base: int
    upto: int
    head: bytes  # digest of row ``upto``
    missing: int  # rows that its gaps lack

    def parts(self, first: int, last: int) -> Iterator[tuple[Chain, int, int]]:
        """Which chains have its rows from ``first`` (at least 1) to ``last``, the newest first."""
        chain: Chain | None = self
        while chain is not None and first <= last:
            low = max(first, chain.base + 1)
            if low <= last:
                yield chain, low, last
            last = min(last, chain.base)
            chain = chain.parent


@dataclass(frozen=True, slots=True)
class Belongs:
    """A part of this history, or what follows it."""

    chain: Chain


@dataclass(frozen=True, slots=True)
class Forks:
    """The same as this history up to row ``base``, then another."""

    chain: Chain
    base: int


@dataclass(frozen=True, slots=True)
class Resumes:
    """The gate has no more what lies between this history and the batch."""

    chain: Chain


@dataclass(frozen=True, slots=True)
class Breaks:
    """It has the next number, and is chained to something else."""

    chain: Chain


@dataclass(frozen=True, slots=True)
class Strays:
    """Another history, of which nothing is known before this batch."""


@dataclass(frozen=True, slots=True)
class Waits:
    """What it follows is not here yet. ``forked``: its numbers are taken by other rows."""

    forked: bool


Place = Belongs | Forks | Resumes | Breaks | Strays | Waits

#: The digests that a history has of rows from … to …; it has none of rows that it misses.
Known = Callable[[Chain, int, int], Mapping[int, bytes]]


def place(told: Told, chains: Sequence[Chain], known: Known, *, again: bool = False) -> Place:
    """Where a batch belongs.

    Args:
        told: the batch.
        chains: the histories of its epoch, by branch; at least one.
        known: asks for the digests of rows.
        again: the very same batch waits already. So the gate holds nothing that would join it.

    """
    batch = told.batch
    forks: list[tuple[int, Chain]] = []
    contested = False
    for chain in chains:
        same, other = _compare(told, chain, known)
        if same is not None and not other:
            return Belongs(chain)
        if same is not None:
            forks.append((same, chain))
        contested |= other
    if forks:
        base, chain = max(forks, key=lambda fork: (fork[0], -fork[1].branch))
        return Forks(chain, base)
    behind = [chain for chain in chains if chain.upto + 1 < batch.first]
    at_end = [chain for chain in chains if chain.upto + 1 == batch.first]
    if behind and batch.erased:
        return Resumes(behind[0])
    if at_end and (not behind or again):
        return Breaks(at_end[0])
    if behind or not contested:
        return Waits(forked=False)  # before it, or on both sides of it, rows are lacking
    return Strays() if batch.erased or again else Waits(forked=True)


def _compare(told: Told, chain: Chain, known: Known) -> tuple[int | None, bool]:
    """(newest row up to which both are the same, whether they differ anywhere); None: in no row.

    A history that was broken goes on from another one's digest. So one equal row says nothing of those before
    a break: all that both have are compared.
    """
    batch = told.batch
    before = batch.first - 1
    if chain.upto < before:
        return None, False
    if chain.upto == before:  # the usual case: nothing is asked for
        fits = chain.head == batch.prev
        return (before, False) if fits else (None, True)
    rows = dict(known(chain, before, min(batch.last, chain.upto)))
    link = rows.pop(before, None)
    same = before if link == batch.prev else None
    for seq, digest in sorted(rows.items()):
        if digest != told.digest_at(seq):
            return same, True
        same = seq
    return same, not rows and link is not None and same is None

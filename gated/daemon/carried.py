"""Statements that a medium carries itself: opened like those of the cache, and believed of it alone.

They come from a stranger, so their number is bounded before any is verified. What one of them says must be
about the medium that carries it: a genuine statement copied from another one is told by name (``copied``).
Denials are not taken from media: who could be denied would not carry one, and a lift comes from central.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from gated.card.carried import SCHEME as STATIC
from gated.credential.index import index_of
from gated.credential.statement import open_statement
from gated.daemon.beliefs import Beliefs
from gated.model.credential import Assurance, Credential, Proof
from gated.model.refusal import Reason, Refusal
from gated.model.statement import Binding, Entitlement, Statement
from gated.wire.statement_file import tokens

#: Of one medium: bindings and rights of the sectors of a city.
MAX_CARRIED = 8


class Carried(NamedTuple):
    """What of it counts: a binding of this medium, rights, and why the rest does not."""

    binding: Binding | None = None
    rights: tuple[Entitlement, ...] = ()
    refused: tuple[Refusal, ...] = ()

    @property
    def defects(self) -> list[Refusal]:
        """What is wrong with statements that may be ours. A share for another sector is signed by keys that
        this gate does not know: beside a binding of its own that is no defect.
        """
        return [one for one in self.refused if one.reason not in _OF_OTHERS]


NOTHING = Carried()
_OF_OTHERS = (Reason.UNKNOWN_KEY, Reason.FOREIGN_SECTOR)


def open_carried(proof: Proof, believed: Beliefs, floor: int) -> Carried:
    """Verify what a medium carries. ``floor``: a time that is certainly over, in seconds since 1970."""
    if not proof.carried:
        return NOTHING
    binding: Binding | None = None
    rights, refused = [], []
    for _, found, refusal in each_carried(proof, believed, floor):
        if refusal is not None:
            refused.append(refusal)
        elif isinstance(found, Entitlement):
            rights.append(found)
        elif isinstance(found, Binding) and (binding is None or found.revision > binding.revision):
            binding = found
    return Carried(binding, tuple(rights), tuple(refused))


class Looked(NamedTuple):
    """A statement that a medium carries, as far as it opened, and why it does not count."""

    size: int  # bytes of its token; 0 = it cannot be told
    statement: Statement | None
    refusal: Refusal | None


def each_carried(proof: Proof, believed: Beliefs, floor: int) -> Iterator[Looked]:
    """Verify what a medium carries, one after the other. ``floor``: as in ``open_carried``."""
    for token in islice(tokens(io.BytesIO(proof.carried).read), MAX_CARRIED):
        if isinstance(token, Refusal):
            yield Looked(0, None, token)
            continue
        found = open_statement(token, believed.keys, floor)
        if isinstance(found, Refusal):
            yield Looked(len(token), None, found)
        else:
            yield Looked(len(token), found, _why_not(found, proof, believed))


def _why_not(statement: Statement, proof: Proof, believed: Beliefs) -> Refusal | None:
    """Why a genuine statement does not count on this medium."""
    if statement.sector != believed.profile.sector:
        return Refusal(Reason.FOREIGN_SECTOR, {"sector": statement.sector})
    if isinstance(statement, Binding) and not _is_of(statement, proof.credential, believed.sector_key):
        return Refusal(Reason.COPIED, {"scheme": proof.credential.scheme})
    return None


def _is_of(binding: Binding, credential: Credential, sector_key: bytes) -> bool:
    """Whether it was issued for this medium, and where that proves a key, for that key."""
    if binding.index != index_of(credential, sector_key):
        return False
    if credential.assurance is Assurance.ASYMMETRIC:
        return binding.confirmed_by == credential.value
    return binding.confirmed_by is None


def must_carry(proof: Proof) -> bool:
    """Whether a medium is nobody without a binding of its own: it proves nothing but that."""
    return proof.credential.scheme == STATIC


def why_nobody(carried: Carried, scheme: str) -> Refusal:
    """Why a medium that must carry its binding does not."""
    copied = [one for one in carried.refused if one.reason is Reason.COPIED]
    if carried.refused:
        return (copied or list(carried.refused))[0]
    return Refusal(Reason.UNREADABLE, {"scheme": scheme, "what": "binding"})


def binding_of(proof: Proof, known: Binding | Refusal | None, carried: Carried) -> Binding | Refusal | None:
    """Whose medium it is, by what the cache knows and what it carries: the newest word counts.

    A row of the cache that does not verify refuses, whatever is carried: spoiling it must bring nothing.
    """
    own = carried.binding
    if isinstance(known, Refusal):
        return known
    if own is None and must_carry(proof):
        return why_nobody(carried, proof.credential.scheme)
    if known is None or own is None:
        copied = [one for one in carried.refused if one.reason is Reason.COPIED]
        return known or own or next(iter(copied), None)
    return own if own.revision > known.revision else known


def merged(known: list[Entitlement], carried: Carried, pass_: bytes) -> list[Entitlement]:
    """Rights of a pass from the cache and from its medium; of one id the highest revision counts."""
    best = {right.id: right for right in known}
    for right in carried.rights:
        if right.pass_ == pass_ and (right.id not in best or right.revision > best[right.id].revision):
            best[right.id] = right
    return list(best.values())

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

from gated.credential.index import is_bound
from gated.credential.statement import open_statement
from gated.daemon.beliefs import Beliefs
from gated.model.credential import Proof
from gated.model.refusal import Reason, Refusal
from gated.model.statement import Binding, Entitlement, Statement
from gated.policy.carried import NOTHING, Carried
from gated.wire.statement_file import tokens

#: Of one medium: bindings and rights of the sectors of a city.
MAX_CARRIED = 8


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
    if isinstance(statement, Binding) and not is_bound(statement, proof.credential, believed.sector_key):
        return Refusal(Reason.COPIED, {"scheme": proof.credential.scheme})
    return None

"""What counts of the statements that a medium carries itself, beside what the cache knows."""

from __future__ import annotations

from typing import NamedTuple

from gated.model.credential import Assurance, Proof
from gated.model.refusal import Reason, Refusal
from gated.model.statement import Binding, Entitlement


class Carried(NamedTuple):
    """What was opened of it: a binding of this medium, rights, and why the rest does not count."""

    binding: Binding | None = None
    rights: tuple[Entitlement, ...] = ()
    refused: tuple[Refusal, ...] = ()

    @property
    def defects(self) -> list[Refusal]:
        """What is wrong with statements that may be ours. A share for another sector is signed by keys that
        this gate does not know: beside a binding of its own that is no defect.
        """
        return [one for one in self.refused if one.reason not in _OF_OTHERS]

    @property
    def copied(self) -> Refusal | None:
        """That a binding on it was issued for another medium."""
        return next((one for one in self.refused if one.reason is Reason.COPIED), None)


NOTHING = Carried()
_OF_OTHERS = (Reason.UNKNOWN_KEY, Reason.FOREIGN_SECTOR)


def binding_of(proof: Proof, known: Binding | Refusal | None, carried: Carried) -> Binding | Refusal | None:
    """Whose medium it is, by what the cache knows and what it carries: the newest word counts.

    A row of the cache that does not verify refuses, whatever is carried: spoiling it must bring nothing.
    """
    own = carried.binding
    if isinstance(known, Refusal):
        return known
    # It proves nothing but what it carries: without that a plain tag with its UID would do.
    if own is None and proof.credential.assurance is Assurance.STATIC_SIGNED:
        return _why_nobody(proof.credential.scheme, carried)
    if known is None or own is None:
        return known or own or carried.copied
    return own if own.revision > known.revision else known


def _why_nobody(scheme: str, carried: Carried) -> Refusal:
    if carried.refused:
        return carried.copied or carried.refused[0]
    return Refusal(Reason.UNREADABLE, {"scheme": scheme, "what": "binding"})


def merged(known: list[Entitlement], carried: Carried, pass_: bytes) -> list[Entitlement]:
    """Rights of a pass from the cache and from its medium; of one id the highest revision counts."""
    best = {right.id: right for right in known}
    for right in carried.rights:
        if right.pass_ == pass_ and (right.id not in best or right.revision > best[right.id].revision):
            best[right.id] = right
    return list(best.values())

"""Rows of pages are not opened when they arrive; those that outlive their head are."""

from __future__ import annotations

from gated.model.refusal import Reason, Refusal
from gated.model.statement import KIND_NUMBERS, Kind, place_of
from gated.model.trust import KeySet
from gated.store.purge import Placed


def is_genuine(row: Placed, keys: KeySet, floor: int, sector: str) -> bool:
    """Whether a row that the feed does not know is what somebody issued for its place."""
    from gated.credential.statement import open_statement  # noqa: PLC0415  # few builds need the weight of it

    opened = open_statement(row.token, keys, floor)
    if isinstance(opened, Refusal):
        # Genuine once: a denial outlives the key that signed it.
        return opened.reason is Reason.KEY_NOT_VALID and row.kind == KIND_NUMBERS[Kind.DENIAL]
    kind, row_id = place_of(opened)
    place = (opened.key, KIND_NUMBERS[kind], row_id, opened.rank)
    return opened.sector == sector and place == row[:4]

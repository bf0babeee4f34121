"""What a statement weighs: a million of them lie on a gate, some on a chip of 200 bytes."""

from __future__ import annotations

import pytest

import forge as f


@pytest.mark.parametrize(
    ("kind", "claims", "most"),
    [(f.ENTITLEMENT, f.entitlement(), 180), (f.BINDING, f.binding(), 190), (f.DENIAL, f.denial(), 150)],
    ids=["entitlement", "binding", "denial"],
)
def test_a_typical_statement_stays_small(kind, claims, most):
    assert len(f.token(f.POOLS, kind, claims)) <= most

"""What a statement weighs: a million of them lie on a gate, some on a chip of 200 bytes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import forge as f


@pytest.mark.parametrize(
    ("kind", "claims", "most"),
    [(f.ENTITLEMENT, f.entitlement(), 180), (f.BINDING, f.binding(), 190), (f.DENIAL, f.denial(), 150)],
    ids=["entitlement", "binding", "denial"],
)
def test_a_typical_statement_stays_small(kind, claims, most):
    assert len(f.token(f.POOLS, kind, claims)) <= most


PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "statements.md").read_text()
TOLD = {
    "denial": (f.DENIAL, f.denial()),
    "binding without end": (f.BINDING, f.binding({4: ...})),
    "the same with `cnf`": (f.BINDING, f.binding({4: ..., 8: {3: bytes(32)}})),
    "entitlement with an end": (f.ENTITLEMENT, f.entitlement()),
    "the same with hours `Mo-Fr 07:00-09:00` and one use a day": (
        f.ENTITLEMENT,
        f.entitlement({}, {6: 1, 8: f.HOURS}),
    ),
    "the same with three shares (`bron`, `nord`, `vaise`)": (
        f.ENTITLEMENT,
        f.entitlement({}, {7: {"bron": 4, "nord": 1, "vaise": 1}}),
    ),
    "entitlement that says everything, with two venues": (f.ENTITLEMENT, f.full_entitlement()),
}


@pytest.mark.parametrize("key", [f.POOLS, f.POOLS_P256], ids=["EdDSA", "ES256"])
def test_the_sizes_that_are_told_are_true(key):
    table = PAGE.partition("\n## Sizes\n")[2]
    told = {name: int(size) for name, size in re.findall(r"^\| ([^|]+) \| (\d+) \|$", table, re.MULTILINE)}
    assert told == {name: len(f.token(key, *what)) for name, what in TOLD.items()}

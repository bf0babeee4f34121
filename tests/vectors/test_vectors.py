"""Every vector does what its name says, and the generator still makes the same bytes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gated.credential.keys import read_keys
from gated.credential.statement import open_statement
from gated.model.refusal import Refusal
from vectors import make_vectors

HERE = Path(__file__).parent
KEYS = read_keys(json.loads((HERE / "keys.json").read_text()))
FILE = json.loads((HERE / "statements.json").read_text())


@pytest.mark.parametrize("case", FILE["statements"], ids=lambda case: case["name"])
def test_the_vector_opens_or_is_refused_as_it_says(case):
    opened = open_statement(bytes.fromhex(case["token"]), KEYS, FILE["floor"])
    got = str(opened.reason) if isinstance(opened, Refusal) else type(opened).__name__.lower()
    assert case["expect"] == got, opened


def test_no_two_vectors_bear_one_name():
    names = [case["name"] for case in FILE["statements"]]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", ["keys.json", "statements.json"])
def test_the_generator_makes_these_very_bytes(name):
    assert make_vectors.files()[name] == (HERE / name).read_text()

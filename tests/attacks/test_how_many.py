"""That the attacks are there: each kind that a thief of keys, disks, sticks and brokers would try first."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LEAST = 40
#: By kind: what the ids of its attacks match, at least one each.
KINDS = {
    "rollback": (
        *(f"trust.*rollback of the {part}" for part in ("timestamp", "snapshot", "targets")),
        "trust.*older_folder",
        "feed.*rolled_back",
        "feed.*position_that_goes_back",
        "uses.*older",
        "command.*overtaken",
        "trust.*older profile",
    ),
    "freeze": ("trust.*timestamp_expired", "feed.*expired", "uses.*throws_all_changes_away"),
    "mix and match": ("trust.*mix and match", "feed.*manifest_of_another_head"),
    "fast forward": ("trust.*fast_forward", "feed.*beyond_all_numbers", "command.*end_all_counting"),
    "key compromise and rotation": ("trust.*stolen", "trust.*key_that_was_replaced", "time.*stolen_key"),
    "threshold": ("trust.*too few of the old", "trust.*too few of the new", "trust.*stands twice"),
    "scope": ("trust.*never_signs_for_museums", "feed.*of_a_key_for_receipts", "uses.*without_the_kind"),
    "endless data": ("trust.*endless", "feed.*endless", "command.*endless", "stick.*endless"),
    "wrong file": ("trust.*wrong file", "feed.*page_of_another_sector"),
    "gap": ("feed.*gap", "uses.*gap"),
    "replaced page": ("feed.*page_replaced", "stick.*replaced_page"),
    "forged head": ("feed.*broken_signature", "feed.*unknown_key", "stick.*head_signed_by_a_stranger"),
    "last month's stick": ("stick.*last_month", "trust.*last_month"),
    "shrunken use record": ("uses.*shrunken",),
    "wrong clock": tuple(
        f"time.*{clock}"
        for clock in ("a day behind", "a day ahead", "20 years behind", "20 years ahead", "1970")
    ),
    "command": tuple(f"command.*{way}" for way in ("replayed", "of_another_gate", "late", "unsigned")),
}


@pytest.fixture(scope="module")
def ids():
    """Every attack, by the id of its test."""
    words = ["--collect-only", "-q", "-p", "no:cacheprovider", "tests/attacks"]
    told = subprocess.run(
        [sys.executable, "-m", "pytest", *words], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout
    found = [line.partition("tests/attacks/test_")[2] for line in told.splitlines() if "::" in line]
    return [one for one in found if not one.startswith("how_many")]


def test_there_are_enough(ids):
    assert len(set(ids)) == len(ids)
    assert len(ids) >= LEAST


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_tried(ids, kind):
    assert [] == [wanted for wanted in KINDS[kind] if not any(re.match(wanted, one) for one in ids)]

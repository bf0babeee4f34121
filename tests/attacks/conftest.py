"""A gate for each attack; and whatever an attack was refused with must be explained to people."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from attacked import Attacked
from gated.store.directory import JOURNAL

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture
def attacked(tmp_path):
    """A gate whose only correspondent is the attacker."""
    made = Attacked(tmp_path)
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _every_code_is_explained(tmp_path):
    """What gates of an attack journaled as not believed stands in the documentation."""
    yield
    pages = "".join(page.read_text() for page in DOCS.rglob("*.md"))
    told = {told for journal in tmp_path.rglob(JOURNAL) for told in _unbelieved(journal)}
    assert [] == sorted(
        (what, code) for what, code in told if f"`{code}`" not in pages and f"`{what}_{code}`" not in pages
    )


def _unbelieved(journal):
    with closing(sqlite3.connect(journal)) as connection:
        bodies = connection.execute("SELECT body FROM event").fetchall()
    events = [json.loads(body) for (body,) in bodies]
    return [(event["what"], event["code"]) for event in events if event["kind"] == "unbelieved"]

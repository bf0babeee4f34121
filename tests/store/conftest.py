"""A journal of its own for each test that asks for one."""

from __future__ import annotations

import pytest

from store.test_journal import open_journal


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.db"


@pytest.fixture
def journal(path):
    made = open_journal(path)
    made.start()
    yield made
    made.stop(10)

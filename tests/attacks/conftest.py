"""A gate for each attack."""

from __future__ import annotations

import pytest

from attacked import Attacked


@pytest.fixture
def attacked(tmp_path):
    """A gate whose only correspondent is the attacker."""
    made = Attacked(tmp_path)
    yield made
    made.close()

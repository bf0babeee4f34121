"""docs/reference/central.md says what the ledger has and every code that a person may meet."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path

import gated
from gated.central import epoch, intake, opening, overspending
from gated.central.ledger import Ledger
from gated.model.refusal import Reason

SOURCES = Path(gated.__file__).parent
TEXT = (Path(__file__).parents[2] / "docs" / "reference" / "central.md").read_text()


def test_every_table_and_column_is_explained(tmp_path):
    with closing(Ledger(tmp_path / "central.db")) as ledger:
        tables = ledger.rows(
            "SELECT name FROM sqlite_master WHERE type IN ('table', 'view')"
            " AND name NOT LIKE 'sqlite%' AND name NOT LIKE '_sqlite%'"
        )
        described = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", TEXT.partition("## Tables")[2], re.MULTILINE))
        assert {name for (name,) in tables} == described.keys()
        for name, text in described.items():
            columns = [column for (column,) in ledger.rows("SELECT name FROM pragma_table_info(?)", (name,))]
            assert [] == [column for column in columns if f"`{column}`" not in text], name


def test_every_code_is_explained():
    aside = [*re.findall(r'return "(\w+)"', (SOURCES / "wire" / "defect.py").read_text()), "wrong_seq"]
    refused = re.findall(r'Unbelieved\(\w+, "(\w+)"\)', (SOURCES / "central" / "opening.py").read_text())
    assert 5 <= len(refused)
    assert 4 <= len(aside)
    codes = {
        *aside,
        *refused,
        epoch.TOO_MANY,
        intake.TOO_MANY_EPOCHS,
        opening.TOO_MANY_STATES,
        epoch.BROKEN,
    }
    codes |= {reason for reason in Reason if reason in ("bad_signature", "unknown_key", "out_of_scope")}
    assert set() == {code for code in codes if f"`{code}`" not in TEXT}


def test_every_alarm_has_its_heading():
    for code in (epoch.FORKED, epoch.BROKEN, epoch.MISSING, overspending.OVERSPENT):
        assert f"### {code}\n" in TEXT

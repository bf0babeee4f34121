"""What ``journal verify`` finds, and that it names the row."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from gated.errors import StoreError
from gated.model.event import Settlement, Stopped
from gated.store.chain import JournalReader
from gated.store.connection import open_writer
from gated.store.schema import journal_migrations
from store.test_journal import GRANT, RESERVE, STAMP, defects, open_journal, settled


@pytest.fixture
def path(tmp_path):
    """Eight rows: two grants, settled, and others between."""
    journal = open_journal(tmp_path / "journal.db")
    journal.start()
    for outcome in (Settlement.TAKEN, Settlement.NOT_TAKEN):
        seq = journal.append(GRANT, STAMP, RESERVE).wait(10)
        journal.append(Stopped(), STAMP).wait(10)
        journal.append(settled(seq, outcome), STAMP).wait(10)
        journal.append(Stopped(), STAMP).wait(10)
    journal.stop(10)
    return tmp_path / "journal.db"


def edit(path, sql, *values):
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(sql, values)


def test_a_whole_journal_has_no_defect(path):
    assert [] == defects(path)


@pytest.mark.parametrize("seq", [1, 4, 8])
def test_an_edited_row_is_named(path, seq):
    edit(path, "UPDATE event SET body = replace(body, '\"at\":18', '\"at\":17') WHERE id = ?", seq)
    assert [f"epoch 00000000000000e1: row {seq} was changed"] == defects(path)


@pytest.mark.parametrize("seq", [2, 4])
def test_a_deleted_row_is_named(path, seq):
    edit(path, "DELETE FROM event WHERE id = ?", seq)
    assert [f"epoch 00000000000000e1: row {seq} is missing"] == defects(path)


def test_the_deleted_last_row_is_named(path):
    edit(path, "DELETE FROM event WHERE id = 8")
    assert ["epoch 00000000000000e1: row 8 is missing at the end"] == defects(path)


def test_a_deleted_first_row_is_named(path):
    edit(path, "DELETE FROM event WHERE id = 1")
    assert "epoch 00000000000000e1: row 1 is missing" in defects(path)


def test_an_appended_row_is_named(path):
    edit(path, "INSERT INTO event SELECT 9, body, digest FROM event WHERE id = 8")
    assert any("row 9" in defect for defect in defects(path))


def test_an_exchanged_digest_is_named(path):
    edit(path, "UPDATE event SET digest = zeroblob(32) WHERE id = 8")
    assert any("row 8" in defect for defect in defects(path))


def test_a_changed_epoch_is_named(path):
    edit(path, "UPDATE epoch SET gate = 'gate-2'")
    assert "epoch 1: its beginning was changed" in defects(path)


def test_a_second_settlement_is_named(path):
    edit(path, "UPDATE event SET body = replace(body, '\"decision\":5', '\"decision\":1') WHERE id = 7")
    assert "epoch 00000000000000e1: row 7 settles row 1 a second time" in defects(path)


def test_a_settlement_of_nothing_is_named(path):
    edit(path, "UPDATE event SET body = replace(body, '\"decision\":5', '\"decision\":2') WHERE id = 7")
    assert "epoch 00000000000000e1: row 7 settles row 2, which granted nothing" in defects(path)


def test_a_lost_reservation_is_named(tmp_path, path):
    journal = open_journal(path)
    journal.start()
    journal.append(GRANT, STAMP, RESERVE).wait(10)
    journal.stop(10)
    edit(path, "DELETE FROM reservation")
    assert "epoch 00000000000000e1: the grant in row 9 is neither settled nor open" in defects(path)


def test_an_invented_reservation_is_named(path):
    edit(
        path,
        "INSERT INTO reservation (id, lane, cti, venue, day, uses, persons)"
        " VALUES (2, 'in-1', zeroblob(8), 'bron', 20270115, 1, 1)",
    )
    assert "epoch 00000000000000e1: row 2 is noted as open and is not" in defects(path)


def test_an_edited_counter_is_named(path):
    edit(path, "UPDATE counter SET taken = taken + 1")
    assert any("counter" in defect for defect in defects(path))


def test_noise_in_a_body_is_a_defect_and_no_traceback(path):
    edit(path, "UPDATE event SET body = 'noise' WHERE id = 3")
    assert "epoch 00000000000000e1: row 3 was changed" in defects(path)


def test_erased_rows_leave_an_anchor_that_the_chain_goes_on_from(path):
    edit(path, "INSERT INTO anchor SELECT 1, id, digest FROM event WHERE id = 4")
    edit(path, "DELETE FROM event WHERE id <= 4")
    assert [] == defects(path)


def test_what_is_not_yet_told_is_found_by_the_primary_key(path):
    with closing(sqlite3.connect(path)) as connection, connection:
        plan = connection.execute(
            "EXPLAIN QUERY PLAN SELECT id, body FROM event WHERE id > ? ORDER BY id LIMIT 200", (4,)
        ).fetchall()
    assert ["SEARCH event USING INTEGER PRIMARY KEY (rowid>?)"] == [step[3] for step in plan]


def test_a_journal_that_is_not_there_says_so(tmp_path):
    with pytest.raises(StoreError, match="is not there"):
        JournalReader(tmp_path / "none.db")


def test_a_journal_that_is_just_being_made_says_so(tmp_path):
    open_writer(tmp_path / "journal.db", journal_migrations).close()
    with pytest.raises(StoreError, match="has not begun yet"):
        JournalReader(tmp_path / "journal.db")


def test_a_file_that_is_no_journal_says_so(tmp_path):
    (tmp_path / "journal.db").write_bytes(b"noise" * 1000)
    with pytest.raises(StoreError, match="cannot be read"):
        JournalReader(tmp_path / "journal.db")


def test_the_view_for_people_tells_epoch_seq_and_reason(path):
    with closing(sqlite3.connect(path)) as connection, connection:
        row = connection.execute("SELECT epoch, seq, kind, outcome FROM events WHERE seq = 1").fetchone()
    assert ("00000000000000e1", 1, "decided", "granted") == row

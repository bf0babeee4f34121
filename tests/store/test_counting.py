"""What a settlement leaves counted: uses, when they were paid, and who is inside."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace

import pytest
from sqlite_utils import Database

from gated.errors import StoreError
from gated.model.event import Settlement, Stopped
from gated.store.chain import JournalReader
from gated.store.connection import open_writer
from gated.store.epoch import begin_epoch_if_needed, read_head
from gated.store.schema import journal_migrations
from gated.store.ticket import Reservation
from gated.wire.event import body, digest
from store.test_journal import CTI, GRANT, KEPT, NOW, STAMP, defects, open_journal, rows, settled

SHIFT = 20270115
PASS = bytes(16)
FAMILY = Reservation("in-1", CTI, "bron", 20270115, 4, 4, KEPT, PASS, "pool", SHIFT, NOW)


def grant(journal, reserve=FAMILY):
    event = replace(GRANT, persons=reserve.persons, cost=reserve.uses)
    return journal.append(event, STAMP, reserve).wait(10)


def settle(journal, seq, outcome, persons, uses=None):
    journal.append(replace(settled(seq, outcome), persons=persons, uses=uses), STAMP).wait(10)


def table(path, name):
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(f"SELECT * FROM {name}").fetchall()


def tables(path):
    """(uses taken and when paid, presence, occupancy); None where there is no row."""
    counters, presence, occupancy = (table(path, name) for name in ("counter", "presence", "occupancy"))
    assert [] == table(path, "reservation")
    assert [] == defects(path)
    return (
        (counters[0][3], counters[0][5]) if counters else None,
        (presence[0][3], presence[0][4]) if presence else None,
        occupancy[0][1] if occupancy else None,
    )


TAKEN, NOT_TAKEN, UNKNOWN = Settlement.TAKEN, Settlement.NOT_TAKEN, Settlement.UNKNOWN
LEFT = {
    "all passed": (4, (TAKEN, 4), (4, NOW), (4, NOW), 4),
    "some passed": (4, (TAKEN, 3, 3), (3, NOW), (3, NOW), 3),
    "one use for all, some passed": (1, (TAKEN, 2), (1, NOW), (2, NOW), 2),
    "a use is kept whoever passed": (4, (TAKEN, 1, 4), (4, NOW), (1, NOW), 1),
    "none kept": (4, (TAKEN, 4, 0), None, (4, NOW), 4),
    "a free entry": (0, (TAKEN, 4), None, (4, NOW), 4),
    "nobody passed": (4, (NOT_TAKEN, 4), None, None, None),
    "nobody passed and it was free": (0, (NOT_TAKEN, 4), None, None, None),
    "nobody knows": (4, (UNKNOWN, 4), (4, NOW), None, None),
    "nobody knows of a free entry": (0, (UNKNOWN, 4), None, None, None),
}


@pytest.mark.parametrize("name", LEFT)
def test_what_a_settlement_leaves(journal, path, name):
    reserved, told, *left = LEFT[name]
    settle(journal, grant(journal, FAMILY._replace(uses=reserved)), *told)
    assert tuple(left) == tables(path)


def test_what_nobody_knows_costs_nothing_where_the_profile_says_so(path):
    journal = open_journal(path, unknown_counts=False)
    journal.start()
    settle(journal, grant(journal), UNKNOWN, 4)
    journal.stop(10)
    assert (None, None, None) == tables(path)


@pytest.mark.parametrize(("persons", "uses"), [(5, None), (4, 5), (-1, None), (4, -1), (5, 4)])
def test_no_more_is_kept_than_was_reserved(journal, path, persons, uses):
    seq = grant(journal)
    with pytest.raises(StoreError, match="reserved 4 uses for 4 persons"):
        settle(journal, seq, TAKEN, persons, uses)
    assert ["decided"] == [row["kind"] for row in rows(path)]
    assert 1 == len(table(path, "reservation"))
    settle(journal, seq, TAKEN, 4)  # and the right one still finds it
    assert ((4, NOW), (4, NOW), 4) == tables(path)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_the_newest_entry_counts_in_whatever_order_they_are_settled(journal, path, order):
    granted = [grant(journal, FAMILY._replace(at=at)) for at in (NOW, NOW + 60)]
    for place in order:
        settle(journal, granted[place], TAKEN, 4)
    assert ((8, NOW + 60), (8, NOW + 60), 8) == tables(path)


def test_an_entry_that_cost_nothing_opens_no_new_time(journal, path):
    settle(journal, grant(journal), TAKEN, 4)
    settle(journal, grant(journal, FAMILY._replace(uses=0, at=NOW + 60)), TAKEN, 4)
    assert ((4, NOW), (8, NOW + 60), 8) == tables(path)


def test_a_release_without_a_pass_fills_the_venue_and_is_nobodys_presence(journal, path):
    settle(journal, grant(journal, FAMILY._replace(pass_=None)), TAKEN, 4)
    assert ((4, NOW), None, 4) == tables(path)


def test_each_zone_and_each_service_day_is_counted_apart(journal, path):
    for zone, shift in (("pool", SHIFT), ("sauna", SHIFT), ("pool", SHIFT + 1)):
        settle(journal, grant(journal, FAMILY._replace(zone=zone, shift=shift)), TAKEN, 4)
    assert [(SHIFT, 8, 8, 0), (SHIFT + 1, 4, 4, 0)] == table(path, "occupancy")
    assert {("pool", SHIFT), ("sauna", SHIFT), ("pool", SHIFT + 1)} == {
        row[1:3] for row in table(path, "presence")
    }


@pytest.mark.parametrize(
    ("shift", "left"),
    [
        (0, [20261231, 20270131, 20270201]),
        (20270131, [20270131, 20270201]),
        (20270201, [20270131, 20270201]),
        (20270202, [20270201]),
        (20270203, []),
        (20280229, []),
    ],
)
def test_who_was_inside_is_forgotten_when_the_service_day_after_is_over(journal, path, shift, left):
    for one in (20261231, 20270131, 20270201):
        settle(journal, grant(journal, FAMILY._replace(shift=one)), TAKEN, 4)
    journal.forget_counters(NOW, shift).wait(10)
    assert left == [row[2] for row in table(path, "presence")]
    assert left == [row[0] for row in table(path, "occupancy")]
    assert [12] == [row[3] for row in table(path, "counter")]


# ------------------------------------------------------------------ a file of the release before


@pytest.fixture
def old(path):
    """A journal as the release before left it: a counter, a grant that was taken and one that is open."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    journal_migrations.apply(Database(connection), stop_before="0003_inside")
    begin_epoch_if_needed(connection, "gate-1", "m1", "00000000000000e1", NOW)
    row_id, link, _, _ = read_head(connection)
    for event in (GRANT, settled(1), GRANT):
        row_id += 1
        text = body(event, row_id, STAMP)
        link = digest(link, text)
        connection.execute("INSERT INTO event VALUES (?, ?, ?)", (row_id, text, link))
    connection.execute("UPDATE head SET id = ?, digest = ?", (row_id, link))
    connection.execute("INSERT INTO counter VALUES (?, 'bron', 20270115, 1, ?)", (CTI, KEPT))
    connection.execute(
        "INSERT INTO reservation VALUES (3, 'in-1', ?, 'bron', 20270115, 1, 1, ?)", (CTI, KEPT)
    )
    connection.close()
    return path


def test_a_file_of_the_release_before_is_read_as_it_is(old):
    assert [] == defects(old)
    with closing(JournalReader(old)) as reader:
        assert 0 == reader.inside(SHIFT)
        assert 1 == reader.summary().unsettled


@pytest.mark.parametrize(("outcome", "taken"), [(TAKEN, 2), (NOT_TAKEN, 1), (UNKNOWN, 2)])
def test_a_release_that_the_release_before_left_open_settles_rightly(old, outcome, taken):
    journal = open_journal(old)
    assert [(3, 1)] == [(left.decision, left.persons) for left in journal.unsettled()]
    journal.start()
    settle(journal, 3, outcome, 1)
    counter, presence, _ = tables(old)
    assert ((taken, None), None) == (counter, presence)  # when it was paid is not known
    settle(journal, grant(journal), TAKEN, 4)
    assert ((taken + 4, NOW), (4, NOW)) == tables(old)[:2]
    journal.stop(10)


def test_such_a_release_becomes_unknown_at_the_start(old):
    journal = open_journal(old)
    assert 1 == journal.settle_unsettled(STAMP)
    journal.stop(10)
    assert ((2, None), None, None) == tables(old)


def test_a_file_that_was_brought_up_to_date_has_the_tables_of_a_new_one(old, tmp_path):
    def shape(place):
        connection = open_writer(place, journal_migrations, 1024)
        names = ("counter", "reservation", "presence", "occupancy")
        found = [connection.execute(f"PRAGMA table_info({name})").fetchall() for name in names]
        connection.close()
        return found

    assert shape(tmp_path / "new.db") == shape(old)


# ------------------------------------------------------------------ for people


def test_how_many_are_inside_is_told_without_whoever_is_just_let_in(journal, path):
    with closing(JournalReader(path)) as reader:
        assert 0 == reader.inside(SHIFT)
        settle(journal, grant(journal), TAKEN, 3, 3)
        grant(journal)
        assert 3 == reader.inside(SHIFT)
        assert 0 == reader.inside(SHIFT + 1)


def test_text_in_the_occupancy_ends_no_status(journal, path):
    settle(journal, grant(journal), TAKEN, 4)
    journal.append(Stopped(), STAMP).wait(10)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA ignore_check_constraints=ON")
        connection.execute("UPDATE occupancy SET inside = 'many'")
    with closing(JournalReader(path)) as reader:
        assert 0 == reader.inside(SHIFT)

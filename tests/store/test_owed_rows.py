"""Rows that must land: in order, once, before anything else, however often the disk refuses them."""

from __future__ import annotations

import resource
import sqlite3
from contextlib import closing, contextmanager

import pytest

from gated.errors import StoreError
from gated.model.event import Exited, Forced, LaneCause, LaneChanged, LaneState, Settlement, Stopped
from gated.store.journal_file import Draft, JournalFile
from gated.store.owed import MAX_OWED, TOGETHER, Owed
from gated.store.ticket import Move
from gated.store.writer import Writer
from store.test_journal import GRANT, NOW, RESERVE, STAMP, defects, open_journal, rows, settled
from store.test_journal_failures import Failing, fail
from venue import until

SHIFT = 20270115
PASS = bytes(16)
HERE = RESERVE._replace(persons=1, pass_=PASS, zone="pool", shift=SHIFT, at=NOW)


def out(persons, pass_=None, lane="out-1"):
    """People leave."""
    return Exited(lane, persons, pass_), STAMP, None, Move(SHIFT, "pool", pass_, -persons)


def told(path):
    """Kind of each row, with its people or the row that it settles."""
    return [(row["kind"], row.get("decision", row.get("persons"))) for row in rows(path)]


def counted(path):
    """(occupancy, presence) as the tables have them."""
    with closing(sqlite3.connect(path)) as connection:
        return tuple(
            connection.execute(f"SELECT coalesce(sum(inside), 0) FROM {table}").fetchone()[0]
            for table in ("occupancy", "presence")
        )


def come_in(journal):
    """Somebody comes in after a tap."""
    seq = journal.append(GRANT, STAMP, HERE).wait(10)
    journal.append(settled(seq), STAMP).wait(10)
    return seq


@contextmanager
def no_disk(journal):
    """From the next row on, nothing is written and the file cannot be opened either."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)

    def no_more_files():
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))

    fail(journal, "BEGIN IMMEDIATE", before=True, meanwhile=no_more_files)
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


def refused(ticket):
    with pytest.raises(StoreError):
        ticket.wait(10)


def test_whoever_goes_in_or_out_is_counted_with_the_row(journal, path):
    come_in(journal)
    come_in(journal)
    assert (2, 2) == counted(path)
    journal.append(Forced("in-1", 3), STAMP, None, Move(SHIFT, "pool", None, 3)).wait(10)
    assert (5, 2) == counted(path)
    journal.append(*out(1, PASS)).wait(10)
    assert (4, 1) == counted(path)
    journal.append(*out(2)).wait(10)
    assert (2, 1) == counted(path)
    journal.append(*out(9, PASS)).wait(10)
    assert (0, 0) == counted(path)


def test_whoever_leaves_and_was_not_seen_coming_leaves_nobody_less_than_nobody(journal, path):
    """Another gate of the venue may have seen them come: that they went is kept for the sum."""
    journal.append(*out(1, PASS)).wait(10)
    with closing(sqlite3.connect(path)) as connection:
        for table in ("presence", "occupancy"):
            assert [(0, 0, 1)] == connection.execute(f"SELECT inside, come, gone FROM {table}").fetchall()


def test_a_row_that_insists_is_written_after_a_failure_and_its_people_with_it(journal, path):
    come_in(journal)
    fail(journal, "COMMIT", before=True)
    refused(journal.append(*out(1, PASS), insist=True))
    assert until(lambda: ("exited", 1) in told(path))  # nobody tapped: it came by itself
    assert (0, 0) == counted(path)
    assert [] == defects(path)


def test_a_row_that_does_not_insist_is_lost_with_a_failure_and_its_people_with_it(journal, path):
    come_in(journal)
    fail(journal, "COMMIT", before=True)
    refused(journal.append(*out(1, PASS)))
    journal.append(Stopped(), STAMP).wait(10)
    assert ["decided", "settled", "stopped"] == [kind for kind, _ in told(path)]
    assert (1, 1) == counted(path)


def test_of_a_grant_that_the_disk_did_not_take_nothing_is_owed(journal, path, caplog):
    fail(journal, "COMMIT", before=True)
    refused(journal.append(GRANT, STAMP, HERE))
    assert 1 == journal.append(Stopped(), STAMP).wait(10)
    assert [True] == ["SQLITE_IOERR" in record.message for record in caplog.records]


def test_a_row_that_insists_and_stands_though_its_commit_failed_is_not_written_again(journal, path):
    come_in(journal)
    come_in(journal)
    fail(journal, "COMMIT")
    refused(journal.append(*out(1, PASS), insist=True))
    journal.append(Stopped(), STAMP).wait(10)
    assert [("exited", 1), ("stopped", None)] == told(path)[4:]
    assert (1, 1) == counted(path)


def test_what_must_land_lands_in_its_order_and_what_need_not_is_lost(journal, path):
    first, second = (journal.append(GRANT, STAMP, HERE).wait(10) for _ in range(2))
    with no_disk(journal):
        refused(journal.append(*out(1), insist=True))
        refused(journal.append(settled(first), STAMP))  # arrives while an earlier row is in doubt
        refused(journal.append(Stopped(), STAMP))
        refused(journal.append(GRANT, STAMP, HERE))
        refused(journal.append(*out(2), insist=True))
        refused(journal.append(settled(second, Settlement.NOT_TAKEN), STAMP))
        refused(journal.append(*out(3), insist=True))
    assert 8 == journal.append(Stopped(), STAMP).wait(10)
    landed = [("exited", 1), ("settled", first), ("exited", 2), ("settled", second), ("exited", 3)]
    assert [*landed, ("stopped", None)] == told(path)[2:]
    assert (0, 1) == counted(path)
    assert [] == defects(path)


def test_a_lane_that_gave_up_a_row_that_insists_finds_it_written_once(path):
    journal = open_journal(path)
    assert 0 == journal.append(*out(1), insist=True).wait(0.01)
    journal.start()
    assert journal.stop(10)
    assert [("exited", 1)] == told(path)


def test_what_is_owed_is_written_when_the_gate_stops(path):
    journal = open_journal(path)
    journal.start()
    come_in(journal)
    with no_disk(journal):
        refused(journal.append(*out(1, PASS), insist=True))
        refused(journal.append(*out(2), insist=True))
    assert journal.stop(10)
    assert [("exited", 1), ("exited", 2)] == told(path)[2:]


def test_what_is_still_owed_when_the_gate_stops_is_lost_and_told(path, caplog):
    journal = open_journal(path)
    journal.start()
    with no_disk(journal):
        for persons in (1, 2):
            refused(journal.append(*out(persons), insist=True))
        assert not journal.stop(10)
    assert "the disk did not take 2 rows that had to land" in caplog.text
    assert [] == told(path)


def test_a_grant_cannot_insist(journal):
    with pytest.raises(ValueError, match="cannot insist"):
        journal.append(GRANT, STAMP, HERE, insist=True)


# ------------------------------------------------------------------ many at once


@pytest.fixture
def writer(path):
    file = JournalFile(
        path, gate="gate-1", machine="m1", epoch="00000000000000e1", began_at=NOW, unknown_counts=True
    )
    yield Writer(path, file)
    file.close()


def owe(writer, *drafts):
    for draft in drafts:
        writer._owed.put(draft)


def leaving(persons):
    event, stamp, _, move = out(persons)
    return Draft(event, stamp, move=move, insists=True)


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("count", [2, TOGETHER, 2 * TOGETHER + 1])
def test_many_in_one_transaction_whose_commit_failed_are_written_once_each(writer, path, count, before):
    owe(writer, *map(leaving, range(1, count + 1)))
    writer._file.connection = Failing(writer._file.connection, "COMMIT", before=before)
    with pytest.raises(StoreError):
        writer.catch_up()
    assert count == writer.owes()  # those in doubt among them
    writer.catch_up()
    assert 0 == writer.owes()
    assert [("exited", number) for number in range(1, count + 1)] == told(path)
    assert [] == defects(path)


def test_one_that_never_can_be_written_is_told_and_holds_nothing_up(writer, path, caplog):
    nothing = Draft(settled(1), STAMP, settles=1)
    spoilt = Draft(Exited("a\ud800", 1), STAMP, insists=True)
    impossible = Draft(Exited("out-1", 7), STAMP, move=Move(None, "pool", PASS, 7), insists=True)
    owe(writer, leaving(1), nothing, leaving(2), spoilt, impossible, leaving(3))
    writer.catch_up()
    assert [("exited", 1), ("exited", 2), ("exited", 3)] == told(path)
    assert 3 == len([record for record in caplog.records if "cannot be written" in record.message])
    assert [] == defects(path)


def test_a_disk_that_takes_nothing_for_long_costs_times_and_passes_but_no_people(journal, path, caplog):
    caplog.set_level("CRITICAL")
    journal.append(Forced("in-1", 3 * MAX_OWED), STAMP, None, Move(SHIFT, "pool", None, 3 * MAX_OWED)).wait(
        10
    )
    with no_disk(journal):
        tickets = [journal.append(*out(1), insist=True) for _ in range(MAX_OWED + 1)]  # one is in doubt
        tickets += [journal.append(*out(2, PASS, lane), insist=True) for lane in ("a", "b") * 5]
        refused(tickets[-1])
        assert MAX_OWED + 3 == journal._writer.owes()
    assert MAX_OWED + 5 == journal.append(Stopped(), STAMP).wait(60)
    assert [("exited", 1), ("exited", 10), ("exited", 10), ("stopped", None)] == told(path)[-4:]
    assert 3 * MAX_OWED - (MAX_OWED + 1) - 20 == counted(path)[0]
    assert 2 == len([record for record in caplog.records if "only counted from now on" in record.message])
    assert [] == defects(path)


def test_sums_are_kept_by_kind_lane_and_service_day_and_settlements_row_by_row():
    waiting = Owed()
    for number in range(MAX_OWED):
        waiting.put(leaving(number + 1))
    settlement = Draft(settled(1), STAMP, settles=1)
    forced = Draft(Forced("out-1", 1), STAMP, move=Move(SHIFT, "pool", None, 1), insists=True)
    for draft in (forced, leaving(2), settlement, forced, leaving(2), Draft(Exited("out-1", 5), STAMP)):
        waiting.put(draft)
    assert MAX_OWED == len(waiting.take(MAX_OWED))
    assert (
        settlement,
        Draft(Forced("out-1", 2), STAMP, move=Move(SHIFT, "", None, 2), insists=True),
        Draft(Exited("out-1", 4), STAMP, move=Move(SHIFT, "", None, -4), insists=True),
        Draft(Exited("out-1", 5), STAMP, insists=True),
    ) == waiting.take(100)
    assert not waiting


def test_of_how_a_lane_stands_the_newest_is_kept_and_told_last():
    """A fault contact that chatters all night beside a dead disk."""
    waiting = Owed()
    for number in range(MAX_OWED):
        waiting.put(leaving(number + 1))
    changes = [
        Draft(LaneChanged(lane, state, LaneCause.FAULT_INPUT), STAMP, insists=True)
        for state in (LaneState.OUT_OF_SERVICE, LaneState.IN_SERVICE, LaneState.FIRE)
        for lane in ("in-1", "in-2")
    ]
    for draft in (*changes[:3], leaving(2), *changes[3:]):
        waiting.put(draft)
    assert MAX_OWED + 3 == len(waiting)
    assert MAX_OWED == len(waiting.take(MAX_OWED))
    people, *stands = waiting.take(100)
    assert Exited("out-1", 2) == people.event
    assert changes[-2:] == stands
    assert not waiting

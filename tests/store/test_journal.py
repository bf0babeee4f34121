"""The journal: durable, gapless, chained, settled once."""

from __future__ import annotations

import json
import sqlite3
import threading
from contextlib import closing

import pytest

from gated.devices.simulated.clock import SimulatedClock
from gated.errors import StoreError
from gated.model.event import Decided, Outcome, Settled, SettledBy, Settlement, Stopped
from gated.policy.reckoning import Bounds, Floor
from gated.store.chain import JournalReader
from gated.store.directory import BALLAST, keep_ballast
from gated.store.journal import Journal
from gated.store.ticket import COUNTER_GRACE_S, Reservation
from gated.store.uses import UsesReader
from gated.wire.event import Stamp, digest, genesis

NOW = 1_800_000_000  # 2027-01-15

CTI = bytes(8)
STAMP = Stamp.of(Bounds(Floor(NOW, 0.0, "b")).reckon(SimulatedClock(NOW).sample()))
GRANT = Decided(
    "in-1", Outcome.GRANTED, 20270115, pass_=bytes(16), cti=CTI, product="swim3", persons=1, cost=1
)
KEPT = NOW + COUNTER_GRACE_S + 100
RESERVE = Reservation("in-1", CTI, "bron", 20270115, 1, 1, KEPT)


def open_journal(path, *, gate="gate-1", machine="m1", epoch="00000000000000e1", unknown_counts=True):
    return Journal(path, gate=gate, machine=machine, epoch=epoch, began_at=NOW, unknown_counts=unknown_counts)


def settled(decision, outcome=Settlement.TAKEN):
    return Settled("in-1", decision, outcome, SettledBy.PASSAGE, 1)


@pytest.fixture
def journal(tmp_path):
    made = open_journal(tmp_path / "journal.db")
    made.start()
    yield made
    made.stop(10)


def rows(path):
    reader = JournalReader(path)
    try:
        return [json.loads(row.body) for row in reader.rows()]
    finally:
        reader.close()


def defects(path):
    reader = JournalReader(path)
    try:
        return list(reader.verify())
    finally:
        reader.close()


def used(path):
    reader = UsesReader(path)
    try:
        return reader.recall([CTI], "bron", 0)[CTI].uses.total
    finally:
        reader.close()


def test_rows_are_numbered_from_one_without_gaps(journal, tmp_path):
    assert [1, 2, 3] == [journal.append(Stopped(), STAMP).wait(10) for _ in range(3)]
    assert [1, 2, 3] == [row["seq"] for row in rows(tmp_path / "journal.db")]


def test_each_digest_covers_the_one_before_and_the_first_the_gate_and_epoch(journal, tmp_path):
    for _ in range(3):
        journal.append(Stopped(), STAMP).wait(10)
    link = genesis("gate-1", journal.epoch)
    with closing(sqlite3.connect(tmp_path / "journal.db")) as connection:
        found = connection.execute("SELECT body, digest FROM event").fetchall()
    assert 3 == len(found)
    for body, stored in found:
        link = digest(link, body)
        assert link == stored


def test_a_row_is_on_the_disk_before_its_ticket_says_so(journal, tmp_path):
    seq = journal.append(GRANT, STAMP, RESERVE).wait(10)
    assert seq == rows(tmp_path / "journal.db")[-1]["seq"]


def test_a_reserved_use_counts_at_once_and_stays_when_taken(journal, tmp_path):
    seq = journal.append(GRANT, STAMP, RESERVE).wait(10)
    assert 1 == used(tmp_path / "journal.db")
    journal.append(settled(seq), STAMP).wait(10)
    assert 1 == used(tmp_path / "journal.db")


def test_a_use_that_was_not_taken_is_given_back(journal, tmp_path):
    seq = journal.append(GRANT, STAMP, RESERVE).wait(10)
    journal.append(settled(seq, Settlement.NOT_TAKEN), STAMP).wait(10)
    assert 0 == used(tmp_path / "journal.db")


def test_nothing_is_settled_twice(journal, tmp_path):
    seq = journal.append(GRANT, STAMP, RESERVE).wait(10)
    journal.append(settled(seq), STAMP).wait(10)
    with pytest.raises(StoreError, match="nothing to settle"):
        journal.append(settled(seq), STAMP).wait(10)
    assert 2 == len(rows(tmp_path / "journal.db"))
    assert 3 == journal.append(Stopped(), STAMP).wait(10)  # and the chain goes on


@pytest.mark.parametrize(("counts", "uses"), [(True, 1), (False, 0)])
def test_what_a_crash_left_open_becomes_unknown_and_counts_by_profile(tmp_path, counts, uses):
    path = tmp_path / "journal.db"
    first = open_journal(path)
    first.start()
    first.append(GRANT, STAMP, RESERVE).wait(10)
    first.stop(10)
    second = open_journal(path, unknown_counts=counts)
    assert 1 == second.settle_unsettled(STAMP)
    assert [] == second.unsettled()
    second.stop(10)
    assert ("unknown", "restart", 1) == tuple(rows(path)[-1][key] for key in ("outcome", "by", "decision"))
    assert uses == used(path)
    assert [] == defects(path)


def test_a_journal_goes_on_in_its_epoch_after_a_restart(tmp_path):
    path = tmp_path / "journal.db"
    for expected in (1, 2):
        journal = open_journal(path, epoch=f"{expected:016x}")
        journal.start()
        assert expected == journal.append(Stopped(), STAMP).wait(10)
        assert f"{1:016x}" == journal.epoch
        journal.stop(10)


def test_a_journal_on_another_machine_begins_a_new_epoch_and_settles_what_the_old_one_left(tmp_path):
    path = tmp_path / "journal.db"
    first = open_journal(path)
    first.start()
    first.append(GRANT, STAMP, RESERVE).wait(10)
    first.stop(10)
    moved = open_journal(path, machine="m2", epoch="00000000000000e2")
    assert 1 == moved.settle_unsettled(STAMP)
    moved.stop(10)
    last = rows(path)
    assert ["00000000000000e1"] == [row["epoch"] for row in last]
    assert [(1, 1)] == [(row["seq"], row["decision"]) for row in last]
    assert [] == defects(path)


def test_a_row_that_lands_after_its_lane_gave_up_is_given_back(tmp_path):
    path = tmp_path / "journal.db"
    journal = open_journal(path)
    ticket = journal.append(GRANT, STAMP, RESERVE)  # nobody writes yet: the disk stands still
    assert 0 == ticket.wait(0.01)
    journal.start()
    journal.append(Stopped(), STAMP).wait(10)
    journal.stop(10)
    kinds = [(row["kind"], row.get("outcome"), row.get("by")) for row in rows(path)]
    assert kinds[:2] == [("decided", "granted", None), ("settled", "not_taken", "late_row")]
    assert 0 == used(path)
    assert [] == defects(path)


def test_a_refused_row_that_lands_late_needs_no_settlement(tmp_path):
    path = tmp_path / "journal.db"
    journal = open_journal(path)
    assert 0 == journal.append(Stopped(), STAMP).wait(0.01)
    journal.start()
    journal.stop(10)
    assert ["stopped"] == [row["kind"] for row in rows(path)]


def test_many_lanes_get_numbers_of_their_own(journal, tmp_path):
    seen: list[int] = []

    def lane():
        seen.extend(journal.append(Stopped(), STAMP).wait(10) for _ in range(25))

    threads = [threading.Thread(target=lane) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(range(1, 101)) == sorted(seen)
    assert [] == defects(tmp_path / "journal.db")


def test_a_full_disk_costs_the_ballast_and_not_the_row(tmp_path):
    path = tmp_path / "journal.db"
    journal = open_journal(path)
    assert keep_ballast(tmp_path / BALLAST, 4096)
    (pages,) = journal._file.connection.execute("PRAGMA page_count").fetchone()

    class Filling:
        """A disk with room for nothing more, until the ballast is given up."""

        def __init__(self, connection):
            self._connection = connection

        def __getattr__(self, name):
            return getattr(self._connection, name)

        def execute(self, sql, *more):
            room = pages if (tmp_path / BALLAST).exists() else 1_000_000
            self._connection.execute(f"PRAGMA max_page_count={room}")
            return self._connection.execute(sql, *more)

    journal._file.connection = Filling(journal._file.connection)
    journal.start()
    last = [journal.append(Stopped(), STAMP).wait(10) for _ in range(40)][-1]
    assert 40 == last
    assert not (tmp_path / BALLAST).exists()
    journal.stop(10)
    assert [] == defects(path)


def test_without_ballast_a_full_disk_is_a_breakage_that_is_told_and_passes(tmp_path):
    path = tmp_path / "journal.db"
    journal = open_journal(path)
    (pages,) = journal._file.connection.execute("PRAGMA page_count").fetchone()
    journal._file.connection.execute(f"PRAGMA max_page_count={pages}")
    journal.start()
    with pytest.raises(StoreError, match="SQLITE_FULL"):
        all(journal.append(Stopped(), STAMP).wait(10) for _ in range(40))
    written = len(rows(path))
    # The limit was the connection's: the journal opened a new one, as after any I/O error.
    assert written + 1 == journal.append(Stopped(), STAMP).wait(10)
    journal.stop(10)
    assert [] == defects(path)


def test_counters_are_forgotten_when_their_time_is_over_and_not_before(journal, tmp_path):
    seq = journal.append(GRANT, STAMP, RESERVE).wait(10)
    journal.raise_floors({"time": KEPT}).wait(10)
    journal.forget_counters(KEPT + 100).wait(10)
    assert 1 == used(tmp_path / "journal.db")  # a reservation is no counter yet
    journal.append(settled(seq), STAMP).wait(10)
    journal.forget_counters(KEPT - 1).wait(10)
    assert 1 == used(tmp_path / "journal.db")
    journal.forget_counters(KEPT).wait(10)
    assert 0 == used(tmp_path / "journal.db")
    assert [] == defects(tmp_path / "journal.db")


def test_erased_means_gone_and_full_means_synced(journal):
    ask = journal._file.connection.execute
    assert (1, 2, "wal") == tuple(
        ask(f"PRAGMA {name}").fetchone()[0] for name in ("secure_delete", "synchronous", "journal_mode")
    )

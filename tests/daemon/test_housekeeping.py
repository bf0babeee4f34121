"""Housekeeping: imports are told once, whatever the disks do, and no trouble of theirs stops a gate."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

from gated.app import RunningGate, World
from gated.daemon.housekeeping import Housekeeping
from gated.daemon.timekeeper import TimeKeeper
from gated.devices.simulated.clock import SimulatedClock
from gated.store.chain import JournalReader
from gated.store.directory import DELTA, FLOORS, JOURNAL
from gated.store.floors import Floors
from gated.store.intake import StatementStore
from store.test_journal import open_journal
from venue import NOW, medium


def imported(site):
    reader = JournalReader(site.state / JOURNAL)
    try:
        events = [json.loads(row.body) for row in reader.rows()]
    finally:
        reader.close()
    return [(event["accepted"], event["known"]) for event in events if event["kind"] == "imported"]


def test_a_delta_that_is_written_elsewhere_for_long_stops_no_gate_and_is_told_once(site, serve, caplog):
    carried = medium(1)
    site.bring(site.give("alice", carried, "season"))
    with closing(sqlite3.connect(site.state / DELTA)) as other:
        other.execute("BEGIN IMMEDIATE")
        served = serve(site)
        assert "" == served.gate.tick()
        assert served.tap(carried).granted
    told = [record.message for record in caplog.records if "SQLITE_BUSY" in record.message]
    assert 1 == len(told)  # not once a second
    served.gate.tick()
    served.gate.tick()
    assert [(2, 0)] == imported(site)


def test_a_full_disk_under_the_delta_stops_no_start_and_is_told_once(site, serve):
    carried = medium(1)
    site.bring(site.give("alice", carried, "season"))
    with closing(sqlite3.connect(site.state / DELTA)) as editor, editor:
        # Erasing needs room in the write-ahead log; this makes it need room in the file.
        editor.execute("CREATE TABLE room (a)")
        editor.execute(
            "CREATE TRIGGER full BEFORE DELETE ON intake BEGIN INSERT INTO room VALUES (zeroblob(99999)); END"
        )
    gate = RunningGate(*site.settings_and_trust(), World())
    ask = gate._statements._connection.execute
    (pages,) = ask("PRAGMA page_count").fetchone()
    ask(f"PRAGMA max_page_count={pages}")
    gate.start()
    assert "" == gate.tick()
    assert 1 == len(gate._statements.pending_intakes())
    ask(f"PRAGMA max_page_count={pages + 100}")
    gate.tick()
    assert [] == gate._statements.pending_intakes()
    assert gate.stop()
    assert [(2, 0)] == imported(site)


class Kept:
    """Housekeeping with a journal whose thread the test starts when it likes."""

    def __init__(self, site):
        clock = SimulatedClock(NOW)
        _, trust = site.settings_and_trust()
        self.statements = StatementStore(site.state, "pools")
        self.journal = open_journal(site.state / JOURNAL)
        self.time = TimeKeeper(clock, Floors(self.journal, site.state / FLOORS))
        self.work = Housekeeping(
            statements=self.statements, journal=self.journal, time=self.time, clock=clock, trust=trust
        )

    def stop(self):
        self.statements.close()
        assert self.journal.stop(10)


def test_while_the_journal_stalls_an_import_is_told_once(site):
    site.bring(site.give("alice", medium(1), "season"))
    kept = Kept(site)
    for _ in range(2):
        kept.work.tick()
    site.bring(site.give("bob", medium(2), "season"))
    kept.journal.start()
    for _ in range(3):
        kept.work.tick()
    kept.stop()
    assert [(2, 0), (2, 0)] == imported(site)


def test_an_import_whose_row_failed_is_told_at_a_later_tick(site):
    site.bring(site.give("alice", medium(1), "season"))
    kept = Kept(site)
    kept.journal._file.connection.execute("PRAGMA busy_timeout=1")
    with closing(sqlite3.connect(site.state / JOURNAL)) as other:
        other.execute("BEGIN IMMEDIATE")
        kept.journal.start()
        kept.work.tick()
    kept.work.tick()
    kept.stop()
    assert [(2, 0)] == imported(site)


def test_what_was_taken_in_between_two_ticks_is_told_in_one_row(site):
    for number in range(3):
        site.bring([*site.give(f"a{number}", medium(number), None), b"\xa0"])
    kept = Kept(site)
    kept.journal.start()
    kept.work.tick()
    kept.stop()
    assert [(3, 0)] == imported(site)


def test_one_duty_that_fails_keeps_no_other(site):
    site.bring(site.give("alice", medium(1), "season"))
    kept = Kept(site)
    kept.journal.start()
    kept.statements._connection.execute("UPDATE intake SET refused = 'noise'")
    asked = []
    kept.journal.forget_counters = lambda ended, shift: asked.append(ended)
    kept.work.tick()
    assert 1 == len(asked)
    kept.stop()

"""A lane whose barrier, reader or disk does not obey: whoever stands there pays once or not at all."""

from __future__ import annotations

import logging
import sqlite3
from contextlib import closing

import pytest

from gated.devices.simulated.barrier import SimulatedBarrier
from gated.devices.simulated.media import Medium, faulty
from gated.devices.simulated.reader import SimulatedReader
from gated.errors import CardError
from gated.store.directory import JOURNAL
from store.test_journal import defects, rows
from venue import PATIENCE_S, ServedSite, Site, medium, until

SHORT = 'hold = "50ms"\nconversation = "200ms"\nhung_limit = "1s"'


@pytest.fixture
def site(tmp_path):
    made = Site(tmp_path, lane_lines=SHORT)
    made.bring([*made.give("alice", medium(1), "swim1"), *made.give("bob", medium(2), "season")])
    yield made
    made.office.close()


def events(site, kind):
    return [row for row in rows(site.state / JOURNAL) if row["kind"] == kind]


def causes(site):
    return [(row["state"], row["cause"]) for row in events(site, "lane")]


def outcomes(site):
    return [(row["outcome"], row["by"]) for row in events(site, "settled")]


class LastMoment(SimulatedBarrier):
    """Somebody pushes through just before it is shut."""

    def __init__(self):
        super().__init__(passes=False)

    def secure(self):
        self.push()
        super().secure()


def test_who_passes_at_the_last_moment_of_the_hold_pays(site, serve):
    served = ServedSite(site, barriers={"in-1": LastMoment()})
    assert served.tap(medium(1)).granted
    assert until(lambda: outcomes(site) == [("taken", "passage")])
    assert "uses_exhausted" == served.tap(medium(1)).refusal.reason
    served.stop_now()
    assert [] == defects(site.state / JOURNAL)


def left_open(site, serve):
    """A gate whose barrier broke down while a release was open, past its hold time."""
    served = serve(site)
    barrier = served.barriers["in-1"]
    barrier.passes = False
    assert served.tap(medium(1)).granted
    barrier.break_down()
    assert until(lambda: ("out_of_service", "barrier_fault") in causes(site))
    return served, barrier


def test_a_barrier_that_cannot_be_shut_closes_the_lane_and_is_shut_as_soon_as_it_obeys(site, serve):
    served, barrier = left_open(site, serve)
    assert [] == outcomes(site)  # it stands open: nobody can say yet that nobody passed
    assert barrier.released
    barrier.repair()
    assert until(lambda: causes(site)[-1] == ("in_service", "barrier_back"))
    assert until(lambda: outcomes(site) == [("not_taken", "hold_ended")])
    assert not barrier.released
    barrier.passes = True
    assert served.tap(medium(1)).granted


def test_who_passes_a_barrier_that_cannot_be_shut_pays(site, serve):
    served, barrier = left_open(site, serve)
    barrier.push()
    assert until(lambda: outcomes(site) == [("taken", "passage")])
    barrier.repair()
    assert until(lambda: causes(site)[-1] == ("in_service", "barrier_back"))
    assert "uses_exhausted" == served.tap(medium(1)).refusal.reason


def test_a_lane_is_back_only_when_neither_reader_nor_barrier_is_missing(site, serve):
    served = serve(site)
    barrier, reader = served.barriers["in-1"], served.readers["in-1"]
    assert until(lambda: causes(site) == [("in_service", "started")])
    barrier.break_down()
    reader.present(medium(1))  # and it stays there
    assert "out_of_service" == served.told.get(timeout=PATIENCE_S).refusal.reason
    assert until(lambda: causes(site)[-1] == ("out_of_service", "barrier_fault"))
    reader.unplug()
    assert until(lambda: causes(site)[-1] == ("out_of_service", "reader_lost"))
    barrier.repair()
    assert until(lambda: causes(site)[-1] == ("out_of_service", "barrier_back"))  # the reader is not
    reader.replug()
    assert until(lambda: causes(site)[-1] == ("in_service", "reader_back"))


def test_a_medium_that_does_not_even_wake_up_is_a_hung_reader(site, serve):
    served = serve(site)
    sleeping = medium(2)
    with faulty(sleeping, hang_waking=True):
        served.readers["in-1"].present(sleeping)
        assert until(lambda: ("out_of_service", "reader_hung") in causes(site))
        assert until(lambda: "holds a reader" in served.gate.tick())
        served.readers["in-1"].remove()
        assert until(lambda: causes(site)[-1] == ("in_service", "reader_back"))
        assert "reader_hung" == served.told.get(timeout=PATIENCE_S).refusal.params["cause"]
    assert served.tap(medium(2)).granted


def test_a_lane_whose_reader_is_missing_at_start_says_so(site, serve):
    reader = SimulatedReader("in-1")
    reader.unplug()
    serve(site, readers={"in-1": reader})
    assert until(lambda: causes(site) == [("out_of_service", "reader_lost")])
    reader.replug()
    assert until(lambda: causes(site)[-1] == ("in_service", "reader_back"))


class HeldElsewhere(SimulatedReader):
    """Another program holds every medium."""

    def connect(self):
        super().connect()
        raise CardError("reader in-1: the medium is held", hint="another program uses this reader: end it")


def test_a_medium_that_another_program_holds_is_refused_and_told_once(site, serve, caplog):
    with caplog.at_level(logging.INFO):
        served = serve(site, readers={"in-1": HeldElsewhere("in-1")})
        for _ in range(3):
            assert "unknown_medium" == served.tap(medium(2)).refusal.reason
        served.stop_now()
    assert 1 == caplog.text.count("another program uses this reader")
    assert 3 == sum(row["count"] for row in events(site, "foreign"))


def test_a_uid_that_nobody_bound_leaves_only_a_number(tmp_path, serve):
    site = Site(tmp_path, lane_lines='schemes = ["pkoc", "uid"]')
    served = serve(site)
    for number in range(3):
        assert "unknown_medium" == served.tap(Medium(bytes([4, number, 2, 3, 4, 5, 6]))).refusal.reason
    served.stop_now()
    site.office.close()
    assert [] == events(site, "decided")
    assert 3 == sum(row["count"] for row in events(site, "foreign"))


def test_a_refusal_waits_for_the_journal_no_longer_than_a_grant(tmp_path, serve):
    site = Site(tmp_path, lanes=("in-1", "in-2"), more='wait = "400ms"')
    site.bring([*site.give("alice", medium(1), "season"), *site.give("bob", medium(2), None)])
    served = serve(site)
    with closing(sqlite3.connect(site.state / JOURNAL, isolation_level=None)) as other, other:
        other.execute("BEGIN IMMEDIATE")  # the journal can write nothing now
        for lane, number in (("in-1", 1), ("in-2", 2)):
            served.readers[lane].present(medium(number))
        told = [served.told.get(timeout=PATIENCE_S) for _ in range(2)]
        other.execute("ROLLBACK")
    assert {"out_of_service", "no_entitlement"} >= {str(one.refusal.reason) for one in told}
    assert all(one.took_s < 0.7 for one in told), [one.took_s for one in told]
    site.office.close()


def test_nobody_writes_the_journal_is_no_healthy_gate(site, serve):
    served = serve(site)
    assert "" == served.gate.tick()
    served.gate.journal._queue.put(None)
    assert until(lambda: "nobody writes the journal" == served.gate.tick())

"""Orders of a person and fires, at a whole gate: written down, obeyed, kept over a restart."""

from __future__ import annotations

import queue
import sqlite3
from contextlib import closing

import pytest

from daemon.test_passage import taken
from gated.daemon.messages import Ordering
from gated.model.barrier import Cleared, Faulted, FireAlarm, FireQuiet, Trouble
from gated.model.order import Mode, Operator, Order
from gated.policy.orders import WhyNot
from gated.policy.standing import Part, Stage
from gated.ports import Signal
from gated.store.directory import JOURNAL
from store.test_journal import defects, rows
from store.test_owed_rows import no_disk
from turnstile import HOLD_S, Attended, two_way, walkway, why
from venue import PATIENCE_S, ServedSite, medium, until

ADA = Operator("Ada", 1000, "wheelchair")
WAIT = 'wait = "300ms"'


@pytest.fixture
def site(tmp_path):
    made = two_way(tmp_path, more=WAIT)
    made.bring([*made.give("alice", medium(1), "season"), *made.give("bob", medium(2), "swim3", party=3)])
    yield made
    made.office.close()


@pytest.fixture
def gate(site, serve):
    made = Attended(site, serve)
    assert until(lambda: all(stage(made, lane) is Stage.READY for lane in site.lanes))
    return made


def worker(gate, lane="in-1"):
    return next(one.worker for one in gate.served.gate._gate._lanes if one.worker.id == lane)


def stage(gate, lane="in-1"):
    return worker(gate, lane).standing.stage


def order(gate, what, lane="in-1", operator=ADA):
    """Order something; why it was not obeyed, None = it was."""
    answers: queue.SimpleQueue = queue.SimpleQueue()
    worker(gate, lane).post(Ordering(what, operator, answers.put))
    answer = answers.get(timeout=PATIENCE_S)
    assert lane == answer.lane
    return answer.refused


def written(site, *kinds):
    stamp = {"v", "seq", "at", "wall", "boot", "up", "clock"}
    found = [row for row in rows(site.state / JOURNAL) if row["kind"] in kinds]
    return [{key: value for key, value in row.items() if key not in stamp} for row in found]


def settlements(site):
    return [(row["outcome"], row["by"]) for row in written(site, "settled")]


def causes(site, lane="in-1"):
    return [(row["state"], row["cause"]) for row in written(site, "lane") if row["lane"] == lane]


def again(gate, serve):
    """The same gate after a restart."""
    gate.served.stop_now()
    return Attended(gate.site, serve, gate.clock)


# ------------------------------------------------------------------ open


def test_staff_opens_once_and_the_row_says_who_and_why(site, gate):
    assert None is order(gate, Order.OPEN)
    assert [1] == gate.barriers["in-1"].released
    gate.see_through("in-1", 1)
    (ordered,) = written(site, "ordered")
    assert {
        "kind": "ordered", "lane": "in-1", "order": "open", "operator": "Ada", "user": 1000,
        "reason": "wheelchair", "persons": 1,
    } == ordered  # fmt: skip
    (settled,) = [row for row in rows(site.state / JOURNAL) if row["kind"] == "settled"]
    seq = next(row["seq"] for row in rows(site.state / JOURNAL) if row["kind"] == "ordered")
    assert taken(seq, 1).items() <= settled.items()
    assert 1 == gate.inside()
    assert [] == defects(site.state / JOURNAL)


def test_whom_staff_lets_out_is_inside_no_more(site, gate):
    gate.tap(medium(1))
    assert None is order(gate, Order.OPEN, "out-1")
    gate.see_through("out-1", 1)
    assert 0 == gate.inside()


def test_an_opening_that_nobody_used_lets_nobody_in_later(site, gate):
    assert None is order(gate, Order.OPEN)
    gate.see_through("in-1", 0)
    assert ["not_taken"] == [row["outcome"] for row in written(site, "settled")]
    assert 0 == gate.inside()


def test_nobody_is_let_in_by_hand_while_somebody_passes(site, gate):
    gate.served.tap(medium(1))
    assert WhyNot.RELEASE_OPEN is order(gate, Order.OPEN)
    gate.see_through("in-1", 1)
    assert [] == written(site, "ordered")


def test_a_lane_without_its_reader_can_be_opened_by_hand(gate):
    gate.served.readers["in-1"].unplug()
    assert until(lambda: stage(gate) is Stage.SHUT)
    assert None is order(gate, Order.OPEN)
    gate.barriers["in-1"].go(1)
    assert until(lambda: worker(gate).standing.release is None)


def test_a_barrier_that_cannot_count_is_not_opened_by_hand(site, gate):
    gate.barriers["in-1"].say(Faulted(Trouble.CONTACT_STUCK, "line 22"))
    assert until(lambda: stage(gate) is Stage.SHUT)
    assert WhyNot.BARRIER_MISSING is order(gate, Order.OPEN)
    gate.barriers["in-1"].say(Cleared(Trouble.CONTACT_STUCK))
    assert until(lambda: causes(site)[-1] == ("in_service", "barrier_back"))


def test_what_cannot_be_written_down_is_not_done(site, gate):
    with no_disk(gate.served.gate.journal):
        assert WhyNot.JOURNAL_FAILED is order(gate, Order.OPEN)
        assert WhyNot.JOURNAL_FAILED is order(gate, Order.FREE_PASSAGE)
    assert [] == gate.barriers["in-1"].released
    assert not gate.barriers["in-1"].held


def test_an_opening_whose_row_comes_too_late_is_given_back(site, gate):
    with closing(sqlite3.connect(site.state / JOURNAL, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert WhyNot.JOURNAL_FAILED is order(gate, Order.OPEN)
        other.execute("ROLLBACK")
    assert until(lambda: [("not_taken", "late_row")] == settlements(site))
    assert [] == gate.barriers["in-1"].released


def test_a_mode_whose_row_comes_late_is_obeyed_when_it_has_come(site, gate):
    with closing(sqlite3.connect(site.state / JOURNAL, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert WhyNot.JOURNAL_SLOW is order(gate, Order.FREE_PASSAGE)
        assert not gate.barriers["in-1"].held
        assert WhyNot.JOURNAL_SLOW is order(gate, Order.NORMAL)
        other.execute("ROLLBACK")
    assert until(lambda: gate.barriers["in-1"].held)
    assert ["free_passage"] == [row["order"] for row in written(site, "ordered")]


# ------------------------------------------------------------------ modes


def test_free_passage_stands_open_counts_whoever_walks_and_outlasts_a_restart(site, gate, serve):
    assert None is order(gate, Order.FREE_PASSAGE)
    assert gate.barriers["in-1"].held
    gate.barriers["in-1"].go(2)
    assert until(lambda: 2 == gate.inside())
    assert [("in-1", 2, "free_passage")] == [
        (r["lane"], r["persons"], r["state"]) for r in written(site, "walked")
    ]
    assert Signal.FREE is gate.lamps["in-1"].signal
    assert WhyNot.STANDS_OPEN is order(gate, Order.OPEN)
    later = again(gate, serve)
    assert not gate.barriers["in-1"].held  # a daemon that ends shuts what an order opened
    assert until(lambda: later.barriers["in-1"].held)
    assert None is order(later, Order.NORMAL)
    assert not later.barriers["in-1"].held
    assert later.tap(medium(1)).granted


@pytest.mark.parametrize("mode", [Order.OUT_OF_SERVICE, Order.EXIT_ONLY])
def test_a_lane_that_an_order_closes_says_so_and_reads_nobody(site, gate, serve, mode):
    assert None is order(gate, mode)
    assert until(lambda: gate.lamps["in-1"].signal is Signal.OUT_OF_SERVICE)
    assert "ordered" == gate.lamps["in-1"].refusal.params["cause"]
    later = again(gate, serve)
    assert until(lambda: worker(later).standing.missing == frozenset())
    assert Stage.SHUT is stage(later)
    assert None is order(later, Order.NORMAL)
    assert later.tap(medium(1)).granted


def test_an_exit_that_an_order_closes_lets_nobody_out_even_if_its_reader_hangs(gate):
    assert None is order(gate, Order.ENTRY_ONLY, "out-1")
    assert Stage.SHUT is stage(gate, "out-1")
    assert [] == gate.barriers["out-1"].released
    assert None is order(gate, Order.NORMAL, "out-1")
    assert gate.tap(medium(1), "out-1").granted


# ------------------------------------------------------------------ fire


def test_a_fire_opens_every_lane_until_a_person_re_arms_each(site, gate):
    gate.barriers["in-1"].say(FireAlarm())
    assert gate.barriers["in-1"].held  # before anything else is done
    assert gate.barriers["out-1"].held
    assert until(lambda: stage(gate, "out-1") is Stage.FIRE)
    assert until(lambda: ("fire", "fire") == causes(site)[-1])
    assert until(lambda: ("fire", "fire_elsewhere") == causes(site, "out-1")[-1])
    assert Signal.FIRE is gate.lamps["out-1"].signal
    for lane in ("in-1", "out-1"):  # of the whole gate: there is one fire
        assert WhyNot.STILL_BURNING is order(gate, Order.REARM, lane)
    gate.barriers["out-1"].say(FireAlarm())
    gate.barriers["in-1"].say(FireQuiet())
    assert until(lambda: not worker(gate).standing.alarm)
    assert WhyNot.STILL_BURNING is order(gate, Order.REARM)
    gate.barriers["out-1"].say(FireQuiet())
    assert until(lambda: not worker(gate).standing.elsewhere)
    for lane in ("in-1", "out-1"):
        assert gate.barriers[lane].held
        assert None is order(gate, Order.REARM, lane)
        assert not gate.barriers[lane].held
        assert until(lambda lane=lane: causes(site, lane)[-1] == ("in_service", "ordered"))
    assert WhyNot.NOT_BURNING is order(gate, Order.REARM)
    assert gate.tap(medium(1)).granted


def test_a_fire_waits_for_no_disk_and_is_told_when_it_writes_again(site, gate):
    with no_disk(gate.served.gate.journal):
        gate.barriers["in-1"].say(FireAlarm())
        assert gate.barriers["out-1"].held
        assert until(lambda: stage(gate, "out-1") is Stage.FIRE)
    assert until(lambda: ("fire", "fire_elsewhere") in causes(site, "out-1"))


def test_a_fire_opens_a_lane_that_waits_for_the_disk(tmp_path, serve):
    site = two_way(tmp_path, more='wait = "30s"')
    site.bring(site.give("alice", medium(1), "season"))
    gate = Attended(site, serve)
    with closing(sqlite3.connect(site.state / JOURNAL, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        gate.served.readers["in-1"].present(medium(1))
        assert until(walkway(gate.served)._taps._way._turn.locked)
        gate.barriers["out-1"].say(FireAlarm())
        assert gate.barriers["in-1"].held
        other.execute("ROLLBACK")
    assert until(lambda: stage(gate) is Stage.FIRE)
    assert gate.barriers["in-1"].held
    site.office.close()


def test_a_fire_outlasts_a_restart(site, gate, serve):
    gate.barriers["in-1"].say(FireAlarm())
    assert until(lambda: stage(gate, "out-1") is Stage.FIRE)
    later = again(gate, serve)
    assert gate.barriers["in-1"].held  # the daemon that ended left it open
    assert until(lambda: later.barriers["in-1"].held and later.barriers["out-1"].held)
    assert until(lambda: ("fire", "started") in causes(site))
    assert None is order(later, Order.REARM)  # its input says nothing
    assert not later.barriers["in-1"].held
    assert later.barriers["out-1"].held


def test_in_a_fire_nobody_taps_and_who_leaves_is_counted(site, gate):
    gate.tap(medium(1))
    gate.barriers["in-1"].say(FireAlarm())
    assert until(lambda: stage(gate, "out-1") is Stage.FIRE)
    gate.barriers["out-1"].go(1)
    assert until(lambda: 0 == gate.inside())
    assert ["fire"] == [row["state"] for row in written(site, "walked")]


# ------------------------------------------------------------------ a party, a second tap, a fault


def test_a_party_is_let_through_one_by_one(gate):
    assert gate.served.tap(medium(2)).granted
    barrier, passage = gate.barriers["in-1"], walkway(gate.served)._passage
    for number in (1, 2):
        barrier.go(1)
        assert until(lambda n=number: passage.standing.release.passed == n)
        assert [1] * (number + 1) == barrier.released
    barrier.go(1)
    assert until(lambda: stage(gate) is Stage.READY)
    assert [1, 1, 1] == barrier.released


def test_a_second_tap_while_a_release_is_open_is_not_read(site, gate):
    assert gate.served.tap(medium(1)).granted
    gate.served.readers["in-1"].present(medium(2))  # already in the field
    gate.served.readers["in-1"].remove()
    gate.barriers["in-1"].go(1)
    assert until(lambda: stage(gate) is Stage.READY)
    assert gate.served.told.empty()
    assert gate.tap(medium(2), persons=3).granted
    assert 2 == len([row for row in rows(site.state / JOURNAL) if row["kind"] == "decided"])


def test_whoever_waits_with_the_next_medium_is_read_as_soon_as_the_release_is_over(gate):
    assert gate.served.tap(medium(1)).granted
    gate.served.readers["in-1"].present(medium(2))
    assert gate.served.told.empty()
    gate.barriers["in-1"].go(1)
    assert gate.served.told.get(timeout=PATIENCE_S).granted
    gate.served.readers["in-1"].remove()


def test_a_contact_that_sticks_in_the_middle_of_a_release_is_unknown_and_closes_the_lane(site, gate):
    assert gate.served.tap(medium(1)).granted
    gate.barriers["in-1"].say(Faulted(Trouble.CONTACT_STUCK, "line 22"))
    assert until(lambda: ("out_of_service", "contact_stuck") in causes(site))
    assert until(lambda: [("unknown", "barrier_fault")] == settlements(site))
    lamp = gate.lamps["in-1"]  # it is lit after the rows are written
    assert until(lambda: lamp.refusal is not None)
    assert "contact_stuck" == lamp.refusal.params["cause"]


def test_an_orderly_stop_in_the_middle_of_a_party_settles_it(site, gate):
    assert gate.served.tap(medium(2)).granted
    gate.barriers["in-1"].go(1)
    assert until(lambda: walkway(gate.served)._passage.standing.release.passed == 1)
    gate.served.stop_now()
    assert 0 == gate.barriers["in-1"].open_for
    (row,) = [row for row in rows(site.state / JOURNAL) if row["kind"] == "settled"]
    assert ("taken", "stopped", 1, 1) == (row["outcome"], row["by"], row["persons"], row["uses"])
    later = ServedSite(site)
    assert 0 == later.unsettled
    later.stop_now()


def test_a_refusal_is_shown_for_a_while_and_then_the_lane_is_ready_again(gate):
    lamp = gate.lamps["in-1"]
    assert "unknown_medium" == why(gate.served.tap(medium(9)))
    assert until(lambda: lamp.signal is Signal.REFUSED)
    gate.clock.advance(HOLD_S)
    assert Signal.REFUSED is lamp.signal
    gate.clock.advance(5)
    assert until(lambda: lamp.signal is Signal.READY)


@pytest.mark.parametrize("released", [False, True], ids=["without a release", "behind somebody"])
def test_whoever_goes_in_without_a_release_sets_off_an_alarm_for_a_while(site, gate, released):
    lamp = gate.lamps["in-1"]
    if released:
        assert gate.served.tap(medium(1)).granted
    gate.barriers["in-1"].go(1 + released)
    assert until(lambda: lamp.signal is Signal.ALARM)
    assert until(lambda: [1] == [row["persons"] for row in written(site, "forced")])
    gate.clock.advance(5)
    assert until(lambda: lamp.signal is Signal.READY)


def test_what_is_shown_at_rest_is_not_shown_again_when_a_tap_was_turned_away(gate):
    lamp = gate.lamps["in-1"]
    assert None is order(gate, Order.OUT_OF_SERVICE)
    assert until(lambda: lamp.signal is Signal.OUT_OF_SERVICE)
    front, shown = walkway(gate.served)._front, len(lamp.shown)
    front.refuse(lamp.refusal)
    gate.clock.advance(10)
    walkway(gate.served)._rest()
    assert shown + 1 == len(lamp.shown)


def test_a_fire_that_comes_back_while_its_re_arm_waits_for_the_disk_stays_open_and_is_kept(site, gate, serve):
    barrier = gate.barriers["in-1"]
    barrier.say(FireAlarm())
    assert until(lambda: stage(gate, "out-1") is Stage.FIRE)
    barrier.say(FireQuiet())
    with closing(sqlite3.connect(site.state / JOURNAL, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert WhyNot.JOURNAL_SLOW is order(gate, Order.REARM)
        barrier.say(FireAlarm())
        other.execute("ROLLBACK")
    assert until(lambda: causes(site)[-1] == ("fire", "ordered"))  # its order stands, and is not obeyed
    assert barrier.held
    later = again(gate, serve)  # whose input says nothing
    assert until(lambda: stage(later) is Stage.FIRE)


def test_a_fire_that_breaks_out_while_a_lane_is_being_re_armed_is_not_shut_for_a_moment(site, gate):
    barrier, shut = gate.barriers["in-1"], []
    barrier.say(FireAlarm())
    assert until(lambda: stage(gate, "out-1") is Stage.FIRE)
    barrier.say(FireQuiet())
    secure = barrier.secure
    barrier.secure = lambda: shut.append(barrier) or secure()
    answers: queue.SimpleQueue = queue.SimpleQueue()
    with closing(sqlite3.connect(site.state / JOURNAL, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        worker(gate).post(Ordering(Order.REARM, ADA, answers.put))
        assert until(lambda: gate.served.gate.journal.busy)
        gate.barriers["out-1"].say(FireAlarm())  # the lane waits for its row, and cannot hear it yet
        other.execute("ROLLBACK")
    assert None is answers.get(timeout=PATIENCE_S).refused
    assert until(lambda: causes(site)[-1] == ("fire", "fire_elsewhere"))
    assert [] == shut
    assert barrier.held


def test_an_order_that_nobody_waits_for_any_more_is_not_obeyed(site, gate):
    answers: queue.SimpleQueue = queue.SimpleQueue()
    worker(gate).post(Ordering(Order.OPEN, ADA, answers.put, until=gate.clock.monotonic()))
    assert WhyNot.NO_ANSWER is answers.get(timeout=PATIENCE_S).refused
    assert [] == gate.barriers["in-1"].released
    assert [] == written(site, "ordered")


def test_a_fire_that_came_and_went_while_its_re_arm_waited_for_the_disk_is_not_re_armed_by_it(site, gate):
    barrier = gate.barriers["in-1"]
    barrier.say(FireAlarm())
    barrier.say(FireQuiet())
    assert until(lambda: stage(gate, "out-1") is Stage.FIRE and not worker(gate).standing.alarm)
    with closing(sqlite3.connect(site.state / JOURNAL, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert WhyNot.JOURNAL_SLOW is order(gate, Order.REARM)
        barrier.say(FireAlarm())
        barrier.say(FireQuiet())
        heard = walkway(gate.served)._passage
        assert until(lambda: heard.alarms_heard == 2)
        other.execute("ROLLBACK")
    assert until(lambda: causes(site)[-1] == ("fire", "ordered"))
    assert Stage.FIRE is stage(gate)
    assert barrier.held


def test_what_is_obeyed_late_is_kept_whatever_was_written_meanwhile(site, gate, serve):
    with closing(sqlite3.connect(site.state / JOURNAL, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert WhyNot.JOURNAL_SLOW is order(gate, Order.OUT_OF_SERVICE)
        gate.served.readers["in-1"].unplug()
        assert until(lambda: Part.READER in worker(gate).standing.missing)
        other.execute("ROLLBACK")
    assert until(lambda: worker(gate).standing.mode is Mode.OUT_OF_SERVICE)
    gate.served.readers["in-1"].replug()
    later = again(gate, serve)
    assert until(lambda: worker(later).standing.missing == frozenset())
    assert Mode.OUT_OF_SERVICE is worker(later).standing.mode


def test_a_fire_told_as_the_lane_stops_is_known_at_the_next_start(site, gate, serve):
    lane = worker(gate)
    lane._inbox.put(None)  # it stops, and then it burns
    lane.alarm(FireAlarm())
    assert until(lambda: ("fire", "fire") in causes(site))
    later = again(gate, serve)
    assert until(lambda: stage(later) is Stage.FIRE)


def test_a_fire_under_a_barrier_that_is_just_being_shut_opens_it_again(site, gate):
    """Between the look and the command the alarm comes: the lane has not heard of it yet."""
    barrier, passage = gate.barriers["in-1"], walkway(gate.served)._passage
    secure = barrier.secure

    def shut():
        passage.expect_alarm()
        secure()

    barrier.secure = shut
    assert gate.served.tap(medium(1)).granted
    barrier.go(1)
    assert until(lambda: settlements(site) == [("taken", "passage")])
    assert barrier.held

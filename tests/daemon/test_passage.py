"""A release of several persons: who passes, who stays out, who pushes in, and a barrier that gives up."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import pytest

from gated.daemon.passage import Passage
from gated.daemon.timekeeper import TimeKeeper
from gated.devices.simulated.clock import SimulatedClock
from gated.model.barrier import Passed
from gated.model.decision import Presence
from gated.model.venue import Direction
from gated.policy.happening import Leave, Let, ReaderBack, Stopped
from gated.policy.standing import Stage, Standing
from gated.store.floors import Floors
from gated.store.ticket import Move, Reservation
from gated.store.uses import UsesReader
from questions import PASS
from store.test_journal import CTI, GRANT, NOW, STAMP, defects, open_journal, rows, settled
from turnstile import Turnstile

SHIFT = 20270115
HOLD_S = 8.0
ENTRY, EXIT = Direction.ENTRY, Direction.EXIT


def used(reader):
    return reader.recall([CTI], "bron", SHIFT)[CTI].uses.total


def beside_grants(path):
    keys = ("kind", "decision", "outcome", "by", "persons", "uses", "pass")
    return [
        {key: row[key] for key in keys if key in row}
        for row in rows(path)
        if row["kind"] in ("settled", "forced", "exited", "walked", "ordered") and row["lane"] == "lane-1"
    ]


class Bench:
    """A passage with a real journal, a barrier in our hands and a clock that stands still."""

    def __init__(self, path, direction=ENTRY, *, unknown_counts=True, at_once=0) -> None:
        self.path = path
        self.journal = open_journal(path, unknown_counts=unknown_counts)
        self.clock, self.barrier, self.posted = SimulatedClock(NOW), Turnstile(), []
        self.barrier.start(self.posted.append)
        time = TimeKeeper(self.clock, Floors(self.journal, path.with_name("floors.json")))
        self.passage = Passage(
            standing=Standing("lane-1", direction is EXIT, at_once, unknown_counts),
            move=lambda persons, pass_: Move(SHIFT, "pool", pass_, persons),
            journal=self.journal,
            time=time,
            clock=self.clock,
            barrier=self.barrier,
            hold_s=HOLD_S,
            journal_wait_s=5.0,
        )
        self.journal.start()
        self.passage.begin(None)
        self.passage.feed(ReaderBack())

    def let_in(self, persons, cost) -> int:
        reserve = Reservation(
            "lane-1", CTI, "bron", SHIFT, cost, persons, None, PASS, "pool", SHIFT, int(self.clock.wall)
        )
        event = replace(GRANT, persons=persons, cost=cost)
        seq = self.journal.append(event, STAMP, reserve).wait(10)
        self.passage.feed(Let(seq, persons, cost))
        return seq

    def let_out(self, persons, pass_) -> None:
        self.passage.feed(Leave(persons, pass_))

    @property
    def stage(self) -> Stage:
        return self.passage.standing.stage

    def go(self, *each) -> None:
        for persons in each:
            self.passage.feed(Passed(persons))

    def wait(self, seconds) -> None:
        """Time passes, and the lane looks; what it told itself arrives."""
        self.clock.advance(seconds)
        self.passage.tick()
        self.deliver()

    def deliver(self) -> None:
        while self.posted:
            self.passage.feed(self.posted.pop(0))

    def told(self):
        """What was written beside the grants."""
        self.journal.do(lambda _: None).wait(10)
        return beside_grants(self.path)

    def counted(self):
        """(uses, presence, occupancy) of our one right and pass."""
        with closing(UsesReader(self.path)) as reader:
            presence, inside = reader.inside(PASS, "pool", SHIFT)
            return used(reader), presence, inside

    def stop(self) -> None:
        assert self.journal.stop(10)


@pytest.fixture
def bench(tmp_path):
    made = Bench(tmp_path / "journal.db")
    yield made
    made.stop()
    assert [] == defects(made.path)


@pytest.fixture
def leaving(tmp_path):
    made = Bench(tmp_path / "journal.db", EXIT)
    yield made
    made.stop()
    assert [] == defects(made.path)


def taken(seq, persons, by="passage", **uses):
    return {
        "kind": "settled", "decision": seq, "outcome": "taken", "by": by, "persons": persons, **uses
    }  # fmt: skip


def forced(persons):
    return {"kind": "forced", "persons": persons}


def inside(persons):
    return Presence(persons, NOW)


OUTSIDE = Presence(0, None)


# ------------------------------------------------------------------ a party


@pytest.mark.parametrize(("cost", "uses"), [(4, 4), (1, 1), (0, 0)], ids=["each", "once", "re-entry"])
@pytest.mark.parametrize("each", [(1, 1, 1, 1), (4,), (3, 1)], ids=str)
def test_a_party_that_passes_as_a_whole_is_settled_once(bench, cost, uses, each):
    seq = bench.let_in(4, cost)
    bench.go(*each)
    assert [taken(seq, 4)] == bench.told()
    assert (uses, inside(4), 4) == bench.counted()
    assert Stage.READY is bench.stage
    assert [4] == bench.barrier.released


def test_until_the_last_of_a_party_has_passed_it_is_not_settled(bench):
    bench.let_in(4, 4)
    bench.go(1, 1, 1)
    assert [] == bench.told()
    assert Stage.RELEASED is bench.stage
    assert (4, inside(4), 4) == bench.counted()  # what is reserved counts


@pytest.mark.parametrize(
    ("cost", "uses", "told"), [(4, 2, {"uses": 2}), (1, 1, {}), (0, 0, {})], ids=["each", "once", "re-entry"]
)
def test_who_stays_out_is_given_back(bench, cost, uses, told):
    seq = bench.let_in(4, cost)
    bench.go(1, 1)
    bench.wait(HOLD_S)
    assert [taken(seq, 2, "hold_ended", **told)] == bench.told()
    assert (uses, inside(2), 2) == bench.counted()
    assert 0 == bench.barrier.open_for


@pytest.mark.parametrize("cost", [4, 1, 0])
def test_a_party_of_whom_nobody_passes_pays_nothing_and_marks_nothing(bench, cost):
    seq = bench.let_in(4, cost)
    bench.wait(HOLD_S)
    expected = {"kind": "settled", "decision": seq, "outcome": "not_taken", "by": "hold_ended", "persons": 4}
    assert [expected] == bench.told()
    assert (0, OUTSIDE, 0) == bench.counted()


@pytest.mark.parametrize("each", [(5,), (1, 1, 3), (4, 1), (1, 1, 1, 1, 1)], ids=str)
@pytest.mark.parametrize(("cost", "uses"), [(4, 4), (1, 1)])
def test_who_passes_beyond_a_party_is_inside_and_nobody_pays_for_them(bench, each, cost, uses):
    seq = bench.let_in(4, cost)
    bench.go(*each)
    assert [taken(seq, 4), forced(1)] == bench.told()
    assert (uses, inside(4), 5) == bench.counted()


def test_who_passes_without_a_release_is_inside_and_nobody_pays(bench):
    bench.go(2)
    assert [forced(2)] == bench.told()
    assert (0, OUTSIDE, 2) == bench.counted()
    assert Stage.READY is bench.stage


def test_each_passage_begins_the_hold_anew(bench):
    seq = bench.let_in(4, 4)
    for _ in range(3):
        bench.wait(HOLD_S - 1)
        assert 4 == bench.barrier.open_for
        bench.go(1)
    bench.wait(HOLD_S - 0.001)
    assert 4 == bench.barrier.open_for
    bench.wait(0.001)
    assert 0 == bench.barrier.open_for
    assert [taken(seq, 3, "hold_ended", uses=3)] == bench.told()


def test_a_message_that_comes_after_the_barrier_was_shut_counts_and_opens_nothing(bench):
    seq = bench.let_in(2, 2)
    bench.clock.advance(HOLD_S)
    bench.passage.tick()  # shut; what people did until now stands ahead of its own message
    bench.go(1)
    bench.passage.tick()
    bench.deliver()
    assert [taken(seq, 1, "hold_ended", uses=1)] == bench.told()


def test_a_message_after_the_end_of_a_hold_is_forced(bench):
    bench.let_in(1, 1)
    bench.wait(HOLD_S)
    bench.go(1)
    outcomes = [one.get("outcome", one["kind"]) for one in bench.told()]
    assert ["not_taken", "forced"] == outcomes
    assert (0, OUTSIDE, 1) == bench.counted()


def test_the_end_of_an_older_hold_ends_no_other_release(bench):
    bench.let_in(1, 1)
    bench.clock.advance(HOLD_S)
    bench.passage.tick()
    bench.go(1)  # in the last moment
    bench.let_in(2, 2)
    bench.deliver()
    assert 1 == len(bench.told())
    assert Stage.RELEASED is bench.stage


# ------------------------------------------------------------------ a barrier that gives up


def test_a_barrier_that_does_not_open_gives_all_back(bench):
    bench.barrier.broken = True
    seq = bench.let_in(4, 4)
    expected = {
        "kind": "settled", "decision": seq, "outcome": "not_taken", "by": "barrier_fault", "persons": 4
    }  # fmt: skip
    assert [expected] == bench.told()
    assert Stage.SHUT is bench.stage
    assert (0, OUTSIDE, 0) == bench.counted()


def test_a_barrier_that_fails_in_the_middle_of_a_party_stays_open_and_whoever_passes_pays(bench):
    seq = bench.let_in(4, 4)
    bench.go(1)
    bench.barrier.broken = True
    bench.wait(HOLD_S)
    assert [] == bench.told()
    bench.go(1)
    bench.wait(60)
    assert [] == bench.told()
    bench.barrier.broken = False
    bench.wait(1)
    assert [taken(seq, 2, "hold_ended", uses=2)] == bench.told()
    assert (2, inside(2), 2) == bench.counted()
    assert Stage.READY is bench.stage


def test_a_barrier_that_does_not_obey_is_tried_at_each_tick_and_not_all_the_time(bench):
    bench.let_in(4, 4)
    bench.barrier.broken = True
    bench.wait(HOLD_S)
    assert Stage.CLOSING is bench.stage
    assert bench.passage.until > bench.clock.monotonic()  # or the lane would not pause before its next tick
    tried = bench.barrier.commands
    bench.wait(1)
    assert tried + 1 == bench.barrier.commands


# ------------------------------------------------------------------ restarts


@pytest.mark.parametrize(("counts", "uses"), [(True, 4), (False, 0)], ids=["it counts", "it does not"])
def test_of_a_party_cut_off_by_a_restart_nobody_knows(tmp_path, counts, uses):
    path = tmp_path / "journal.db"
    first = Bench(path, unknown_counts=counts)
    seq = first.let_in(4, 4)
    first.go(1, 1)
    first.stop()
    second = open_journal(path, unknown_counts=counts)
    assert 1 == second.settle_unsettled(STAMP)
    second.start()
    expected = {"kind": "settled", "decision": seq, "outcome": "unknown", "by": "restart", "persons": 4}
    second.do(lambda _: None).wait(10)
    assert [expected] == beside_grants(path)
    with closing(UsesReader(path)) as reader:
        assert uses == used(reader)
        assert (OUTSIDE, 0) == reader.inside(PASS, "pool", SHIFT)
        assert (NOW if counts else None) == reader.recall([CTI], "bron", SHIFT)[CTI].paid_at
    assert second.stop(10)
    assert [] == defects(path)


# ------------------------------------------------------------------ exits


def come_in(bench, persons):
    """As if an entry lane had let them in."""
    reserve = Reservation("in-1", CTI, "bron", SHIFT, 0, persons, None, PASS, "pool", SHIFT, NOW)
    seq = bench.journal.append(replace(GRANT, persons=persons, cost=0), STAMP, reserve).wait(10)
    bench.journal.append(replace(settled(seq), persons=persons), STAMP).wait(10)


def exited(persons, pass_=PASS):
    return {"kind": "exited", "persons": persons} | ({} if pass_ is None else {"pass": pass_.hex()})


@pytest.mark.parametrize(
    ("each", "told", "left"),
    [
        ((1, 1, 1), [exited(3)], 0),
        ((2,), [exited(2)], 1),
        ((), [exited(0)], 3),
        ((5,), [exited(5)], 0),
        ((1, 1, 3), [exited(5)], 0),
        ((3, 2), [exited(3), exited(2, None)], 0),
    ],
    ids=["all of them", "two of three", "nobody", "more at once", "more one by one", "strangers behind them"],
)
def test_an_exit_is_written_down_when_it_is_over(leaving, each, told, left):
    come_in(leaving, 3)
    leaving.let_out(3, PASS)
    assert [] == leaving.told()
    leaving.go(*each)
    leaving.wait(HOLD_S)
    assert told == leaving.told()
    _, presence, occupancy = leaving.counted()
    assert (left, left) == (presence.inside, occupancy)
    assert Stage.READY is leaving.stage


def test_who_leaves_without_a_release_is_not_inside_any_more(leaving):
    come_in(leaving, 3)
    leaving.go(1)
    assert [exited(1, None)] == leaving.told()
    assert (3, 2) == (leaving.counted()[1].inside, leaving.counted()[2])


def test_a_medium_of_nobody_lowers_the_occupancy_alone(leaving):
    come_in(leaving, 3)
    leaving.let_out(1, None)
    leaving.go(1)
    assert [exited(1, None)] == leaving.told()
    assert (3, 2) == (leaving.counted()[1].inside, leaving.counted()[2])


def test_an_exit_that_is_open_when_the_lane_stops_tells_who_went(leaving):
    come_in(leaving, 3)
    leaving.let_out(3, PASS)
    leaving.go(1, 1)
    leaving.passage.feed(Stopped())
    assert [exited(2)] == leaving.told()
    assert 0 == leaving.barrier.open_for
    assert 1 == leaving.counted()[2]


def test_an_exit_whose_barrier_does_not_obey_says_so(leaving):
    come_in(leaving, 3)
    leaving.barrier.broken = True
    leaving.let_out(3, PASS)
    assert [exited(0)] == leaving.told()
    assert Stage.SHUT is leaving.stage
    assert 3 == leaving.counted()[2]

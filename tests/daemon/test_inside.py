"""Who is inside, at a whole gate: anti-passback, capacity, and the end of the venue's day."""

from __future__ import annotations

import threading
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from gated.devices.simulated.clock import SimulatedClock
from gated.model.decision import Notice
from gated.store.directory import JOURNAL
from store.test_journal import defects, rows
from turnstile import SHORT, Attended, two_way, why
from venue import PATIENCE_S, medium, until

PARIS = ZoneInfo("Europe/Paris")
NOON = int(datetime(2026, 12, 5, 12, tzinfo=PARIS).timestamp())
DAY_END = int(datetime(2026, 12, 6, 4, tzinfo=PARIS).timestamp())
TIMED = {"passback": "timed", "passback_interval": "PT10M"}


@pytest.fixture
def opened(tmp_path, serve):
    """Make a gate whose venue has rules, with two families and their two media each."""
    made = []

    def start(rules, lanes=("in-1", "out-1"), **right):
        site = two_way(tmp_path, lanes=lanes, lane_lines=SHORT, now=NOON, profile=rules)
        made.append(site)
        for number, account in ((1, "alice"), (2, "bob")):
            site.bring(site.give(account, medium(number), "season", party=4, **right))
            site.bring(site.give(account, medium(number + 10), None))
        (site.path / "state").mkdir(exist_ok=True)
        return Attended(site, serve, SimulatedClock(NOON))

    yield start
    for site in made:
        site.office.close()
        assert [] == defects(site.state / JOURNAL)


ALICE, ALICES_OTHER, BOB = medium(1), medium(11), medium(2)


# ------------------------------------------------------------------ anti-passback


def test_hard_refuses_until_somebody_has_left_or_the_day_ends(opened):
    gate = opened({"passback": "hard"})
    assert gate.tap(ALICE).granted
    for carried in (ALICE, ALICES_OTHER):  # a pass is inside, not a medium
        told = gate.tap(carried)
        assert ("passback", {"inside": 1, "zone": "bron"}) == (why(told), dict(told.refusal.params))
        assert DAY_END == told.decision.next_at
    assert gate.tap(BOB).granted
    gate.tap(ALICES_OTHER, "out-1")
    assert gate.tap(ALICE).granted
    assert "passback" == why(gate.tap(ALICE))


def test_hard_is_over_with_the_first_second_of_the_next_day_of_the_venue(opened):
    gate = opened({"passback": "hard"})
    gate.tap(ALICE)
    gate.go_to(DAY_END - 1)
    assert "passback" == why(gate.tap(ALICE))
    gate.go_to(DAY_END)
    assert (0, 0) == (gate.inside("alice"), gate.inside())
    assert gate.tap(ALICE).granted


def test_hard_counts_who_is_inside_until_the_last_of_a_party_has_left(opened):
    gate = opened({"passback": "hard"})
    gate.tap(ALICE, persons=3)
    gate.tap(ALICE, "out-1", 2)
    assert {"inside": 1, "zone": "bron"} == dict(gate.tap(ALICE).refusal.params)
    gate.tap(ALICE, "out-1", 1)
    assert gate.tap(ALICE).granted


def test_timed_refuses_within_its_interval_alone(opened):
    gate = opened(TIMED)
    gate.tap(ALICE)
    gate.go_to(NOON + 599)
    told = gate.tap(ALICE)
    assert ("passback", NOON + 600) == (why(told), told.decision.next_at)
    gate.go_to(NOON + 600)
    assert gate.tap(ALICE).granted
    gate.go_to(NOON + 1199)
    assert "passback" == why(gate.tap(ALICE))  # the interval begins with the newest entry


def test_soft_grants_and_says_so(opened):
    gate = opened({"passback": "soft"})
    assert () == gate.tap(ALICE).decision.warnings
    told = gate.tap(ALICE)
    assert [(Notice.PASSBACK, 1)] == list(told.decision.warnings)
    warned = [row.get("warnings") for row in rows(gate.site.state / JOURNAL) if row["kind"] == "decided"]
    assert [None, ["passback"]] == warned


def test_none_asks_nothing(opened):
    gate = opened({})
    assert [(True, ()), (True, ())] == [
        (told.granted, told.decision.warnings) for told in (gate.tap(ALICE), gate.tap(ALICE))
    ]
    assert 2 == gate.inside("alice")  # counted all the same: the rule may come tomorrow


@pytest.mark.parametrize("rules", [{"passback": "hard"}, TIMED, {"passback": "soft"}])
def test_an_entry_that_nobody_took_marks_nobody_as_inside(opened, rules):
    gate = opened(rules)
    assert gate.tap(ALICE, persons=0).granted
    assert 0 == gate.inside("alice")
    told = gate.tap(ALICE)
    assert (True, ()) == (told.granted, told.decision.warnings)


def at_once(gate, *taps):
    """Present media at several lanes at the same moment: what each came to."""
    start = threading.Barrier(len(taps))

    def show(lane, carried):
        start.wait()
        gate.served.readers[lane].present(carried)

    threads = [threading.Thread(target=show, args=tap) for tap in taps]
    for thread in threads:
        thread.start()
    told = [gate.served.told.get(timeout=PATIENCE_S) for _ in threads]
    for thread in threads:
        thread.join()
    for lane, _ in taps:
        gate.served.readers[lane].remove()
    return told


@pytest.mark.parametrize(
    ("rules", "carried", "reason"),
    [({"passback": "hard"}, ALICES_OTHER, "passback"), ({"capacity": 1}, BOB, "venue_full")],
    ids=["one pass", "one place"],
)
def test_two_lanes_at_once_let_one_in(opened, rules, carried, reason):
    gate = opened(rules, lanes=("in-1", "in-2", "out-1"))
    for _ in range(4):
        told = at_once(gate, ("in-1", ALICE), ("in-2", carried))
        assert {None, reason} == {why(one) for one in told}
        (granted,) = [one for one in told if one.granted]
        gate.see_through(granted.lane, 1)
        assert 1 == gate.inside()
        gate.tap(ALICE, "out-1")
        gate.tap(BOB, "out-1")
        gate.clock.advance(60)


def test_an_open_release_is_inside_already(opened):
    gate = opened({"passback": "hard", "capacity": 8}, lanes=("in-1", "in-2", "out-1"))
    assert gate.served.tap(ALICE, "in-1").granted  # nobody has passed yet
    assert (4, 4) == (gate.inside("alice"), gate.inside())
    assert "passback" == why(gate.tap(ALICE, "in-2"))
    gate.see_through("in-1", 0)
    assert gate.tap(ALICE, "in-2").granted


# ------------------------------------------------------------------ capacity


def test_a_party_is_let_in_as_far_as_there_are_places(opened):
    gate = opened({"capacity": 6})
    assert 4 == gate.tap(ALICE, persons=4).decision.persons
    assert 2 == gate.tap(BOB, persons=2).decision.persons
    told = gate.tap(BOB)
    assert ("venue_full", {"capacity": 6}) == (why(told), dict(told.refusal.params))
    assert DAY_END == told.decision.next_at
    gate.tap(ALICE, "out-1", 1)
    assert 1 == gate.tap(BOB).decision.persons


def test_a_venue_without_exits_says_that_nobody_counts_who_leaves(opened):
    gate = opened({"capacity": 1}, lanes=("in-1",))
    gate.tap(ALICE)
    told = gate.tap(BOB)
    assert ("venue_full", {"capacity": 1, "exits": "not_measured"}) == (why(told), dict(told.refusal.params))
    gate.go_to(DAY_END - 1)
    assert "venue_full" == why(gate.tap(BOB))
    gate.go_to(DAY_END)
    assert gate.tap(BOB).granted


def test_who_pushes_in_takes_a_place_and_who_does_not_come_gives_it_back(opened):
    gate = opened({"capacity": 3})
    gate.tap(ALICE, persons=0)
    assert 0 == gate.inside()
    gate.barriers["in-1"].go(2)
    assert until(lambda: 2 == gate.inside())
    assert 1 == gate.tap(BOB).decision.persons
    assert "venue_full" == why(gate.tap(ALICE))


# ------------------------------------------------------------------ what stays over a restart


def test_who_is_inside_survives_a_restart(opened, serve):
    gate = opened({"passback": "hard", "capacity": 5})
    gate.tap(ALICE, persons=4)
    gate.served.stop_now()
    again = Attended(gate.site, serve, gate.clock)
    assert "passback" == why(again.tap(ALICE))
    assert 1 == again.tap(BOB).decision.persons

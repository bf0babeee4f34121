"""One carnet at several gates: while they know of each other, while they are apart, and when it is over."""

from __future__ import annotations

import json
import threading

import pytest

from fleet import here
from gated.store.directory import DELTA, JOURNAL
from town import Town
from venue import medium, until

CARD = medium(1)
TAPS = 14


@pytest.fixture
def town(tmp_path):
    """Make a town that is stopped when the test ends."""
    made: list[Town] = []

    def make(gates: int = 3, **rules) -> Town:
        made.append(Town(tmp_path, gates, **rules))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def spend(gate, carried=CARD) -> int:
    """Tap until it is refused; how many uses were granted."""
    for count in range(TAPS):
        told = gate.tap(carried)
        if not told.granted:
            assert "uses_exhausted" == str(told.refusal.reason)
            return count
    raise AssertionError("it is never refused")


def stated(town: Town, product: str, per: str, gates: int = 2) -> int:
    """What ``gated central exposure`` says."""
    said = here("central", "exposure", town.directory, "--venue", "bron", "--gates", gates, "--json")
    assert 0 == said.code, said.err
    rows = [json.loads(line) for line in said.out.splitlines()]
    (row,) = [row for row in rows if (row["product"], row["per"]) == (product, per)]
    return row["beyond"]


def reported(town: Town) -> list[dict]:
    """What ``gated central overspent`` says."""
    said = here("central", "overspent", town.directory, "--json")
    rows = [json.loads(line) for line in said.out.splitlines()]
    assert (3 if rows else 0) == said.code
    return rows


# ------------------------------------------------------------------ connected


def test_a_use_at_one_gate_counts_at_the_others_before_anybody_can_walk_there(town):
    town = town()
    right = town.sell("alice", CARD, 7)
    town.start(workers=2)
    for number in range(7):
        assert town.gates[number % 3].tap(CARD).granted
        assert town.everybody_knows(right, number + 1)
    for gate in town.gates:
        told = gate.tap(CARD)
        assert {"per": "total", "limit": 7, "used": 7} == dict(told.refusal.params)
    assert 7 == town.taken(right)
    assert [] == reported(town)


def test_what_nobody_took_counts_nowhere(town):
    town = town()
    right = town.sell("alice", CARD, 3)
    town.start()
    one, other, _ = town.gates
    assert one.tap(CARD, persons=0).granted is True
    assert one.tap(CARD).granted
    assert town.everybody_knows(right, 1)
    assert 2 == spend(other)


def test_at_three_gates_at_the_same_moment_it_is_spent_once_at_each_at_most(town):
    """What falls into the time that a use needs to become known: one grant for each gate, and no second one."""
    town = town()
    right = town.sell("alice", CARD, 1)
    town.start()
    start = threading.Barrier(3)
    granted: list[bool] = []

    def present(gate) -> None:
        start.wait()
        granted.append(gate.tap(CARD).granted)

    threads = [threading.Thread(target=present, args=(gate,)) for gate in town.gates]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert town.everybody_knows(right, sum(granted))
    assert [0, 0, 0] == [spend(gate) for gate in town.gates]
    assert (sum(granted) > 1) is bool(reported(town))


# ------------------------------------------------------------------ apart


@pytest.mark.parametrize("rule", ["allow", "cap:2", "deny"])
def test_apart_it_is_overspent_as_far_as_was_stated_and_healed_it_is_reported(town, rule):
    town = town(counted_when_apart=rule, products=[{"id": "carnet", "uses": 5}])
    right = town.sell("alice", CARD, None, "carnet")
    town.start()
    rest, *cut_off = town.gates
    for gate in cut_off:
        gate.leave()
    bound = stated(town, "carnet", "total")
    assert {"allow": 10, "cap:2": 4, "deny": 0}[rule] == bound
    uses = [spend(gate) for gate in cut_off]
    assert [bound // 2, bound // 2] == uses
    assert 5 == spend(rest)
    for gate in cut_off:
        gate.come_back()
    assert town.everybody_knows(right, 5 + bound)
    assert [0, 0, 0] == [spend(gate) for gate in town.gates]
    if not bound:
        assert [] == reported(town)
        return
    (one,) = reported(town)
    assert (right.hex(), "total", 5, 5 + bound) == (one["cti"], one["per"], one["limit"], one["used"])
    named = {row["gate"]: row["taken"] for row in one["rows"]}
    assert {"gate-1": 5, "gate-2": bound // 2, "gate-3": bound // 2} == named
    assert all(row["last_at"] >= town.site.now for row in one["rows"])
    told = here("central", "gates", town.directory).out
    assert "ALARM overspent" in told
    assert "1 right overspent" in told


def test_what_was_used_before_the_cut_leaves_less_to_overspend(town):
    town = town(counted_when_apart="cap:3", products=[{"id": "carnet", "uses": 4}])
    right = town.sell("alice", CARD, None, "carnet")
    town.start()
    one, other, _ = town.gates
    for _ in range(2):
        assert one.tap(CARD).granted
    assert town.everybody_knows(right, 2)
    other.leave()
    assert 2 == spend(other)  # not three: what was known stays known
    assert 2 == spend(one)
    other.come_back()
    assert town.everybody_knows(right, 6)


def test_uses_that_nobody_confirmed_count_against_the_cap_and_confirmed_ones_do_not(town):
    town = town(counted_when_apart="cap:2", products=[{"id": "carnet", "uses": 9}])
    right = town.sell("alice", CARD, None, "carnet")
    town.start()
    gate = town.gates[0]
    for _ in range(3):
        assert gate.tap(CARD).granted
    assert town.everybody_knows(right, 3)
    gate.leave()
    assert 2 == spend(gate)
    assert "apart" == gate.tap(CARD).refusal.params["per"]
    gate.come_back()
    assert town.everybody_knows(right, 5)
    gate.leave()
    assert 2 == spend(gate)


def test_a_season_pass_with_a_limit_for_the_day_is_good_once_at_each_gate_that_is_apart(town):
    town = town(counted_when_apart="deny", products=[{"id": "daily", "uses": {"per_day": 1}}])
    right = town.sell("alice", CARD, None, "daily")
    town.start()
    for gate in town.gates[1:]:
        gate.leave()
    assert [1, 1, 1] == [spend(gate) for gate in town.gates]
    assert 2 == stated(town, "daily", "day")
    for gate in town.gates[1:]:
        gate.come_back()
    assert town.everybody_knows(right, 3)
    (one,) = reported(town)
    assert ("day", 1, 3) == (one["per"], one["limit"], one["used"])


def test_what_a_season_pass_does_is_told_to_nobody(town):
    town = town()
    town.sell("alice", CARD, None, "season")
    town.start()
    for _ in range(3):
        assert town.gates[0].tap(CARD).granted
    assert until(town.gates[0].told_all)
    assert 0 == town.newest()


# ------------------------------------------------------------------ what is kept of us elsewhere


@pytest.mark.parametrize("lost", [(JOURNAL,), (JOURNAL, DELTA)], ids=["journal", "journal and cache"])
def test_a_gate_that_lost_its_journal_is_told_what_it_had_granted(town, lost):
    town = town()
    right = town.sell("alice", CARD, 5)
    town.start()
    one, other, _ = town.gates
    for _ in range(3):
        assert one.tap(CARD).granted
    assert other.tap(CARD).granted
    assert town.everybody_knows(right, 4)
    one.stop()
    for name in lost:
        for path in one.site.state.glob(f"{name}*"):
            path.unlink()
    (one.site.state / "floors.json").unlink(missing_ok=True)
    if DELTA in lost:  # a full file of statements comes back with it, as after any such loss
        sold = one.site.path.parent / "sold.gated"
        assert 0 == here("stick", "import", "--complete", sold, "--config", one.site.config).code
    else:
        town.broker.ban(one.name)  # and the network is gone: what it knew of itself is here
    one.start()
    if DELTA in lost:
        assert until(one.knowledge.uses_known)
    assert 1 == spend(one)
    town.broker.pardon(one.name)
    assert town.everybody_knows(right, 5)
    assert [0, 0, 0] == [spend(gate) for gate in town.gates]


def test_a_gate_that_was_switched_off_is_told_what_happened_meanwhile(town):
    town = town()
    right = town.sell("alice", CARD, 5)
    town.start()
    one, other, _ = town.gates
    one.stop()
    for _ in range(4):
        assert other.tap(CARD).granted
    assert town.everybody_knows(right, 4)
    one.start()
    assert until(one.knowledge.uses_known)
    assert 1 == spend(one)


# ------------------------------------------------------------------ re-entry, and who is inside


def test_an_entry_paid_at_one_gate_is_free_at_another(town):
    town = town(products=[{"id": "back", "uses": 3, "reentry": "PT30M"}])
    right = town.sell("alice", CARD, None, "back")
    town.start()
    assert 1 == town.gates[0].tap(CARD).decision.cost
    assert town.everybody_knows(right, 1)
    assert [0, 0] == [gate.tap(CARD).decision.cost for gate in town.gates[1:]]
    assert 1 == town.taken(right)


def people_known(town: Town, gate) -> bool:
    return until(lambda: gate.told_all() and all(one.knows_as_much() for one in town.gates))


def test_whoever_came_by_one_gate_is_inside_for_the_others_until_they_leave_by_any(town):
    town = town(2, passback="hard", lanes=("in-1", "out-1"))
    town.sell("alice", CARD, None, "season")
    town.start()
    one, other = town.gates
    assert one.tap(CARD).granted
    assert people_known(town, one)
    assert "passback" == str(other.tap(CARD).refusal.reason)
    assert other.tap(CARD, "out-1").granted
    assert people_known(town, other)
    assert other.tap(CARD).granted
    assert people_known(town, other)
    assert "passback" == str(one.tap(CARD).refusal.reason)
    assert one.tap(CARD, "out-1").granted
    assert people_known(town, one)
    assert one.tap(CARD).granted


def test_a_party_is_let_out_by_the_other_gate_as_it_came(town):
    town = town(2, passback="soft", lanes=("in-1", "out-1"))
    town.sell("alice", CARD, None, "season", party=4)
    town.start()
    one, other = town.gates
    assert one.tap(CARD, persons=3).granted
    assert people_known(town, one)
    assert 3 == other.tap(CARD, "out-1", persons=2).decision.persons
    assert people_known(town, other)
    assert 1 == one.tap(CARD, "out-1", persons=1).decision.persons


def test_a_venue_is_full_for_all_its_gates_at_once(town):
    town = town(2, capacity=2, lanes=("in-1", "out-1"))
    for number, name in enumerate(("alice", "bob", "carol"), 1):
        town.sell(name, medium(number), None, "season")
    town.start()
    one, other = town.gates
    assert one.tap(medium(1)).granted
    assert people_known(town, one)
    assert other.tap(medium(2)).granted
    assert people_known(town, other)
    assert ["venue_full"] * 2 == [str(gate.tap(medium(3)).refusal.reason) for gate in (one, other)]
    assert other.tap(medium(9), "out-1").granted  # somebody whom nobody knows, by the other gate
    assert people_known(town, other)
    assert one.tap(medium(3)).granted

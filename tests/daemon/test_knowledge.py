"""How old what a gate knows is: a row when that changes, a word at every tap, and a line for a technician."""

from __future__ import annotations

import json
from contextlib import closing

import pytest

from gated.cli.main import main
from gated.devices.simulated.clock import SimulatedClock
from gated.store.chain import JournalReader
from gated.store.directory import FLOORS, JOURNAL
from gated.store.floors import HEAD_AT, floors_file
from venue import NOW, medium, until

H = 3600
ALICE = medium(1)


def rows(site, kind):
    with closing(JournalReader(site.state / JOURNAL)) as reader:
        return [row.event for row in reader.rows() if row.event["kind"] == kind]


class Gate:
    """A gate without a link, whose head is set by hand."""

    def __init__(self, site, serve) -> None:
        self.site, self._serve = site, serve
        self.clock = SimulatedClock(NOW)
        site.bring(site.give("alice", ALICE, "season"))
        self.start()

    def start(self) -> None:
        self.served = self._serve(self.site, clock=self.clock)
        self.knowledge = self.served.gate._knowledge

    def again(self) -> None:
        self.served.stop_now()
        self.start()

    def ages(self, seconds: int) -> None:
        self.clock.advance(seconds)
        self.served.gate.tick()

    def tap(self):
        told = self.served.tap(ALICE)
        row = rows(self.site, "decided")[-1]
        return None if told.granted else str(told.refusal.reason), row.get("knowledge")

    def states(self) -> list[tuple[str, int]]:
        told = self.served.gate.journal
        assert until(lambda: not told.busy)
        return [(row["state"], row["known_at"]) for row in rows(self.site, "knowledge")]

    def status(self, capsys) -> tuple[dict, str]:
        self.served.stop_now()
        capsys.readouterr()
        assert 0 == main(["status", "--config", str(self.site.config), "--json"])
        told = json.loads(capsys.readouterr().out)["knowledge"]
        assert 0 == main(["status", "--config", str(self.site.config)])
        return told, capsys.readouterr().out


@pytest.fixture
def gate(site, serve):
    return Gate(site, serve)


def test_a_gate_that_never_had_a_head_is_not_judged(gate, capsys):
    gate.ages(400 * 24 * H)
    assert (None, None) == gate.tap()
    assert [] == gate.states()
    told, lines = gate.status(capsys)
    assert (None, False) == (told, "knowledge" in lines)


def test_knowledge_grows_old_to_the_second_and_is_fresh_again(gate):
    floor = gate.served.gate._time.read().floor
    gate.knowledge.head_at = floor
    gate.served.gate.tick()
    assert (None, None) == gate.tap()

    def at(age: int):
        """By the floor, which may run a little slow."""
        gate.knowledge.head_at = gate.served.gate._time.read().floor - age
        gate.served.gate.tick()
        return gate.tap()

    assert (None, None) == at(24 * H - 1)
    assert (None, "stale") == at(24 * H)
    assert (None, "stale") == at(168 * H - 1)
    assert ("knowledge_expired", "expired") == at(168 * H)
    assert (None, None) == at(0)
    assert ["fresh", "stale", "expired", "fresh"] == [state for state, _ in gate.states()]


def test_a_week_without_a_network_refuses_nobody_and_the_day_after_does(gate):
    gate.knowledge.head_at = gate.served.gate._time.read().floor
    for _ in range(7 * 24 - 1):
        gate.ages(H)
    assert (None, "stale") == gate.tap()
    gate.ages(2 * H)
    assert ("knowledge_expired", "expired") == gate.tap()


def test_a_clock_that_runs_away_makes_nothing_older(gate):
    gate.knowledge.head_at = gate.served.gate._time.read().floor
    gate.clock.wall += 300 * 24 * H
    gate.served.gate.tick()
    assert (None, None) == gate.tap()


def test_what_the_profile_names_is_good_all_the_same(gate):
    gate.served.stop_now()
    path = gate.site.path / "central" / "gate" / "profile-bron.json"
    document = json.loads(path.read_text())
    document["staleness"] = {"stale_after": "PT1H", "expired_after": "PT2H", "when_expired": ["season"]}
    path.write_text(json.dumps(document))
    gate.start()
    gate.knowledge.head_at = gate.served.gate._time.read().floor
    gate.ages(3 * H)
    assert (None, "expired") == gate.tap()


def test_a_gate_that_had_a_head_and_lost_it_is_expired(gate, capsys):
    gate.knowledge.head_at = NOW
    gate.served.gate.tick()
    gate.again()
    gate.served.gate.tick()
    assert (None, NOW) == (gate.knowledge.head_at, floors_file(gate.site.state / FLOORS)[HEAD_AT])
    assert ("knowledge_expired", "expired") == gate.tap()
    assert [("fresh", NOW), ("expired", 0)] == gate.states()
    gate.knowledge.head_at = NOW
    gate.served.gate.tick()
    assert (None, None) == gate.tap()


def test_status_tells_it_from_the_files(gate, capsys):
    gate.knowledge.head_at = NOW
    gate.served.gate.tick()
    told, lines = gate.status(capsys)
    assert ("fresh", NOW) == (told["state"], told["known_at"])
    assert 0 <= told["age_s"] < 600
    assert "  knowledge: fresh, signed " in lines


def test_explain_judges_it_too(gate, capsys):
    gate.knowledge.head_at = NOW - 200 * 24 * H
    gate.served.gate.tick()
    gate.served.stop_now()
    capsys.readouterr()
    words = ["explain", "--config", str(gate.site.config), "--public-key", ALICE.public.hex(), "--json"]
    assert 3 == main(words)
    assert "knowledge_expired" == json.loads(capsys.readouterr().out)["reason"]

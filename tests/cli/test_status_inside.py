"""``gated status`` says how many are inside, and how sure that is."""

from __future__ import annotations

import json

import pytest

from gated.cli.main import main
from gated.devices.clock import SystemClock
from gated.devices.simulated.clock import SimulatedClock
from turnstile import Attended, two_way
from venue import DAY, NOW, medium

UNSURE = "inside: 3 people (entries only: nobody counts who leaves)"


class Wall:
    """This machine's clock, as a gate of ours may be given it: it can also be told to go on."""

    def __init__(self) -> None:
        self._clock, self._more = SystemClock(), 0.0

    def sample(self):
        return self._clock.sample()

    def monotonic(self) -> float:
        return self._clock.monotonic() + self._more

    @property
    def wall(self) -> float:
        return self._clock.sample().wall

    def advance(self, seconds: float) -> None:
        self._more += seconds


@pytest.fixture
def served(tmp_path, serve):
    made = []

    def start(*lanes, clock=None):
        site = two_way(tmp_path, lanes=lanes)
        site.bring(site.give("alice", medium(1), "season", party=4))
        gate = Attended(site, serve, clock or Wall())
        gate.tap(medium(1), persons=3)
        made.append(site)
        return gate

    yield start
    for site in made:
        site.office.close()


def status(capsys, *words):
    assert 0 == main(["status", *map(str, words)])
    return capsys.readouterr().out


def as_json(capsys, *words):
    return json.loads(status(capsys, *words, "--json"))["inside"]


def test_where_a_lane_leads_out_who_is_inside_is_measured(served, capsys):
    gate = served("in-1", "out-1")
    config = gate.site.config
    assert {"people": 3, "confidence": "measured"} == as_json(capsys, "--config", config)
    assert "  inside: 3 people\n" in status(capsys, "--config", config)
    gate.tap(medium(1), "out-1", 2)
    assert {"people": 1, "confidence": "measured"} == as_json(capsys, "--config", config)


def test_where_none_does_only_entries_are_counted(served, capsys):
    config = served("in-1").site.config
    assert {"people": 3, "confidence": "entries_only"} == as_json(capsys, "--config", config)
    assert UNSURE in status(capsys, "--config", config)


def test_without_the_profile_it_is_not_told(served, capsys):
    gate = served("in-1")
    site = gate.site
    assert as_json(capsys, "--state-dir", site.state) is None
    assert "inside" not in status(capsys, "--state-dir", site.state)
    gate.served.stop_now()  # while it runs, it tells itself
    (site.path / "central" / "gate" / "profile-bron.json").write_text("{}")
    assert as_json(capsys, "--config", site.config) is None


def test_who_came_on_another_service_day_is_not_inside_today(served, capsys):
    # So far ahead that the middle of what is possible, once the clock goes back, is another day at any hour.
    gate = served("in-1", "out-1", clock=SimulatedClock(NOW + 5 * DAY))
    assert 3 == gate.inside()
    gate.served.stop_now()
    assert 0 == as_json(capsys, "--config", gate.site.config)["people"]

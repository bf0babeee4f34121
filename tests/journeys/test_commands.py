"""From the desk to the barrier: an operator at the office commands a whole gate over the link."""

from __future__ import annotations

import json
from contextlib import closing

import pytest

from gated.cli.main import main
from gated.devices.simulated.barrier import SimulatedBarrier
from gated.links.memory import MemoryLink
from gated.model.letter import Letter
from gated.store.chain import JournalReader
from gated.store.directory import JOURNAL
from gated.wire import topics
from hall import GATE, Hall
from venue import medium, until


class Counting(SimulatedBarrier):
    """Notes for how many it is released."""

    def __init__(self) -> None:
        super().__init__()
        self.let = []

    def release(self, persons: int) -> None:
        self.let.append(persons)
        super().release(persons)


@pytest.fixture
def hall(site):
    made = Hall(site)
    made.serve(workers=2)
    yield made
    made.stop()


@pytest.fixture
def barrier():
    return Counting()


@pytest.fixture
def served(site, hall, serve, barrier):
    site.bring(site.give("alice", medium(1), "season"))
    made = serve(site, link=hall.gate_link(), barriers={"in-1": barrier}, jitter=lambda: 0.05)
    # The first pulse: from then on the gate knows how late it can be.
    assert until(lambda: made.gate._time.read().ceiling is not None)
    return made


@pytest.fixture
def order(hall, capsys):
    def give(*words):
        command = ["central", "command", hall.directory, "--gate", GATE, *words, "--operator", "Mia"]
        assert 0 == main([*map(str, command), "--reason", "card broken", "--json"])
        return json.loads(capsys.readouterr().out)["counter"]

    return give


@pytest.fixture
def became(hall, capsys):
    def look():
        assert 0 == main(["central", "commands", str(hall.directory), "--json"])
        told = map(json.loads, capsys.readouterr().out.splitlines())
        return {one["counter"]: one["refused"] or one["state"] for one in told}

    return look


def rows(site, kind):
    with closing(JournalReader(site.state / JOURNAL)) as reader:
        return [row.event for row in reader.rows() if row.event["kind"] == kind]


def test_the_desk_lets_somebody_through_once_and_sees_that_it_was_done(
    site, hall, served, barrier, order, became
):
    counter = order("open", "in-1")
    assert until(lambda: became()[counter] == "done")
    assert [1] == barrier.let
    (ordered,) = rows(site, "ordered")
    assert ("open", "Mia", "card broken", counter) == (
        *(ordered[name] for name in ("order", "operator", "reason", "counter")),
    )
    assert "user" not in ordered
    assert until(lambda: [row["decision"] for row in rows(site, "settled")] == [ordered["seq"]])


def test_a_mode_stands_and_a_report_tells(site, served, order, became):
    shut = order("mode", "in-1", "out_of_service")
    assert until(lambda: became() == {shut: "done"})
    report, fresh = order("report"), order("refresh")
    assert until(lambda: became() == {shut: "done", report: "done", fresh: "done"})
    assert "out_of_service" == rows(site, "lane")[-1]["state"]
    (told,) = rows(site, "reported")
    assert (1, 0) == (told["status"]["lanes"], told["status"]["in_service"])
    assert {"version", "rows", "unsent", "unsettled", "position", "complete", "signed_time", "refused"} < {
        *told["status"]
    }


def test_what_the_lane_cannot_do_comes_back_as_its_reason(served, order, became):
    unknown, free = order("open", "in-9"), order("mode", "in-1", "free_passage")
    assert until(lambda: became() == {unknown: "unknown_lane", free: "done"})
    stands = order("open", "in-1")
    assert until(lambda: became()[stands] == "stands_open")


def test_a_broker_that_sends_it_again_opens_nothing(site, hall, served, barrier, order, became):
    hall.broker.faults.double(3, topics=topics.command(GATE))
    heard = []
    hall.broker.watch(lambda _client, letter: heard.append(letter))
    counter = order("open", "in-1")
    assert until(lambda: became()[counter] == "done")
    (sent, *_) = [letter for letter in heard if letter.topic == topics.command(GATE)]
    stranger = MemoryLink(hall.broker, "stranger")
    stranger.open([])
    stranger.send(Letter(topics.command(GATE), sent.payload))
    assert until(lambda: [(row["what"], row["code"]) for row in rows(site, "unbelieved")] != [])
    assert {("command", "replayed")} == {(row["what"], row["code"]) for row in rows(site, "unbelieved")}
    assert [1] == barrier.let
    stranger.close()
    assert until(lambda: served.tap(medium(1)).granted)

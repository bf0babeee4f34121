"""Everything from a tap to central is killed at random while taps go on: each row arrives once.

``.ci/run`` kills 100 times; without GATED_SYNC_KILLS it is a short form of the same.
"""

from __future__ import annotations

import os
import random
import signal
import threading
from collections import Counter

import pytest

from city import City, end, finish, kill, settle
from gated.model.letter import Letter
from gated.wire import topics
from mosquitto import running
from records import journaled, kept, total
from venue import until

KILLS = int(os.environ.get("GATED_SYNC_KILLS", "15"))
#: A receipt is waited for briefly: a campaign has no time for defaults made for a city.
LINES = 'ack_wait = "500ms"\nkeepalive = "2s"'


class Cast:
    """The processes of a city, by name, and how each is started anew."""

    def __init__(self, city: City, workers: int) -> None:
        self.city = city
        self.start = {f"central-{number}": city.serve for number in range(workers)}
        self.start |= {box.id: lambda box=box: city.run_gate(box) for box in city.gates}
        self.running = {name: start() for name, start in self.start.items()}
        self.kills: Counter[str] = Counter()

    def kill(self, name: str) -> None:
        self.kills[name.partition("-")[0]] += 1
        if name == "broker":
            self.city.broker.kill()
            return
        process = self.running[name]
        assert process.poll() is None, f"{name} ended by itself: {process.returncode}"
        kill(process)

    def again(self, name: str) -> None:
        if name == "broker":
            self.city.broker.start()
        else:
            self.running[name] = self.start[name]()

    def stop_gates(self) -> None:
        for box in self.city.gates:
            finish(self.running[box.id])

    def stop_central(self) -> None:
        for name, process in self.running.items():
            if name.startswith("central"):
                end(process)

    def kill_all(self) -> None:
        for process in self.running.values():
            kill(process)


def check_counts(city: City) -> int:
    """Journaled = at central, by epoch, seq and digest; gapless. Returns how many rows that are."""
    count = 0
    for box in city.gates:
        rows = journaled(box.state)
        assert rows == kept(city.ledger, box.id)
        assert len(rows) == total(city.ledger, box.id), "a row is there twice, or in another history"
        for epoch in {epoch for epoch, _ in rows}:
            seqs = sorted(seq for one, seq in rows if one == epoch)
            assert list(range(1, len(seqs) + 1)) == seqs
        assert [] == box.defects()
        assert 0 == box.unsent()
        count += len(rows)
    return count


@pytest.mark.timeout(180 + 4 * KILLS)
def test_kills_of_gates_workers_and_broker_lose_nothing_and_count_nothing_twice(tmp_path):
    with running(tmp_path / "broker", name_is_id=False) as broker:
        city = City(tmp_path, gates=4, broker=broker, lines=LINES)
        for box in city.gates:
            city.import_statements(box)
        cast, draw, pause = Cast(city, workers=2), random.Random(5), threading.Event()
        try:
            for _ in range(KILLS):
                pause.wait(draw.uniform(0.1, 1.0))  # the moment is the test's random input
                name = draw.choice(["broker", "broker", *cast.start])
                cast.kill(name)
                pause.wait(draw.uniform(0.0, 0.5))
                cast.again(name)
            assert until(lambda: all(box.state.exists() for box in city.gates))
            cast.stop_gates()
            settle(city)
            cast.stop_central()
        finally:
            cast.kill_all()
        rows = check_counts(city)
    assert rows > 4 * KILLS, "the load must have written rows, or nothing was tested"
    print(f"{sum(cast.kills.values())} kills {dict(cast.kills)}, {rows} rows, each once at central")


def fill_up(broker):
    """Send letters that nobody believes, until the broker throws away what it answers."""
    link = broker.link("filler")
    link.open([])

    def one_more():
        link.send(Letter(topics.state("filler"), b"x"))
        assert 0 == link.receive(5.0).code
        return "dropped" in broker.log.read_text()

    assert until(one_more, 60)
    link.close()


@pytest.mark.timeout(240)
def test_a_broker_that_throws_away_what_it_acknowledges_loses_nothing(tmp_path):
    """One letter may wait for central beyond those in flight: what comes on top is answered, and gone."""
    lossy = ["max_queued_messages 1"]
    with running(tmp_path / "broker", general=lossy, name_is_id=False) as broker:
        city = City(tmp_path, gates=4, broker=broker, lines=LINES)
        cast = Cast(city, workers=1)
        try:
            central = cast.running["central-0"]
            assert until(
                lambda: all(box.state.exists() and kept(city.ledger, box.id) for box in city.gates), 60
            )
            central.send_signal(signal.SIGSTOP)
            fill_up(broker)
            threading.Event().wait(1.5)  # what gates send meanwhile is lost, whatever the broker answers
            central.send_signal(signal.SIGCONT)
            cast.stop_gates()
            settle(city)
            cast.stop_central()
        finally:
            cast.kill_all()
        assert check_counts(city) > 20

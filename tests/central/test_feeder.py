"""The feed is kept fresh beside the workers: heads soon, snapshots by another process, trouble told once."""

from __future__ import annotations

import logging
import sys
import threading
from contextlib import closing

import pytest

from central.box import Box
from central.test_feed import NOW, USUAL, City
from gated.central.ack_keys import AckKeys
from gated.central.answering import Answering, Asker
from gated.central.feed import FRESH_S, Much
from gated.central.feed_serving import Heads, feed_answers
from gated.central.feeder import AGAIN_S, LEAST_S, NEXT_SNAPSHOT_S, TIDY_S, Feeder, SnapshotProcess
from gated.central.ledger import Ledger
from gated.central.ledger_feed import newest_head
from gated.central.service import CentralWorker
from gated.credential.message import MESSAGE_TYPES
from gated.devices.clock import SystemClock
from gated.links.memory import MemoryLink
from gated.links.memory_broker import MemoryBroker
from gated.model.letter import Letter, Received
from gated.model.statement import Kind
from gated.wire import topics
from gated.wire.manifest import read_manifest
from gated.wire.request import (
    HERE,
    NO_SUCH_THING,
    BlobWanted,
    HeadWanted,
    Request,
    encode_request,
    read_answer,
)
from venue import until


class Job:
    """Makes snapshots when it is told to finish."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.running = self.stopped = False

    def start(self, sector):
        self.started.append(sector)
        self.running = True

    def is_running(self):
        return self.running

    def stop(self):
        self.stopped = True


class Hand:
    """A feeder whose turns and time are ours."""

    def __init__(self, city: City, much: Much = USUAL) -> None:
        self.city, self.job, self.monotonic = city, Job(), 100.0
        self.feed = city.again(much=much)
        self.told = 0
        self.feeder = Feeder([self.feed], self.job, lambda: self.monotonic, self._made)

    def _made(self) -> None:
        self.told += 1

    def turn(self, later: float = LEAST_S) -> int:
        self.monotonic += later
        self.feeder.turn()
        head = newest_head(self.city.ledger, "pools")
        return head.version if head else 0


@pytest.fixture
def city(tmp_path):
    with closing(City(tmp_path / "city")) as made:
        yield made


def test_a_head_is_made_where_something_was_issued_and_every_five_minutes(city):
    hand = Hand(city)
    assert [1, 1, 1] == [hand.turn() for _ in range(3)]
    city.issue(1)
    assert [2, 2] == [hand.turn() for _ in range(2)]
    city.now += FRESH_S
    assert [3, 3] == [hand.turn() for _ in range(2)]
    assert 3 == hand.told
    assert [] == hand.job.started


def test_two_heads_are_not_made_at_once(city):
    hand = Hand(city)
    hand.turn()
    for _ in range(3):
        city.issue(1)
        assert 1 == hand.turn(LEAST_S / 4)
    assert 2 == hand.turn(LEAST_S / 2)
    assert 3 == city.head().position


def test_a_snapshot_is_begun_once_and_again_after_a_while(city):
    hand = Hand(city, Much(statements=5))
    city.issue(6)
    assert [0, 0] == [hand.turn() for _ in range(2)]  # the first head of so many waits for it
    assert ["pools"] == hand.job.started
    hand.job.running = False  # it failed
    hand.turn()
    assert ["pools"] == hand.job.started
    hand.turn(NEXT_SNAPSHOT_S)
    assert ["pools"] * 2 == hand.job.started
    city.feed.make_snapshot(lambda _: None)
    hand.job.running = False
    hand.turn(NEXT_SNAPSHOT_S)
    city.issue(1)
    assert 2 == hand.turn()
    assert ["pools"] * 2 == hand.job.started


def test_what_was_lost_is_noticed_and_a_snapshot_begun(city):
    city.issue(3)
    city.feed.make_snapshot(lambda _: None)
    (city.feed.blobs.folder / city.feed.manifest.snapshot.pages[0].hex()).unlink()
    hand = Hand(city)
    hand.turn()  # begins with looking
    assert ["pools"] == hand.job.started
    hand.job.running = False
    hand.turn(TIDY_S)
    assert ["pools"] * 2 == hand.job.started


def test_trouble_is_told_once_and_tried_again(city, caplog):
    caplog.set_level(logging.INFO)
    hand = Hand(city)
    city.now += 31 * 86400  # its key's time is over
    for _ in range(3):
        hand.turn(AGAIN_S)
    assert 1 == sum("is not fresh" in record.message for record in caplog.records)
    city.now = NOW
    assert 0 == hand.turn(AGAIN_S / 2)
    assert 1 == hand.turn(AGAIN_S)
    assert 1 == sum("fresh again" in record.message for record in caplog.records)


def test_a_feeder_ends_its_job_with_itself(city):
    job = Job()
    feeder = Feeder([city.feed], job, SystemClock().monotonic)
    feeder.stop()
    feeder.run()
    assert job.stopped


def test_a_snapshot_is_made_by_a_process(tmp_path):
    words = [
        sys.executable,
        "-m",
        "gated",
        "central",
        "feed",
        str(tmp_path / "city"),
        "--snapshot",
        "--sector",
    ]
    with closing(City(tmp_path / "city", now=SystemClock().sample().wall)) as city:
        city.issue(5)
        job = SnapshotProcess(words)
        assert not job.is_running()
        job.stop()  # nothing to stop
        job.start("pools")
        assert until(lambda: not job.is_running())
        assert (5, 5) == (city.head().position, city.feed.manifest.snapshot.position)
        assert 5 == len(city.rebuilt())


def test_a_process_that_makes_a_snapshot_is_ended_with_the_feeder():
    job = SnapshotProcess([sys.executable, "-c", "import signal; signal.pause()"])
    job.start("pools")
    assert job.is_running()
    job.stop()
    assert not job.is_running()


def test_a_head_is_published_once_for_each_connection(city):
    heads = Heads(city.ledger, ["pools", "museums"])
    assert [] == heads.due(changed=True)
    city.feed.make_head()
    token = city.feed.head.token
    assert [Letter(topics.head("pools"), token, retain=True)] == heads.due(changed=False)
    assert [] == heads.due(changed=True)
    heads.begin()
    assert [Letter(topics.head("pools"), token, retain=True)] == heads.due(changed=False)
    city.now += 1
    city.feed.make_head()
    assert [city.feed.head.token] == [letter.payload for letter in heads.due(changed=False)]


def test_a_gate_gets_head_and_blobs_of_its_own_sector_alone(tmp_path):
    with closing(City(tmp_path / "city")) as pools, closing(City(tmp_path / "city", "museums")) as museums:
        pools.issue(1)
        pools.feed.make_head()
        answering = Answering(feed_answers(pools.place, pools.ledger, ["pools", "museums"]))
        manifest = pools.feed.head.manifest

        def ask(sector, want):
            answer = answering.answer(Asker("bron-1", sector), Request("bron-1", bytes(8), want))
            return answer.code, answer.body

        assert (HERE, pools.feed.head.token) == ask("pools", HeadWanted())
        assert (HERE, pools.blob(manifest)) == ask("pools", BlobWanted(manifest))
        assert (NO_SUCH_THING, b"") == ask("pools", BlobWanted(bytes(32)))
        for sector in ("museums", "libraries"):
            assert (NO_SUCH_THING, b"") == ask(sector, HeadWanted())
            assert (NO_SUCH_THING, b"") == ask(sector, BlobWanted(manifest))
        museums.feed.make_head()
        assert HERE == ask("museums", HeadWanted())[0]


def test_what_is_issued_is_a_head_at_the_broker_at_once_and_its_blobs_are_there(city):
    """Everything together, over a broker in memory: what a gate sees that only listens and asks."""
    broker = MemoryBroker()
    box = Box().enrol(city.ledger)
    with (
        closing(Ledger(city.place / "central.db")) as ledger,
        closing(Ledger(city.place / "central.db")) as other,
    ):
        worker = CentralWorker(
            MemoryLink(broker, "central", window=100), ledger, AckKeys.load(city.place),
            now=lambda: NOW, monotonic=SystemClock().monotonic, random=lambda: 0.02,
            answering=Answering(feed_answers(city.place, ledger, ["pools"])),
            publishers=[Heads(ledger, ["pools"])],
        )  # fmt: skip
        feeder = Feeder([city.again(ledger=other)], Job(), SystemClock().monotonic)
        threads = [threading.Thread(target=one.run) for one in (worker, feeder)]
        for thread in threads:
            thread.start()
        try:
            assert until(worker.serving.is_set)
            link = MemoryLink(broker, box.gate)
            link.open([topics.head("pools"), topics.response(box.gate)])
            for position in (1, 2, 3):
                city.issue(1)
                head = _heard(link, city, position)
            asked = Request(box.gate, b"question", BlobWanted(head.manifest))
            letter = box.sign(encode_request(asked), MESSAGE_TYPES[Kind.REQUEST])
            link.send(Letter(topics.request(box.gate), letter))
            came = _next(link, topics.response(box.gate))
            assert (head.position, 3) == (
                read_manifest(read_answer(came.payload).body).position,
                head.position,
            )
        finally:
            worker.stop()
            feeder.stop()
            for thread in threads:
                thread.join(20)
    late = MemoryLink(broker, "late")
    late.open([topics.head("pools")])
    assert 3 == city.opened(_next(late, topics.head("pools")).payload).position  # it is retained


def _next(link, topic):
    for _ in range(400):
        came = link.receive(0.05)
        if isinstance(came, Received) and came.topic == topic:
            return came
    raise AssertionError(f"nothing came by {topic}")


def _heard(link, city, position):
    while True:
        head = city.opened(_next(link, topics.head("pools")).payload)
        if head.position >= position:
            return head

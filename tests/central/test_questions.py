"""A worker of central answers what gates ask, under the topic of the gate that asked, and publishes."""

from __future__ import annotations

import threading

import pytest

from central.box import NOW, Box
from central.pools import founded
from gated.central.ack_keys import AckKeys
from gated.central.answering import Answering
from gated.central.ledger import Ledger
from gated.central.ledger_gates import heard_of
from gated.central.outbox import MAX_QUESTIONS, Outbox
from gated.central.service import CentralWorker
from gated.credential.message import MESSAGE_TYPES
from gated.devices.clock import SystemClock
from gated.links.memory import MemoryLink
from gated.links.memory_broker import MemoryBroker
from gated.model.letter import Letter, Received
from gated.model.statement import Kind
from gated.wire import topics
from gated.wire.request import (
    HERE,
    NO_SUCH_THING,
    Answer,
    BlobWanted,
    HeadWanted,
    Request,
    encode_request,
    read_answer,
)
from venue import until


class Herald:
    """Publishes once for each link, and whenever events were taken in."""

    def __init__(self) -> None:
        self.begun = False

    def begin(self) -> None:
        self.begun = True

    def due(self, *, changed):
        letters = [Letter(topics.head("pools"), b"begun", retain=True)] * self.begun
        self.begun = False
        return letters + [Letter(topics.uses("pools"), b"changed")] * changed


class Hall:
    """An office, a broker in memory, one worker, and a box that asks."""

    def __init__(self, place) -> None:
        founded(place, NOW)
        self.broker = MemoryBroker()
        self.ledger = Ledger(place / "central.db")
        self.box = Box().enrol(self.ledger)
        self.worker_ledger = Ledger(place / "central.db")
        self.herald, self.clock_stands, self._stood_at = Herald(), False, 0.0
        self.worker = CentralWorker(
            MemoryLink(self.broker, "central", window=100),
            self.worker_ledger,
            AckKeys.load(place),
            now=lambda: NOW,
            monotonic=self._monotonic,
            random=lambda: 0.02,
            answering=Answering(
                {BlobWanted: lambda asker, want: asker.gate.encode() if want.name[0] else None}
            ),
            publishers=[self.herald],
        )
        self.link = MemoryLink(self.broker, self.box.gate)
        self.link.open([topics.response(self.box.gate), topics.head("pools"), topics.uses("pools")])
        self.thread = threading.Thread(target=self.worker.run)
        self.thread.start()
        assert until(self.worker.serving.is_set)

    def _monotonic(self):
        if not self.clock_stands:
            self._stood_at = SystemClock().monotonic()
        return self._stood_at

    def ask(self, want, gate="bron-1", box=None, topic=None, name=bytes(8)):
        token = (box or self.box).sign(encode_request(Request(gate, name, want)), MESSAGE_TYPES[Kind.REQUEST])
        self.link.send(Letter(topic or topics.request(gate), token))

    def hear(self, topic, patience=200):
        for _ in range(patience):
            came = self.link.receive(0.05)
            if isinstance(came, Received) and came.topic == topic:
                return came.payload
        return None

    def stop(self):
        self.worker.stop()
        self.thread.join(20)
        self.worker_ledger.close()
        self.ledger.close()


@pytest.fixture
def hall(tmp_path):
    made = Hall(tmp_path / "city")
    yield made
    made.stop()


def test_an_enrolled_gate_is_answered_under_its_own_topic(hall):
    hall.ask(BlobWanted(b"\x01" * 32), name=b"12345678")
    assert Answer(b"12345678", HERE, b"bron-1") == read_answer(hall.hear(topics.response("bron-1")))
    hall.ask(BlobWanted(bytes(32)))
    assert Answer(bytes(8), NO_SUCH_THING) == read_answer(hall.hear(topics.response("bron-1")))
    hall.ask(HeadWanted())
    assert Answer(bytes(8), NO_SUCH_THING) == read_answer(hall.hear(topics.response("bron-1")))


def test_whoever_is_not_that_gate_is_not_answered(hall):
    stranger = Box("bron-1")
    hall.ask(HeadWanted(), box=stranger)  # another key
    hall.ask(HeadWanted(), gate="bron-2", topic=topics.request("bron-1"))  # in another name
    hall.ask(HeadWanted(), gate="bron-9")  # nobody
    hall.link.send(Letter(topics.request("bron-1"), b"noise"))
    hall.link.send(Letter(topics.request("bron-1"), hall.box.greeting()))  # of another kind
    hall.ask(BlobWanted(b"\x01" * 32), name=b"the last")
    assert b"the last" == read_answer(hall.hear(topics.response("bron-1"))).id
    hall.worker.stop()
    hall.thread.join(20)
    refused = dict(heard_of(hall.ledger, "bron-1").refused)
    assert {"unknown_key": 1, "foreign_gate": 1, "malformed": 2} == refused
    assert {"unknown_gate": 1} == dict(heard_of(hall.ledger, "").refused)


def test_what_others_publish_goes_out_when_a_link_begins_and_when_events_came(hall):
    assert b"begun" == hall.hear(topics.head("pools"))
    hall.box.write(3)
    hall.link.send(Letter(topics.events("bron-1"), hall.box.letter(1, 3)))
    assert b"changed" == hall.hear(topics.uses("pools"))


def test_what_is_made_in_a_hurry_does_not_wait_for_the_next_look(hall):
    """The worker's clock stands still: nothing is ever due by time."""
    assert b"begun" == hall.hear(topics.head("pools"))
    hall.clock_stands = True
    hall.herald.begun = True
    assert hall.hear(topics.head("pools"), patience=10) is None
    hall.worker.hurry()
    assert b"begun" == hall.hear(topics.head("pools"))


class Slow:
    """A link whose broker takes nothing more."""

    window = 0

    def __init__(self) -> None:
        self.sent = []

    def send(self, letter):
        self.sent.append(letter)
        return len(self.sent)


def test_gates_take_turns_with_questions_which_come_behind_all_else():
    from gated.central.answering import Asker
    from gated.central.ledger_statements import Logged
    from gated.central.opening import Asked

    link = Slow()
    outbox = Outbox(link, lambda _sector, _ack: b"", Answering({}))
    for number in range(MAX_QUESTIONS + 1):
        question = Asked(Asker("a", "pools"), Request("a", bytes([number]) * 8, HeadWanted()))
        assert (number < MAX_QUESTIONS) == outbox.put_question(question)
    assert outbox.put_question(Asked(Asker("b", "pools"), Request("b", b"b" * 8, HeadWanted())))
    outbox.put_statements([Logged("pools", 1, b"statement")])
    outbox.put_letter(Letter(topics.head("pools"), b"head"))
    link.window = 5
    outbox.flush()
    answers = [topics.response(gate) for gate in ("a", "b", "a")]
    assert [topics.head("pools"), topics.statement("pools"), *answers] == [one.topic for one in link.sent]

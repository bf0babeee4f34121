"""Questions to central: few at once, each answered once or given up."""

from __future__ import annotations

import pytest

from gated.credential.message import open_message
from gated.daemon.asking import ANSWER_S, WINDOW, Asking
from gated.daemon.knowledge import PULSE_COUNTS_S, Knowledge, Pulse
from gated.links.memory import MemoryLink
from gated.links.memory_broker import MemoryBroker
from gated.model.letter import Received
from gated.model.statement import Kind
from gated.model.time import END_OF_TIME
from gated.model.trust import Algorithm, TrustedKey
from gated.wire import topics
from gated.wire.request import (
    HERE,
    Answer,
    BlobWanted,
    HeadWanted,
    UsesWanted,
    encode_answer,
    read_request,
)
from gated.wire.seal import SigningKey

GATE = "bron-1"
KEY = SigningKey.generate(Algorithm.EDDSA)
KEYS = {
    KEY.kid: TrustedKey(
        KEY.kid, KEY.algorithm, KEY.public, frozenset({"pools"}), frozenset({Kind.REQUEST}), 0, END_OF_TIME
    )
}


class Names:
    """Names of questions, in order: 1, 2, …"""

    def __init__(self) -> None:
        self.last = 0

    def __call__(self, size):
        self.last += 1
        return self.last.to_bytes(size, "big")


class Line:
    """A gate that asks, and whoever hears it."""

    def __init__(self) -> None:
        broker = MemoryBroker()
        self.other = MemoryLink(broker, "central")
        self.other.open([topics.request(GATE)])
        self.link = MemoryLink(broker, GATE)
        self.link.open([topics.response(GATE)])
        self.asking = Asking(gate=GATE, link=self.link, key=KEY, random=Names())
        self.told = []

    def ask(self, *wants):
        for want in wants:
            self.asking.ask(want, lambda answer, want=want: self.told.append((want, answer)))

    def asked(self):
        """The questions that arrived."""
        found = []
        while isinstance(came := self.other.receive(0.05), Received):
            payload = open_message(came.payload, Kind.REQUEST, KEYS, "pools", 0)
            found.append(read_request(payload))
        return found


@pytest.fixture
def line():
    return Line()


def number(count):
    return count.to_bytes(8, "big")


def test_a_question_is_signed_and_its_answer_told_once(line):
    line.ask(HeadWanted())
    assert [] == line.asked()
    line.asking.pump(0.0, 8)
    (request,) = line.asked()
    assert (GATE, HeadWanted()) == (request.gate, request.want)
    answer = Answer(request.id, HERE, b"head")
    line.asking.heard(encode_answer(answer))
    line.asking.heard(encode_answer(answer))
    assert [(HeadWanted(), answer)] == line.told
    assert {"answer_unasked": 1} == dict(line.asking.refused)
    assert 0 == line.asking.outstanding


def test_no_more_are_on_their_way_than_the_window_and_the_broker_allow(line):
    line.ask(*(UsesWanted(after) for after in range(WINDOW + 5)))
    assert 3 == len(line.asking.pump(0.0, 3))
    assert WINDOW - 3 == len(line.asking.pump(0.0, 100))
    assert [] == line.asking.pump(0.0, 100)
    line.asking.heard(encode_answer(Answer(number(2), HERE, b"x")))
    assert 1 == len(line.asking.pump(0.0, 100))
    assert [UsesWanted(after) for after in range(WINDOW + 1)] == [one.want for one in line.asked()]


def test_what_gets_no_answer_in_time_is_given_up_and_makes_room(line):
    line.ask(*(UsesWanted(after) for after in range(WINDOW + 1)))
    line.asking.pump(0.0, 100)
    line.asking.pump(ANSWER_S - 0.1, 100)
    assert [] == line.told
    assert 1 == len(line.asking.pump(ANSWER_S, 100))
    assert [None] * WINDOW == [answer for _, answer in line.told]
    line.asking.heard(encode_answer(Answer(number(1), HERE, b"late")))
    assert WINDOW == len(line.told)


def test_a_lost_link_gives_up_all_of_them(line):
    line.ask(*(BlobWanted(bytes([one]) * 32) for one in range(WINDOW + 3)))
    line.asking.pump(0.0, 100)
    line.asking.end()
    assert [None] * (WINDOW + 3) == [answer for _, answer in line.told]
    assert 0 == line.asking.outstanding


@pytest.mark.parametrize("payload", [b"", b"noise", bytes(8) + b"\x07", bytes(9), bytes(200_000)])
def test_noise_is_counted_and_asks_for_nothing(line, payload):
    line.ask(HeadWanted())
    line.asking.pump(0.0, 8)
    line.asking.heard(payload)
    assert [] == line.told
    assert 1 == line.asking.refused.total()


def test_uses_are_known_while_central_says_over_our_nonce_that_there_are_no_more():
    now = 100.0
    knowledge = Knowledge(lambda: now)
    assert not knowledge.uses_known()
    knowledge.pulse = Pulse(at=1, head=0, uses=7, trust=0, heard_at=100.0)
    knowledge.uses = 6
    assert not knowledge.uses_known()
    knowledge.uses = 7
    assert knowledge.uses_known()
    now = 100.0 + PULSE_COUNTS_S
    assert knowledge.uses_known()
    now += 0.1
    assert not knowledge.uses_known()
    now = 100.0
    knowledge.link_lost()
    assert not knowledge.uses_known()

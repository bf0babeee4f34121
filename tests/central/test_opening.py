"""Letters from anywhere: none breaks a worker, and none is believed that a gate's own key did not sign."""

from __future__ import annotations

import random
from contextlib import closing

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from central.box import NOW, Box, counted
from gated.central.intake import take_in
from gated.central.ledger import Ledger
from gated.central.opening import Greeting, Unbelieved, open_letter
from gated.central.proof import doubts
from gated.central.told import Told
from gated.model.letter import Received
from gated.model.statement import Kind
from gated.model.time import END_OF_TIME
from gated.model.trust import TrustedKey
from gated.wire import topics
from gated.wire.batch import encode_batch

BOX = Box().write(4).write_body('{"seq":5}')
KINDS = frozenset({Kind.EVENTS, Kind.STATE})
KEY = TrustedKey(BOX.key.kid, BOX.key.algorithm, BOX.key.public, frozenset({"pools"}), KINDS, 0, END_OF_TIME)


def keys_of(gate):
    return ("pools", {KEY.kid: KEY}) if gate == "bron-1" else None


def opened(topic, payload, sectors=frozenset({"pools"})):
    return open_letter(Received(topic, payload, 1), keys_of, sectors, NOW)


EVENTS, STATE = topics.events("bron-1"), topics.state("bron-1")


def test_what_a_gate_signed_is_believed():
    told = opened(EVENTS, BOX.letter())
    assert BOX.told() == told
    assert Greeting("pools", BOX.state()) == opened(STATE, BOX.greeting())


@pytest.mark.parametrize(
    ("topic", "payload", "gate", "code"),
    [
        ("gated/v1/gate/bron-1/down/ack", BOX.letter(), "", "foreign_topic"),
        ("gated/v1/gate/bron-1/up/events/more", BOX.letter(), "", "foreign_topic"),
        ("gated/v1/gate/Bron/up/events", BOX.letter(), "", "foreign_topic"),
        ("\0", BOX.letter(), "", "foreign_topic"),
        (topics.events("bron-2"), BOX.letter(), "", "unknown_gate"),
        (EVENTS, BOX.greeting(), "bron-1", "malformed"),
        (STATE, BOX.letter(), "bron-1", "malformed"),
        (EVENTS, b"", "bron-1", "truncated"),
        (EVENTS, Box("bron-2").write(1).letter(), "bron-1", "unknown_key"),
    ],
)
def test_what_is_not_believed_has_a_code(topic, payload, gate, code):
    assert Unbelieved(gate, code) == opened(topic, payload)


def test_a_sector_whose_receipts_nobody_here_can_sign_is_not_taken_in():
    assert Unbelieved("bron-1", "no_ack_key") == opened(EVENTS, BOX.letter(), frozenset({"museums"}))


def test_a_gate_that_signs_for_another_is_not_believed():
    other = Box("bron-2").write(3)
    other.key = BOX.key
    assert Unbelieved("bron-1", "foreign_gate") == opened(EVENTS, other.letter())
    assert Unbelieved("bron-1", "foreign_gate") == opened(STATE, other.greeting())


@settings(deadline=None)
@given(st.sampled_from([EVENTS, STATE, "x"]), st.binary(max_size=300))
def test_noise_is_not_believed(topic, noise):
    assert isinstance(opened(topic, noise), Unbelieved)


@settings(deadline=None)
@given(st.data())
@pytest.mark.parametrize(("topic", "token"), [(EVENTS, BOX.letter()), (STATE, BOX.greeting())], ids="es")
def test_a_changed_letter_is_not_believed(topic, token, data):
    at = data.draw(st.integers(0, len(token) - 1))
    changed = token[:at] + data.draw(st.binary(max_size=3)) + token[at + data.draw(st.integers(0, 3)) :]
    if changed != token:
        assert isinstance(opened(topic, changed), Unbelieved)


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 1 << 30))
def test_a_batch_that_is_changed_and_signed_breaks_nothing(tmp_path_factory, seed):
    """A broken or hostile gate signs whatever it likes: it is no batch, or it is kept and can be proved."""
    draw = random.Random(seed)
    payload = bytearray(encode_batch(BOX.batch()))
    for _ in range(draw.randint(1, 4)):
        at = draw.randrange(len(payload))
        payload[at : at + draw.randrange(3)] = bytes(
            draw.choice(b'0123456789abcdef{}[]",:\\ tru-.e') for _ in range(draw.randrange(3))
        )
    found = opened(EVENTS, BOX.sign(bytes(payload)))
    if isinstance(found, Unbelieved):
        assert found.code in ("malformed", "foreign_gate")
        return
    assert isinstance(found, Told)
    with closing(Ledger(tmp_path_factory.mktemp("any") / "central.db")) as ledger:
        BOX.enrol(ledger)
        for told in (found, BOX.told(), found):
            take_in(ledger, [told], NOW)
        assert [] == list(doubts(ledger, "bron-1"))
        assert len(set(counted(ledger, BOX))) == len(counted(ledger, BOX))

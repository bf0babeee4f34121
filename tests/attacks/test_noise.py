"""Noise on every topic that a gate hears: counted under a code, and the gate works."""

from __future__ import annotations

import pytest

from gated.credential.message import MESSAGE_TYPES
from gated.model.statement import Kind
from gated.wire import topics
from hall import GATE

SECTOR = "pools"
NOISE = {
    "empty": b"",
    "short": b"\xd2",
    "zeros": bytes(500),
    "text": b"GRANTED\n" * 20,
    "long": bytes(120_000),
}
#: By topic: what noise is counted as. What is too long for a kind may have a code of its own.
PLACES = {
    topics.ack(GATE): {"ack_malformed", "ack_oversize", "ack_truncated", "ack_unsigned"},
    topics.response(GATE): {"answer_malformed", "answer_unasked"},
    topics.statement(SECTOR): {"malformed", "oversize", "truncated", "unsigned"},
}


@pytest.mark.parametrize("noise", NOISE)
@pytest.mark.parametrize("topic", PLACES, ids=lambda topic: topic.rpartition("/")[2])
def test_noise_is_counted_and_nothing_else(attacked, topic, noise):
    attacked.publish(topic, NOISE[noise])
    assert attacked.counted_one_of(PLACES[topic])
    attacked.assert_still_works()


@pytest.mark.parametrize("kind", [Kind.STATE, Kind.EVENTS, Kind.BINDING], ids=str)
def test_a_genuine_envelope_under_a_wrong_topic_is_not_believed(attacked, kind):
    media_type = MESSAGE_TYPES.get(kind, "gated/binding")
    token = attacked.office_key("pools.ack").sign(media_type, b"{}")
    attacked.publish(topics.ack(GATE), token)
    assert attacked.counted_one_of({"ack_malformed", "ack_wrong_type", "ack_out_of_scope"})
    attacked.assert_still_works()

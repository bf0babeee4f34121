"""What gates and central tell each other opens under the same laws as a statement."""

from __future__ import annotations

import pytest

from gated.credential.message import MAX_MESSAGE_BYTES, MESSAGE_TYPES, open_message
from gated.model.refusal import Reason
from gated.model.statement import Kind
from gated.model.trust import Algorithm, TrustedKey
from gated.wire.seal import SigningKey

NOW = 1_800_000_000
KEY = SigningKey.generate(Algorithm.EDDSA)


def keys(key=KEY, *, kinds=(Kind.ACK,), expires=NOW + 1):
    return {
        key.kid: TrustedKey(
            key.kid, key.algorithm, key.public, frozenset({"pools"}), frozenset(kinds), 0, expires
        )
    }


def test_a_message_of_a_scoped_key_opens():
    token = KEY.sign(MESSAGE_TYPES[Kind.ACK], b"{}")
    assert b"{}" == open_message(token, Kind.ACK, keys(), "pools", NOW)


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_message_may_be_larger_than_a_statement(algorithm):
    key = SigningKey.generate(algorithm)
    for size in (10, 200, 60_000, 65_400):
        token = key.sign(MESSAGE_TYPES[Kind.ACK], bytes(size))
        assert bytes(size) == open_message(token, Kind.ACK, keys(key), "pools", NOW)


def test_a_message_past_64_kb_opens_where_the_limit_allows():
    token = KEY.sign(MESSAGE_TYPES[Kind.ACK], bytes(70_000))
    assert Reason.OVERSIZE is open_message(token, Kind.ACK, keys(), "pools", NOW).reason
    assert bytes(70_000) == open_message(token, Kind.ACK, keys(), "pools", NOW, limit=100_000)


@pytest.mark.parametrize(
    ("token", "trusted", "sector", "floor", "reason"),
    [
        (b"", keys(), "pools", NOW, Reason.TRUNCATED),
        (bytes(MAX_MESSAGE_BYTES + 1), keys(), "pools", NOW, Reason.OVERSIZE),
        (KEY.sign("gated/events", b"{}"), keys(), "pools", NOW, Reason.MALFORMED),
        (KEY.sign("gated/ack", b"{}"), {}, "pools", NOW, Reason.UNKNOWN_KEY),
        (KEY.sign("gated/ack", b"{}"), keys(kinds=[Kind.EVENTS]), "pools", NOW, Reason.OUT_OF_SCOPE),
        (KEY.sign("gated/ack", b"{}"), keys(), "museums", NOW, Reason.OUT_OF_SCOPE),
        (KEY.sign("gated/ack", b"{}"), keys(), "pools", NOW + 1, Reason.KEY_NOT_VALID),
        (KEY.sign("gated/ack", b"{}")[:-8] + b"\xff" * 8, keys(), "pools", NOW, Reason.BAD_SIGNATURE),
    ],
)
def test_a_message_is_refused_with_its_reason(token, trusted, sector, floor, reason):
    assert reason is open_message(token, Kind.ACK, trusted, sector, floor).reason

"""Central reads its own log without asking who signed it; what is no statement is none there either."""

from __future__ import annotations

import pytest

from gated.central.sign import sign_statement
from gated.credential.statement import claimed
from gated.model.refusal import Reason
from gated.model.statement import Binding, Denial, DenialState, TargetKind
from gated.model.trust import Algorithm
from gated.wire.seal import SigningKey

KEY = SigningKey.generate(Algorithm.EDDSA)
STATEMENTS = [
    Binding("pools", bytes(16), 5, None, 5, bytes(8), bytes(range(16)), 3),
    Denial("pools", 5, TargetKind.PASS, bytes(16), DenialState.BLOCKED, 2),
]


@pytest.mark.parametrize("statement", STATEMENTS, ids=lambda one: type(one).__name__)
def test_a_statement_claims_what_it_was_made_of(statement):
    assert statement == claimed(sign_statement(KEY, statement))


@pytest.mark.parametrize(
    "token", [KEY.sign("gated/ack", b"\xa0"), KEY.sign("gated/denial", b"\xa0"), b"x", b""]
)
def test_whatever_else_claims_nothing(token):
    assert claimed(token).reason in (Reason.MALFORMED, Reason.TRUNCATED)

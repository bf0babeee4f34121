"""Only the answer that nobody could give beforehand is timed, and all of it is."""

from __future__ import annotations

import pytest

from gated.model.credential import Assurance, Credential, Proof
from gated.model.refusal import Reason, Refusal
from gated.policy.round_trip import fresh_s, in_time

EV2 = Credential("ev2", bytes(7), Assurance.SYMMETRIC_MUTUAL)
ONE, CHAINED = Proof(EV2, fresh=range(1, 2)), Proof(EV2, fresh=range(1, 3))
LIMITS_S = {"ev2": 0.25}


@pytest.mark.parametrize(
    ("proof", "trips_s"),
    [
        pytest.param(ONE, [9.0, 0.25, 9.0], id="the others may take what they want"),
        pytest.param(CHAINED, [9.0, 0.125, 0.125], id="both parts of it together"),
    ],
)
def test_what_came_in_time_counts(proof, trips_s):
    assert proof is in_time(proof, trips_s, LIMITS_S)


@pytest.mark.parametrize(
    ("proof", "trips_s", "took_ms"),
    [
        pytest.param(ONE, [0.0, 0.251, 0.0], 251, id="a millisecond too much"),
        pytest.param(CHAINED, [0.0, 0.0, 0.3], 300, id="more promised at once, sent when the relay had it"),
        pytest.param(CHAINED, [0.0, 0.15, 0.15], 300, id="neither part alone is late"),
    ],
)  # fmt: skip
def test_what_came_late_is_refused_with_both_times(proof, trips_s, took_ms):
    late = Refusal(Reason.TOO_SLOW, {"scheme": "ev2", "took_ms": took_ms, "limit_ms": 250})
    assert late == in_time(proof, trips_s, LIMITS_S)


def test_a_scheme_without_a_limit_is_not_judged_and_its_time_is_told():
    assert ONE is in_time(ONE, [0.0, 9.0], {"pkoc": 0.25})
    assert 9.0 == fresh_s(ONE, [0.0, 9.0])


@pytest.mark.parametrize(
    "result", [None, Refusal(Reason.BAD_PROOF), Proof(EV2)], ids=["none", "refusal", "static"]
)
def test_where_nothing_was_fresh_nothing_is_judged(result):
    assert result is in_time(result, [9.0], {"ev2": 0.0})
    assert fresh_s(result, [9.0]) is None

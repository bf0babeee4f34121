"""Whatever comes in: it opens as exactly one thing, or it is refused. Nothing else ever happens.

The long campaign: ``GATED_FUZZ=100 pytest tests/properties``.
"""

from __future__ import annotations

import os

from hypothesis import given, settings
from hypothesis import strategies as st

import forge as f
from gated.central.sign import sign_statement
from gated.credential.cose import split
from gated.credential.keys import read_keys
from gated.credential.statement import open_statement
from gated.model.decision import Denied, Granted
from gated.model.refusal import Reason, Refusal
from gated.model.statement import Denial, DenialState, TargetKind
from gated.policy.decide import decide
from gated.wire.seal import SigningKey
from questions import NOW, candidate, denied, question, reading

MORE = int(os.environ.get("GATED_FUZZ", "1"))
KEYS = read_keys(f.keys_document())
OUR_KEY = SigningKey(f.POOLS._private)
GOOD = [
    f.token(f.POOLS, f.BINDING, f.binding()),
    f.token(f.POOLS, f.ENTITLEMENT, f.full_entitlement()),
    f.token(f.POOLS_P256, f.ENTITLEMENT, f.entitlement()),
    f.token(f.POOLS, f.DENIAL, f.denial()),
]
often = settings(max_examples=300 * MORE, deadline=None)


@often
@given(st.sampled_from(GOOD), st.data())
def test_no_byte_of_a_token_can_be_changed(token, data):
    place = data.draw(st.integers(0, len(token) - 1))
    change = data.draw(st.integers(1, 255))
    spoilt = token[:place] + bytes([token[place] ^ change]) + token[place + 1 :]
    assert isinstance(open_statement(spoilt, KEYS, f.ISSUED), Refusal)


@often
@given(st.binary(max_size=1100))
def test_noise_is_refused(raw):
    assert isinstance(open_statement(raw, KEYS, f.ISSUED), Refusal)


PAYLOADS = st.recursive(
    st.integers(-(1 << 64), (1 << 64) - 1)
    | st.binary(max_size=40)
    | st.text(max_size=40)
    | st.booleans()
    | st.floats(),
    lambda inner: (
        st.lists(inner, max_size=9)
        | st.dictionaries(st.integers(-70000, 20) | st.text(max_size=3), inner, max_size=9)
    ),
)


@often
@given(st.sampled_from(f.TYPES), PAYLOADS.map(f.encode) | st.binary(max_size=200))
def test_a_signed_payload_opens_as_one_thing_or_is_refused(kind, payload):
    opened = open_statement(f.token(f.POOLS, kind, payload), KEYS, f.ISSUED)
    if not isinstance(opened, Refusal):
        assert payload == split(sign_statement(OUR_KEY, opened)).payload


def test_what_opens_encodes_back_to_the_same_bytes():
    for token in GOOD:
        opened = open_statement(token, KEYS, f.ISSUED)
        assert split(token).payload == split(sign_statement(OUR_KEY, opened)).payload


HOSTILE = [
    b"\x9a\xff\xff\xff\xff",
    b"\x9f" * 1000,
    b"\x81" * 900,
    b"\x5b" + b"\xff" * 8,
    b"\xbb" + b"\xff" * 8,
    b"\xd2" * 1000,
]


def test_what_announces_more_than_it_has_costs_nothing():
    for raw in HOSTILE:
        assert isinstance(open_statement(raw, KEYS, f.ISSUED), Refusal)
        assert isinstance(open_statement(f.token(f.POOLS, f.DENIAL, raw), KEYS, f.ISSUED), Refusal)


# ------------------------------------------------------------------ the decision


RIGHTS = st.builds(
    candidate,
    st.integers(1, 9),
    st.integers(0, 4),
    st.integers(0, 2),
    st.sampled_from(
        [None, denied(kind=TargetKind.ENTITLEMENT), denied(DenialState.LIFTED, TargetKind.ENTITLEMENT)]
    ),
    product=st.sampled_from(["season", "swim3", "elsewhere", "strong", "unheard"]),
    expires=st.sampled_from([None, NOW - 5, NOW, NOW + 1, NOW + 500]),
    not_before=st.sampled_from([NOW - 9, NOW, NOW + 1]),
    uses=st.sampled_from([None, 0, 1, 3]),
)
QUESTIONS = st.builds(
    lambda rights, floor, denials: question(*rights, now=reading(floor, NOW), denials=denials),
    st.lists(RIGHTS, max_size=4, unique_by=lambda right: right.entitlement.id),
    st.sampled_from([NOW - 7, NOW]),
    st.sampled_from([(), (denied(DenialState.LIFTED),), (denied(),), (Refusal(Reason.BAD_SIGNATURE),)]),
)


@often
@given(QUESTIONS, st.randoms(use_true_random=False))
def test_the_order_of_rights_never_matters(asked, draw):
    from dataclasses import replace

    shuffled = list(asked.candidates)
    draw.shuffle(shuffled)
    one, other = decide(asked), decide(replace(asked, candidates=tuple(shuffled)))
    assert type(one) is type(other)
    assert getattr(one, "entitlement", None) == getattr(other, "entitlement", None)


@often
@given(QUESTIONS)
def test_a_denial_or_a_defect_never_leads_to_a_grant(asked):
    if any(isinstance(found, Refusal) or found.state is not DenialState.LIFTED for found in asked.denials):
        assert isinstance(decide(asked), Denied)


@often
@given(QUESTIONS)
def test_a_grant_is_of_a_right_that_holds(asked):
    decision = decide(asked)
    if isinstance(decision, Granted):
        right = decision.entitlement
        assert right.expires is None or asked.now.floor < right.expires
        assert right.not_before <= asked.now.estimate
        assert decision.left is None or decision.left >= 0
        assert right.product not in ("unheard", "elsewhere")


@often
@given(QUESTIONS)
def test_more_uses_never_turn_a_refusal_into_a_grant(asked):
    from dataclasses import replace

    more = tuple(
        replace(right, used=right.used._replace(total=right.used.total + 1)) for right in asked.candidates
    )
    if isinstance(decide(asked), Denied):
        assert isinstance(decide(replace(asked, candidates=more)), Denied)


@often
@given(st.permutations([(n, s) for n in range(3) for s in DenialState]))
def test_of_denials_the_highest_number_counts_and_of_equals_the_more_severe(order):
    ranked = [Denial("pools", NOW, TargetKind.PASS, bytes(16), state, number) for number, state in order]
    best = max(ranked, key=lambda denial: denial.rank)
    assert (2, DenialState.REVOKED) == (best.number, best.state)

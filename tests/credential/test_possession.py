"""A message that carries its own key opens by that key, and by nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gated.credential.possession import open_own
from gated.model.refusal import Reason, Refusal
from gated.model.statement import Kind
from gated.model.trust import Algorithm
from gated.wire.seal import SigningKey

KEYS = {algorithm: SigningKey.generate(algorithm) for algorithm in Algorithm}
OTHER = SigningKey.generate(Algorithm.EDDSA)
TYPE = "gated/enrolment"


def key_in(payload):
    algorithm, _, public = payload.partition(b":")
    return Algorithm(algorithm.decode()), bytes.fromhex(public.decode())


def payload_of(key):
    return f"{key.algorithm}:{key.public.hex()}".encode()


def opened(token, limit=1000):
    return open_own(token, Kind.ENROLMENT, key_in, limit)


def refused(token, **more):
    refusal = opened(token, **more)
    assert isinstance(refusal, Refusal)
    return refusal.reason, refusal.params.get("what", "")


@pytest.mark.parametrize("algorithm", Algorithm)
def test_it_opens_by_the_key_that_it_carries(algorithm):
    key = KEYS[algorithm]
    assert payload_of(key) == opened(key.sign(TYPE, payload_of(key)))


def test_another_key_under_its_name_is_refused():
    key = KEYS[Algorithm.EDDSA]
    assert (Reason.UNKNOWN_KEY, "") == refused(OTHER.sign(TYPE, payload_of(key)))
    signed = OTHER.sign(TYPE, payload_of(key)).replace(OTHER.kid, key.kid)
    assert (Reason.BAD_SIGNATURE, "") == refused(signed)


def test_another_kind_of_message_is_refused():
    key = KEYS[Algorithm.EDDSA]
    assert (Reason.MALFORMED, "content_type") == refused(key.sign("gated/ack", payload_of(key)))


def test_a_payload_without_a_key_is_refused():
    key = KEYS[Algorithm.EDDSA]
    assert (Reason.MALFORMED, "payload") == refused(key.sign(TYPE, b"noise"))


def test_a_key_of_the_other_algorithm_is_refused():
    key = KEYS[Algorithm.EDDSA]
    assert Reason.UNKNOWN_KEY == refused(key.sign(TYPE, f"ES256:{key.public.hex()}".encode()))[0]


def test_a_key_that_is_no_point_of_the_curve_is_refused():
    import hashlib

    key, public = KEYS[Algorithm.ES256], b"\x04" + bytes(64)
    token = key.sign(TYPE, f"ES256:{public.hex()}".encode())
    named = token.replace(key.kid, hashlib.sha256(public).digest()[:4])
    assert (Reason.MALFORMED, "key") == refused(named)


def test_an_oversize_one_is_refused_before_it_is_read():
    key = KEYS[Algorithm.EDDSA]
    assert (Reason.OVERSIZE, "") == refused(key.sign(TYPE, payload_of(key)), limit=100)


TOKEN = KEYS[Algorithm.EDDSA].sign(TYPE, payload_of(KEYS[Algorithm.EDDSA]))


@settings(deadline=None)
@given(st.integers(0, len(TOKEN) - 1), st.integers(1, 255))
def test_no_byte_of_it_can_be_changed(place, change):
    spoilt = TOKEN[:place] + bytes([TOKEN[place] ^ change]) + TOKEN[place + 1 :]
    assert isinstance(opened(spoilt), Refusal)


@given(st.binary(max_size=300))
def test_noise_is_refused(noise):
    assert isinstance(opened(noise), Refusal)

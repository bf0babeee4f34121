"""Whatever is handed to office or box as a file: it is taken in as it was made, or refused in one way.

The long campaign: ``GATED_FUZZ=100 pytest tests/properties``.
"""

from __future__ import annotations

import json
import os
import secrets

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fleet import BROKER, Box, Office
from gated.central.enrolment import EnrolmentDesk, Wanted
from gated.cli.enrolling import open_answer
from gated.credential.cose import split
from gated.devices.clock import SystemClock
from gated.errors import ConfigError
from gated.model.trust import Algorithm
from gated.store.identity import Identity
from gated.wire.event import canonical
from gated.wire.fingerprint import fingerprint
from gated.wire.seal import SigningKey

MORE = int(os.environ.get("GATED_FUZZ", "1"))
NOW = SystemClock().sample().wall
often = settings(
    max_examples=150 * MORE, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
WANTED = Wanted("pools", "bron", BROKER, 825, 168)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(1 << 52), 1 << 52)
    | st.text(max_size=70)
    | st.binary(max_size=40).map(bytes.hex),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text("algpubic", max_size=6), inner, max_size=3)
    ),
    max_leaves=5,
)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """(desk, the office's key, a waiting box, its answer)."""
    place = tmp_path_factory.mktemp("enrolment")
    office, box = Office(place / "city"), Box(place / "box")
    assert 0 == box.request().code
    assert 0 == office.enrol(box.asked, box.fingerprint, box.answer).code
    key = SigningKey.from_pem((office.path / "secret" / "enrol.pem").read_bytes())
    return EnrolmentDesk(office.path, secrets.token_bytes), key, box, box.answer.read_bytes()


def asked(desk, raw):
    """Whether the office would answer: the fingerprint is told rightly, so the file alone decides."""
    try:
        return desk.enrol(raw, fingerprint(raw), WANTED, now=NOW, replace=True)
    except ConfigError:
        return None


def opened(made, raw):
    desk, _, box, _ = made
    try:
        return open_answer(raw, desk.fingerprint, Identity(box.identity), now=NOW)
    except ConfigError:
        return None


def spoilt(raw, data):
    at, change = data.draw(st.integers(0, len(raw) - 1)), data.draw(st.integers(1, 255))
    return raw[:at] + bytes([raw[at] ^ change]) + raw[at + 1 :]


@often
@given(st.data())
def test_no_byte_of_a_request_can_be_changed(made, data):
    assert asked(made[0], spoilt(made[2].asked.read_bytes(), data)) is None


@often
@given(st.data())
def test_no_byte_of_an_enrolment_can_be_changed(made, data):
    assert opened(made, made[3]) is not None
    assert opened(made, spoilt(made[3], data)) is None


@often
@given(st.binary(max_size=2000))
def test_noise_is_refused(made, noise):
    assert asked(made[0], noise) is None
    assert opened(made, noise) is None


@often
@given(st.data(), VALUES)
def test_a_signed_request_with_any_member_is_answered_or_refused(made, data, value):
    """Its maker may be anybody who was let in by phone: a technician, or a mistaken implementation."""
    key = SigningKey.generate(Algorithm.EDDSA)
    request = json.loads(split(made[2].asked.read_bytes(), 9000).payload)
    request["signing"] = {"alg": "EdDSA", "public": key.public.hex()}
    request[data.draw(st.sampled_from([*request, "more"]))] = value
    try:
        payload = canonical(request).encode()
    except ValueError:
        return
    asked(made[0], key.sign("gated/enrolment", payload))


@often
@given(st.data(), VALUES)
def test_an_enrolment_that_the_office_signs_with_any_member_is_opened_or_refused(made, data, value):
    answer = json.loads(split(made[3], 2_000_000).payload)
    answer[data.draw(st.sampled_from([*answer, "more"]))] = value
    try:
        payload = canonical(answer).encode()
    except ValueError:
        return
    opened(made, made[1].sign("gated/enrolment", payload))

"""A pulse has one spelling and bounds; whatever else arrives is refused."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gated.model.document import DocumentError
from gated.model.time import END_OF_TIME
from gated.wire.event import canonical
from gated.wire.forms import MAX_SEQ
from gated.wire.pulse import MAX_PULSE_BYTES, PulseAnswer, encode_pulse, read_pulse

NAMES = st.from_regex(r"[a-z0-9](?:[a-z0-9._-]{0,30}[a-z0-9])?", fullmatch=True)
COUNTS = st.integers(0, MAX_SEQ - 1)
PULSES = st.builds(
    PulseAnswer,
    sector=NAMES,
    gate=NAMES,
    nonce=st.binary(min_size=16, max_size=16),
    at=st.integers(0, END_OF_TIME),
    head=COUNTS,
    uses=COUNTS,
    trust=COUNTS,
)
PULSE = PulseAnswer("pools", "bron-1", bytes(range(16)), 1_800_000_000, 7, 8, 9)


@given(PULSES)
def test_a_pulse_reads_as_it_was_written_and_stays_small(pulse):
    payload = encode_pulse(pulse)
    assert pulse == read_pulse(payload)
    assert len(payload) <= MAX_PULSE_BYTES // 1.5


@given(PULSES, st.data())
def test_another_spelling_is_another_message(pulse, data):
    """No byte can be changed, taken or added without changing what it says, or spoiling it."""
    payload = bytearray(encode_pulse(pulse))
    at = data.draw(st.integers(0, len(payload)))
    byte = data.draw(st.binary(min_size=0, max_size=1))
    changed = bytes(payload[:at]) + byte + bytes(payload[at + data.draw(st.integers(0, 1)) :])
    try:
        read = read_pulse(changed)
    except DocumentError:
        return
    assert (read == pulse) == (changed == payload)
    assert changed == encode_pulse(read)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"noise",
        b"[]",
        b"null",
        encode_pulse(PULSE) + b" ",
        encode_pulse(PULSE).replace(b":7", b": 7"),
        encode_pulse(PULSE).replace(b":7", b":7.0"),
        encode_pulse(PULSE).replace(b'"head":7', b'"head":7,"head":7'),
        json.dumps(json.loads(encode_pulse(PULSE))).encode(),
        b" " * MAX_PULSE_BYTES + encode_pulse(PULSE),
        canonical({**json.loads(encode_pulse(PULSE)), "more": "x" * 64}).encode(),
        b"[" * 100_000,
    ],
)
def test_what_is_not_in_the_one_form_is_no_pulse(payload):
    with pytest.raises(DocumentError):
        read_pulse(payload)

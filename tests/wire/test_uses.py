"""Use records as a message: one spelling, bounded, read back as they were written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gated.model.document import DocumentError
from gated.model.rules import MAX_USES
from gated.wire.uses import (
    FIRST_DAY,
    LAST_DAY,
    MAX_RECORDS,
    MAX_USES_BYTES,
    PresenceRecord,
    UseRecord,
    Uses,
    encode_uses,
    read_uses,
)

AT = 1_800_000_000
USED = UseRecord(bytes(8), "bron-1", 20270115, "bron", 3, AT)
PERSON = PresenceRecord(bytes(range(16)), "bron", "pool", 20270115, "bron-2", 2, 1, AT - 5)
USES = Uses("pools", 4, 6, AT, (USED,), (PERSON,))

names = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,30}[a-z0-9]", fullmatch=True)
days = st.integers(FIRST_DAY, LAST_DAY)
counts = st.integers(0, MAX_USES)
times = st.integers(0, AT)
used = st.builds(
    UseRecord, st.binary(min_size=8, max_size=8), names, days, names, st.integers(1, MAX_USES), times
)
people = st.builds(
    PresenceRecord,
    *(st.binary(min_size=16, max_size=16), names, names, days, names, counts, counts, st.none() | times),
)
messages = st.builds(
    lambda sector, after, more, uses, those: Uses(sector, after, after + more, AT, tuple(uses), tuple(those)),
    *(
        names,
        st.integers(0, 1 << 50),
        st.integers(1, 1 << 50),
        st.lists(used, max_size=5),
        st.lists(people, max_size=5),
    ),
)


@given(messages)
def test_a_message_is_read_back_as_it_was_written(told):
    assert told == read_uses(encode_uses(told))


@given(messages, st.data())
def test_what_opens_after_a_change_encodes_back_to_the_same_bytes(told, data):
    payload = encode_uses(told)
    at = data.draw(st.integers(0, len(payload) - 1))
    changed = payload[:at] + data.draw(st.binary(max_size=3)) + payload[at + data.draw(st.integers(0, 3)) :]
    try:
        read = read_uses(changed)
    except DocumentError:
        return
    assert changed == encode_uses(read)


@given(st.binary(max_size=200))
def test_noise_is_no_message(noise):
    with pytest.raises(DocumentError):
        read_uses(noise)


def test_a_full_message_of_the_longest_records_is_small_enough():
    long = "a" * 32
    most = PresenceRecord(b"\xff" * 16, long, long, LAST_DAY, long, MAX_USES, MAX_USES, AT)
    told = Uses(long, 1 << 52, (1 << 53) - 1, AT, (), (most,) * MAX_RECORDS)
    assert len(encode_uses(told)) < MAX_USES_BYTES
    assert told == read_uses(encode_uses(told))


@pytest.mark.parametrize(
    "told",
    [
        Uses("pools", 4, 6, AT, (USED,) * (MAX_RECORDS + 1)),
        Uses("pools", 4, 6, AT, (USED,) * 150, (PERSON,) * 51),
        Uses("pools", 6, 6, AT),
        Uses("pools", 7, 6, AT),
        Uses("pools", 4, 6, AT - 1, (USED,)),
        Uses("pools", 4, 6, AT - 6, (), (PERSON,)),
        Uses("Pools", 4, 6, AT),
    ],
    ids=["too many", "too many together", "of nothing", "backwards", "later", "come later", "name"],
)
def test_what_is_out_of_bounds_is_refused(told):
    with pytest.raises(DocumentError):
        read_uses(encode_uses(told))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"v":1', b'"v":2'),
        (b'"taken":3', b'"taken":0'),
        (b'"taken":3', b'"taken":3.0'),
        (b'"used":[', b'"used":[ '),
        (b'"gone":1,', b""),
        (b'"zone":"pool"', b'"zone":""'),
        (b'"day":20270115', b'"day":2027'),
        (b'"last_in":1799999995,', b'"last_in":null,'),
        (b"}]", b"}],"),
    ],
)
def test_another_form_is_refused(old, new):
    payload = encode_uses(USES)
    assert old in payload
    with pytest.raises(DocumentError):
        read_uses(payload.replace(old, new))

"""Keys of maps: integers or text, sorted by their bytes, none twice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import forge as f
from gated.credential import cbor
from gated.credential.refused import Refused
from gated.model.refusal import Reason

KEYS = st.integers(-(1 << 64), (1 << 64) - 1) | st.text(max_size=300)


@given(st.dictionaries(KEYS, st.booleans(), max_size=9))
def test_a_map_in_its_one_order_is_loaded(value):
    pairs = sorted((f.encode(key), f.encode(said)) for key, said in value.items())
    encoded = bytes([0xA0 + len(pairs)]) + b"".join(key + said for key, said in pairs)
    assert value == cbor.load(encoded)


@given(st.lists(KEYS, min_size=2, max_size=2))
def test_a_map_in_another_order_is_refused(keys):
    first, second = sorted(map(f.encode, keys), reverse=True)
    with pytest.raises(Refused) as raised:
        cbor.load(b"\xa2" + first + b"\xf5" + second + b"\xf5")
    assert {"what": "key_order"} == raised.value.refusal.params


@pytest.mark.parametrize(
    ("key", "what"),
    [
        (b"\x41a", "key"),
        (b"\x81\x01", "key"),
        (b"\xa0", "key"),
        (b"\xc1\x01", "key"),
        (b"\xf4", "key"),
        (b"\x61\xff", "utf8"),
        (b"\x78\x01a", "not_shortest"),
        (b"\x7f\x61a\xff", "indefinite"),
    ],
    ids=repr,
)
def test_another_key_is_refused(key, what):
    with pytest.raises(Refused) as raised:
        cbor.load(b"\xa1" + key + b"\x01")
    assert (Reason.MALFORMED, {"what": what}) == (raised.value.refusal.reason, raised.value.refusal.params)


@pytest.mark.parametrize(
    "raw", [b"\xa1\x65hell", b"\xa1\x65", b"\xa1\x7b" + b"\xff" * 8, b"\xa1\x61a"], ids=repr
)
def test_a_key_that_is_cut_off_is_refused(raw):
    with pytest.raises(Refused) as raised:
        cbor.load(raw)
    assert Reason.TRUNCATED is raised.value.refusal.reason

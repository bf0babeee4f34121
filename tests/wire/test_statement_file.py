"""A file of statements: one spoilt statement spoils no other, and nothing is read without a limit."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gated.model.refusal import Refusal
from gated.wire import statement_file
from gated.wire.statement_file import MAX_SKIPPED_BYTES, MAX_TOKEN_BYTES, frame, tokens


def read(raw):
    return [
        str(found.reason) if isinstance(found, Refusal) else found for found in tokens(io.BytesIO(raw).read)
    ]


@pytest.mark.parametrize("size", [0, 1, 23, 24, 255, 256, MAX_TOKEN_BYTES])
def test_what_is_framed_is_read_back(size):
    assert [b"x" * size, b"y"] == read(frame(b"x" * size) + frame(b"y"))


def test_a_token_that_is_too_long_is_not_framed():
    with pytest.raises(ValueError, match="at most"):
        frame(bytes(MAX_TOKEN_BYTES + 1))


CASES = {
    "nothing": (b"", []),
    "an oversize one between": (b"\x59\x04\x01" + bytes(1025) + frame(b"y"), ["oversize", b"y"]),
    "one too large to be skipped": (b"\x5a" + (MAX_SKIPPED_BYTES + 1).to_bytes(4, "big"), ["oversize"]),
    "a cut one": (frame(b"abc")[:-1], ["truncated"]),
    "a cut length": (b"\x59\x01", ["truncated"]),
    "no byte string": (b"\x83" + frame(b"y"), ["malformed"]),
    "an unknown length": (b"\x5f\x41a\xff", ["malformed"]),
}


@pytest.mark.parametrize("case", CASES)
def test_a_file_with(case):
    raw, expected = CASES[case]
    assert expected == read(raw)


def test_a_file_with_more_statements_than_allowed_says_so(monkeypatch):
    monkeypatch.setattr(statement_file, "MAX_STATEMENTS", 2)
    assert [b"a", b"b"] == read(frame(b"a") + frame(b"b"))
    assert [b"a", b"b", "oversize"] == read(frame(b"a") + frame(b"b") + frame(b"c"))


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
def test_no_file_breaks_the_reader(raw):
    assert len(read(raw)) <= len(raw)

"""The control socket's messages: what is read is what was meant, and all else is refused in one way."""

from __future__ import annotations

import json
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gated.model.order import MAX_WORDS, Order
from gated.wire.control import (
    MAX_ANSWER_BYTES,
    MAX_REQUEST_BYTES,
    AskOrder,
    AskStatus,
    AskWatch,
    Kind,
    Line,
    RequestError,
    Why,
    answer_line,
    error_line,
    read_line,
    read_request,
    request_line,
)

MORE = int(os.environ.get("GATED_FUZZ", "1"))
often = settings(max_examples=300 * MORE, deadline=None)
WORDS = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=MAX_WORDS)
LANES = st.from_regex(r"[a-z0-9]([a-z0-9._-]{0,30}[a-z0-9])?", fullmatch=True)
ORDERS = st.builds(AskOrder, st.sampled_from(Order), LANES, WORDS, WORDS) | st.builds(
    AskOrder, st.sampled_from([order for order in Order if order is not Order.OPEN]), st.none(), WORDS, WORDS
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=70),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
KEYS = st.sampled_from(["v", "ask", "order", "lane", "all", "operator", "reason", "more"])
GOOD = {"v": 1, "ask": "order", "order": "open", "lane": "in-1", "operator": "mia", "reason": "a pram"}


def refused(line: bytes) -> Why:
    with pytest.raises(RequestError) as told:
        read_request(line)
    assert told.value.what.isprintable()
    answer = read_line(error_line(told.value.why, told.value.what))
    assert (Kind.ERROR, told.value.why) == (answer.kind, answer.value["code"])
    return told.value.why


@often
@given(ORDERS | st.sampled_from([AskStatus(), AskWatch()]))
def test_a_request_is_read_as_it_was_meant(request):
    line = request_line(request)
    assert line.count(b"\n") == 1
    assert len(line) <= MAX_REQUEST_BYTES
    assert request == read_request(line[:-1])


@often
@given(
    st.binary(max_size=200)
    | st.dictionaries(KEYS, VALUES, max_size=7).map(lambda table: json.dumps(GOOD | table).encode())
    | st.integers(0, 100).map(lambda place: json.dumps(GOOD).encode()[:place])
)
def test_whatever_comes_is_a_request_or_refused_in_one_way(line):
    try:
        request = read_request(line)
    except RequestError:
        refused(line)
    else:
        assert request == read_request(request_line(request)[:-1])


def with_(**more) -> bytes:
    return json.dumps({key: value for key, value in (GOOD | more).items() if value is not None}).encode()


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"", Why.MALFORMED),
        (b"[" * 4000, Why.MALFORMED),
        (b" " * MAX_REQUEST_BYTES, Why.TOO_LONG),
        (b'{"v":1,"ask":"status","ask":"watch"}', Why.MALFORMED),
        (json.dumps({"v": 1, "ask": "status"}).encode("utf-16"), Why.MALFORMED),
        (b'{"v":1,"ask":"status","n":NaN}', Why.MALFORMED),
        (b'{"v":1,"ask":"status","n":' + b"9" * 4050 + b"}", Why.MALFORMED),
        (b'{"v":1,"ask":"status","\\ud800":1}', Why.MALFORMED),
        (b'{"v":2,"ask":"status"}', Why.VERSION),
        (b'{"v":2,"ask":"more than we know","of":1}', Why.VERSION),
        (b'{"v":true,"ask":"status"}', Why.MALFORMED),
        (b'{"ask":"status"}', Why.MALFORMED),
        (b'{"v":1,"ask":"dance"}', Why.MALFORMED),
        (with_(order="explode"), Why.MALFORMED),
        (with_(lane=None), Why.MALFORMED),
        (with_(lane=None, all=True), Why.MALFORMED),  # open names one lane
        (with_(all=True), Why.MALFORMED),
        (with_(order="rearm", lane=None, all=False), Why.MALFORMED),
        (with_(lane="In 1"), Why.MALFORMED),
        (with_(operator="  "), Why.MALFORMED),
        (with_(operator=None), Why.MALFORMED),
        (with_(reason="x" * (MAX_WORDS + 1)), Why.MALFORMED),
        (with_(reason="a\nrow of mine"), Why.MALFORMED),
        (with_(reason="\x1b[2J"), Why.MALFORMED),
        (with_(user=0), Why.MALFORMED),  # the kernel says who asks
    ],
)
def test_what_is_no_request_is_refused_with_its_code(line, why):
    assert why is refused(line)


def test_an_order_for_every_lane_says_so():
    assert AskOrder(Order.REARM, None, "mia", "a pram") == read_request(
        with_(order="rearm", lane=None, all=True)
    )


def test_words_are_read_without_the_spaces_around_them():
    assert "mia" == read_request(with_(operator=" mia ")).operator


@often
@given(st.sampled_from(Kind), VALUES)
def test_a_line_from_the_gate_is_read_as_it_was_meant(kind, value):
    value = json.loads(json.dumps(value, allow_nan=True).replace("NaN", "0").replace("Infinity", "1"))
    line = answer_line(kind, value)
    assert (1, True) == (line.count(b"\n"), line.endswith(b"\n"))
    assert Line(kind, value) == read_line(line)


def test_an_answer_that_is_too_long_becomes_an_error():
    line = answer_line(Kind.STATUS, "x" * MAX_ANSWER_BYTES)
    assert (Kind.ERROR, "failed") == (read_line(line).kind, read_line(line).value["code"])


def test_a_kind_of_a_later_version_is_to_be_ignored():
    assert Line(None, {"colour": "red"}) == read_line(b'{"v":1,"lamp":{"colour":"red"}}')


@often
@given(st.binary(max_size=200) | VALUES.map(lambda value: json.dumps(value).encode()))
def test_whatever_comes_from_a_gate_is_a_line_or_a_value_error(line):
    try:
        read_line(line)
    except ValueError:
        return
    assert 1 == json.loads(line)["v"]

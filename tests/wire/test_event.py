"""Events as bytes: canonical, chained, and as the published schema says."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st

from gated.model import event as kinds
from gated.model.decision import Notice
from gated.model.order import Order
from gated.model.refusal import Reason
from gated.model.venue import Freshness
from gated.wire.event import Stamp, body, canonical, digest, genesis, read_body
from gated.wire.schema import events_schema
from questions import reading

SCHEMA = Path(__file__).parents[2] / "docs" / "reference" / "events.schema.json"
CHECK = jsonschema.Draft202012Validator(events_schema())
STAMP = Stamp.of(reading())

EVENTS = [
    kinds.Started("0.1", 2),
    kinds.Stopped(),
    kinds.Decided(
        "in-1", kinds.Outcome.GRANTED, 20270115, scheme="pkoc", assurance="asymmetric", pass_=bytes(16),
        cti=bytes(8), product="swim3", persons=1, cost=1, left=2,
    ),
    kinds.Decided("in-1", kinds.Outcome.DENIED, 20270115,
        reason=Reason.EXPIRED, params={"expires": 5, "what": "x"}),
    kinds.Decided("in-1", kinds.Outcome.GRANTED, 20270115, persons=4, cost=4,
        warnings=(Notice.CONCESSION, Notice.PASSBACK)),
    kinds.Decided("in-1", kinds.Outcome.DENIED, 20270115, reason=Reason.OUTSIDE_HOURS, next_at=1_800_000_000),
    kinds.Settled("in-1", 4, kinds.Settlement.TAKEN, kinds.SettledBy.PASSAGE, 1),
    kinds.Settled("in-1", 4, kinds.Settlement.TAKEN, kinds.SettledBy.PASSAGE, 2, uses=2),
    kinds.Settled("in-1", 4, kinds.Settlement.TAKEN, kinds.SettledBy.BARRIER_FAULT, 2, uses=3, unknown=2),
    kinds.Forced("in-1", 1),
    kinds.Ordered("in-1", Order.OPEN, "Ada", "wheelchair", 1, user=1000),
    kinds.Ordered("in-1", Order.FREE_PASSAGE, "Ada", "school holidays", key=bytes(4), counter=7),
    kinds.Commanded(bytes(4), 8, "refresh", "Ada", "moved house"),
    kinds.Commanded(bytes(4), 9, "open", "Ada", "a pram", "release_open"),
    kinds.Reported(bytes(4), 10, "Ada", "is it well?", {"unsent": 3, "version": "0.1"}),
    kinds.Walked("in-1", 3, kinds.LaneState.FREE_PASSAGE),
    kinds.Exited("out-1", 2, bytes(16)),
    kinds.Settled("in-1", 4, kinds.Settlement.UNKNOWN, kinds.SettledBy.RESTART, 1, "00" * 8),
    kinds.Repeated("in-1", 4, 9),
    kinds.Foreign(1_800_000_000, 3),
    kinds.LaneChanged("in-1", kinds.LaneState.IN_SERVICE, kinds.LaneCause.STARTED),
    kinds.Imported(5, 1, {"expired": 2}),
    kinds.SetAside("journal.db"),
    kinds.Decided("in-1", kinds.Outcome.GRANTED, 20270115, persons=1, cost=1, knowledge=Freshness.STALE),
    kinds.KnowledgeChanged(Freshness.EXPIRED, 1_800_000_000),
    kinds.Unbelieved("head", "older", 3),
    kinds.Forked(7, "00" * 8),
]  # fmt: skip

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(1 << 53) + 1, (1 << 53) - 1) | TEXT,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abcXYZ_09", max_size=6), inner, max_size=4)
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(VALUES)
def test_our_canonical_json_is_that_of_another_implementation(value):
    assert rfc8785.dumps(value) == canonical(value).encode()


@pytest.mark.parametrize(
    "value", [1.5, 1 << 53, -(1 << 53), "\ud800", {"é": 1}, {1: 2}, b"x", [1.0], {"a": object()}]
)
def test_what_another_reader_would_hash_differently_is_not_written(value):
    with pytest.raises(ValueError):
        canonical(value)


def test_every_kind_is_tried_here():
    assert set(kinds.KINDS) == {type(event) for event in EVENTS}


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.kind)
def test_an_event_is_as_the_schema_says(event):
    written = json.loads(body(event, 7, STAMP))
    CHECK.validate(written)
    assert ("pass_" not in written, 7) == (True, written["seq"])
    for spoilt in ({**written, "uid": "04010203"}, {k: v for k, v in written.items() if k != "at"}):
        with pytest.raises(jsonschema.ValidationError):
            CHECK.validate(spoilt)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.kind)
def test_a_body_is_read_back_and_without_a_member_of_its_header_it_is_none(event):
    written = body(event, 7, STAMP)
    read = read_body(written)
    assert read is not None
    assert written == canonical(read)
    for name in ("v", "seq", "kind", "at", "wall", "boot", "up", "clock"):
        assert read_body(canonical({key: value for key, value in read.items() if key != name})) is None
        assert read_body(canonical({**read, name: True})) is None


@pytest.mark.parametrize("stored", [None, 7, b"{}", "", "noise", "7", "[1]", "{}", "[" * 100_000, "\ud800"])
def test_what_is_no_event_is_none(stored):
    assert read_body(stored) is None


def test_the_published_schema_is_the_one_the_code_makes():
    assert json.dumps(events_schema(), indent=2) + "\n" == SCHEMA.read_text()


def test_a_chain_begins_with_gate_and_epoch_and_each_link_covers_the_one_before():
    begun = {genesis(gate, epoch) for gate in ("a", "b") for epoch in ("00", "01")}
    assert 4 == len(begun)
    assert digest(bytes(32), "{}") != digest(b"\x01" + bytes(31), "{}")

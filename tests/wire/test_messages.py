"""Batches, receipts and states: one spelling each, bounded, and read back as they were written."""

from __future__ import annotations

import json

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gated.model.document import DocumentError
from gated.wire.ack import Ack, encode_ack, read_ack
from gated.wire.batch import MAX_BATCH_BYTES, MAX_EVENTS, Batch, encode_batch, read_batch
from gated.wire.defect import defect
from gated.wire.event import canonical, digest
from gated.wire.schema import events_schema
from gated.wire.state import EpochState, State, encode_state, read_state
from gated.wire.window import Window

EPOCH, LINK = "0123456789abcdef", bytes(range(32))
EVENT = {
    "v": 1, "seq": 7, "kind": "stopped", "at": 1, "wall": 1, "boot": EPOCH, "up": 1, "clock": "good",
}  # fmt: skip
BATCH = Batch("bron-1", EPOCH, 7, LINK, (canonical(EVENT), '"no event"'), erased=True)
ACK = Ack("bron-1", EPOCH, 8, LINK, 1_800_000_000, ((8, "not_an_event"),), forked=True, session=EPOCH)
STATE = State(
    "bron-1", EPOCH, True, 1_800_000_000, EPOCH, "0.1", 12, (EpochState(EPOCH, 1, 8, 0),), (("bad_ack", 2),)
)

seqs = st.integers(1, 1 << 50)
names = st.from_regex(r"[a-z0-9][a-z0-9._-]{0,8}[a-z0-9]", fullmatch=True)
epochs = st.from_regex(r"[0-9a-f]{16}", fullmatch=True)
links = st.binary(min_size=32, max_size=32)
finite = st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=20)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(
    names, epochs, seqs, links, st.lists(json_values.map(json.dumps), min_size=1, max_size=5), st.booleans()
)
def test_a_batch_is_read_back_byte_for_byte(gate, epoch, first, prev, bodies, erased):
    batch = Batch(gate, epoch, first, prev, tuple(bodies), erased)
    assert batch == read_batch(encode_batch(batch))


def test_a_batch_of_canonical_events_is_canonical():
    payload = encode_batch(Batch("bron-1", EPOCH, 7, LINK, (canonical(EVENT),)))
    assert canonical(json.loads(payload)).encode() == payload


def test_a_batch_chains_its_events():
    one = digest(LINK, BATCH.bodies[0])
    assert [one, digest(one, BATCH.bodies[1])] == list(BATCH.digests())
    assert 8 == BATCH.last


@given(st.binary(max_size=200))
def test_noise_is_no_message(noise):
    for read in (read_batch, read_ack, read_state):
        with pytest.raises(DocumentError):
            read(noise)


@given(st.data())
@pytest.mark.parametrize(
    ("payload", "read", "encode"),
    [
        (encode_batch(BATCH), read_batch, encode_batch),
        (encode_ack(ACK), read_ack, encode_ack),
        (encode_state(STATE), read_state, encode_state),
    ],
    ids=["batch", "ack", "state"],
)
def test_what_opens_after_a_change_encodes_back_to_the_same_bytes(payload, read, encode, data):
    """One meaning has one spelling: nothing signed can be rewritten into other bytes."""
    at = data.draw(st.integers(0, len(payload) - 1))
    changed = payload[:at] + data.draw(st.binary(max_size=3)) + payload[at + data.draw(st.integers(0, 3)) :]
    try:
        message = read(changed)
    except DocumentError:
        return
    assert changed == encode(message)


@pytest.mark.parametrize(
    "payload",
    [
        encode_batch(BATCH) + b" ",
        encode_batch(BATCH).replace(b"[", b"[ ", 1),
        encode_batch(BATCH).replace(b'"erased":true', b'"erased":false'),
        encode_batch(BATCH).replace(b'"first":7', b'"first":0'),
        encode_batch(BATCH).replace(b'"first":7', b'"first":9007199254740992'),
        encode_batch(BATCH).replace(b"bron-1", b"bron-"),
        encode_batch(BATCH).replace(b'"no event"', b"NaN"),
        encode_batch(BATCH).replace(b'"no event"', b"[" * 5000 + b"]" * 5000),
        encode_batch(BATCH).replace(b'"no event"', b'"\xff"'),
        encode_batch(Batch("g", EPOCH, 1, LINK, ())),
        encode_batch(Batch("g", EPOCH, 1, LINK, ("1",) * (MAX_EVENTS + 1))),
        encode_batch(Batch("g", EPOCH, 1, LINK, ('"' + "x" * MAX_BATCH_BYTES + '"',))),
    ],
)
def test_a_batch_in_any_other_form_is_refused(payload):
    with pytest.raises(DocumentError):
        read_batch(payload)


def test_a_full_batch_is_read():
    batch = Batch("g", EPOCH, 1, LINK, ("1",) * MAX_EVENTS)
    assert batch == read_batch(encode_batch(batch))


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2}, {"gate": "B"}, {"epoch": "x"}, {"upto": -1}, {"upto": True}, {"digest": "00"},
        {"at": 1 << 41},
        {"quarantined": [{"seq": 0, "code": "x"}]}, {"quarantined": [{"seq": 1, "code": "X"}]},
        {"quarantined": [{"seq": 1, "code": "x"}] * (MAX_EVENTS + 1)}, {"forked": 1}, {"session": "x"},
        {"more": 1},
    ],
    ids=str,
)  # fmt: skip
def test_an_ack_in_any_other_form_is_refused(change):
    with pytest.raises(DocumentError):
        read_ack(canonical(json.loads(encode_ack(ACK)) | change).encode())


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2}, {"session": ""}, {"online": 1}, {"at": -1}, {"boot": "x"}, {"version": ""},
        {"position": None},
        {"epochs": [{"epoch": EPOCH, "oldest": 0, "last": 1, "acked": 0}]},
        {"refused": [{"code": "x", "count": -1}]},
        {"epochs": [{"epoch": EPOCH, "oldest": 1, "last": 1, "acked": 0}] * 9}, {"more": 1},
    ],
    ids=str,
)  # fmt: skip
def test_a_state_in_any_other_form_is_refused(change):
    with pytest.raises(DocumentError):
        read_state(canonical(json.loads(encode_state(STATE)) | change).encode())


def test_receipts_and_states_are_read_back():
    assert ACK == read_ack(encode_ack(ACK))
    assert STATE == read_state(encode_state(STATE))
    plain = Ack("bron-1", EPOCH, 0, LINK, 0)
    assert plain == read_ack(encode_ack(plain))


# ------------------------------------------------------------------ events that arrive


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (canonical(EVENT), ""),
        (json.dumps(EVENT), "not_canonical"),
        ("1.5", "not_canonical"),
        ("[1]", "not_an_event"),
        (canonical(EVENT | {"kind": 3}), "unknown_kind"),
        (canonical(EVENT | {"kind": "opened"}), "unknown_kind"),
        (canonical(EVENT | {"uid": "04a1b2c3d4e5f6"}), "not_in_schema"),
        (canonical(EVENT | {"at": True}), "not_in_schema"),
        (canonical(EVENT | {"boot": EPOCH + "\n"}), "not_in_schema"),
        (canonical({name: EVENT[name] for name in EVENT if name != "up"}), "not_in_schema"),
        (canonical(EVENT | {"seq": 8}), "wrong_seq"),
    ],
)
def test_what_is_wrong_with_an_event_is_named(body, code):
    assert code == defect(body, 7)


VALIDATOR = jsonschema.Draft202012Validator(events_schema())
DECIDED = EVENT | {
    "kind": "decided", "lane": "in-1", "outcome": "granted", "day": 20261124, "pass": "00" * 16,
    "params": {"left": 3, "why": "x"}, "reason": "denied", "warnings": ["concession"],
}  # fmt: skip
EXAMPLES = (
    EVENT,
    DECIDED,
    EVENT | {"kind": "imported", "accepted": 1, "known": 0, "refused": {"expired": 1}},
)


@given(st.sampled_from(EXAMPLES), st.sampled_from([*DECIDED, "refused", "zz"]), json_values)
def test_the_checks_say_what_a_json_schema_validator_says(event, name, value):
    changed = event | {name: value}
    try:
        body = canonical(changed)
    except ValueError:
        return
    fine = VALIDATOR.is_valid(changed) and changed["seq"] >= 1
    found = defect(body, changed["seq"])
    assert fine == (found == ""), found


# ------------------------------------------------------------------ the window


def test_one_batch_is_out_until_the_first_receipt_then_a_few():
    window = Window(10, most=3)
    assert window.has_room()
    window.note_sent(20, 0.0)
    assert not window.has_room()
    assert window.note_acked(20, 1.0)
    for last in (30, 40, 50):
        assert window.has_room()
        window.note_sent(last, 2.0)
    assert not window.has_room()
    assert (20, 50, 3) == (window.acked, window.sent, window.outstanding)


def test_a_receipt_covers_all_before_it_and_an_old_one_changes_nothing():
    window = Window(0, most=4)
    window.note_sent(10, 0.0)
    window.note_acked(10, 0.0)
    for last in (20, 30, 40):
        window.note_sent(last, 0.0)
    assert window.note_acked(30, 1.0)
    assert 1 == window.outstanding
    assert not window.note_acked(30, 2.0)
    assert not window.note_acked(5, 2.0)
    assert (30, 40) == (window.acked, window.sent)


def test_waiting_begins_with_what_is_out_and_again_with_each_receipt():
    window = Window(0)
    assert 0.0 == window.waited(100.0)
    window.note_sent(10, 100.0)
    assert 5.0 == window.waited(105.0)
    window.note_acked(10, 106.0)
    assert 0.0 == window.waited(200.0)
    window.note_sent(20, 200.0)
    window.note_sent(30, 203.0)
    assert 4.0 == window.waited(204.0)
    window.note_acked(20, 204.0)
    assert 1.0 == window.waited(205.0)


def test_going_back_forgets_what_is_out_and_may_go_back_behind_the_receipts():
    window = Window(0, most=4)
    window.note_sent(10, 0.0)
    window.note_acked(10, 0.0)
    window.note_sent(20, 0.0)
    window.rewind()
    assert (10, 10, 0, 0.0) == (window.acked, window.sent, window.outstanding, window.waited(9.0))
    window.note_sent(20, 0.0)
    assert not window.has_room()
    window.rewind(5)
    assert (5, 5) == (window.acked, window.sent)
    assert window.note_acked(30, 0.0)
    assert (30, 30) == (window.acked, window.sent)

"""The published schemas of batches, receipts and states say what the code reads and writes."""

from __future__ import annotations

import json
import re

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gated.model.time import END_OF_TIME
from gated.wire import ack, batch, forms, pulse, state
from gated.wire.ack import Ack, encode_ack, read_ack
from gated.wire.batch import Batch, encode_batch, read_batch
from gated.wire.event import canonical
from gated.wire.pulse import PulseAnswer, encode_pulse, read_pulse
from gated.wire.state import EpochState, State, encode_state, read_state
from schemas import cases, document, reads, validator

EPOCH, LINK, MOST = "0123456789abcdef", bytes(range(32)), forms.MAX_SEQ - 1
EVENT = {
    "v": 1, "seq": 7, "kind": "stopped", "at": 1, "wall": 1, "boot": EPOCH, "up": 1, "clock": "good",
}  # fmt: skip
QUARANTINED = {"seq": 8, "code": "wrong_seq"}
TOLD = {"epoch": EPOCH, "oldest": 1, "last": 8, "acked": 0}

READ = {"batch": read_batch, "ack": read_ack, "state": read_state, "pulse": read_pulse}
CHECK = {name: validator(f"sync/{name}.schema.json") for name in READ}
GOOD = {
    "batch": json.loads(encode_batch(Batch("bron-1", EPOCH, 7, LINK, (canonical(EVENT),)))),
    "ack": json.loads(encode_ack(Ack("bron-1", EPOCH, 8, LINK, 1_800_000_000, ((8, "wrong_seq"),)))),
    "state": json.loads(
        encode_state(
            State(
                "bron-1", EPOCH, True, 1_800_000_000, EPOCH, "0.1", 12,
                (EpochState(EPOCH, 1, 8, 0),), (("bad_signature", 2),),
            )
        )
    ),
    "pulse": json.loads(
        encode_pulse(PulseAnswer("pools", "bron-1", bytes(range(16)), 1_800_000_000, 7, 8, 9))
    ),
}  # fmt: skip

COUNTS = ("head", "uses", "trust")
#: What may stand in a message beside the usual, and still be one.
FINE: dict[str, list[dict]] = {
    "batch": [
        {}, {"erased": True}, {"first": MOST}, {"gate": "a"}, {"gate": "a" * 32}, {"events": [EVENT] * 200},
    ],
    "ack": [
        {}, {"forked": True}, {"session": EPOCH}, {"upto": 0}, {"upto": MOST}, {"quarantined": []},
        {"quarantined": [QUARANTINED] * 200}, {"at": END_OF_TIME}, {"gate": "a.b_c-d"},
    ],
    "state": [
        {}, {"online": False}, {"epochs": []}, {"refused": []}, {"position": MOST},
        {"epochs": [TOLD | {"epoch": f"{number:016x}"} for number in range(8)]},
        {"refused": [{"code": "x", "count": 0}] * 32},
        {"epochs": [TOLD | {"oldest": MOST, "last": MOST, "acked": MOST}]},
    ],
    "pulse": [
        {}, {"at": 0}, {"at": END_OF_TIME}, *({name: number} for name in COUNTS for number in (0, MOST)),
        {"gate": "a" * 32, "sector": "b" * 32, "head": MOST, "uses": MOST, "trust": MOST},
    ],
}  # fmt: skip

_NAMES = [{"gate": gate} for gate in ("", "Bron", "-bron", "bron-", "bron/1", "a" * 33, "é", 1, None)]
_EPOCHS = [{"epoch": epoch} for epoch in ("", EPOCH.upper(), EPOCH[1:], EPOCH + "0", 1)]
_SEQS = ("7", 1.5, True, None, -1, MOST + 1)
BROKEN: dict[str, list[dict]] = {
    "batch": [
        *_NAMES, *_EPOCHS, *({"first": seq} for seq in (*_SEQS, 0)),
        *({"prev": link} for link in ("", "00", "0" * 63, "A" * 64, 1)),
        {"v": 2}, {"v": "1"}, {"v": True}, {"erased": False}, {"erased": 1}, {"erased": None},
        {"events": []}, {"events": [EVENT] * 201}, {"events": {}}, {"events": None}, {"more": 1},
        {"kid": "00"},
    ],
    "ack": [
        *_NAMES, *_EPOCHS, *({"upto": seq} for seq in _SEQS),
        *({"digest": link} for link in ("", "00", "A" * 64, 1)),
        {"v": 2}, {"at": -1}, {"at": END_OF_TIME + 1}, {"at": "now"}, {"session": "x"}, {"session": None},
        {"session": ""},
        {"forked": False}, {"forked": 1}, {"forked": None}, {"more": 1},
        {"quarantined": None}, {"quarantined": {}}, {"quarantined": [QUARANTINED] * 201},
        {"quarantined": [8]},
        {"quarantined": [QUARANTINED | {"seq": 0}]}, {"quarantined": [QUARANTINED | {"code": "Wrong"}]},
        {"quarantined": [QUARANTINED | {"code": "x" * 33}]}, {"quarantined": [QUARANTINED | {"body": "x"}]},
    ],
    "state": [
        *_NAMES, {"v": 2}, {"session": "x"}, {"online": 1}, {"online": None}, {"at": -1},
        {"at": END_OF_TIME + 1},
        {"boot": "x"}, {"version": ""}, {"version": 1}, *({"position": number} for number in _SEQS),
        {"more": 1},
        {"epochs": [TOLD] * 9}, {"epochs": None}, {"epochs": [TOLD | {"oldest": 0}]},
        {"epochs": [TOLD | {"last": -1}]},
        {"epochs": [TOLD | {"acked": MOST + 1}]}, {"epochs": [TOLD | {"epoch": "x"}]},
        {"epochs": [TOLD | {"more": 1}]},
        {"refused": [{"code": "", "count": 1}]}, {"refused": [{"code": "x", "count": -1}]},
        {"refused": [{"code": "x"}]},
        {"refused": [{"code": "x", "count": 0}] * 33},
    ],
    "pulse": [
        *_NAMES, *({"sector": change["gate"]} for change in _NAMES),
        *({"nonce": nonce} for nonce in ("", "0" * 31, "0" * 33, "A" * 32, 0, None)),
        {"at": -1}, {"at": END_OF_TIME + 1}, {"at": 1.5}, {"at": True}, {"at": None},
        *({name: number} for name in COUNTS for number in _SEQS),
        {"v": 0}, {"v": 2}, {"v": True}, {"more": 1}, {"session": EPOCH},
    ],
}  # fmt: skip


@pytest.mark.parametrize(("name", "change"), cases(FINE))
def test_what_the_code_writes_is_in_the_schema(name, change):
    message = GOOD[name] | change
    assert reads(READ[name], message)
    CHECK[name].validate(message)


@pytest.mark.parametrize(("name", "change"), cases(BROKEN))
def test_what_the_schema_forbids_the_code_does_not_read(name, change):
    message = GOOD[name] | change
    assert (False, False) == (reads(READ[name], message), CHECK[name].is_valid(message))


@pytest.mark.parametrize(("name", "member"), [(name, member) for name in GOOD for member in GOOD[name]])
def test_nothing_that_must_be_there_may_be_left_out(name, member):
    message = {key: value for key, value in GOOD[name].items() if key != member}
    assert (False, False) == (reads(READ[name], message), CHECK[name].is_valid(message))


values = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 3), st.sampled_from([MOST, MOST + 1, END_OF_TIME]),
    st.text("ab01-._\u00e9", max_size=3), st.sampled_from([EPOCH, "0" * 64, "0" * 63]),
    st.just([]), st.just({}),
)  # fmt: skip


@given(st.sampled_from(sorted(GOOD)), st.data())
def test_schema_and_code_agree_on_whatever_is_changed(name, data):
    message = GOOD[name] | {
        data.draw(st.sampled_from([*GOOD[name], "erased", "forked", "zz"])): data.draw(values)
    }
    assert reads(READ[name], message) == CHECK[name].is_valid(message), message


def test_an_event_that_is_none_is_outside_the_schema_but_inside_a_batch():
    """The schema tells a gate what to write. Who receives keeps such a row aside."""
    message = GOOD["batch"] | {"events": [EVENT, {"no": "event"}, 1]}
    assert (True, False) == (reads(READ["batch"], message), CHECK["batch"].is_valid(message))


@pytest.mark.parametrize("name", sorted(READ))
def test_the_schema_is_one_and_its_limits_are_those_of_the_code(name):
    schema = document(f"sync/{name}.schema.json")
    jsonschema.Draft202012Validator.check_schema(schema)
    text = json.dumps(schema)
    limit = {"batch": batch.MAX_BATCH_BYTES, "ack": ack.MAX_ACK_BYTES, "state": state.MAX_STATE_BYTES,
             "pulse": pulse.MAX_PULSE_BYTES}[name]  # fmt: skip
    assert [str(limit)] == re.findall(r"at most (\d+) bytes", text)
    assert schema["properties"]["v"]["const"] == getattr(
        {"batch": batch, "ack": ack, "state": state, "pulse": pulse}[name], f"{name.upper()}_VERSION"
    )

"""A command has one spelling and bounds, and the published schema says the same."""

from __future__ import annotations

import json
import re

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gated.model.document import DocumentError
from gated.model.order import Mode, Order
from gated.model.time import END_OF_TIME
from gated.model.trust import Algorithm
from gated.wire.command import (
    COMMAND_VERSION,
    MAX_COMMAND_BYTES,
    MAX_COUNTER,
    MAX_VALID_S,
    Command,
    What,
    encode_command,
    read_command,
)
from gated.wire.event import canonical
from gated.wire.seal import ENVELOPE_BYTES, SigningKey
from schemas import document, reads, validator

AT = 1_800_000_000
WHO = ("bron-1", 7, AT, AT + 60, "Mia", "a pram")
OPEN = Command(*WHO, What.OPEN, "in-1", 2)
COMMANDS = [
    OPEN,
    Command(*WHO, What.MODE, "in-1", mode=Mode.OUT_OF_SERVICE),
    Command(*WHO, What.REFRESH),
    Command(*WHO, What.REPORT),
]
CHECK = validator("sync/command.schema.json")


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: str(command.what))
def test_a_command_reads_as_it_was_written(command):
    payload = encode_command(command)
    assert command == read_command(payload)
    CHECK.validate(json.loads(payload))


def test_what_it_orders_of_a_lane():
    assert [Order.OPEN, Order.OUT_OF_SERVICE, None, None] == [command.order for command in COMMANDS]


def test_the_longest_command_stays_within_the_limits():
    longest = Command(
        "g" * 32, MAX_COUNTER, END_OF_TIME - MAX_VALID_S, END_OF_TIME, "\U0001f6b6" * 64, "\U0001f6b6" * 64,
        What.OPEN, "l" * 32, 99,
    )  # fmt: skip
    payload = encode_command(longest)
    assert longest == read_command(payload)
    for algorithm in Algorithm:
        token = SigningKey.generate(algorithm).sign("gated/command", b"x" * MAX_COMMAND_BYTES)
        assert len(token) <= MAX_COMMAND_BYTES + ENVELOPE_BYTES


def changed(**changes) -> dict:
    members = json.loads(encode_command(OPEN)) | changes
    return {name: value for name, value in members.items() if value is not ...}


BROKEN = [
    *({"v": value} for value in (2, "1", True, ...)),
    *({"gate": value} for value in ("", "Bron", "bron-", "bron/1", "a" * 33, 1, ...)),
    *({"counter": value} for value in (0, -1, MAX_COUNTER + 1, "7", True, 1.5, ...)),
    *({"at": value} for value in (-1, "now", END_OF_TIME, ...)),
    *({"expires": value} for value in (0, "soon", END_OF_TIME + 1, ...)),
    *({name: value} for name in ("by", "reason") for value in ("", "x" * 65, 1, None, ...)),
    *({"what": value} for value in ("", "rearm", "shut", 1, None, ...)),
    *({"lane": value} for value in ("", "In 1", "a" * 33, None, ...)),
    *({"persons": value} for value in (0, 100, True, None, ...)),
    {"mode": "normal"}, {"more": 1},
    {"what": "mode"}, {"what": "mode", "mode": "normal"}, {"what": "mode", "persons": ...},
    {"what": "mode", "persons": ..., "mode": "fire"},
    {"what": "report"}, {"what": "report", "persons": ...}, {"what": "report", "lane": ...},
    {"what": "refresh", "lane": ..., "persons": ..., "mode": "normal"},
]  # fmt: skip


@pytest.mark.parametrize("change", BROKEN, ids=str)
def test_a_command_in_any_other_form_is_refused_and_is_outside_the_schema(change):
    assert (False, False) == (reads(read_command, changed(**change)), CHECK.is_valid(changed(**change)))


@pytest.mark.parametrize("expires", [AT - 1, AT, AT + MAX_VALID_S + 1, END_OF_TIME])
def test_a_command_that_ends_before_it_begins_or_never_is_refused(expires):
    assert not reads(read_command, changed(expires=expires))


@pytest.mark.parametrize(
    "payload",
    [
        b"", b"noise", b"[]", encode_command(OPEN) + b" ",
        encode_command(OPEN).replace(b'"v":1', b'"v":1,"v":1'),
        encode_command(OPEN).replace(b'"by":', b'"by": '),
        encode_command(OPEN).replace(b"pram", b"pr\\u0061m"),
        encode_command(OPEN).replace(b"pram", b"\xff"), encode_command(OPEN).replace(b"Mia", b"M\\nia"),
        canonical(changed(reason="x" * MAX_COMMAND_BYTES)).encode(),
    ],
)  # fmt: skip
def test_a_second_spelling_is_refused(payload):
    with pytest.raises(DocumentError):
        read_command(payload)


@given(st.data())
def test_what_opens_after_a_change_encodes_back_to_the_same_bytes(data):
    payload = encode_command(data.draw(st.sampled_from(COMMANDS)))
    at = data.draw(st.integers(0, len(payload) - 1))
    other = payload[:at] + data.draw(st.binary(max_size=3)) + payload[at + data.draw(st.integers(0, 3)) :]
    try:
        command = read_command(other)
    except DocumentError:
        return
    assert other == encode_command(command)


def test_the_schema_is_one_and_its_limits_are_those_of_the_code():
    schema = document("sync/command.schema.json")
    jsonschema.Draft202012Validator.check_schema(schema)
    assert [str(MAX_COMMAND_BYTES)] == re.findall(r"at most (\d+) bytes", json.dumps(schema))
    assert COMMAND_VERSION == schema["properties"]["v"]["const"]
    assert [str(mode) for mode in Mode] == schema["properties"]["mode"]["enum"]
    assert [str(what) for what in What] == schema["properties"]["what"]["enum"]

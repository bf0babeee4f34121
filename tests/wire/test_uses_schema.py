"""The published schema of use records says what the code reads and writes."""

from __future__ import annotations

import json

import jsonschema
import pytest

from gated.model.time import END_OF_TIME
from gated.wire import forms
from gated.wire.uses import (
    MAX_USES_BYTES,
    USES_VERSION,
    PresenceRecord,
    UseRecord,
    Uses,
    encode_uses,
    read_uses,
)
from schemas import document, reads, validator

AT, MOST = 1_800_000_000, forms.MAX_SEQ - 1
CHECK = validator("sync/uses.schema.json")
GOOD = json.loads(
    encode_uses(
        Uses(
            *("pools", 7, 9, AT),
            (UseRecord(bytes(8), "bron-1", 20270115, "bron", 1, AT),),
            (PresenceRecord(bytes(range(16)), "bron", "pool", 20270115, "bron-1", 1, 0, 1),),
        )
    )
)
USED, PERSON = GOOD["used"][0], GOOD["people"][0]
NAMES = ("", "Bron", "-bron", "bron-", "bron/1", "a" * 33, "é", 1, None)
NUMBERS = ("7", 1.5, True, None, -1, MOST + 1)

FINE = [
    {}, {"after": 0}, {"upto": MOST}, {"used": []}, {"people": []}, {"used": [USED] * 199},
    {"used": [], "people": [PERSON] * 200}, {"at": END_OF_TIME}, {"sector": "a.b_c-d"},
    {"used": [USED | {"taken": (1 << 31) - 1, "last_at": 0}]},
    {"people": [{key: value for key, value in PERSON.items() if key != "last_in"}]},
    {"people": [PERSON | {"pass": "A" * 22, "come": 0, "gone": 5}]},
]  # fmt: skip
BROKEN = [
    *({"sector": name} for name in NAMES), *({"after": number} for number in NUMBERS),
    *({"upto": number} for number in (*NUMBERS, 0)), {"v": 2}, {"v": True}, {"more": 1}, {"used": None},
    {"at": -1}, {"at": END_OF_TIME + 1}, {"used": {}}, {"used": [USED] * 201}, {"used": [1]},
    *({"used": [USED | {"cti": cti}]} for cti in ("", "00", "A" * 16, 1, None)),
    *({"used": [USED | {"taken": taken}]} for taken in (0, -1, 1 << 31, "1", 1.5, True, None)),
    *({"used": [USED | {"day": day}]} for day in (0, 10_000_100, 99_991_232, "20270115")),
    *({"used": [USED | {key: name}]} for key in ("gate", "venue") for name in NAMES),
    {"used": [USED | {"more": 1}]}, {"people": [PERSON | {"more": 1}]},
    *({"people": [PERSON | {"pass": text}]} for text in ("", "A" * 21, "A" * 21 + "B", "A" * 23, 1)),
    *({"people": [PERSON | {key: count}]} for key in ("come", "gone") for count in (-1, 1 << 31, None)),
    *({"people": [PERSON | {"zone": name}]} for name in NAMES), {"people": [PERSON | {"last_in": None}]},
]  # fmt: skip
#: What no schema can say; its description does.
BEYOND = [
    {"after": MOST}, {"upto": 7}, {"at": AT - 1}, {"used": [USED] * 101, "people": [PERSON] * 100},
    {"used": [USED | {"last_at": AT + 1}]}, {"people": [PERSON | {"last_in": AT + 1}]},
]  # fmt: skip


@pytest.mark.parametrize("change", FINE, ids=str)
def test_what_the_code_writes_is_in_the_schema(change):
    message = GOOD | change
    assert reads(read_uses, message)
    CHECK.validate(message)


@pytest.mark.parametrize("change", BROKEN, ids=str)
def test_what_the_schema_forbids_the_code_does_not_read(change):
    message = GOOD | change
    assert (False, False) == (reads(read_uses, message), CHECK.is_valid(message))


@pytest.mark.parametrize("change", BEYOND, ids=str)
def test_what_no_schema_can_say_the_code_refuses_too(change):
    message = GOOD | change
    assert (False, True) == (reads(read_uses, message), CHECK.is_valid(message))


@pytest.mark.parametrize("member", GOOD)
def test_nothing_that_must_be_there_may_be_left_out(member):
    message = {key: value for key, value in GOOD.items() if key != member}
    assert (False, False) == (reads(read_uses, message), CHECK.is_valid(message))


def test_the_schema_is_one_and_its_limits_are_those_of_the_code():
    schema = document("sync/uses.schema.json")
    jsonschema.Draft202012Validator.check_schema(schema)
    assert f"at most {MAX_USES_BYTES} bytes" in schema["description"]
    assert USES_VERSION == schema["properties"]["v"]["const"]

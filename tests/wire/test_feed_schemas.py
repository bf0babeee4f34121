"""The published schemas of head and manifest say what the code reads and writes."""

from __future__ import annotations

import re

import jsonschema
import pytest

from gated.model.time import END_OF_TIME
from gated.wire import head, manifest
from gated.wire.blob import pack
from gated.wire.page import MAX_NUMBER
from schemas import cases, document, reads, validator

HEX = bytes(range(32)).hex()
CHECK = {name: validator(f"sync/{name}.schema.json") for name in ("head", "manifest")}
READ = {"head": head.read_head, "manifest": lambda payload: manifest.read_manifest(pack(payload))}
SNAPSHOT = {"position": 8, "rows": 6, "denials": [HEX], "pages": [HEX]}
GOOD: dict[str, dict] = {
    "head": {
        "v": 1, "sector": "pools", "version": 7, "position": 12, "rows": 9, "set": HEX, "manifest": HEX,
        "at": 1_800_000_000, "expires": 1_800_000_001,
    },
    "manifest": {
        "v": 1, "sector": "pools", "position": 12, "snapshot": SNAPSHOT,
        "deltas": [{"first": 9, "last": 12, "denials": HEX, "others": HEX}],
    },
}  # fmt: skip
FINE: dict[str, list[dict]] = {
    "head": [
        {}, {"version": MAX_NUMBER}, {"position": MAX_NUMBER, "rows": MAX_NUMBER}, {"position": 0, "rows": 0},
        {"expires": END_OF_TIME}, {"at": 0}, {"sector": "a.b_c-d"},
    ],
    "manifest": [
        {}, {"deltas": [{"first": 9, "last": 12}]}, {"deltas": [{"first": 9, "last": 12, "others": HEX}]},
        {"deltas": [], "snapshot": SNAPSHOT | {"position": 12, "pages": [HEX] * 32}},
        {"deltas": [], "snapshot": {"position": 12, "rows": 0, "denials": [], "pages": []}},
        {"deltas": [{"first": at, "last": at} for at in range(9, 1509)], "position": 1508},
    ],
}  # fmt: skip
_NUMBERS = ("7", 1.5, True, None, -1, MAX_NUMBER + 1)
_NAMES = ("", "00", HEX.upper(), HEX + "0", "../" + HEX[3:], 1, None)
_SECTORS = [{"sector": sector} for sector in ("", "Pools", "-a", "a" * 33, "a/b", 1, None)]
BROKEN: dict[str, list[dict]] = {
    "head": [
        *_SECTORS, *({member: name} for member in ("set", "manifest") for name in _NAMES),
        *({member: number} for member in ("version", "position", "rows") for number in _NUMBERS),
        {"v": 2}, {"version": 0}, {"at": -1}, {"at": END_OF_TIME + 1}, {"expires": END_OF_TIME + 1},
        {"more": 1},
    ],
    "manifest": [
        *_SECTORS, {"v": 2}, {"more": 1}, {"snapshot": None}, {"snapshot": []}, {"deltas": None},
        {"deltas": {}},
        *({"position": number} for number in _NUMBERS),
        *({"snapshot": SNAPSHOT | {"position": number}} for number in _NUMBERS),
        *({"snapshot": SNAPSHOT | {"pages": [name]}} for name in _NAMES),
        {"snapshot": SNAPSHOT | {"pages": [HEX] * 33}}, {"snapshot": SNAPSHOT | {"denials": HEX}},
        {"snapshot": SNAPSHOT | {"more": 1}},
        *({"deltas": [{"first": 9, "last": 12, "others": name}]} for name in _NAMES),
        {"deltas": [{"first": 9, "last": 12, "more": 1}]}, {"deltas": [{"first": 0, "last": 12}]},
        {"deltas": [{"first": at, "last": at} for at in range(9, 1510)], "position": 1509},
    ],
}  # fmt: skip


@pytest.mark.parametrize(("name", "change"), cases(FINE))
def test_what_the_code_reads_is_in_the_schema(name, change):
    message = GOOD[name] | change
    assert (True, True) == (reads(READ[name], message), CHECK[name].is_valid(message))


@pytest.mark.parametrize(("name", "change"), cases(BROKEN))
def test_what_the_schema_forbids_the_code_does_not_read(name, change):
    message = GOOD[name] | change
    assert (False, False) == (reads(READ[name], message), CHECK[name].is_valid(message))


@pytest.mark.parametrize(("name", "member"), [(name, member) for name in GOOD for member in GOOD[name]])
def test_nothing_that_must_be_there_may_be_left_out(name, member):
    message = {key: value for key, value in GOOD[name].items() if key != member}
    assert not CHECK[name].is_valid(message)
    assert not reads(READ[name], message)


@pytest.mark.parametrize("name", sorted(READ))
def test_the_schema_is_one_and_its_limits_are_those_of_the_code(name):
    schema = document(f"sync/{name}.schema.json")
    jsonschema.Draft202012Validator.check_schema(schema)
    limit = {"head": head.MAX_HEAD_BYTES, "manifest": manifest.MAX_MANIFEST_BYTES}[name]
    assert [str(limit)] == re.findall(r"at most (\d+) bytes", schema["description"])
    if name == "manifest":
        assert schema["properties"]["deltas"]["maxItems"] == manifest.MAX_DELTAS
        assert schema["$defs"]["names"]["maxItems"] == manifest.MAX_INDEXES
        assert f"at most {manifest.MAX_RANGE} statements" in schema["description"]

"""The published grammar says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from gated.credential import cbor, claims, cose, statement
from gated.credential.keys import KID_BYTES
from gated.model.credential import Assurance
from gated.model.rules import MAX_HOURS_CHARS, MAX_PARTY, MAX_REENTRY_S, MAX_USES, MAX_VENUES
from gated.model.statement import DenialState, TargetKind
from gated.model.time import END_OF_TIME
from gated.wire import statement_file

GRAMMAR = (Path(__file__).parents[2] / "docs" / "reference" / "statements.cddl").read_text()


def rule(name):
    return re.search(rf"^{name} = (.*?)(?=^\w+ = |\Z)", GRAMMAR, re.MULTILINE | re.DOTALL)[1]


def test_limits_are_those_of_the_code():
    told = re.search(r"at most (\d+) bytes, (\d+) items, depth (\d+)", GRAMMAR).groups()
    assert (cose.MAX_TOKEN_BYTES, cbor.MAX_ITEMS, cbor.MAX_DEPTH) == tuple(map(int, told))
    assert statement_file.MAX_TOKEN_BYTES == cose.MAX_TOKEN_BYTES
    assert f"bstr .size (0..{statement_file.MAX_TOKEN_BYTES})" in GRAMMAR


def test_content_types_are_those_of_the_code():
    assert list(statement.CONTENT_TYPES) == re.findall(r'"(gated/\w+)"', rule("header"))
    assert f"bstr .size {KID_BYTES}" in rule("header")


def test_private_claims_stand_under_one_number():
    assert [str(claims.PRIVATE)] * 3 == re.findall(r"(-\d+) => \{", GRAMMAR)


def test_sizes_and_ranges_are_those_of_the_code():
    assert f"7 => bstr .size {claims.ID_BYTES}" in rule("dated")
    assert f"1 => bstr .size {claims.INDEX_BYTES}" in rule("binding")
    rules = dict(re.findall(r"^    \? (\d+) => (.*?) *[,;]", rule("entitlement"), re.MULTILINE))
    uses = f"uint .lt {MAX_USES + 1}"
    assert {
        "3": f"[1*{MAX_VENUES} name]",
        "4": uses,
        "5": f"1..{max(Assurance)}",
        "6": uses,
        "7": f"{{1*{MAX_VENUES} name => {uses}}}",
        "8": "hours",
        "9": f"1..{MAX_PARTY}",
        "10": f"0..{len(statement.PARTY_USES) - 1}",
        "11": f"1..{MAX_REENTRY_S}",
        "12": "name",
    } == rules
    assert f"1 to {MAX_HOURS_CHARS} printable characters" in rule("hours")
    assert f"0..{max(DenialState)}," in rule("denial")
    sizes = re.findall(r"1 => (\d), 2 => bstr \.size (\d+)", rule("target"))
    assert {TargetKind(int(kind)): int(size) for kind, size in sizes} == statement.TARGET_BYTES
    assert {str(END_OF_TIME)} == set(re.findall(r"uint \.lt (\d+)", rule("time")))

"""Documents are read as strictly as signed bytes, and a mistake says where it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from gated.model.document import DocumentError, Table


@dataclass(frozen=True)
class Read:
    says: str
    ask: Any
    value: Any
    expected: Any


GOOD = (
    Read("a text", lambda table: table.text("key"), "words", "words"),
    Read("a checked text", lambda table: table.checked("key", str.upper), "words", "WORDS"),
    Read("a whole number", lambda table: table.whole("key"), 0, 0),
    Read("the least", lambda table: table.whole("key", least=3, most=4), 3, 3),
    Read("the most", lambda table: table.whole("key", least=3, most=4), 4, 4),
    Read("a number that may be absent", lambda table: table.whole_or_none("key"), 7, 7),
    Read("a flag", lambda table: table.flag("key", default=True), False, False),
    Read("milliseconds", lambda table: table.seconds("key", "1s"), "250ms", 0.25),
    Read("seconds with a fraction", lambda table: table.seconds("key", "1s"), "1.5s", 1.5),
    Read("minutes", lambda table: table.seconds("key", "1s"), "2min", 120.0),
    Read("hours", lambda table: table.seconds("key", "1s"), "1h", 3600.0),
    Read("days", lambda table: table.seconds("key", "1s"), "1d", 86400.0),
    Read("kilobytes", lambda table: table.size("key", "1kB"), "3kB", 3000),
    Read("megabytes", lambda table: table.size("key", "1kB"), "2MB", 2_000_000),
    Read("gigabytes", lambda table: table.size("key", "1kB"), "1GB", 1_000_000_000),
    Read("texts", lambda table: table.texts("key"), ["a", "b"], ["a", "b"]),
    Read("texts that may be absent", lambda table: table.texts_or_none("key"), ["a"], ["a"]),
    Read("a table", lambda table: table.table("key").text("in"), {"in": "x"}, "x"),
    Read(
        "tables",
        lambda table: [inner.text("in") for inner in table.tables("key", most=2)],
        [{"in": "x"}, {"in": "y"}],
        ["x", "y"],
    ),
)


@pytest.mark.parametrize("row", GOOD, ids=lambda row: row.says)
def test_a_table_reads(row):
    table = Table({"key": row.value})
    assert row.expected == row.ask(table)
    table.done()


@dataclass(frozen=True)
class Default:
    says: str
    ask: Any
    expected: Any


DEFAULTS = (
    Default("a text", lambda table: table.text("key", "usual"), "usual"),
    Default("a checked text", lambda table: table.checked("key", int, 5), 5),
    Default("a whole number", lambda table: table.whole("key", 3), 3),
    Default("no whole number", lambda table: table.whole_or_none("key"), None),
    Default("a flag", lambda table: table.flag("key", default=False), False),
    Default("a duration", lambda table: table.seconds("key", "10s"), 10.0),
    Default("a size", lambda table: table.size("key", "64kB"), 64_000),
    Default("texts", lambda table: table.texts("key", ["a"]), ["a"]),
    Default("no texts", lambda table: table.texts_or_none("key"), None),
    Default("an empty table", lambda table: table.table("key").done(), None),
)


@pytest.mark.parametrize("row", DEFAULTS, ids=lambda row: row.says)
def test_an_absent_key_may_have_a_default(row):
    table = Table({})
    assert row.expected == row.ask(table)
    table.done()


@dataclass(frozen=True)
class Mistake:
    says: str
    ask: Any
    value: Any
    what: str


DURATION = 'must be a duration with a unit (ms, s, min, h, d), such as "1s"'
SIZE = 'must be a size with a unit (kB, MB, GB), such as "1kB"'
MISTAKES = (
    Mistake("a number for a text", lambda table: table.text("key"), 5, "must be a text"),
    Mistake("an empty text", lambda table: table.text("key"), "", "must be a text"),
    Mistake("a text with a NUL", lambda table: table.text("key"), "a\0b", "of printable characters"),
    Mistake("a text of two lines", lambda table: table.text("key"), "a\nb", "of printable characters"),
    Mistake("half a pair of UTF-16", lambda table: table.text("key"), "\ud800", "of printable characters"),
    Mistake("a text not understood", lambda table: table.checked("key", int), "x", "invalid literal"),
    Mistake("a truth value for a number", lambda table: table.whole("key"), True, "must be a whole number"),
    Mistake("a fraction for a number", lambda table: table.whole("key"), 1.0, "must be a whole number"),
    Mistake("too few", lambda table: table.whole("key", least=3), 2, "from 3 to"),
    Mistake("too many", lambda table: table.whole("key", most=3), 4, "from 0 to 3"),
    Mistake("beyond a double", lambda table: table.whole("key"), (1 << 53) + 1, "whole number"),
    Mistake("a number for a flag", lambda table: table.flag("key", default=True), 1, "must be true or false"),
    Mistake("a number for a duration", lambda table: table.seconds("key", "1s"), 5, DURATION),
    Mistake("a duration without unit", lambda table: table.seconds("key", "1s"), "5", DURATION),
    Mistake("a duration below none", lambda table: table.seconds("key", "1s"), "-5s", DURATION),
    Mistake("a duration and more", lambda table: table.seconds("key", "1s"), "5s\n", DURATION),
    Mistake("digits of another script", lambda table: table.seconds("key", "1s"), "\u0665s", DURATION),
    Mistake("no time at all", lambda table: table.seconds("key", "1s"), "0s", "must lie between 0.001 s and"),
    Mistake("too long", lambda table: table.seconds("key", "1s", most=5), "6s", "between 0.001 s and 5 s"),
    Mistake("a number for a size", lambda table: table.size("key", "1kB"), 5, SIZE),
    Mistake("a size without unit", lambda table: table.size("key", "1kB"), "5", SIZE),
    Mistake("a size in another unit", lambda table: table.size("key", "1kB"), "5KB", SIZE),
    Mistake("a text for texts", lambda table: table.texts("key"), "a", "must be a list of texts"),
    Mistake("no text in texts", lambda table: table.texts("key"), [], "with at least one"),
    Mistake("a NUL in texts", lambda table: table.texts("key"), ["a\0"], "must be a list of texts"),
    Mistake("a number in texts", lambda table: table.texts("key"), ["a", 1], "must be a list of texts"),
    Mistake(
        "a number in texts that may be absent", lambda table: table.texts_or_none("key"), [1], "list of texts"
    ),
    Mistake("a text for a table", lambda table: table.table("key"), "x", "must be a table"),
    Mistake(
        "a text for tables", lambda table: list(table.tables("key", most=2)), "x", "list of 1 to 2 tables"
    ),
    Mistake("no tables", lambda table: list(table.tables("key", most=2)), [], "list of 1 to 2 tables"),
    Mistake(
        "too many tables", lambda table: list(table.tables("key", most=2)), [{}] * 3, "list of 1 to 2 tables"
    ),
)


@pytest.mark.parametrize("row", MISTAKES, ids=lambda row: row.says)
def test_a_mistake_says_where_it_is_and_what_would_be_right(row):
    with pytest.raises(DocumentError) as raised:
        row.ask(Table({"key": row.value}, "top"))
    assert "top.key" == raised.value.where
    assert row.what in raised.value.what
    assert f"top.key: {raised.value.what}" == str(raised.value)


@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(lambda table: table.text("key"), id="text"),
        pytest.param(lambda table: table.checked("key", int), id="checked text"),
        pytest.param(lambda table: table.whole("key"), id="whole number"),
        pytest.param(lambda table: table.texts("key"), id="texts"),
    ],
)
def test_a_key_without_default_must_be_there(ask):
    with pytest.raises(DocumentError, match="key: is missing"):
        ask(Table({}))


def test_a_place_is_told_through_tables_within_tables():
    inner = list(Table({"lane": [{}, {"hold": {}}]}).tables("lane", most=9))[1].table("hold")
    assert "lane[1].hold.after" == inner.path("after")


def test_a_key_that_nobody_asked_for_is_a_mistake():
    table = Table({"a": 1, "zz": 2}, "gate")
    table.whole("b", 0)
    table.whole("a")
    with pytest.raises(DocumentError, match=r"gate\.zz: unknown key; known here: a, b"):
        table.done()


def test_a_document_is_a_table():
    with pytest.raises(DocumentError, match="document: must be a table"):
        Table([1])


def test_reading_leaves_the_document_as_it_was():
    fields = {"key": ["a"]}
    Table(fields).texts("key")
    assert {"key": ["a"]} == fields

"""Documents are read as strictly as signed bytes, and a mistake says where it is."""

from __future__ import annotations

import tomllib
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


def period(table):
    return table.duration("key", most_s=99_999_999)


def toml(text):
    return tomllib.loads(f"key = {text}")["key"]


def moment(table):
    return table.moment("key")


def time_of_day(table):
    return table.clock_time("key", "04:00")


def place(table):
    return table.numbers("key", most=(90.0, 180.0))


def names(table):
    return table.names_or_none("key", most=2)


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
    Read("weeks", period, "P2W", 1_209_600),
    Read("days, hours, minutes and seconds", period, "P1DT2H3M4S", 93_784),
    Read("minutes alone", period, "PT30M", 1800),
    Read("days alone", period, "P60D", 5_184_000),
    Read("a duration of none", period, "P0D", 0),
    Read("the shortest duration", lambda table: table.duration("key", least_s=60, most_s=90), "PT60S", 60),
    Read("the longest duration", lambda table: table.duration("key", least_s=60, most_s=90), "PT1M30S", 90),
    Read("a duration that may be absent", lambda table: table.duration_or_none("key", most_s=9), "PT9S", 9),
    Read("a moment in summer", moment, "2026-07-01T00:00:00+02:00", 1_782_856_800),
    Read("a moment in UTC", moment, "2026-06-30T22:00:00Z", 1_782_856_800),
    Read("the first moment", moment, "1970-01-01T00:00:00Z", 0),
    Read("the last moment", moment, "9999-12-31T23:59:59+00:00", 253_402_300_799),
    Read("a moment that TOML read", moment, toml("2026-07-01T00:00:00+02:00"), 1_782_856_800),
    Read("a moment that may be absent", lambda table: table.moment_or_none("key"), "1970-01-01T00:00:09Z", 9),
    Read("midnight", time_of_day, "00:00", 0),
    Read("the last minute", time_of_day, "23:59", 1439),
    Read("numbers", place, [45.75, -4], (45.75, -4.0)),
    Read("numbers at their limits", place, [-90, 180.0], (-90.0, 180.0)),
    Read("a name", lambda table: table.name("key"), "bron-1", "bron-1"),
    Read("a name that may be absent", lambda table: table.name_or_none("key"), "bron", "bron"),
    Read("names", names, ["bron", "vaise"], ("bron", "vaise")),
    Read("a table where something else may stand", lambda table: table.holds_table("key"), {}, True),
    Read("something else", lambda table: table.holds_table("key") or table.text("key"), "x", "x"),
    Read("keys that are not fixed", lambda table: table.table("key").keys(), {"b": 1, "a": 2}, ["b", "a"]),
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
    Default("an ISO duration", lambda table: table.duration("key", "PT5M", most_s=300), 300),
    Default("no ISO duration", lambda table: table.duration_or_none("key", most_s=9), None),
    Default("no moment", lambda table: table.moment_or_none("key"), None),
    Default("a time of day", time_of_day, 240),
    Default("a name", lambda table: table.name("key", "usual"), "usual"),
    Default("no name", lambda table: table.name_or_none("key"), None),
    Default("no names", names, None),
    Default("no table where something else may stand", lambda table: table.holds_table("key"), False),
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
PERIOD = "use days, hours, minutes and seconds, such as PT30M"
WHEN = "must be a time in whole seconds with its offset, such as 2026-07-01T00:00:00+02:00"
OF_DAY = 'must be a time from 00:00 to 23:59, such as "04:00"'
NUMBERS = "must be a list of numbers: -90 to 90, -180 to 180"
NAME = "must be 1 to 32 of a-z 0-9 . _ -, beginning and ending with a letter or digit"
MISTAKES = (
    *(
        Mistake(f"no ISO duration: {value!r}", period, value, PERIOD)
        for value in (
            *(
                "",
                "P",
                "PT",
                "P1DT",
                "P1",
                "T1S",
                "1D",
                "P1M",
                "P1Y",
                "P1Y2D",
                "PT1.5S",
                "PT1,5S",
                "P1W2D",
                "P2DT1W",
            ),
            *(
                "PT1S1M",
                "PT1M1M",
                "P1H",
                "PT1D",
                "-PT1S",
                "P-1D",
                "+P1D",
                "pt1s",
                " PT1S",
                "PT1S\n",
                "P\u0661D",
            ),
            *("P1234567D", "PT1234567890S", 30, None),
        )
    ),
    Mistake(
        "too long an ISO duration",
        lambda table: table.duration("key", most_s=9),
        "PT10S",
        "between 0 s and 9 s",
    ),
    Mistake(
        "too short an ISO duration",
        lambda table: table.duration_or_none("key", least_s=2, most_s=9),
        "PT1S",
        "must lie between 2 s and 9 s",
    ),
    *(
        Mistake(f"no moment: {value!r}", moment, value, WHEN)
        for value in (
            *(
                "2026-07-01T00:00:00",
                "2026-07-01T00:00:00.5+02:00",
                "2026-07-01 00:00:00+02:00",
                "2026-07-01",
            ),
            *(
                "2026-07-01T00:00+02:00",
                "2026-07-01T24:00:00Z",
                "2026-02-29T00:00:00Z",
                "2026-07-01T00:60:00Z",
            ),
            *(
                "2026-07-01T00:00:00+02",
                "2026-07-01T00:00:00+24:00",
                "2026-07-01T00:00:00z",
                "20260701T000000Z",
            ),
            *(
                "2026-07-01T00:00:00+02:00\n",
                "2026-W27-1T00:00:00Z",
                "\u0662026-07-01T00:00:00Z",
                1_782_856_800,
                True,
            ),
            *map(toml, ("2026-07-01T00:00:00", "2026-07-01T00:00:00.5+02:00", "2026-07-01", "00:00:00")),
        )
    ),
    Mistake("a moment before all", moment, "1969-12-31T23:59:59Z", "must not lie before 1970"),
    Mistake("a moment before time", moment, "0001-01-01T00:00:00+23:59", "must not lie before 1970"),
    Mistake("a moment that may be absent", lambda table: table.moment_or_none("key"), "now", WHEN),
    *(
        Mistake(f"no time of day: {value!r}", time_of_day, value, OF_DAY)
        for value in (
            "24:00",
            "4:00",
            "04:60",
            "04",
            "04:00:00",
            "04:00\n",
            "\u0660\u0664:00",
            4,
            toml("04:00:00"),
        )
    ),
    *(
        Mistake(f"no place: {value!r}", place, value, NUMBERS)
        for value in (
            *([], [45.0], [45.0, 4.0, 0.0], [90.1, 4.0], [45.0, -180.1], [True, 4.0], ["45", 4.0]),
            *([float("nan"), 4.0], [float("inf"), 4.0], "45, 4", {"lat": 45}),
        )
    ),
    *(
        Mistake(f"no name: {value!r}", lambda table: table.name("key"), value, NAME)
        for value in ("", "A", "a b", "-a", "a" * 33, 5)
    ),
    Mistake("no name, and it may be absent", lambda table: table.name_or_none("key"), "A", NAME),
    Mistake("a name too many", names, ["a", "b", "c"], "must be a list of 1 to 2 names"),
    Mistake("a text among names", names, ["a", "B"], "'B' is no name: use 1 to 32 of"),
    Mistake("a number among names", names, ["a", 1], "must be a list of texts"),
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

"""Whole sentences: what is refused says what is wrong and what to write instead, and no more."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from gated.model.document import DocumentError, Table
from gated.model.rules import MAX_USES
from gated.policy.hours import read_hours
from gated.policy.profile import read_country, read_retirement
from gated.policy.rules_file import read_rules

PARIS, LYON = ZoneInfo("Europe/Paris"), (45.75, 4.85)

HOURS = {
    "": "hours are empty: write 24/7 for always, or leave them out",
    "Mo\t10:00-12:00": (
        "hours hold a character that cannot be printed: write them on one line of plain text"
    ),
    "PH off": "PH needs the country of the venue: set country, such as FR, or write the dates",
    "always open when the sun shines": (
        "hours cannot be read from column 1 on, at 'always open when the': write such as Mo-Fr 08:00-20:00"
    ),
    "(sunset+21:30)-(dusk+07:30)": "times of the sun end after the next midnight: write the times",
}


@pytest.mark.parametrize("text", HOURS)
def test_hours_are_refused_with(text):
    with pytest.raises(ValueError) as refused:
        read_hours(text, PARIS, None, LYON)
    assert HOURS[text] == str(refused.value)


ENDS = "2026-09-01T00:00:00+02:00"


@pytest.mark.parametrize(
    ("read", "said", "where", "what"),
    [
        (read_retirement, {"ends": ENDS}, "scheme", "say either a scheme or an assurance"),
        (
            read_country,
            {"country": "fr"},
            "country",
            "must be the two capital letters of a country, such as FR",
        ),
        (
            lambda table: read_rules(table, least_assurance=None),
            {"venues": ["bron"], "uses": {"per_venue": {"vaise": 1}}},
            "uses.per_venue.vaise",
            "is not among its venues",
        ),
        (
            lambda table: read_rules(table, least_assurance=None),
            {"uses": {"per_venue": {"vaise": MAX_USES + 1}}},
            "uses.per_venue.vaise",
            "must be a whole number from 0 to 2147483647",
        ),
    ],
    ids=["retirement", "country", "venues", "share"],
)
def test_a_table_is_refused_with(read, said, where, what):
    with pytest.raises(DocumentError) as raised:
        read(Table(said))
    assert (where, what) == (raised.value.where, raised.value.what)

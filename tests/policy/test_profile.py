"""A profile is read strictly, and a mistake is told where it stands."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, timedelta, timezone
from typing import Any

import pytest

from gated.model.credential import Assurance
from gated.model.document import DocumentError, Table
from gated.model.rules import (
    MAX_HOURS_CHARS,
    MAX_PARTY,
    MAX_REENTRY_S,
    MAX_USES,
    MAX_VENUES,
    PartyUses,
    Rules,
)
from gated.model.venue import (
    MAX_PEOPLE,
    MAX_PRODUCT_VENUES,
    MAX_PRODUCTS,
    MAX_RETIREMENTS,
    MAX_ZONES,
    Passback,
    Product,
    Profile,
    Retirement,
    Staleness,
    WhenUnsure,
    Zone,
)
from gated.policy.profile import read_profile
from gated.policy.rules_file import read_rules


def zone(name: str):
    if name == "UTC":
        return UTC
    raise ValueError(f"no time zone {name!r}")


def document(**changes) -> dict[str, Any]:
    usual = {
        "v": 1,
        "version": 4,
        "venue": "bron",
        "sector": "pools",
        "timezone": "UTC",
        "products": [{"id": "season"}],
    }
    return {key: value for key, value in {**usual, **changes}.items() if value is not ...}


def test_a_profile_that_says_least_has_the_defaults():
    expected = Profile(
        venue="bron",
        sector="pools",
        timezone=UTC,
        version=4,
        min_assurance=Assurance.UID_ONLY,
        when_unsure=WhenUnsure.ADMIT,
        unknown_counts=True,
        products={"season": Product("season")},
    )
    assert expected == read_profile(document(), zone)


BUNDLE = {
    "id": "bundle",
    "venues": ["bron", "vaise"],
    "uses": {"total": 10, "per_day": 1, "per_venue": {"vaise": 6, "bron": 4}},
    "hours": "Mo-Fr 07:00-09:00; PH off",
    "party": 5,
    "party_uses": "once",
    "reentry": "PT30M",
    "minimum_assurance": "asymmetric",
    "concession": "student",
}


def test_a_profile_may_say_all():
    read = read_profile(
        document(
            minimum_assurance="static-signed",
            when_unsure="refuse",
            unknown_counts=False,
            country="FR",
            coordinates=[45.73, 4],
            capacity=300,
            day_end="03:30",
            counted_when_apart="cap:2",
            staleness={"stale_after": "PT2H", "expired_after": "P2D", "when_expired": ["free"]},
            retirements=[
                {"assurance": "uid-only", "ends": "2026-09-01T00:00:00+02:00", "warn": "P60D"},
                {"scheme": "ev1", "ends": "2027-01-01T00:00:00Z"},
            ],
            products=[BUNDLE, {"id": "free", "uses": 0}],
        ),
        zone,
    )
    assert Assurance.STATIC_SIGNED is read.min_assurance
    assert WhenUnsure.REFUSE is read.when_unsure
    assert read.unknown_counts is False
    assert ("FR", (45.73, 4.0), 300, 210, 2) == (
        read.country, read.coordinates, read.capacity, read.day_end_min, read.apart_cap,
    )  # fmt: skip
    assert read.retirements == (
        Retirement(ends=1_788_213_600, warn_s=60 * 86400, assurance=Assurance.UID_ONLY),
        Retirement(ends=1_798_761_600, scheme="ev1"),
    )
    assert read.products["bundle"] == Product(
        "bundle",
        venues=("bron", "vaise"),
        uses=10,
        per_day=1,
        per_venue=(("bron", 4), ("vaise", 6)),
        hours="Mo-Fr 07:00-09:00; PH off",
        party=5,
        party_uses=PartyUses.ONCE,
        reentry_s=1800,
        min_assurance=Assurance.ASYMMETRIC,
        concession="student",
    )
    assert Product("free", uses=0) == read.products["free"]
    assert Staleness(7200, 2 * 86400, frozenset({"free"})) == read.staleness


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, Staleness()),
        ({"stale_after": "PT1H"}, Staleness(3600, 168 * 3600)),
        ({"expired_after": "PT24H"}, Staleness(86400, 86400)),
        ({"stale_after": "P366D", "expired_after": "P366D"}, Staleness(366 * 86400, 366 * 86400)),
    ],
)
def test_what_is_not_said_of_staleness_is_as_usual(said, expected):
    assert expected == read_profile(document(staleness=said), zone).staleness
    assert (24 * 3600, 168 * 3600, frozenset()) == (
        Staleness().stale_after_s, Staleness().expired_after_s, Staleness().when_expired,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({}, {}),
        ({"passback": "none"}, {}),
        ({"passback": "hard"}, {"bron": Zone("bron", Passback.HARD)}),
        ({"passback": "soft"}, {"bron": Zone("bron", Passback.SOFT)}),
        (
            {"passback": "timed", "passback_interval": "PT10M"},
            {"bron": Zone("bron", Passback.TIMED, 600)},
        ),
        (
            {
                "zones": [
                    {"id": "pool", "passback": "timed", "passback_interval": "P1D"},
                    {"id": "sauna", "passback": "hard"},
                    {"id": "hall"},
                ]
            },
            {
                "pool": Zone("pool", Passback.TIMED, 86400),
                "sauna": Zone("sauna", Passback.HARD),
                "hall": Zone("hall"),
            },
        ),
    ],
    ids=str,
)
def test_passback_is_said_of_the_venue_or_of_its_zones(said, expected):
    assert expected == read_profile(document(**said), zone).zones


@pytest.mark.parametrize(
    ("said", "cap"), [("allow", None), ("deny", 0), ("cap:1", 1), ("cap:999999999", 999_999_999)]
)
def test_what_a_counted_right_is_good_for_while_its_uses_elsewhere_are_unknown(said, cap):
    assert cap == read_profile(document(counted_when_apart=said), zone).apart_cap


LIMITS = (
    ("capacity", 1, {"capacity": 1}),
    ("capacity", MAX_PEOPLE, {"capacity": MAX_PEOPLE}),
    ("day_end_min", 0, {"day_end": "00:00"}),
    ("coordinates", (-90.0, 180.0), {"coordinates": [-90, 180]}),
)


@pytest.mark.parametrize(("name", "value", "said"), LIMITS, ids=str)
def test_a_profile_may_go_to_its_limits(name, value, said):
    assert value == getattr(read_profile(document(**said), zone), name)


def test_a_product_may_be_good_in_a_whole_city():
    venues = [f"v{number}" for number in range(MAX_PRODUCT_VENUES)]
    shares = {"per_venue": dict.fromkeys(venues, 1)}
    read = read_profile(document(products=[{"id": "a", "venues": venues, "uses": shares}]), zone)
    assert MAX_PRODUCT_VENUES == len(read.products["a"].venues) == len(read.products["a"].per_venue)
    for said in ({"venues": [*venues, "more"]}, {"uses": {"per_venue": {**shares["per_venue"], "more": 1}}}):
        with pytest.raises(DocumentError, match=r"1 to 1000"):
            read_profile(document(products=[{"id": "a", **said}]), zone)


# ------------------------------------------------------------------ rules, wherever they are said


def rules(**said):
    table = Table(said, "entitlement[0]")
    read = read_rules(table, least_assurance=None)
    table.done()
    return read


def test_rules_that_are_not_said_are_none():
    assert asdict(Rules()) == rules()
    assert Assurance.UID_ONLY is read_rules(Table({}), least_assurance=Assurance.UID_ONLY)["min_assurance"]


RULES = (
    ({"uses": 3}, {"uses": 3}),
    ({"uses": {"total": 3}}, {"uses": 3}),
    ({"uses": {"per_day": 0}}, {"per_day": 0}),
    ({"uses": {}}, {}),
    ({"uses": {"per_venue": {"bron": MAX_USES}}}, {"per_venue": (("bron", MAX_USES),)}),
    (
        {"uses": {"per_venue": {"vaise": 1, "bron": 0, "aquarium": 2, "aqua": 3}}},
        {"per_venue": (("aqua", 3), ("bron", 0), ("vaise", 1), ("aquarium", 2))},
    ),
    ({"hours": "0" * MAX_HOURS_CHARS}, {"hours": "0" * MAX_HOURS_CHARS}),
    ({"party": 1, "party_uses": "each"}, {"party": 1, "party_uses": PartyUses.EACH}),
    ({"party": MAX_PARTY}, {"party": MAX_PARTY}),
    ({"reentry": "PT1S"}, {"reentry_s": 1}),
    ({"reentry": "P31D"}, {"reentry_s": MAX_REENTRY_S}),
    ({"venues": [f"v{n}" for n in range(MAX_VENUES)]}, {"venues": tuple(f"v{n}" for n in range(MAX_VENUES))}),
)


@pytest.mark.parametrize(("said", "expected"), RULES, ids=str)
def test_rules_are_read_as_said(said, expected):
    assert {**asdict(Rules()), **expected} == rules(**said)


@dataclass(frozen=True)
class Mistake:
    says: str
    changes: dict[str, Any]
    where: str
    what: str


WRONG = (
    Mistake("an empty text", {"hours": ""}, "hours", "must be a text of printable characters"),
    Mistake("hours too long", {"hours": "0" * 256}, "hours", "must have at most 255 characters"),
    Mistake("a text for uses", {"uses": "3"}, "uses", "must be a whole number"),
    Mistake("an unknown limit", {"uses": {"weekly": 3}}, "uses.weekly", "unknown key; known here: per_day,"),
    Mistake("a total below none", {"uses": {"total": -1}}, "uses.total", "from 0 to 2147483647"),
    Mistake("a day below none", {"uses": {"per_day": -1}}, "uses.per_day", "from 0 to 2147483647"),
    Mistake("a share below none", {"uses": {"per_venue": {"bron": -1}}}, "uses.per_venue.bron", "from 0 to"),
    Mistake("no share", {"uses": {"per_venue": {}}}, "uses.per_venue", "must name 1 to"),
    Mistake("shares as a list", {"uses": {"per_venue": ["bron"]}}, "uses.per_venue", "must be a table"),
    Mistake(
        "a share of no name", {"uses": {"per_venue": {"B": 1}}}, "uses.per_venue.B", "is no name of a venue"
    ),
    Mistake(
        "a share elsewhere",
        {"venues": ["bron"], "uses": {"per_venue": {"bron": 1, "vaise": 1}}},
        "uses.per_venue.vaise",
        "is not among its venues",
    ),
    Mistake("a venue of no name", {"venues": ["bron", "Vaise"]}, "venues", "'Vaise' is no name"),
    Mistake("a party of none", {"party": 0}, "party", "from 1 to 200"),
    Mistake("a party too large", {"party": 201}, "party", "from 1 to 200"),
    Mistake("an unknown cost", {"party_uses": "twice"}, "party_uses", "must be one of: each, once"),
    Mistake("no re-entry", {"reentry": "PT0S"}, "reentry", "between 1 s and 2678400 s"),
    Mistake("re-entry too long", {"reentry": "P31DT1S"}, "reentry", "between 1 s and 2678400 s"),
    Mistake("re-entry for a month", {"reentry": "P1M"}, "reentry", "use days, hours, minutes and seconds"),
    Mistake("an unknown assurance", {"minimum_assurance": "x"}, "minimum_assurance", "unknown assurance 'x'"),
    Mistake("a concession of no name", {"concession": "Étudiant"}, "concession", "must be 1 to 32 of"),
)


def product(row):
    return {"products": [{"id": "a", **row.changes}]}


def retired(**said):
    return {"retirements": [{"ends": "2026-09-01T00:00:00+02:00", **said}]}


MISTAKES = (
    Mistake("another version of the format", {"v": 2}, "v", "must be a whole number from 1 to 1"),
    Mistake("no version of the format", {"v": ...}, "v", "is missing"),
    Mistake("no version", {"version": ...}, "version", "is missing"),
    Mistake("no venue", {"venue": ...}, "venue", "is missing"),
    Mistake("no sector", {"sector": ...}, "sector", "is missing"),
    Mistake("no time zone", {"timezone": ...}, "timezone", "is missing"),
    Mistake("a zone nobody knows", {"timezone": "Atlantis"}, "timezone", "no time zone 'Atlantis'"),
    Mistake("an unknown key", {"colour": "blue"}, "colour", "unknown key"),
    Mistake("no products", {"products": ...}, "products", f"must be a list of 1 to {MAX_PRODUCTS} tables"),
    Mistake(
        "a product twice", {"products": [{"id": "a"}, {"id": "a"}]}, "products[1].id", "'a' stands twice"
    ),
    Mistake("a product with no id", {"products": [{}]}, "products[0].id", "is missing"),
    Mistake(
        "a product that says too much", {"products": [{"id": "a", "x": 1}]}, "products[0].x", "unknown key"
    ),
    Mistake("uses below none", {"products": [{"id": "a", "uses": -1}]}, "products[0].uses", "whole number"),
    Mistake("uses too large", {"products": [{"id": "a", "uses": 1 << 31}]}, "products[0].uses", "2147483647"),
    Mistake(
        "no venue at all", {"products": [{"id": "a", "venues": []}]}, "products[0].venues", "at least one"
    ),
    Mistake(
        "an unknown assurance", {"minimum_assurance": "very"}, "minimum_assurance", "unknown assurance 'very'"
    ),
    Mistake("an unknown wish", {"when_unsure": "maybe"}, "when_unsure", "'maybe' is not a valid WhenUnsure"),
    Mistake("a country in small letters", {"country": "fr"}, "country", "two capital letters of a country"),
    Mistake("a country in three letters", {"country": "FRA"}, "country", "two capital letters of a country"),
    Mistake("a place off the earth", {"coordinates": [91, 4]}, "coordinates", "-90 to 90, -180 to 180"),
    Mistake("half a place", {"coordinates": [45]}, "coordinates", "must be a list of numbers"),
    Mistake("no room", {"capacity": 0}, "capacity", "from 1 to 1000000"),
    Mistake("too much room", {"capacity": MAX_PEOPLE + 1}, "capacity", "from 1 to 1000000"),
    Mistake("a day that never ends", {"day_end": "24:00"}, "day_end", "from 00:00 to 23:59"),
    Mistake("an unknown passback", {"passback": "firm"}, "passback", "one of: none, soft, timed, hard"),
    Mistake("timed, and no interval", {"passback": "timed"}, "passback_interval", "timed passback needs it"),
    Mistake(
        "an interval of none",
        {"passback": "timed", "passback_interval": "PT0S"},
        "passback_interval",
        "between 1 s and 86400 s",
    ),
    Mistake(
        "an interval beyond a day",
        {"passback": "timed", "passback_interval": "PT86401S"},
        "passback_interval",
        "between 1 s and 86400 s",
    ),
    Mistake(
        "passback twice", {"passback": "hard", "zones": [{"id": "a"}]}, "passback", "is said of each zone"
    ),
    Mistake(
        "an interval beside zones",
        {
            "passback_interval": "PT5M",
            "zones": [{"id": "a", "passback": "timed", "passback_interval": "PT1M"}],
        },
        "passback_interval",
        "is said of each zone",
    ),
    Mistake(
        "passback twice, the same", {"passback": "none", "zones": [{"id": "a"}]}, "passback", "of each zone"
    ),
    Mistake("no zone", {"zones": []}, "zones", f"must be a list of 1 to {MAX_ZONES} tables"),
    Mistake("zones too many", {"zones": [{}] * (MAX_ZONES + 1)}, "zones", f"1 to {MAX_ZONES} tables"),
    Mistake("a zone of no name", {"zones": [{"id": "A"}]}, "zones[0].id", "must be 1 to 32 of"),
    Mistake("a zone twice", {"zones": [{"id": "a"}, {"id": "a"}]}, "zones[1].id", "'a' stands twice"),
    Mistake("a zone that says too much", {"zones": [{"id": "a", "x": 1}]}, "zones[0].x", "unknown key"),
    Mistake(
        "a zone without its interval",
        {"zones": [{"id": "a", "passback": "timed"}]},
        "zones[0].passback_interval",
        "is missing: timed passback needs it",
    ),
    Mistake("a retirement of nothing", retired(), "retirements[0].scheme", "either a scheme or an assurance"),
    Mistake(
        "a retirement of two", retired(scheme="uid", assurance="uid-only"), "retirements[0].scheme", "either"
    ),
    Mistake("a retirement of no scheme", retired(scheme="E V"), "retirements[0].scheme", "must be 1 to 32"),
    Mistake("a retirement of no assurance", retired(assurance="x"), "retirements[0].assurance", "unknown"),
    Mistake(
        "a retirement with no end", {"retirements": [{"scheme": "uid"}]}, "retirements[0].ends", "missing"
    ),
    Mistake(
        "a retirement without offset",
        retired(scheme="uid", ends="2026-09-01"),
        "retirements[0].ends",
        "offset",
    ),
    Mistake("a warning too long", retired(scheme="uid", warn="P367D"), "retirements[0].warn", "31622400 s"),
    Mistake("a retirement that says too much", retired(scheme="uid", x=1), "retirements[0].x", "unknown key"),
    Mistake(
        "retirements too many",
        {"retirements": [{}] * (MAX_RETIREMENTS + 1)},
        "retirements",
        f"must be a list of 0 to {MAX_RETIREMENTS} tables",
    ),
    *(
        Mistake(f"apart {said!r}", {"counted_when_apart": said}, "counted_when_apart", '"cap:2"')
        for said in ("maybe", "cap", "cap:", "cap:0", "cap:-1", "cap:1.5", "cap:1000000000", "cap:2\u0661")
    ),
    Mistake("staleness of a kind", {"staleness": "P1D"}, "staleness", "must be a table"),
    Mistake("staleness that says too much", {"staleness": {"x": 1}}, "staleness.x", "unknown key"),
    *(
        Mistake(f"{key} {said}", {"staleness": {key: said}}, f"staleness.{key}", "must lie between 3600 s")
        for key in ("stale_after", "expired_after")
        for said in ("PT0S", "PT59M59S", "P367D")
    ),
    Mistake(
        "expired before it is stale",
        {"staleness": {"stale_after": "PT3H", "expired_after": "PT2H"}},
        "staleness.expired_after",
        "must not be shorter than stale_after",
    ),
    Mistake(
        "expired before it is stale as usual",
        {"staleness": {"expired_after": "PT23H59M59S"}},
        "staleness.expired_after",
        "must not be shorter",
    ),
    Mistake(
        "a product that nobody knows",
        {"staleness": {"when_expired": ["season", "sesaon"]}},
        "staleness.when_expired",
        "'sesaon' is no product of this profile",
    ),
    Mistake(
        "hours that do not parse",
        {"products": [{"id": "a", "hours": "Mo-Xy"}]},
        "products[0].hours",
        "hours ",
    ),
    Mistake(
        "public holidays of no country",
        {"products": [{"id": "a"}, {"id": "b", "hours": "PH off"}]},
        "products[1].hours",
        "country",
    ),
    Mistake("the old name", {"min_assurance": "uid-only"}, "min_assurance", "unknown key"),
    *(
        Mistake(f"{row.says}, of a product", product(row), f"products[0].{row.where}", row.what)
        for row in WRONG
    ),
    Mistake("a truth value in words", {"unknown_counts": "yes"}, "unknown_counts", "must be true or false"),
)


@pytest.mark.parametrize("row", MISTAKES, ids=lambda row: row.says)
def test_a_mistake_is_told_where_it_stands(row):
    with pytest.raises(DocumentError) as raised:
        read_profile(document(**row.changes), zone)
    assert row.where == raised.value.where
    assert row.what in raised.value.what


def test_a_catalogue_has_a_limit():
    products = [{"id": f"p{number}"} for number in range(MAX_PRODUCTS)]
    assert MAX_PRODUCTS == len(read_profile(document(products=products), zone).products)
    with pytest.raises(DocumentError, match="products"):
        read_profile(document(products=[*products, {"id": "more"}]), zone)


def test_a_profile_is_a_table():
    with pytest.raises(DocumentError, match="document: must be a table"):
        read_profile([], zone)


def test_calendar_days_are_the_venues():
    early = read_profile(document(), lambda _name: timezone(timedelta(hours=2)))
    assert 20261125 == early.day_of(1_795_557_600)  # 2026-11-24T22:00:00Z
    assert 20261124 == early.day_of(1_795_557_599)


@pytest.mark.parametrize("row", WRONG, ids=lambda row: row.says)
def test_a_mistake_in_rules_is_told_where_it_stands(row):
    with pytest.raises(DocumentError) as raised:
        rules(**row.changes)
    assert f"entitlement[0].{row.where}" == raised.value.where
    assert row.what in raised.value.what


def test_a_right_names_no_more_venues_than_a_statement_bears():
    venues = [f"v{number}" for number in range(MAX_VENUES + 1)]
    for said in ({"venues": venues}, {"uses": {"per_venue": dict.fromkeys(venues, 1)}}):
        with pytest.raises(DocumentError, match=f"1 to {MAX_VENUES}"):
            rules(**said)

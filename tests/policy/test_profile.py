"""A profile is read strictly, and a mistake is told where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, timedelta, timezone
from typing import Any

import pytest

from gated.model.credential import Assurance
from gated.model.document import DocumentError
from gated.model.venue import MAX_PRODUCTS, Product, Profile, WhenUnsure
from gated.policy.profile import read_profile


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


def test_a_profile_may_say_all():
    swim = {"id": "swim10", "uses": 10, "venues": ["bron", "vaise"], "min_assurance": "asymmetric"}
    read = read_profile(
        document(
            min_assurance="static-signed",
            when_unsure="refuse",
            unknown_counts=False,
            products=[swim, {"id": "free", "uses": 0}],
        ),
        zone,
    )
    assert Assurance.STATIC_SIGNED is read.min_assurance
    assert WhenUnsure.REFUSE is read.when_unsure
    assert read.unknown_counts is False
    assert (
        Product("swim10", venues=("bron", "vaise"), uses=10, min_assurance=Assurance.ASYMMETRIC)
        == read.products["swim10"]
    )
    assert 0 == read.products["free"].uses


@dataclass(frozen=True)
class Mistake:
    says: str
    changes: dict[str, Any]
    where: str
    what: str


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
    Mistake("an unknown assurance", {"min_assurance": "very"}, "min_assurance", "unknown assurance 'very'"),
    Mistake("an unknown wish", {"when_unsure": "maybe"}, "when_unsure", "'maybe' is not a valid WhenUnsure"),
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

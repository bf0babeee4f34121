"""What a right says itself, and otherwise its product."""

from __future__ import annotations

import pytest

from gated.model.credential import Assurance
from gated.model.refusal import Reason, Refusal
from gated.model.rules import PartyUses
from gated.model.venue import Direction, Lane, Passback, Product, Zone
from gated.policy.hours import read_hours
from gated.policy.terms import Terms, asks_uses, asks_who_is_inside, terms_of, usable
from questions import PARIS, PRODUCTS, bound, denied, profile, right

ALL = Product(
    "all",
    venues=("bron", "vaise"),
    uses=10,
    per_day=2,
    per_venue=(("bron", 4),),
    hours="08:00-20:00",
    party=3,
    party_uses=PartyUses.ONCE,
    reentry_s=600,
    min_assurance=Assurance.SYMMETRIC_MUTUAL,
    concession="child",
)
SHOP = profile(timezone=PARIS, country="FR", products={**PRODUCTS, "all": ALL})


def hours(text: str):
    return read_hours(text, PARIS, "FR", None)


def test_a_right_that_says_nothing_is_as_its_product():
    expected = Terms(
        here=True,
        total=10,
        per_day=2,
        share=4,
        hours=hours("08:00-20:00"),
        party=3,
        each=False,
        reentry_s=600,
        min_assurance=Assurance.SYMMETRIC_MUTUAL,
        concession="child",
    )
    assert expected == terms_of(right(product="all"), SHOP)


def test_a_right_that_says_all_is_as_it_says():
    own = right(
        product="all",
        venues=("vaise",),
        uses=0,
        per_day=0,
        per_venue=(),
        hours="10:00-12:00",
        party=1,
        party_uses=PartyUses.EACH,
        reentry_s=0,
        min_assurance=Assurance.UID_ONLY,
        concession="",
    )
    expected = Terms(
        here=False,
        total=0,
        per_day=0,
        share=None,
        hours=hours("10:00-12:00"),
        party=1,
        each=True,
        reentry_s=0,
        min_assurance=Assurance.UID_ONLY,
        concession="",
    )
    assert expected == terms_of(own, SHOP)


def test_where_nobody_says_anything_nothing_is_limited():
    expected = Terms(
        here=True,
        total=None,
        per_day=None,
        share=None,
        hours=None,
        party=1,
        each=True,
        reentry_s=0,
        min_assurance=Assurance.STATIC_SIGNED,
        concession=None,
    )
    assert expected == terms_of(right(), SHOP)


def test_a_product_nobody_lists_is_good_nowhere():
    own = right(product="ski", venues=("bron",), uses=3)
    terms = terms_of(own, SHOP)
    assert (False, 3, Assurance.UID_ONLY) == (terms.here, terms.total, terms.min_assurance)
    assert not terms_of(right(product="ski"), SHOP).here


@pytest.mark.parametrize(
    ("rules", "counted"),
    [({}, False), ({"per_day": 1}, False), ({"uses": 0}, True), ({"per_venue": (("bron", 0),)}, True),
     ({"per_venue": (("vaise", 1),)}, False), ({"uses": 1, "per_venue": (("bron", 1),)}, True)],
)  # fmt: skip
def test_a_right_is_counted_where_its_uses_come_to_an_end(rules, counted):
    assert counted is terms_of(right(**rules), SHOP).counted


def test_hours_that_nobody_can_keep_are_told():
    with pytest.raises(ValueError, match="hours"):
        terms_of(right(hours="whenever"), SHOP)
    with pytest.raises(ValueError, match="PH"):
        terms_of(right(hours="PH off"), profile())


# ------------------------------------------------------------------ a right whose own hours nobody can keep

LYON = (45.75, 4.85)
PLACE = {"timezone": PARIS, "country": "FR", "coordinates": LYON}


@pytest.mark.parametrize(
    "statement",
    [
        right(),
        right(hours="08:00-20:00"),
        right(hours="sunrise-sunset; PH off"),
        right(product="ski", hours="PH 10:00-12:00"),
        bound(),
        denied(),
    ],
    ids=lambda statement: f"{type(statement).__name__}, {getattr(statement, 'hours', None)}",
)
def test_a_statement_whose_hours_can_be_kept_is_taken_as_it_is(statement):
    assert statement is usable(statement, profile(**PLACE))


@pytest.mark.parametrize("missing", PLACE)
def test_a_right_whose_own_hours_this_venue_cannot_keep_is_none(missing):
    place = {**PLACE, missing: profile().timezone if missing == "timezone" else None}
    own = right(product="swim3", hours="sunrise-sunset; PH off")
    assert Refusal(Reason.BAD_HOURS, {"product": "swim3"}) == usable(own, profile(**place))
    assert right(product="swim3") == usable(right(product="swim3"), profile(**place))


@pytest.mark.parametrize(
    ("rules", "asks"),
    [
        ({}, False),
        ({"hours": "07:00-09:00", "party": 4, "concession": "student"}, False),
        ({"uses": 3}, True),
        ({"per_day": 1}, True),
        ({"per_venue": (("bron", 2),)}, True),
        ({"per_venue": (("vaise", 2),)}, False),
        ({"reentry_s": 60}, True),
        ({"uses": 3, "hours": "SH off"}, False),
    ],
    ids=str,
)
def test_uses_are_recalled_where_a_rule_asks_for_them(rules, asks):
    assert asks is asks_uses(right(**rules), profile())


@pytest.mark.parametrize(
    ("rules", "lane", "asks"),
    [
        ({}, Lane("in-1"), False),
        ({}, Lane("out-1", Direction.EXIT), True),
        ({"capacity": 300}, Lane("in-1"), True),
        ({"zones": {"bron": Zone("bron", Passback.SOFT)}}, Lane("in-1"), True),
        ({"zones": {"sauna": Zone("sauna", Passback.HARD)}}, Lane("in-1"), False),
        ({"zones": {"sauna": Zone("sauna", Passback.HARD)}}, Lane("in-1", zone="sauna"), True),
    ],
    ids=["nothing", "out", "capacity", "passback", "passback elsewhere", "passback in its zone"],
)
def test_who_is_inside_is_recalled_where_a_rule_asks_for_it(rules, lane, asks):
    assert asks is asks_who_is_inside(profile(**rules), lane)

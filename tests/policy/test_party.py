"""How many one tap lets in, and what it costs."""

from __future__ import annotations

import pytest

from gated.model.decision import Occupancy, Uses
from gated.model.refusal import Reason
from gated.model.rules import PartyUses
from gated.model.venue import Product
from questions import NOW, PRODUCTS, candidate, granted, profile, question, told

ONCE, EACH = PartyUses.ONCE, PartyUses.EACH
FAMILY = Product("family", party=5, party_uses=ONCE)
SHOP = profile(products={**PRODUCTS, "family": FAMILY}, capacity=10)


@pytest.mark.parametrize(
    ("fields", "inside", "persons", "cost", "left"),
    [
        pytest.param({}, 0, 1, 1, None, id="one, where nothing is said"),
        pytest.param({"party": 1}, 0, 1, 1, None, id="one, where it is said"),
        pytest.param({"party": 4}, 0, 4, 4, None, id="each counts"),
        pytest.param({"party": 4, "party_uses": EACH, "uses": 9}, 0, 4, 4, 5, id="each counts, as it says"),
        pytest.param({"party": 4, "uses": 4}, 0, 4, 4, 0, id="exactly what is left"),
        pytest.param({"party": 4, "uses": 3}, 0, 3, 3, 0, id="no more than are left"),
        pytest.param({"party": 4, "uses": 1}, 0, 1, 1, 0, id="one is left"),
        pytest.param({"party": 4, "per_day": 6, "used": Uses(9, 4)}, 0, 2, 2, 0, id="no more than today"),
        pytest.param({"party": 4, "per_venue": (("bron", 3),)}, 0, 3, 3, 0, id="no more than the share"),
        pytest.param({"party": 4, "party_uses": ONCE, "uses": 9}, 0, 4, 1, 8, id="once for all"),
        pytest.param({"party": 4, "party_uses": ONCE, "uses": 1}, 0, 4, 1, 0, id="once for all, the last"),
        pytest.param({"party": 4, "party_uses": ONCE}, 0, 4, 1, None, id="once for all, unlimited"),
        pytest.param({"product": "family"}, 0, 5, 1, None, id="its product's party"),
        pytest.param({"product": "family", "party": 2}, 0, 2, 1, None, id="its own number"),
        pytest.param({"product": "family", "party_uses": EACH}, 0, 5, 5, None, id="its own way to count"),
        pytest.param({"party": 4}, 6, 4, 4, None, id="exactly the free places"),
        pytest.param({"party": 4}, 7, 3, 3, None, id="no more than the free places"),
        pytest.param({"party": 4, "uses": 9}, 9, 1, 1, 8, id="the last place"),
        pytest.param({"party": 4, "uses": 2}, 7, 2, 2, 0, id="uses are fewer than places"),
        pytest.param({"party": 4, "uses": 3}, 8, 2, 2, 1, id="places are fewer than uses"),
        pytest.param({"product": "family", "uses": 1}, 7, 3, 1, 0, id="once for all that find a place"),
        pytest.param(
            {"party": 4, "uses": 3, "used": 3, "reentry_s": 60, "paid_at": NOW - 9},
            0,
            4,
            0,
            0,
            id="back again",
        ),
        pytest.param(
            {"party": 4, "uses": 9, "used": 3, "reentry_s": 60, "paid_at": NOW - 9},
            8,
            2,
            0,
            6,
            id="back, two places",
        ),
        pytest.param(
            {"product": "family", "uses": 3, "used": 1, "reentry_s": 60, "paid_at": NOW - 9},
            0,
            5,
            0,
            2,
            id="once for all, back again",
        ),
    ],
)
def test_one_tap_lets_in(fields, inside, persons, cost, left):
    decision = granted(question(candidate(**fields), profile=SHOP, occupancy=Occupancy(inside)))
    assert (persons, cost, left) == (decision.persons, decision.cost, decision.left)


@pytest.mark.parametrize(
    ("fields", "inside", "reason"),
    [
        pytest.param({"uses": 0}, 0, Reason.USES_EXHAUSTED, id="no use left for anybody"),
        pytest.param({"uses": 0, "party_uses": ONCE}, 0, Reason.USES_EXHAUSTED, id="no use left for all"),
        pytest.param({}, 10, Reason.VENUE_FULL, id="no place"),
    ],
)
def test_a_party_is_refused_at_nothing_alone(fields, inside, reason):
    asked = question(candidate(party=4, **fields), profile=SHOP, occupancy=Occupancy(inside))
    assert reason is told(asked)[0]

"""Central's small reading of limits says what the rules by which gates decide say."""

from __future__ import annotations

import json
import os
from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gated.central.ledger_uses import Used
from gated.central.limits import UNKNOWN, Limits, Said, VenueRules
from gated.central.overspending import exceeded
from gated.central.sector_files import rules_document
from gated.model.rules import Rules
from gated.model.statement import Entitlement
from gated.policy.profile import read_profile
from gated.policy.terms import asks_uses, terms_of

VENUES = ("bron", "vaise", "gerland")

counts = st.none() | st.integers(0, 3) | st.just((1 << 31) - 1)


@st.composite
def rules(draw):
    """What a product or a right may say."""
    venues = draw(st.none() | st.lists(st.sampled_from(VENUES), min_size=1, unique=True).map(tuple))
    shares = draw(
        st.none() | st.dictionaries(st.sampled_from(venues or VENUES), st.integers(0, 3), min_size=1)
    )
    return {
        "venues": venues,
        "uses": draw(counts),
        "per_day": draw(counts),
        "per_venue": None if shares is None else tuple(sorted(shares.items())),
        "reentry_s": draw(st.none() | st.just(1800)),
    }


def office(place, products) -> dict:
    """Profiles of three venues with one catalogue; by venue, as gates read them."""
    read = {}
    for venue in VENUES:
        document = {
            "v": 1, "version": 1, "venue": venue, "sector": "pools", "timezone": "Europe/Paris",
            "products": [{"id": name, **rules_document(said)} for name, said in products.items()],
        }  # fmt: skip
        (place / f"profile-{venue}.json").write_text(json.dumps(document))
        read[venue] = read_profile(document, lambda _name: UTC)
    return read


def entitlement(**said) -> Entitlement:
    return Entitlement(
        sector="pools", pass_=bytes(16), not_before=0, expires=None, issued_at=0, id=bytes(8),
        product="carnet", revision=0, **said,
    )  # fmt: skip


@given(rules(), rules(), st.booleans())
def test_limits_are_those_by_which_gates_decide(tmp_path_factory, product, own, listed):
    place = tmp_path_factory.mktemp("office")
    catalogue = {"carnet": Rules(**product)} if listed else {"other": Rules()}
    profiles, reads = office(place, catalogue), VenueRules(place)
    right = entitlement(**own)
    shares = None if own["per_venue"] is None else dict(own["per_venue"])
    said = Said(own["uses"], own["per_day"], shares, own["reentry_s"])
    for venue, profile in profiles.items():
        terms, limits = terms_of(right, profile), reads.limits(venue, "carnet", said)
        assert (terms.total, terms.per_day, terms.share) == limits[:3]
        assert asks_uses(right, profile) == limits.asked
        if limits.asked:  # wherever a gate asks, it must have been told
            assert reads.asks_anywhere("carnet", said)


def test_a_profile_that_is_replaced_counts_from_the_next_look_on(tmp_path):
    reads = VenueRules(tmp_path)
    office(tmp_path, {"carnet": Rules(uses=3)})
    assert 3 == reads.limits("bron", "carnet", Said()).total
    office(tmp_path, {"carnet": Rules(uses=4)})
    os.utime(tmp_path / "profile-bron.json", ns=(1, 1))
    assert 3 == reads.limits("bron", "carnet", Said()).total
    reads.refresh()
    assert 4 == reads.limits("bron", "carnet", Said()).total


@pytest.mark.parametrize(
    "noise", ["", "[", "[]", "{}", '{"products": 7}', '{"products": [7]}', '{"products": [{}]}']
)
def test_a_profile_that_nobody_can_read_limits_nothing_and_is_read_as_it_was(tmp_path, noise):
    (tmp_path / "profile-bron.json").write_text(noise)
    reads = VenueRules(tmp_path)
    assert reads.unknown_counts("bron")
    assert UNKNOWN._replace(asked=False) == reads.limits("bron", "carnet", Said())
    assert reads.asks_anywhere("carnet", Said())  # whoever does not know tells


def row(gate, taken, day=1, venue="bron") -> Used:
    return Used(gate, day, venue, taken, 0)


def test_where_profiles_of_venues_disagree_the_largest_limit_counts():
    limits = {"bron": Limits(2, None, None, True), "vaise": Limits(3, None, None, True)}
    assert [] == list(exceeded([row("a", 2), row("b", 1, venue="vaise")], limits))
    (one,) = exceeded([row("a", 2), row("b", 2, venue="vaise")], limits)
    assert ("total", 3, 4, ("a", "b")) == (
        one.per,
        one.allowed,
        one.used,
        tuple(row.gate for row in one.rows),
    )
    limits["vaise"] = UNKNOWN
    assert [] == list(exceeded([row("a", 9), row("b", 9, venue="vaise")], limits))


def test_a_day_and_a_venue_are_named_with_the_gates_of_that_day_and_venue_alone():
    limits = dict.fromkeys(("bron", "vaise"), Limits(None, 1, 2, True))
    rows = [row("a", 1), row("b", 1), row("c", 1, day=2), row("d", 1, venue="vaise", day=3)]
    told = {(one.per, one.of): [row.gate for row in one.rows] for one in exceeded(rows, limits)}
    assert {("day", "1"): ["a", "b"], ("venue", "bron"): ["a", "b", "c"]} == told

"""What `exposure` states is never exceeded by gates that are apart, and reached by the worst of days."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gated.model.credential import Assurance
from gated.model.decision import Granted, Uses
from gated.model.venue import Product
from gated.policy.decide import decide
from gated.policy.exposure import Exposure, exposures
from questions import NOW, candidate, profile, question, reading

HERE, THERE, FURTHER = "bron", "vaise", "gerland"
DAY = 86400


REST = 3


class Apart:
    """``gates`` gates of a venue cut off, and three that know of each other: one there, two at others."""

    def __init__(self, product: Product, gates: int, cap: int | None) -> None:
        self.product, self.cap = product, cap
        self.gates = gates
        self.venues = [HERE, THERE, FURTHER, *[HERE] * gates]
        self.day = 0
        self.used: list[Counter[int]] = [Counter() for _ in self.venues]  # by gate; by day

    def tap(self, gate: int) -> int:
        """What a tap costs that is made at a gate; 0 = it was refused."""
        apart = gate >= REST
        own = [gate] if apart else range(REST)
        seen = [self._uses([gate], gate), self._uses([one for one in own if one != gate], gate)]
        venue = self.venues[gate]
        rules = profile(venue=venue, products={self.product.id: self.product}, apart_cap=self.cap, zones={})
        told = question(
            candidate(
                used=seen[0],
                elsewhere=seen[1],
                apart=sum(self.used[gate].values()) if apart else None,
                product=self.product.id,
                expires=None,
            ),
            profile=rules,
            now=reading(NOW + self.day * DAY),
        )
        decision = decide(told)
        if not isinstance(decision, Granted):
            return 0
        self.used[gate][self.day] += decision.cost
        return decision.cost

    def _uses(self, gates, at: int) -> Uses:
        counts = [(self.venues[gate], self.used[gate]) for gate in gates]
        return Uses(
            sum(sum(days.values()) for _, days in counts),
            sum(days[self.day] for _, days in counts),
            sum(sum(days.values()) for venue, days in counts if venue == self.venues[at]),
        )

    def beyond(self) -> dict[str, int]:
        """How far each limit is passed, on the worst day."""
        total = sum(sum(days.values()) for days in self.used)
        here = sum(
            sum(days.values()) for venue, days in zip(self.venues, self.used, strict=True) if venue == HERE
        )
        days = [sum(days[day] for days in self.used) for day in range(self.day + 1)]
        spent = {"total": total, "venue": here, "day": max(days)}
        return {one.per: max(0, spent[one.per] - one.limit) for one in self.stated()}

    def stated(self) -> list[Exposure]:
        rules = profile(products={self.product.id: self.product}, apart_cap=self.cap)
        return exposures(rules, self.gates, self.cap)


limits = st.none() | st.integers(0, 5)


@st.composite
def products(draw):
    venues = draw(st.sampled_from([None, (HERE,), (HERE, THERE)]))
    good = venues or (HERE, THERE)
    shares = draw(st.none() | st.dictionaries(st.sampled_from(good), st.integers(0, 5), min_size=1))
    return Product(
        "carnet",
        venues=venues,
        uses=draw(limits),
        per_day=draw(limits),
        per_venue=None if shares is None else tuple(sorted(shares.items())),
        party=draw(st.none() | st.integers(1, 4)),
        min_assurance=Assurance.UID_ONLY,
    )


caps = st.sampled_from([None, 0, 1, 2, 3])
taps = st.lists(st.integers(0, 5) | st.just(-1), max_size=60)


@settings(deadline=None)
@given(products(), st.integers(0, 3), caps, taps)
def test_no_order_of_taps_overspends_more_than_is_stated(product, gates, cap, order):
    apart = Apart(product, gates, cap)
    for gate in order:
        if gate < 0:
            apart.day += 1
        else:
            apart.tap(gate % len(apart.venues))
    stated = {one.per: one.beyond for one in apart.stated()}
    assert all(beyond <= stated[per] for per, beyond in apart.beyond().items()), (apart.beyond(), stated)


@settings(deadline=None)
@given(products(), st.integers(0, 3), caps)
def test_the_worst_of_days_reaches_it(product, gates, cap):
    """Every gate grants all that it grants: those with the network in either order, on one day or several."""
    reached: Counter[str] = Counter()
    for order in ((0, 1, 2), (2, 1, 0)):
        for days in (1, 6):
            apart = Apart(product, gates, cap)
            for day in range(days):
                apart.day = day
                for gate in (*order, *range(REST, len(apart.venues))):
                    for _ in range(6):
                        apart.tap(gate)
            reached |= Counter(apart.beyond())
    assert {one.per: one.beyond for one in Apart(product, gates, cap).stated()} == {
        one.per: reached[one.per] for one in Apart(product, gates, cap).stated()
    }


@pytest.mark.parametrize(
    ("product", "cap", "expected"),
    [
        (Product("a", uses=10), None, {"total": 20}),
        (Product("a", uses=10), 3, {"total": 6}),
        (Product("a", uses=10), 0, {"total": 0}),
        (Product("a", per_day=1), None, {"day": 2}),
        (Product("a", per_day=1), 0, {"day": 2}),  # a season pass has no cap: it does not come to an end
        (Product("a", uses=10, per_day=2), 3, {"total": 6, "day": 4}),
        (Product("a", uses=8, per_venue=((HERE, 4), (THERE, 6))), None, {"total": 8, "venue": 8}),
        (Product("a", uses=8, venues=(HERE,), per_venue=((HERE, 4),)), None, {"total": 4, "venue": 8}),
        (Product("a"), None, {}),
        (Product("a", uses=10, venues=(THERE,)), None, {}),
    ],
)
def test_two_gates_cut_off(product, cap, expected):
    rules = profile(products={"a": product})
    assert expected == {one.per: one.beyond for one in exposures(rules, 2, cap)}
    assert all(one.beyond == 0 for one in exposures(replace(rules), 0, cap))

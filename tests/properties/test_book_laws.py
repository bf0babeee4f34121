"""Taps at two venues of a sector, several releases open at once, settled in any order by any number."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from gated.model.decision import Candidate, Granted, Occupancy, Question, Uses
from gated.model.rules import PartyUses
from gated.model.statement import Entitlement
from gated.model.venue import Passback, Zone
from gated.policy.book import Book, Entry, Release
from gated.policy.decide import decide
from questions import PARIS, PASS, asked_at, moment, profile, right

MORE = int(os.environ.get("GATED_FUZZ", "1"))
START = moment("2026-10-24T21:00:00+02:00")
VENUES = {
    name: profile(
        venue=name,
        timezone=PARIS,
        capacity=capacity,
        zones={name: Zone(name, passback, 1800)},
    )
    for name, capacity, passback in (("bron", 6, Passback.TIMED), ("vaise", None, Passback.NONE))
}


@dataclass
class City:
    """A book, the rights it counts for, and a tally of its own of all that stays counted."""

    rights: tuple[Entitlement, ...]
    book: Book
    now: int
    open_: list[Release]
    paid: Counter[tuple[bytes, str, int]]  # by right, venue and day
    inside: Counter[tuple[str, int]]  # by venue and service day

    def where(self, venue: str) -> Entry:
        day = VENUES[venue].day_of(self.now)
        return Entry(venue, venue, day, VENUES[venue].day_of(self.now - 4 * 3600), self.now)

    def question(self, venue: str, pass_: bytes) -> Question:
        where, book = self.where(venue), self.book
        own = [one for one in self.rights if one.pass_ == pass_]
        return replace(
            asked_at(
                self.now,
                *(
                    Candidate(one, *book.uses(one.id, venue, where.day), paid_at=book.paid_at(one.id, venue))
                    for one in own
                ),
            ),
            profile=VENUES[venue],
            presence=book.presence(pass_, venue, where.shift),
            occupancy=Occupancy(book.occupancy(venue, where.shift)),
        )

    def tap(self, venue: str, pass_: bytes) -> Release | None:
        decision = decide(self.question(venue, pass_))
        if not isinstance(decision, Granted):
            return None
        release = self.book.reserve(decision, self.where(venue))
        self.open_.append(release)
        return release

    def settle(self, release: Release, passed: int) -> None:
        self.open_.remove(release)
        outcome = self.book.settle(release, passed)
        self.paid[release.cti, release.venue, release.day] += outcome.uses
        self.inside[release.venue, release.shift] += passed

    def check(self) -> None:
        """No limit is passed, by what is settled and what is open together."""
        spent = self.paid.copy()
        for one in self.open_:
            spent[one.cti, one.venue, one.day] += one.cost
        for own in self.rights:
            mine = {place: count for place, count in spent.items() if place[0] == own.id}
            days = {day for _, _, day in mine}
            assert own.uses is None or sum(mine.values()) <= own.uses
            for day in days:
                on_day = sum(count for (_, _, on), count in mine.items() if on == day)
                assert own.per_day is None or on_day <= own.per_day
            for venue, share in own.per_venue or ():
                assert sum(count for (_, place, _), count in mine.items() if place == venue) <= share
            self._agrees(own, mine)

    def _agrees(self, own: Entitlement, mine: dict[tuple[bytes, str, int], int]) -> None:
        day = VENUES["bron"].day_of(self.now)
        for venue, other in (("bron", "vaise"), ("vaise", "bron")):
            here = {on: count for (_, place, on), count in mine.items() if place == venue}
            there = {on: count for (_, place, on), count in mine.items() if place == other}
            expected = (
                Uses(sum(here.values()), here.get(day, 0), sum(here.values())),
                Uses(sum(there.values()), there.get(day, 0), 0),
            )
            assert expected == self.book.uses(own.id, venue, day)


def state(city: City):
    """All that anybody can ask of a book, of every venue and every day."""
    days = range(20261024, 20261032)
    passes = {one.pass_ for one in city.rights}
    return (
        [city.book.uses(one.id, venue, day) for one in city.rights for venue in VENUES for day in days],
        [city.book.paid_at(one.id, venue) for one in city.rights for venue in VENUES],
        [city.book.presence(one, venue, day) for one in sorted(passes) for venue in VENUES for day in days],
        [city.book.occupancy(venue, day) for venue in VENUES for day in days],
    )


@st.composite
def rights(draw, number: int):
    return right(
        number,
        pass_=draw(st.sampled_from([PASS, PASS, b"q" * 16])),
        not_before=0,
        expires=None,
        uses=draw(st.none() | st.integers(0, 7)),
        per_day=draw(st.none() | st.integers(0, 4)),
        per_venue=draw(st.sampled_from([None, (("bron", 2),), (("bron", 1), ("vaise", 3))])),
        party=draw(st.sampled_from([None, 2, 4])),
        party_uses=draw(st.sampled_from(PartyUses)),
        reentry_s=draw(st.sampled_from([None, 600, 9000])),
    )


TAPS = st.tuples(st.sampled_from(sorted(VENUES)), st.sampled_from([PASS, PASS, b"q" * 16]))
SETTLEMENTS = st.tuples(st.integers(0, 9), st.sampled_from([0, 1, 1, 2, 3, 4, 6]))
STEPS = st.lists(
    st.tuples(st.just("tap"), TAPS)
    | st.tuples(st.just("settle"), SETTLEMENTS)
    | st.tuples(st.just("wait"), st.sampled_from([1, 599, 600, 1800, 7200, 30000])),
    min_size=5,
    max_size=25,
)


def city_of(held) -> City:
    return City(tuple(held), Book(), START, [], Counter(), Counter())


def play(city: City, step) -> None:
    match step:
        case "tap", (venue, pass_):
            city.tap(venue, pass_)
        case "settle", (place, passed):
            if city.open_:
                city.settle(city.open_[place % len(city.open_)], passed)
        case "wait", seconds:
            city.now += seconds


HELD = st.tuples(rights(1), rights(2), rights(3))


@settings(max_examples=150 * MORE, deadline=None)
@given(HELD, STEPS, st.randoms(use_true_random=False))
def test_uses_never_exceed_a_limit_whatever_the_order_of_settlement(held, steps, chance):
    city = city_of(held)
    for step in steps:
        play(city, step)
        city.check()
    chance.shuffle(city.open_)
    for release in list(city.open_):
        city.settle(release, chance.randrange(6))
        city.check()
    for place, count in city.inside.items():
        assert count == city.book.occupancy(*place)


@settings(max_examples=100 * MORE, deadline=None)
@given(HELD, STEPS, TAPS)
def test_giving_back_restores_exactly(held, steps, last):
    city = city_of(held)
    for step in steps:
        play(city, step)
        before = state(city)
        release = city.tap(*last)
        if release is not None:
            assert before != state(city)
            city.settle(release, 0)
        assert before == state(city)


@settings(max_examples=60 * MORE, deadline=None)
@given(HELD, STEPS, TAPS, TAPS)
def test_giving_back_restores_exactly_though_others_are_settled_meanwhile(held, steps, first, second):
    with_it, without = city_of(held), city_of(held)
    for step in steps:
        play(with_it, step)
        play(without, step)
    given_back, other = with_it.tap(*first), None
    decision = decide(with_it.question(*second))
    if isinstance(decision, Granted):
        other = with_it.book.reserve(decision, with_it.where(second[0]))
        with_it.book.settle(other, 1)
        without.book.settle(without.book.reserve(decision, without.where(second[0])), 1)
    if given_back is not None:
        with_it.settle(given_back, 0)
    assert state(without) == state(with_it)

"""Uses and people inside, counted in memory."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gated.model.decision import NOBODY, UNUSED, Granted, Presence, Uses
from gated.model.time import ClockQuality
from gated.policy.book import Book, Entry, Release
from gated.policy.settle import Outcome
from questions import NOW, PASS, right

TODAY, YESTERDAY = 20261124, 20261123
CTI, OTHER = right(1).id, right(2).id
BRON = Entry("bron", "pool", TODAY, TODAY, NOW)
VAISE = Entry("vaise", "hall", TODAY, TODAY, NOW)
BEFORE = Entry("bron", "pool", YESTERDAY, YESTERDAY, NOW - 86400)


def grant(persons: int = 1, cost: int = 1, number: int = 1) -> Granted:
    return Granted(right(number), cost, persons, None, ClockQuality.GOOD)


def enter(book: Book, where: Entry = BRON, passed: int = 1, **more) -> Outcome:
    return book.settle(book.reserve(grant(**more), where), passed)


def test_a_book_begins_empty():
    book = Book()
    assert (UNUSED, UNUSED) == book.uses(CTI, "bron", TODAY)
    assert None is book.paid_at(CTI, "bron")
    assert NOBODY == book.presence(PASS, "pool", TODAY)
    assert 0 == book.occupancy("bron", TODAY)


def test_a_release_says_what_it_settles():
    book = Book()
    first, second = book.reserve(grant(3, 1), BRON), book.reserve(grant(number=2), BEFORE)
    assert Release(1, CTI, PASS, "bron", "pool", TODAY, TODAY, NOW, 3, 1) == first
    expected = Release(2, OTHER, PASS, "bron", "pool", YESTERDAY, YESTERDAY, NOW - 86400, 1, 1)
    assert expected == second


def test_what_is_reserved_counts_until_it_is_settled():
    book = Book()
    release = book.reserve(grant(3, 3), BRON)
    for _ in range(2):
        assert (Uses(3, 3, 3), UNUSED) == book.uses(CTI, "bron", TODAY)
        assert Presence(3, NOW) == book.presence(PASS, "pool", TODAY)
        assert 3 == book.occupancy("bron", TODAY)
    assert None is book.paid_at(CTI, "bron")
    assert Outcome(2, 2, 0) == book.settle(release, 2)
    assert (Uses(2, 2, 2), UNUSED) == book.uses(CTI, "bron", TODAY)
    assert Presence(2, NOW) == book.presence(PASS, "pool", TODAY)
    assert 2 == book.occupancy("bron", TODAY)
    assert NOW == book.paid_at(CTI, "bron")


def test_a_release_is_settled_once():
    book = Book()
    release = book.reserve(grant(), BRON)
    book.settle(release, 1)
    with pytest.raises(KeyError):
        book.settle(release, 1)


def test_uses_are_told_by_venue_and_day():
    book = Book()
    enter(book)
    enter(book, BEFORE, 2, persons=2, cost=2)
    enter(book, VAISE, 4, persons=4, cost=4)
    enter(book, number=2)
    assert (Uses(3, 1, 3), Uses(4, 4, 0)) == book.uses(CTI, "bron", TODAY)
    assert (Uses(3, 2, 3), Uses(4, 0, 0)) == book.uses(CTI, "bron", YESTERDAY)
    assert (Uses(4, 4, 4), Uses(3, 1, 0)) == book.uses(CTI, "vaise", TODAY)
    assert (UNUSED, Uses(7, 5, 0)) == book.uses(CTI, "third", TODAY)
    assert (Uses(1, 1, 1), UNUSED) == book.uses(OTHER, "bron", TODAY)


def test_open_releases_of_all_kinds_are_told_apart():
    book = Book()
    for where in (BRON, BRON, VAISE, BEFORE):
        book.reserve(grant(2, 2), where)
    book.reserve(grant(number=2), BRON)
    assert (Uses(6, 4, 6), Uses(2, 2, 0)) == book.uses(CTI, "bron", TODAY)
    assert Presence(5, NOW) == book.presence(PASS, "pool", TODAY)
    assert Presence(2, NOW - 86400) == book.presence(PASS, "pool", YESTERDAY)
    assert NOBODY == book.presence(b"q" * 16, "pool", TODAY)
    assert NOBODY == book.presence(PASS, "sauna", TODAY)
    assert (5, 2, 2, 0) == (
        book.occupancy("bron", TODAY),
        book.occupancy("bron", YESTERDAY),
        book.occupancy("vaise", TODAY),
        book.occupancy("vaise", YESTERDAY),
    )


def test_nobody_who_stayed_out_is_marked():
    book = Book()
    assert Outcome(0, 0, 0) == enter(book, passed=0, persons=4, cost=4)
    assert (UNUSED, UNUSED) == book.uses(CTI, "bron", TODAY)
    assert None is book.paid_at(CTI, "bron")
    assert NOBODY == book.presence(PASS, "pool", TODAY)
    assert 0 == book.occupancy("bron", TODAY)


def test_whoever_is_forced_is_inside_the_venue_alone():
    book = Book()
    assert Outcome(1, 1, 2) == enter(book, passed=3)
    assert (Uses(1, 1, 1), UNUSED) == book.uses(CTI, "bron", TODAY)
    assert Presence(1, NOW) == book.presence(PASS, "pool", TODAY)
    assert 3 == book.occupancy("bron", TODAY)


def test_whoever_comes_after_finds_the_others_inside():
    book = Book()
    enter(book, passed=3, persons=3)
    enter(book, passed=2)
    enter(book, passed=0)
    enter(book, VAISE)
    assert (5, 1) == (book.occupancy("bron", TODAY), book.occupancy("vaise", TODAY))
    assert Presence(4, NOW) == book.presence(PASS, "pool", TODAY)


def at(when: int) -> Entry:
    return replace(BRON, at=when)


def test_the_newest_entry_that_cost_a_use_opens_a_window():
    book = Book()
    late, early = book.reserve(grant(), at(NOW + 50)), book.reserve(grant(), at(NOW))
    book.settle(late, 1)
    book.settle(early, 1)
    assert NOW + 50 == book.paid_at(CTI, "bron")
    enter(book, at(NOW + 99), cost=0)
    assert NOW + 50 == book.paid_at(CTI, "bron")
    enter(book, at(NOW + 70))
    assert NOW + 70 == book.paid_at(CTI, "bron")
    assert (None, None) == (book.paid_at(CTI, "vaise"), book.paid_at(OTHER, "bron"))


def test_the_newest_entry_is_the_last_in():
    book = Book()
    enter(book, at(NOW + 50))
    assert Presence(1, NOW + 50) == book.presence(PASS, "pool", TODAY)
    enter(book, at(NOW))
    assert Presence(2, NOW + 50) == book.presence(PASS, "pool", TODAY)
    earlier = book.reserve(grant(), at(NOW + 20))
    assert Presence(3, NOW + 50) == book.presence(PASS, "pool", TODAY)
    book.settle(earlier, 1)
    book.reserve(grant(), at(NOW + 60))
    assert Presence(4, NOW + 60) == book.presence(PASS, "pool", TODAY)


def test_the_first_second_of_all_is_a_time_like_another():
    book = Book()
    release = book.reserve(grant(), at(0))
    assert Presence(1, 0) == book.presence(PASS, "pool", TODAY)
    book.settle(release, 1)
    assert (Presence(1, 0), 0) == (book.presence(PASS, "pool", TODAY), book.paid_at(CTI, "bron"))


def test_whoever_leaves_is_inside_no_more():
    book = Book()
    enter(book, passed=3, persons=3)
    enter(book, BEFORE, 1)
    book.leave(PASS, BRON, 2)
    assert (Presence(1, NOW), 1) == (book.presence(PASS, "pool", TODAY), book.occupancy("bron", TODAY))
    assert (1, 1) == (book.presence(PASS, "pool", YESTERDAY).inside, book.occupancy("bron", YESTERDAY))
    book.leave(PASS, BRON, 1)
    assert (Presence(0, NOW), 0) == (book.presence(PASS, "pool", TODAY), book.occupancy("bron", TODAY))


def test_nobody_leaves_who_is_not_inside():
    book = Book()
    enter(book)
    book.leave(PASS, BRON, 5)
    assert (Presence(0, NOW), 0) == (book.presence(PASS, "pool", TODAY), book.occupancy("bron", TODAY))
    book.leave(PASS, VAISE, 1)
    assert (NOBODY, 0) == (book.presence(PASS, "hall", TODAY), book.occupancy("vaise", TODAY))


def test_a_stranger_leaves_the_venue_and_no_pass():
    book = Book()
    enter(book, passed=2, persons=2)
    book.leave(None, BRON, 1)
    assert (Presence(2, NOW), 1) == (book.presence(PASS, "pool", TODAY), book.occupancy("bron", TODAY))

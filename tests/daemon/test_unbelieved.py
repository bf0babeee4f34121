"""What was not believed is journaled: the first at once, then one row a minute, whatever a stranger sends."""

from __future__ import annotations

import pytest

from gated.daemon.unbelieved import MINUTE_S, MOST_CODES, UnbelievedCounter
from gated.model.event import Unbelieved


class Book:
    """Notes what is journaled."""

    def __init__(self) -> None:
        self.now, self.rows = 1000.0, []

    def append(self, event, stamp):
        self.rows.append(event)


@pytest.fixture
def book():
    return Book()


@pytest.fixture
def counter(book, steady):
    return UnbelievedCounter(journal=book, time=steady, monotonic=lambda: book.now)


@pytest.fixture
def steady(tmp_path):
    from gated.daemon.timekeeper import TimeKeeper
    from gated.devices.simulated.clock import SimulatedClock

    class Nothing:
        """No floor was ever set."""

        def get(self, _name):
            return 0

    return TimeKeeper(SimulatedClock(1_800_000_000), Nothing())


def test_the_first_is_told_at_once_and_the_others_of_a_minute_together(book, counter):
    counter.note("head", "older")
    assert [Unbelieved("head", "older", 1)] == book.rows
    for _ in range(5):
        counter.note("head", "older")
    counter.note("page", "replaced")
    book.now += MINUTE_S - 0.1
    counter.tick()
    assert [Unbelieved("page", "replaced", 1)] == book.rows[1:]
    book.now += 0.1
    counter.tick()
    counter.tick()
    assert [Unbelieved("head", "older", 5)] == book.rows[2:]
    assert {"head_older": 6, "page_replaced": 1} == dict(counter.refused)


def test_codes_without_end_make_no_rows_without_end(book, counter):
    for number in range(MOST_CODES + 50):
        counter.note("head", f"code_{number}")
    assert MOST_CODES + 1 == len(book.rows)
    book.now += MINUTE_S
    counter.tick()
    assert Unbelieved("head", "more", 49) == book.rows[-1]

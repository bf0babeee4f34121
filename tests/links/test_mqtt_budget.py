"""How much is read in a second, on a clock that the test moves."""

from __future__ import annotations

import pytest

from gated.links.mqtt_budget import PAUSE_S, WEIGHT_BYTES, Budget


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


def read(budget, size: int = 10) -> int:
    """How many packets of a size may be read now."""
    count = 0
    while budget.allows():
        budget.spend(size)
        count += 1
    return count


def test_a_second_s_worth_may_come_at_once_and_no_more(clock):
    budget = Budget(100, clock)
    assert 100 == read(budget)
    clock.now += 3600
    assert 100 == read(budget)


def test_reading_pauses_for_many_packets_and_not_for_each(clock):
    budget = Budget(100, clock)
    read(budget)
    assert PAUSE_S == pytest.approx(budget.pause_s())
    clock.now += PAUSE_S / 2
    assert not budget.allows()
    assert PAUSE_S / 2 == pytest.approx(budget.pause_s())
    clock.now += PAUSE_S / 2 + 1e-6
    assert 100 * PAUSE_S == pytest.approx(read(budget))


def test_who_has_not_used_it_up_does_not_pause(clock):
    budget = Budget(100, clock)
    for _ in range(99):
        assert budget.allows()
        budget.spend(10)
    assert budget.allows()


def test_a_slow_rate_lets_one_through_at_a_time(clock):
    budget = Budget(2, clock)
    assert 2 == read(budget)
    clock.now += 0.4
    assert not budget.allows()
    clock.now += 0.11
    assert 1 == read(budget)


def test_large_packets_count_for_more(clock):
    budget = Budget(100, clock)
    assert 20 == read(budget, 4 * WEIGHT_BYTES)
    budget.spend(100 * WEIGHT_BYTES)  # the last one may overdraw, and is paid back
    clock.now += 1.0
    assert not budget.allows()
    clock.now += 0.2
    assert budget.allows()


def test_what_was_asked_for_is_given_back(clock):
    budget = Budget(100, clock)
    for _ in range(1000):
        assert budget.allows()
        budget.spend(4)
        budget.give_back()


def test_a_large_packet_that_is_welcome_costs_nothing(clock):
    budget = Budget(100, clock)
    for _ in range(1000):
        assert budget.allows()
        budget.spend(8 * WEIGHT_BYTES)
        budget.welcome(8 * WEIGHT_BYTES)
    assert 100 == read(budget)  # what is not welcome still counts

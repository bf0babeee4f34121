"""A medium left on a reader is a count, not a storm of rows."""

from __future__ import annotations

import pytest

from gated.model.credential import Assurance, Credential
from gated.model.refusal import Reason, Refusal
from gated.policy.storm import MAX_OPEN, WINDOW_S, Closed, ForeignCounter, RefusalWindows, is_foreign


def test_a_first_refusal_needs_a_row():
    assert not RefusalWindows().repeats("alice", 0.0)


def test_further_refusals_within_the_window_are_counted():
    windows = RefusalWindows()
    assert [] == windows.wrote("alice", 7, 100.0)
    assert windows.repeats("alice", 100.0)
    assert windows.repeats("alice", 100.0 + WINDOW_S - 0.001)
    assert [Closed(7, 2)] == windows.close_all()


def test_another_refusal_has_a_window_of_its_own():
    windows = RefusalWindows()
    windows.wrote("alice", 7, 0.0)
    assert not windows.repeats("bob", 1.0)


def test_when_the_window_has_ended_a_new_row_is_needed_and_the_old_count_is_told():
    windows = RefusalWindows()
    windows.wrote("alice", 7, 0.0)
    windows.repeats("alice", 5.0)
    assert not windows.repeats("alice", WINDOW_S)
    assert [Closed(7, 1)] == windows.wrote("alice", 9, WINDOW_S)
    assert windows.repeats("alice", WINDOW_S + 1)
    assert [Closed(9, 1)] == windows.close_all()


def test_a_window_that_counted_nothing_is_not_told():
    windows = RefusalWindows()
    windows.wrote("alice", 7, 0.0)
    assert [] == windows.wrote("alice", 8, WINDOW_S)
    assert [] == windows.close_all()


def test_only_windows_that_have_run_their_time_are_closed():
    windows = RefusalWindows()
    windows.wrote("alice", 1, 0.0)
    windows.wrote("bob", 2, 5.0)
    windows.repeats("alice", 6.0)
    windows.repeats("bob", 6.0)
    assert [] == windows.expired(WINDOW_S - 0.001)
    assert [Closed(1, 1)] == windows.expired(WINDOW_S)
    assert [] == windows.expired(WINDOW_S)
    assert [Closed(2, 1)] == windows.expired(5.0 + WINDOW_S)


def test_when_too_many_are_open_the_oldest_is_closed_and_told():
    windows = RefusalWindows()
    for number in range(MAX_OPEN):
        assert [] == windows.wrote(number, number, 0.0)
    windows.repeats(0, 1.0)
    assert [Closed(0, 1)] == windows.wrote("one more", 999, 2.0)
    assert not windows.repeats(0, 3.0)
    assert windows.repeats(1, 3.0)


def test_a_row_for_an_open_refusal_closes_no_other_even_when_full():
    windows = RefusalWindows()
    for number in range(MAX_OPEN):
        windows.wrote(number, number, 0.0)
    windows.repeats(5, 1.0)
    assert [Closed(5, 1)] == windows.wrote(5, 1000, WINDOW_S)
    assert windows.repeats(0, 1.0)


def test_foreign_media_are_counted_by_the_minute():
    counter = ForeignCounter()
    assert counter.saw(125) is None
    assert counter.saw(179) is None
    assert (120, 2) == counter.saw(180)
    assert (180, 1) == counter.close()


@pytest.mark.parametrize(("now", "told"), [(179, None), (180, (120, 1)), (9999, (120, 1))])
def test_a_minute_is_told_once_it_is_over(now, told):
    counter = ForeignCounter()
    counter.saw(120)
    assert told == counter.ended(now)


def test_nothing_seen_is_nothing_told():
    counter = ForeignCounter()
    assert counter.ended(10_000) is None
    assert counter.close() is None
    counter.saw(60)
    assert (60, 1) == counter.close()
    assert counter.close() is None


@pytest.mark.parametrize(
    ("assurance", "reason", "foreign"),
    [
        (Assurance.UID_ONLY, Reason.UNKNOWN_MEDIUM, True),
        (Assurance.UID_ONLY, Reason.EXPIRED, False),
        (Assurance.ASYMMETRIC, Reason.UNKNOWN_MEDIUM, False),
    ],
)
def test_only_a_uid_that_nobody_bound_is_foreign(assurance, reason, foreign):
    assert foreign is is_foreign(Credential("any", b"\x04", assurance), Refusal(reason))

"""Debouncing: what bounces never counts, what lasts counts once."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from gated.devices.contact import Contact, Edge

MS = 1 / 1024  # seconds, and exact in binary
DEBOUNCE_MS = 30

#: Levels in turn, beginning with active: how long each lasts, in samples.
spans = st.lists(st.integers(1, 200), max_size=40)


def edges(contact, levels):
    """What a contact told of (level, number) samples, one each MS."""
    return [edge for level, at in levels if (edge := contact.sample(level, at * MS)) is not None]


def sampled(lengths, *, rest=DEBOUNCE_MS + 1):
    """Samples of levels that take turns, after a rest and before one."""
    levels = [False] * rest
    for place, length in enumerate(lengths):
        levels += [place % 2 == 0] * length
    levels += [False] * rest
    return list(zip(levels, range(len(levels)), strict=True))


@given(st.lists(st.integers(1, DEBOUNCE_MS), max_size=40))
def test_no_bounce_ever_counts(lengths):
    contact = Contact(DEBOUNCE_MS * MS, active=False)
    assert [] == edges(contact, sampled(lengths))
    assert not contact.active


@given(spans)
def test_every_change_that_lasts_counts_once(lengths):
    expected, level = [], False
    for place, length in enumerate([*lengths, DEBOUNCE_MS + 1]):
        seen = place % 2 == 0 and place < len(lengths)
        if length > DEBOUNCE_MS and seen is not level:
            level = seen
            expected.append(Edge.RISE if level else Edge.FALL)
    # A last level that is off lasts together with the rest behind it.
    if len(lengths) % 2 == 0 and level:
        level = False
        expected.append(Edge.FALL)
    contact = Contact(DEBOUNCE_MS * MS, active=False)
    assert expected == edges(contact, sampled(lengths))


@given(spans, st.integers(1, 29))
def test_rises_and_falls_take_turns_however_seldom_one_looks(lengths, step):
    contact = Contact(DEBOUNCE_MS * MS, active=False)
    told = edges(contact, sampled(lengths, rest=100)[::step])
    assert told == [Edge.RISE, Edge.FALL] * (len(told) // 2)


@given(st.lists(st.integers(1, DEBOUNCE_MS - 1), min_size=1, max_size=9), st.integers(60, 300))
def test_a_passage_between_bounces_counts_once(bounces, turn):
    lengths = [*(bounces if len(bounces) % 2 == 0 else bounces[1:]), turn]
    contact = Contact(DEBOUNCE_MS * MS, active=False)
    assert [Edge.RISE, Edge.FALL] == edges(contact, sampled(lengths))


def test_what_the_first_sample_shows_is_no_edge():
    contact = Contact(DEBOUNCE_MS * MS)
    assert contact.sample(level=True, at=1.0) is None
    assert contact.active


def test_an_input_with_a_beginning_tells_that_it_is_active_already():
    contact = Contact(DEBOUNCE_MS * MS, active=False)
    assert [contact.sample(level=True, at=at * 0.01) for at in range(5)] == [
        None,
        None,
        None,
        Edge.RISE,
        None,
    ]


def test_what_happened_while_nobody_looked_is_no_edge():
    contact = Contact(DEBOUNCE_MS * MS, active=False)
    contact.sample(level=False, at=0.0)
    contact.forget()
    assert contact.sample(level=True, at=10.0) is None
    assert contact.active
    assert contact.sample(level=True, at=11.0) is None


def test_it_is_stuck_when_it_is_active_for_too_long_and_not_before():
    contact = Contact(DEBOUNCE_MS * MS, 10.0)
    contact.sample(level=True, at=5.0)
    assert not contact.stuck(15.0)
    assert contact.stuck(15.1)
    contact.sample(level=False, at=15.2)
    contact.sample(level=False, at=15.3)
    assert not contact.stuck(100.0)
    assert not Contact(0.03).stuck(math.inf)


def test_it_is_idle_only_when_all_samples_of_a_debounce_time_say_so():
    contact = Contact(DEBOUNCE_MS * MS, active=False)
    contact.sample(level=False, at=1.0)
    assert contact.idle_since(0.9, 1.0)
    assert not contact.idle_since(1.0, 1.029)  # not since that moment for so long
    assert contact.idle_since(1.0, 1.031)
    contact.sample(level=True, at=2.0)  # a bounce, or the beginning of somebody
    assert not contact.idle_since(1.0, 2.0)
    contact.sample(level=False, at=2.01)
    assert not contact.idle_since(1.0, 2.02)
    assert contact.idle_since(1.0, 2.05)

"""Following what central knows of uses elsewhere: at once, without a gap, and knowing what it does not know."""

from __future__ import annotations

import pytest

from following import Following, use
from gated.daemon.knowledge import PULSE_COUNTS_S
from gated.daemon.uses import AGAIN_S, BEHIND_S, GAP_S, MOST_EARLY


@pytest.fixture
def gate(tmp_path):
    made = Following(tmp_path)
    yield made
    made.close()


def test_at_the_opening_of_a_link_what_is_missed_is_asked_for_until_nothing_follows(gate):
    gate.follower.begin(gate.clock.monotonic())
    gate.turn()
    assert [0] == gate.wanted
    gate.turn(5)
    assert [0] == gate.wanted  # one question at a time
    gate.central.answer(gate.sign(gate.told(0, 4, use(2))))
    gate.turn()
    assert [4] == gate.wanted
    gate.central.answer(gate.sign(gate.told(4, 6, use(3))))
    gate.turn()
    gate.central.answer()
    gate.turn(60)
    assert ([], 6, 3, {}) == (gate.wanted, gate.knowledge.uses, gate.taken(), gate.refused)


def test_a_change_that_follows_is_merged_at_once(gate):
    gate.up_to_date()
    gate.hears(0, 1, use(1))
    gate.hears(1, 3, use(2))
    assert (3, 2, []) == (gate.knowledge.uses, gate.taken(), gate.wanted)
    gate.turn(60)
    assert ([], {}) == (gate.wanted, gate.refused)


def test_a_message_that_overlaps_what_is_known_is_merged(gate):
    gate.up_to_date()
    gate.hears(0, 3, use(1))
    gate.hears(1, 5, use(2))
    assert (5, 2, {}) == (gate.knowledge.uses, gate.taken(), gate.refused)


def test_the_number_survives_a_restart(gate):
    gate.up_to_date()
    gate.hears(0, 7, use(1))
    assert 7 == gate.store.seq()


# ------------------------------------------------------------------ gaps


def test_messages_that_overtake_each_other_are_no_gap(gate):
    """Two workers of central tell what each of them counted."""
    gate.up_to_date()
    gate.hears(2, 3, use(3))
    assert (0, 3) == (gate.knowledge.uses, gate.taken())  # merged all the same
    gate.turn(GAP_S / 2)
    gate.hears(0, 2, use(2))
    assert 3 == gate.knowledge.uses
    gate.turn(GAP_S)
    assert ([], {}) == (gate.wanted, gate.refused)


def test_a_gap_is_asked_for_and_never_skipped(gate):
    gate.up_to_date()
    gate.hears(0, 2, use(1))
    gate.hears(3, 5, use(4))
    assert 2 == gate.knowledge.uses
    gate.turn(GAP_S)
    assert ([2], {"uses_gap": 1}) == (gate.wanted, gate.refused)
    gate.central.lose()
    gate.turn(AGAIN_S / 2)
    assert [] == gate.wanted
    gate.turn(AGAIN_S)
    assert [2] == gate.wanted
    gate.central.later()
    gate.turn(AGAIN_S)
    assert [2] == gate.wanted
    gate.central.answer(gate.sign(gate.told(2, 4, use(4))))
    assert 5 == gate.knowledge.uses  # with what came early


def test_an_answer_that_skips_something_is_merged_by_nobody(gate):
    gate.follower.begin(gate.clock.monotonic())
    gate.turn()
    gate.central.answer(gate.sign(gate.told(1, 4, use(9))))
    assert (0, 0) == (gate.knowledge.uses, gate.taken())
    gate.turn(AGAIN_S)
    assert [0] == gate.wanted


def test_what_came_early_is_remembered_up_to_a_bound(gate):
    gate.up_to_date()
    for number in range(1, 3 * MOST_EARLY):
        gate.hears(number, number + 1, use(number))
    assert MOST_EARLY == len(gate.follower._early)
    gate.hears(0, 1, use(1))
    assert MOST_EARLY + 1 == gate.knowledge.uses


def test_what_is_missed_though_nothing_came_is_told_by_the_pulse(gate):
    gate.up_to_date()
    gate.pulse(3)
    assert not gate.knowledge.uses_known()
    gate.turn()
    assert [0] == gate.wanted
    gate.central.answer(gate.sign(gate.told(0, 3, use(1))))
    assert gate.knowledge.uses_known()


def test_uses_are_known_while_a_fresh_pulse_says_so_and_no_longer(gate):
    assert not gate.knowledge.uses_known()
    gate.up_to_date()
    assert gate.knowledge.uses_known()
    gate.clock.advance(PULSE_COUNTS_S + 1)
    assert not gate.knowledge.uses_known()
    gate.pulse(0)
    gate.knowledge.link_lost()
    assert not gate.knowledge.uses_known()


def test_a_lost_link_forgets_what_was_asked_and_what_came_early(gate):
    gate.up_to_date()
    gate.hears(3, 5, use(1))
    gate.follower.ended()
    gate.turn(GAP_S)
    assert ([], {}) == (gate.wanted, gate.refused)
    gate.follower.begin(gate.clock.monotonic())
    gate.turn()
    assert [0] == gate.wanted


# ------------------------------------------------------------------ a restored central


def test_a_central_that_lost_its_records_is_asked_for_all_of_them(gate):
    gate.up_to_date()
    gate.hears(0, 9, use(4))
    gate.pulse(9)
    gate.turn(BEHIND_S)
    gate.pulse(2)
    gate.hears(1, 2, use(1, cti=b"another."))  # of its second life: merged, though its number is known
    assert 5 == gate.taken()
    gate.turn()
    assert ([0], 0) == (gate.wanted, gate.store.seq())
    gate.central.answer(gate.sign(gate.told(0, 2, use(1))))
    assert (2, 5) == (gate.knowledge.uses, gate.taken())  # what was known stays known


def test_a_pulse_that_was_overtaken_by_a_change_is_no_lost_record(gate):
    gate.up_to_date()
    gate.turn(BEHIND_S)
    gate.hears(0, 9, use(4))
    gate.pulse(7)
    gate.turn()
    assert ([], 9, True) == (gate.wanted, gate.store.seq(), gate.knowledge.uses_known())

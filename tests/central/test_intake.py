"""Every batch finds its place, whatever order it comes in: nothing is lost, and nothing counts twice."""

from __future__ import annotations

import random
import threading
from contextlib import closing
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from central.box import NOW, SESSION, Box, counted, event, rows_of
from gated.central.epoch import DAY_S, MAX_NEW_EPOCHS
from gated.central.intake import take_in
from gated.central.ledger import Ledger
from gated.central.ledger_events import MAX_PENDING, chains, gaps
from gated.central.ledger_gates import heard_of
from gated.central.placing import MAX_BRANCHES
from gated.central.proof import doubts
from gated.errors import StoreError
from gated.wire.ack import MAX_ACK_BYTES, Ack, encode_ack
from gated.wire.event import canonical, genesis
from gated.wire.state import EpochState


@pytest.fixture
def ledger(tmp_path):
    with closing(Ledger(tmp_path / "central.db")) as made:
        yield made


@pytest.fixture
def box(ledger):
    return Box().enrol(ledger)


def tell(ledger, *batches, greetings=()):
    """The acks that batches get, each of them in a bunch of its own."""
    return [ack for told in batches for _, ack in take_in(ledger, [told], NOW).acks]


def acked(box, upto, **more):
    return Ack(box.gate, box.epoch, upto, box.links[upto], **{"at": NOW, **more})


def alarms(ledger, box):
    return {alarm.code: alarm.times for alarm in heard_of(ledger, box.gate).alarms}


def holds(ledger, box, branch=0):
    """The ledger has exactly the rows of the box, and can prove them."""
    assert dict(enumerate(box.bodies, 1)) == rows_of(ledger, box, branch)
    assert [] == list(doubts(ledger, box.gate))


# ------------------------------------------------------------------ in order, again, overlapping, ahead


def test_batches_in_order_are_kept_and_acknowledged(ledger, box):
    box.write(9)
    assert [acked(box, 4), acked(box, 9)] == tell(ledger, box.told(1, 4), box.told(5, 9))
    holds(ledger, box)
    assert list(range(1, 10)) == counted(ledger, box)
    assert {} == alarms(ledger, box)


def test_a_batch_that_is_told_again_gets_the_same_receipt_and_changes_nothing(ledger, box):
    box.write(3).write_body('{"seq":4}').write(4)
    first = tell(ledger, box.told(1, 5))
    assert [acked(box, 5, quarantined=((4, "unknown_kind"),))] == first
    tell(ledger, box.told(6, 8))
    before = ledger.rows("SELECT * FROM event"), ledger.rows("SELECT * FROM batch")
    assert first == tell(ledger, box.told(1, 5))
    assert 0 == take_in(ledger, [box.told(1, 5)], NOW).stored
    assert before == (ledger.rows("SELECT * FROM event"), ledger.rows("SELECT * FROM batch"))


def test_with_other_boundaries_only_what_is_new_is_kept(ledger, box):
    box.write(9)
    assert [acked(box, 5), acked(box, 7), acked(box, 6), acked(box, 9)] == tell(
        ledger, box.told(1, 5), box.told(3, 7), box.told(2, 6), box.told(1, 9)
    )
    holds(ledger, box)
    assert list(range(1, 10)) == counted(ledger, box)


def test_what_is_ahead_waits_and_is_acknowledged_with_what_closes_the_gap(ledger, box):
    box.write(9)
    assert [] == tell(ledger, box.told(7, 9), box.told(4, 6))
    assert {} == rows_of(ledger, box)
    assert [acked(box, 9)] == tell(ledger, box.told(1, 3))
    holds(ledger, box)
    assert [] == ledger.rows("SELECT * FROM pending")


def test_one_bunch_is_put_in_order_and_acknowledged_once(ledger, box):
    box.write(9)
    taken = take_in(ledger, [box.told(4, 6), box.told(7, 9), box.told(1, 3), box.told(4, 6)], NOW)
    assert [("pools", acked(box, 9))] == taken.acks
    assert 9 == taken.stored
    holds(ledger, box)


def test_a_receipt_of_a_bunch_names_the_newest_row(ledger, box):
    box.write(9)
    taken = take_in(ledger, [box.told(1, 9), box.told(4, 6)], NOW)
    assert [("pools", acked(box, 9))] == taken.acks


def test_what_waits_is_bounded_and_the_oldest_is_given_up(ledger, box):
    box.write(40)
    for first in range(3, 3 + MAX_PENDING + 3):
        tell(ledger, box.told(first, first))
    waiting = [first for (first,) in ledger.rows("SELECT first FROM pending ORDER BY first")]
    assert list(range(6, 6 + MAX_PENDING)) == waiting
    assert [acked(box, 5 + MAX_PENDING)] == tell(ledger, box.told(1, 5))


def test_a_bunch_of_many_gates_is_taken_in_at_once(ledger):
    boxes = [Box(f"gate-{number}").enrol(ledger).write(4) for number in range(5)]
    bunch = [told for box in boxes for told in box.cut(random.Random(1))]
    random.Random(2).shuffle(bunch)
    acks = [ack for _, ack in take_in(ledger, bunch, NOW).acks]
    assert [acked(box, 4) for box in boxes] == acks
    for box in boxes:
        holds(ledger, box)


def test_each_epoch_is_counted_for_itself(ledger, box):
    again = Box(epoch="ffffffffffffffff")
    again.key = box.key
    assert [acked(box.write(2), 2), acked(again.write(3), 3)] == tell(ledger, box.told(), again.told())
    holds(ledger, box)
    holds(ledger, again)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 1 << 30), st.integers(1, 40))
def test_lost_doubled_and_reordered_batches_end_with_exactly_the_rows(tmp_path_factory, seed, rows):
    """A gate goes back to its cursor and cuts anew; a broker does what it wants with every letter."""
    draw = random.Random(seed)
    with closing(Ledger(tmp_path_factory.mktemp("any") / "central.db", busy_s=1)) as ledger:
        box = Box().enrol(ledger).write(rows)
        spoilt = {seq for seq in range(1, rows + 1) if draw.random() < 0.1}
        box.bodies, box.links = [], box.links[:1]
        for seq in range(1, rows + 1):
            box.write_body('"noise"' if seq in spoilt else event(seq))
        cursor, rounds, told_aside = 0, 0, {}
        while cursor < rows:
            rounds += 1
            sent = box.cut(draw, cursor + 1)
            sent = [one for one in sent for _ in range(draw.choice((0, 1, 1, 1, 2) if rounds < 20 else (1,)))]
            draw.shuffle(sent)
            while sent:
                bunch = [sent.pop() for _ in range(min(len(sent), draw.randint(1, 5)))]
                for _, ack in take_in(ledger, bunch, NOW).acks:
                    assert box.links[ack.upto] == ack.digest
                    assert not ack.forked
                    told_aside.update(ack.quarantined)
                    if draw.random() < 0.7 or rounds >= 20:
                        cursor = max(cursor, ack.upto)
        holds(ledger, box)
        assert spoilt == told_aside.keys()
        assert [seq for seq in range(1, rows + 1) if seq not in spoilt] == sorted(counted(ledger, box))
        assert {} == alarms(ledger, box)
        assert 1 == len(chains(ledger, box.gate, box.epoch))


# ------------------------------------------------------------------ kept aside


NO_EVENTS = {
    "not_canonical": '{"seq": 1}',
    "not_an_event": '"swim"',
    "unknown_kind": '{"kind":"refund","seq":1}',
    "not_in_schema": canonical({"kind": "stopped", "seq": 1}),
    "wrong_seq": event(7),
}


@pytest.mark.parametrize("code", NO_EVENTS)
def test_what_is_no_event_is_kept_raw_acknowledged_and_never_counted(ledger, box, code):
    box.write(1).write_body(NO_EVENTS[code]).write(1)
    assert [acked(box, 3, quarantined=((2, code),))] == tell(ledger, box.told())
    holds(ledger, box)
    assert [1, 3] == counted(ledger, box)


def test_more_than_a_receipt_holds_is_told_in_several_that_a_gate_reads(ledger, box):
    for _ in range(450):
        box.write_body('"noise"')
    batches = [box.told(1, 150), box.told(151, 300), box.told(301, 450)]
    acks = [ack for _, ack in take_in(ledger, batches, NOW).acks]
    assert [450] * 3 == [ack.upto for ack in acks]
    assert list(range(1, 451)) == [seq for ack in acks for seq, _ in ack.quarantined]
    assert all(len(encode_ack(ack)) <= MAX_ACK_BYTES for ack in acks)


# ------------------------------------------------------------------ broken


def test_a_batch_that_does_not_follow_is_kept_aside_and_its_end_is_followed(ledger, box):
    tell(ledger, box.write(3).told())
    box.write(3)
    told = box.told(4, 5, prev=bytes(32))
    chained = told.digests
    aside = ((4, "chain_broken"), (5, "chain_broken"))
    ack = Ack(box.gate, box.epoch, 5, chained[-1], NOW, aside)
    assert [ack] == tell(ledger, told)
    assert [ack] == tell(ledger, told)
    assert {"chain_broken": 1} == alarms(ledger, box)
    after = box.told(6, 6, prev=chained[-1])
    assert [(6, ())] == [(one.upto, one.quarantined) for one in tell(ledger, after)]
    assert [1, 2, 3, 6] == counted(ledger, box)
    assert [] == list(doubts(ledger, box.gate))


def test_what_stands_before_a_break_is_acknowledged_before_it(ledger, box):
    """A gate does not believe a receipt that skips rows which are still on their way."""
    box.write(7)
    broken = box.told(4, 5, prev=bytes(32))
    after = box.told(6, 6, prev=broken.digests[-1])
    aside = ((4, "chain_broken"), (5, "chain_broken"))
    expected = [acked(box, 3), Ack(box.gate, box.epoch, 6, after.digests[-1], NOW, aside)]
    for _ in range(2):  # as new, and as known rows
        bunch = [broken, after, box.told(1, 2), box.told(3, 3), broken]
        assert expected == [ack for _, ack in take_in(ledger, bunch, NOW).acks]


def test_an_epoch_that_begins_with_something_else_is_broken(ledger, box):
    (ack,) = tell(ledger, box.write(2).told(prev=bytes(32)))
    assert [1, 2] == [seq for seq, _ in ack.quarantined]
    assert [] == counted(ledger, box)
    assert {"chain_broken": 1} == alarms(ledger, box)


# ------------------------------------------------------------------ forked


@pytest.fixture
def twin(ledger, box):
    """A copy of the box's disk, made at row 5, after which each goes its own way."""
    other = box.write(5).copy()
    box.write(6, lane="a")
    other.write(8, lane="b")
    return other


@pytest.mark.parametrize("first", [6, 4, 1])
def test_both_histories_of_a_copied_disk_are_kept_and_one_counts(ledger, box, twin, first):
    tell(ledger, box.told())
    assert [acked(twin, 9, forked=True)] == tell(ledger, twin.told(first, 9))
    assert [acked(twin, 13, forked=True)] == tell(ledger, twin.told(10, 13))
    assert {"forked": 1} == alarms(ledger, box)
    holds(ledger, box)
    assert {seq: twin.bodies[seq - 1] for seq in range(6, 14)} == rows_of(ledger, twin, 1)
    assert list(range(1, 12)) == counted(ledger, box)
    assert [acked(box, 11, forked=True)] == tell(ledger, box.told(3, 11))
    assert [acked(twin, 13, forked=True)] == tell(ledger, twin.told(8, 13))
    box.write(1)
    assert [acked(box, 12, forked=True)] == tell(ledger, box.told(12, 12))
    assert [] == list(doubts(ledger, box.gate))


def test_a_copy_is_told_what_it_shares_row_by_row(ledger, box, twin):
    """It sends one batch until it is answered: what it cannot check it would not believe."""
    tell(ledger, box.told())
    assert [acked(twin, 3)] == tell(ledger, twin.told(2, 3))


def test_a_copy_is_kept_whatever_order_its_batches_come_in(ledger, box, twin):
    tell(ledger, box.told())
    assert [] == tell(ledger, twin.told(8, 9))
    assert {"forked": 1} == alarms(ledger, box)
    assert [acked(twin, 9, forked=True)] == tell(ledger, twin.told(4, 7))
    assert 2 == len(chains(ledger, box.gate, box.epoch))
    assert [] == list(doubts(ledger, box.gate))


def test_a_copy_whose_beginning_nobody_has_is_kept_when_it_tells_the_same_again(ledger, box, twin):
    tell(ledger, box.told())
    assert [] == tell(ledger, twin.told(8, 9))
    assert [acked(twin, 9, forked=True)] == tell(ledger, twin.told(8, 9))
    assert [acked(twin, 13, forked=True)] == tell(ledger, twin.told(10, 13))
    assert [] == ledger.rows("SELECT * FROM pending")
    assert list(range(1, 12)) == counted(ledger, box)


def test_a_copy_that_erased_its_beginning_is_kept(ledger, box, twin):
    tell(ledger, box.told())
    twin.oldest = 8
    assert [acked(twin, 9, forked=True)] == tell(ledger, twin.told(8, 9))
    assert {"forked": 1} == alarms(ledger, box)  # what a copy lacks is no loss of its own
    assert [] == list(doubts(ledger, box.gate))


def test_a_copy_of_a_copy_is_a_third_history(ledger, box, twin):
    third = twin.copy()
    third.bodies, third.links = third.bodies[:9], third.links[:10]
    third.write(2, lane="c")
    tell(ledger, box.told(), twin.told())
    assert [acked(third, 11, forked=True)] == tell(ledger, third.told(8, 11))
    assert {10: third.bodies[9], 11: third.bodies[10]} == rows_of(ledger, third, 2)
    assert [(0, 0), (1, 5), (2, 9)] == [(c.branch, c.base) for c in chains(ledger, box.gate, box.epoch)]
    assert [] == list(doubts(ledger, box.gate))


def test_what_breaks_one_of_two_histories_is_taken_when_it_is_told_again(ledger, box, twin):
    """It has the next number of one, and may be what follows of the other: only its teller can say."""
    tell(ledger, box.told(), twin.told(6, 9))
    box.write(2)
    told = box.told(12, 13, prev=bytes(32))
    assert [] == tell(ledger, told)
    (ack,) = tell(ledger, told)
    assert (13, [12, 13]) == (ack.upto, [seq for seq, _ in ack.quarantined])
    assert {"forked": 1, "chain_broken": 1} == alarms(ledger, box)
    assert [] == ledger.rows("SELECT * FROM pending")


def test_histories_are_bounded(ledger, box):
    box.write(1)
    twins = [box.copy().write(1, lane=f"l{number}") for number in range(MAX_BRANCHES + 1)]
    assert MAX_BRANCHES == len(tell(ledger, *(one.told() for one in twins)))
    taken = take_in(ledger, [twins[-1].told()], NOW)
    assert ([], {("bron-1", "too_many_branches"): 1}) == (taken.acks, taken.refused)
    assert MAX_BRANCHES == len(chains(ledger, box.gate, box.epoch))


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1 << 30))
def test_two_histories_in_any_order_end_with_exactly_their_rows(tmp_path_factory, seed):
    draw = random.Random(seed)
    with closing(Ledger(tmp_path_factory.mktemp("any") / "central.db", busy_s=1)) as ledger:
        box = Box().enrol(ledger).write(draw.randrange(5))
        shared = box.last
        twin = box.copy().write(draw.randint(1, 9), lane="b")
        box.write(draw.randint(1, 9), lane="a")
        tell(ledger, *box.cut(draw)[:1])  # one of the two is heard first
        for turn in range(12):
            sent = box.cut(draw, 1 if turn == 11 else draw.randint(1, box.last))
            sent += twin.cut(draw, 1 if turn == 11 else draw.randint(1, twin.last))
            draw.shuffle(sent)
            acks = tell(ledger, *sent)
            assert all(ack.digest in (*box.links, *twin.links) for ack in acks)
        kept = set(ledger.rows("SELECT seq, body FROM event"))
        assert kept == {*enumerate(box.bodies, 1), *enumerate(twin.bodies, 1)}
        assert [] == list(doubts(ledger, box.gate))
        assert len(set(counted(ledger, box))) == len(counted(ledger, box))
        assert shared <= len(counted(ledger, box))


def epoch_of(box, number):
    other = Box(epoch=f"{number:016x}")
    other.key = box.key
    return other


def test_epochs_that_a_gate_may_begin_in_a_day_are_bounded(ledger, box):
    bunch = [epoch_of(box, number).write(2).told() for number in range(MAX_NEW_EPOCHS + 3)]
    taken = take_in(ledger, bunch[:40], NOW)
    taken = take_in(ledger, bunch[40:], NOW + 9)
    assert MAX_NEW_EPOCHS - 40 == len(taken.acks)
    assert {(box.gate, "too_many_epochs"): 3} == taken.refused
    assert MAX_NEW_EPOCHS == len(ledger.rows("SELECT * FROM chain"))
    begun = epoch_of(box, 0).write(3)
    assert [acked(begun, 3, at=NOW + 9)] == [ack for _, ack in take_in(ledger, [begun.told()], NOW + 9).acks]
    assert [] == take_in(ledger, [epoch_of(box, 999).write(4).told(3, 4)], NOW + 9).acks
    assert [] == ledger.rows("SELECT * FROM pending")
    other = Box("vaise-1").enrol(ledger).write(1)
    assert [acked(other, 1)] == tell(ledger, other.told())  # each gate for itself
    assert 3 == len(take_in(ledger, bunch[-3:], NOW + DAY_S + 1).acks)


def test_a_batch_that_only_waits_begins_nothing(ledger, box):
    box.write(9)
    assert [] == tell(ledger, box.told(4, 6))
    assert [] == ledger.rows("SELECT * FROM chain")
    assert [acked(box, 6)] == tell(ledger, box.told(1, 3))
    assert [acked(box, 9)] == tell(ledger, box.told(7, 9))
    holds(ledger, box)


# ------------------------------------------------------------------ missing


def restored(ledger, box, upto):
    """Central came back from a backup that ends with a row."""
    if upto:
        tell(ledger, box.told(1, upto))


def test_what_a_gate_holds_no_more_is_noted_as_missing(ledger, box):
    box.write(9)
    restored(ledger, box, 3)
    box.oldest = 7
    assert [acked(box, 8)] == tell(ledger, box.told(7, 8))
    assert [acked(box, 9)] == tell(ledger, box.told(9, 9))
    (chain,) = chains(ledger, box.gate, box.epoch)
    assert [(4, 6)] == [(gap.first, gap.last) for gap in gaps(ledger, chain)]
    assert 3 == chain.missing
    assert {"missing": 1} == alarms(ledger, box)
    assert [1, 2, 3, 7, 8, 9] == counted(ledger, box)
    assert [acked(box, 8)] == tell(ledger, box.told(7, 8))
    assert {"missing": 1} == alarms(ledger, box)
    assert [] == list(doubts(ledger, box.gate))


def test_a_gate_that_central_never_heard_of_begins_with_what_it_has(ledger, box):
    box.write(9).oldest = 7
    assert [acked(box, 9)] == tell(ledger, box.told(7, 9))
    (chain,) = chains(ledger, box.gate, box.epoch)
    assert 6 == chain.missing


@pytest.mark.parametrize(
    ("parts", "left"),
    [
        ([(4, 6)], []),
        ([(1, 9)], []),
        ([(4, 4)], [(5, 6)]),
        ([(6, 6)], [(4, 5)]),
        ([(2, 5)], [(6, 6)]),
        ([(5, 8)], [(4, 4)]),
        ([(6, 7), (4, 4)], [(5, 5)]),
        ([(5, 5)], [(4, 6)]),
        ([(5, 5), (4, 4)], [(6, 6)]),
        ([(5, 5), (6, 6), (4, 4)], []),
    ],
    ids=str,
)
def test_what_was_missing_and_comes_after_all_is_kept(ledger, box, parts, left):
    box.write(9)
    restored(ledger, box, 3)
    box.oldest = 7
    tell(ledger, box.told(7, 9))
    box.oldest = 1
    for first, last in parts:
        for ack in tell(ledger, box.told(first, last)):
            assert box.links[ack.upto] == ack.digest
    (chain,) = chains(ledger, box.gate, box.epoch)
    assert left == [(gap.first, gap.last) for gap in gaps(ledger, chain)]
    assert ({"missing": 1} if left else {}) == alarms(ledger, box)
    assert [seq for seq in range(1, 10) if not any(a <= seq <= b for a, b in left)] == sorted(
        counted(ledger, box)
    )
    assert [] == list(doubts(ledger, box.gate))
    if not left:
        holds(ledger, box)


def test_what_fits_only_one_side_of_a_gap_is_another_history(ledger, box):
    box.write(9)
    restored(ledger, box, 3)
    other = box.copy()
    other.bodies, other.links = other.bodies[:4], other.links[:5]
    other.write(5, lane="b")
    box.oldest = 7
    tell(ledger, box.told(7, 9))
    assert [acked(other, 9, forked=True)] == tell(ledger, other.told(4, 9))
    assert [1, 2, 3, 7, 8, 9] == counted(ledger, box)


# ------------------------------------------------------------------ greetings


def test_a_greeting_is_answered_with_the_cursor_of_each_epoch_it_tells(ledger, box):
    tell(ledger, box.write(4).told())
    other = "ffffffffffffffff"
    epochs = (EpochState(other, 1, 7, 3), EpochState(box.epoch, 1, 4, 0))
    taken = take_in(ledger, [], NOW, [("pools", box.state(epochs=epochs))])
    assert [
        Ack(box.gate, other, 0, genesis(box.gate, other), NOW, session=SESSION),
        acked(box, 4, session=SESSION),
    ] == [ack for _, ack in taken.acks]


def test_a_greeting_in_the_bunch_is_answered_after_the_batches(ledger, box):
    taken = take_in(ledger, [box.write(4).told()], NOW, [("pools", box.state())])
    assert [acked(box, 4), acked(box, 4, session=SESSION)] == [ack for _, ack in taken.acks]


def test_a_greeting_of_a_copied_disk_is_answered_for_each_history(ledger, box, twin):
    tell(ledger, box.told(), twin.told())
    taken = take_in(ledger, [], NOW, [("pools", twin.state())])
    assert [
        acked(box, 11, forked=True, session=SESSION),
        acked(twin, 13, forked=True, session=SESSION),
    ] == [ack for _, ack in taken.acks]


def test_a_will_is_not_answered_and_a_late_one_is_not_believed(ledger, box):
    take_in(ledger, [], NOW, [("pools", box.state(session="00000000000000bb"))])
    assert [] == take_in(ledger, [], NOW, [("pools", box.state(online=False))]).acks
    assert heard_of(ledger, box.gate).online
    take_in(ledger, [], NOW, [("pools", box.state(online=False, session="00000000000000bb"))])
    assert heard_of(ledger, box.gate).online is False


def test_the_will_of_a_later_connection_is_believed_though_its_greeting_was_lost(ledger, box):
    take_in(ledger, [], NOW, [("pools", box.state(session="00000000000000bb"))])
    later = replace(box.state(online=False), at=NOW + 1)
    take_in(ledger, [], NOW, [("pools", later)])
    assert heard_of(ledger, box.gate).online is False


# ------------------------------------------------------------------ workers, crashes, noise


def test_two_workers_on_one_ledger_keep_every_row_once(tmp_path):
    path = tmp_path / "central.db"
    with closing(Ledger(path)) as ledger:
        boxes = [Box(f"gate-{number}").enrol(ledger).write(60) for number in range(3)]
        letters = [[], []]
        draw = random.Random(5)
        for told in (told for box in boxes for told in [*box.cut(draw), *box.cut(draw)]):
            letters[draw.randrange(2)].append(told)
        failed = []

        def work(mine):
            try:
                with closing(Ledger(path)) as own:
                    while mine:
                        bunch = [mine.pop() for _ in range(min(3, len(mine)))]
                        take_in(own, bunch, NOW)
            except Exception as error:
                failed.append(error)

        threads = []
        for mine in letters:
            draw.shuffle(mine)
            threads.append(threading.Thread(target=work, args=(mine,)))
            threads[-1].start()
        for thread in threads:
            thread.join(60)
        assert [] == failed
        for box in boxes:  # what was given up while it waited is told again, as a gate does
            cursor = chains(ledger, box.gate, box.epoch)[0].upto
            tell(ledger, *box.cut(draw, cursor + 1))
            holds(ledger, box)
            assert list(range(1, 61)) == sorted(counted(ledger, box))
            assert {} == alarms(ledger, box)


def test_a_ledger_that_somebody_holds_is_told_and_nothing_changes(tmp_path):
    path = tmp_path / "central.db"
    with closing(Ledger(path)) as holder, closing(Ledger(path, busy_s=0.05)) as ledger:
        box = Box().enrol(holder).write(3)
        with holder.transaction(), pytest.raises(StoreError, match="SQLITE_BUSY"):
            take_in(ledger, [box.told()], NOW)
        assert [acked(box, 3)] == tell(ledger, box.told())


def test_rows_are_judged_before_the_right_to_write_is_held_and_known_ones_not_at_all(tmp_path):
    path = tmp_path / "central.db"
    with closing(Ledger(path)) as holder, closing(Ledger(path, busy_s=0.02)) as ledger:
        told = Box().enrol(holder).write(3).told()
        with holder.transaction(), pytest.raises(StoreError):
            take_in(ledger, [told], NOW)
        assert "codes" in vars(told)
        take_in(ledger, [told], NOW)
        again = replace(told)
        take_in(ledger, [again], NOW)
        assert "codes" not in vars(again)


def test_a_transaction_that_breaks_leaves_nothing(ledger, box):
    bunch = [box.write(3).told(), Box("bron-2").write(2).told()]
    ledger.execute(
        "CREATE TEMP TRIGGER full BEFORE INSERT ON batch WHEN new.last = 2"
        " BEGIN SELECT RAISE(ABORT, 'full'); END"
    )
    with pytest.raises(StoreError, match="full"):
        take_in(ledger, bunch, NOW)
    assert [] == ledger.rows("SELECT * FROM event") == ledger.rows("SELECT * FROM chain")
    ledger.execute("DROP TRIGGER full")
    assert [acked(box, 3)] == tell(ledger, bunch[0])


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_gate_that_tells_anything_at_all_gets_what_it_told_kept(tmp_path_factory, data):
    """A genuine key, and numbers, digests and flags that are drawn: central goes on, and proves all."""
    with closing(Ledger(tmp_path_factory.mktemp("any") / "central.db", busy_s=1)) as ledger:
        box = Box().enrol(ledger).write(12)
        other = box.copy().write(3, lane="b")
        links = st.sampled_from([*box.links, *other.links, bytes(32)])
        for _ in range(data.draw(st.integers(1, 12))):
            one = data.draw(st.sampled_from([box, other]))
            first = data.draw(st.integers(1, one.last))
            last = data.draw(st.integers(first, one.last))
            more = {"erased": data.draw(st.booleans())}
            if data.draw(st.integers(0, 3)) == 0:
                more["prev"] = data.draw(links)
            told = one.told(first, last, **more)
            for _, ack in take_in(ledger, [told], NOW).acks:
                rows = ledger.rows("SELECT digest FROM event WHERE seq = ?", (ack.upto,))
                assert (ack.digest,) in rows
        numbers = counted(ledger, box)
        assert len(set(numbers)) == len(numbers)
        for chain in chains(ledger, box.gate, box.epoch):
            kept = {seq for (seq,) in ledger.rows("SELECT seq FROM event WHERE chain = ?", (chain.id,))}
            lost = {seq for gap in gaps(ledger, chain) for seq in range(gap.first, gap.last + 1)}
            assert set(range(chain.base + 1, chain.upto + 1)) == kept | lost
            assert not kept & lost
            assert len(lost) == chain.missing
        assert [] == list(doubts(ledger, box.gate))

"""What central has not acknowledged, and what is erased once it has."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import partial

import pytest

from gated.errors import StoreError
from gated.model.event import Foreign, Stopped
from gated.store.chain import JournalReader
from gated.store.outbox import Outbox, empty_log, erase, note_cursor
from gated.wire.batch import MAX_BATCH_BYTES, MAX_EVENTS, encode_batch
from gated.wire.event import genesis
from gated.wire.state import EpochState
from store.test_journal import NOW, STAMP, open_journal
from venue import until

HOUR = 3600
FIRST, SECOND = "00000000000000e1", "00000000000000e2"


@pytest.fixture
def outbox(journal, path):
    with closing(Outbox(path, "gate-1")) as made:
        yield made


def write(journal, count):
    for _ in range(count):
        assert journal.append(Stopped(), STAMP).wait(10)


def done(journal, work, **more):
    assert journal.do(work, **more).wait(10)


def acknowledge(journal, row_id, floor=NOW, at=NOW):
    done(journal, partial(note_cursor, row_id=row_id, floor=floor, at=at))


def edit(path, sql, *values):
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(sql, values)


def test_nothing_is_told_where_nothing_happened(outbox):
    assert outbox.batch(0) is None
    assert (0, 0) == outbox.acknowledged()


def test_a_batch_chains_from_the_beginning_and_on(journal, outbox):
    write(journal, 5)
    told = outbox.batch(0)
    assert (FIRST, 1, genesis("gate-1", FIRST), 5) == (
        told.batch.epoch,
        told.batch.first,
        told.batch.prev,
        told.last_id,
    )
    later = outbox.batch(3)
    assert (4, 5) == (later.batch.first, later.last_id)
    assert list(told.batch.digests())[2] == later.batch.prev
    assert list(told.batch.digests())[4] == outbox.place(FIRST, 5).digest
    assert outbox.batch(5) is None


def test_a_batch_holds_a_bounded_number_and_bounded_bytes(journal, outbox):
    write(journal, MAX_EVENTS + 30)
    told = outbox.batch(0).batch
    size = len(encode_batch(told))
    assert len(told.bodies) <= MAX_EVENTS
    assert size <= MAX_BATCH_BYTES
    rest = outbox.batch(told.last)
    assert told.last + 1 == rest.batch.first


def test_large_rows_make_shorter_batches(path, outbox, journal):
    from gated.model.event import Imported

    for _ in range(80):
        journal.append(Imported(1, 1, {f"{n:030}": 1 << 50 for n in range(16)}), STAMP).wait(10)
    told = outbox.batch(0)
    assert len(told.batch.bodies) < 80
    assert MAX_BATCH_BYTES - 2000 < len(encode_batch(told.batch)) <= MAX_BATCH_BYTES


def test_a_batch_never_crosses_an_epoch(path):
    with_first = open_journal(path)
    with_first.start()
    write(with_first, 3)
    with_first.stop(10)
    journal = open_journal(path, machine="m2", epoch=SECOND)
    journal.start()
    write(journal, 2)
    with closing(Outbox(path, "gate-1")) as outbox:
        assert (FIRST, 3) == (outbox.batch(0).batch.epoch, outbox.batch(0).last_id)
        following = outbox.batch(3).batch
        assert (SECOND, 1, genesis("gate-1", SECOND)) == (following.epoch, following.first, following.prev)
        assert (EpochState(FIRST, 1, 3, 3), EpochState(SECOND, 1, 2, 1)) == outbox.epochs(4)
        assert (3, 5) == (outbox.place(FIRST, 3).id, outbox.place(SECOND, 2).id)
        assert (3, None) == (outbox.place(FIRST, 4).end, outbox.place(SECOND, 3).digest)
        assert (False, True) == (outbox.place(FIRST, 1).newest, outbox.place(SECOND, 1).newest)
        assert outbox.place("f" * 16, 0) is None
        assert (genesis("gate-1", SECOND), 3) == (
            outbox.place(SECOND, 0).digest,
            outbox.place(SECOND, 0).id,
        )
    journal.stop(10)


@pytest.mark.parametrize(
    "edited",
    [
        ("UPDATE event SET body = replace(body, 'stopped', 'started') WHERE id = 2",),
        ("UPDATE event SET digest = zeroblob(32) WHERE id = 2",),
    ],
)
def test_a_changed_row_is_not_told(path, journal, outbox, edited):
    write(journal, 3)
    edit(path, *edited)
    with pytest.raises(StoreError, match="row 2 was changed"):
        outbox.batch(0)


def test_what_stands_before_a_gap_is_told_and_the_gap_then_named(path, journal, outbox):
    write(journal, 4)
    edit(path, "DELETE FROM event WHERE id = 3")
    assert 2 == outbox.batch(0).last_id
    with pytest.raises(StoreError, match="row 3 was changed or is missing"):
        outbox.batch(2)


# ------------------------------------------------------------------ receipts


def test_the_cursor_goes_up_and_back(journal, outbox):
    write(journal, 9)
    acknowledge(journal, 4)
    acknowledge(journal, 7, floor=NOW + HOUR, at=NOW + 5)
    assert (7, NOW + 5) == outbox.acknowledged()
    acknowledge(journal, 5, floor=NOW + HOUR)
    assert 5 == outbox.acknowledged()[0]
    acknowledge(journal, 9, floor=NOW + 2 * HOUR)
    assert 9 == outbox.acknowledged()[0]


def test_rows_may_be_erased_a_retention_after_their_receipt_and_not_sooner(journal, outbox):
    write(journal, 9)
    acknowledge(journal, 4, floor=NOW)
    acknowledge(journal, 8, floor=NOW + 2 * HOUR)
    end_of_hour = NOW // HOUR * HOUR + HOUR
    assert 0 == outbox.erasable(end_of_hour + 24 * HOUR - 1, 24 * HOUR)
    assert 4 == outbox.erasable(end_of_hour + 24 * HOUR, 24 * HOUR)
    assert 8 == outbox.erasable(end_of_hour + 26 * HOUR, 24 * HOUR)


def test_what_central_lost_is_not_erased(journal, outbox):
    write(journal, 9)
    acknowledge(journal, 8, floor=NOW)
    acknowledge(journal, 3, floor=NOW)
    assert 3 == outbox.erasable(NOW + 100 * HOUR, HOUR)


def test_erased_rows_leave_an_anchor_and_a_whole_chain(path, journal, outbox):
    write(journal, 9)
    acknowledge(journal, 9)
    done(journal, partial(erase, upto=6))
    with closing(JournalReader(path)) as reader:
        assert [] == list(reader.verify())
        assert [7, 8, 9] == [row.seq for row in reader.rows()]
    assert 7 == outbox.oldest()
    assert 0 == outbox.erasable(NOW, HOUR)
    told = outbox.batch(6).batch
    assert (7, False) == (told.first, told.erased)
    assert (EpochState(FIRST, 7, 9, 9),) == outbox.epochs(9)
    assert told.prev == outbox.place(FIRST, 6).digest
    assert outbox.place(FIRST, 5).digest is None


def test_a_batch_says_what_is_erased_where_central_lacks_it(journal, outbox):
    write(journal, 9)
    acknowledge(journal, 6)
    done(journal, partial(erase, upto=6))
    told = outbox.batch(4).batch
    assert (7, True) == (told.first, told.erased)
    assert outbox.place(FIRST, 6).digest == told.prev


def test_nothing_unacknowledged_is_erased_whoever_asks(path, journal, outbox):
    """Who asked may have looked before central said what it has lost."""
    write(journal, 9)
    done(journal, partial(erase, upto=6))
    assert 1 == outbox.oldest()
    acknowledge(journal, 4)
    done(journal, partial(erase, upto=6))
    assert 5 == outbox.oldest()
    done(journal, partial(erase, upto=3))
    assert (5, 5) == (outbox.oldest(), outbox.batch(4).batch.first)
    with closing(JournalReader(path)) as reader:
        assert [] == list(reader.verify())


def test_rows_of_another_name_are_not_told_under_ours(path, journal):
    write(journal, 3)
    with closing(Outbox(path, "gate-2")) as other:
        with pytest.raises(StoreError, match="rows of gate 'gate-1'"):
            other.batch(0)
        assert () == other.epochs(0)
        assert other.place(FIRST, 3) is None


def test_all_rows_of_an_epoch_may_be_erased(path, journal, outbox):
    write(journal, 4)
    acknowledge(journal, 4)
    done(journal, partial(erase, upto=4))
    assert outbox.batch(4) is None
    assert outbox.batch(0) is None
    assert (EpochState(FIRST, 5, 4, 4),) == outbox.epochs(4)
    write(journal, 1)
    assert (5, False) == (outbox.batch(4).batch.first, outbox.batch(4).batch.erased)
    with closing(JournalReader(path)) as reader:
        assert [] == list(reader.verify())


def test_erased_bytes_are_gone_from_the_files(path, journal, outbox):
    marker = 987_654_321_012_345
    for number in range(300):
        journal.append(Foreign(marker + number % 2, number), STAMP).wait(10)
    acknowledge(journal, 300)
    for upto in (100, 200, 300):
        done(journal, partial(erase, upto=upto))
    emptied = []

    def empty():
        done(journal, partial(empty_log, done=lambda: emptied.append(1)), in_transaction=False)
        return emptied

    assert until(empty)
    assert 0 == path.with_name("journal.db-wal").stat().st_size
    for file in path.parent.iterdir():
        assert str(marker)[:-1].encode() not in file.read_bytes(), file.name


def test_the_log_is_not_emptied_while_somebody_reads(path, journal, outbox):
    write(journal, 3)
    emptied = []
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM event").fetchone()
        write(journal, 1)
        done(journal, partial(empty_log, done=lambda: emptied.append(1)), in_transaction=False)
        assert not emptied
        write(journal, 1)  # and the journal goes on
    done(journal, partial(empty_log, done=lambda: emptied.append(1)), in_transaction=False)
    assert emptied


def test_old_receipts_are_forgotten_with_their_rows(path, journal, outbox):
    write(journal, 9)
    for number in range(1, 9):
        acknowledge(journal, number, floor=NOW + number * HOUR)
    done(journal, partial(erase, upto=6))
    acknowledge(journal, 9, floor=NOW + 9 * HOUR)
    with closing(sqlite3.connect(path)) as connection:
        assert [(6,), (7,), (8,), (9,)] == connection.execute("SELECT id FROM acknowledged").fetchall()

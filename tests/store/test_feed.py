"""What the feed has said of the cache, and the set that it makes."""

from __future__ import annotations

import pytest

from feed_log import newest, set_of
from gated.errors import StoreError
from gated.model.statement import Row
from gated.store.feed import Applied, FeedStore, Promise
from gated.store.feed_set import SetBuckets
from gated.wire.setdigest import BUCKETS, bucket_of


@pytest.fixture
def store(tmp_path):
    made = FeedStore(tmp_path)
    yield made
    made.close()


def rows(*numbers, rank=0):
    return [
        Row(bytes([number]) * 16, 0, b"", rank, b"token %d %d" % (number, rank), number) for number in numbers
    ]


def promise(position, *said):
    return Promise(position, *set_of(said))


def test_a_head_counts_only_in_place_of_the_one_it_began_from(store):
    store.advance(Applied(b"one", 1, 1, 1), b"")
    with pytest.raises(StoreError, match="by somebody else"):
        store.advance(Applied(b"two", 2, 2, 2), b"another")
    store.doubt(b"one")
    with pytest.raises(StoreError, match="by somebody else"):
        store.advance(Applied(b"two", 2, 2, 2), b"one")
    assert Applied() == store.applied()


def test_doubt_of_a_head_that_counts_no_more_doubts_nothing(store):
    store.advance(Applied(b"one", 1, 1, 1), b"")
    store.advance(Applied(b"two", 2, 2, 2), b"one")
    store.doubt(b"one")
    assert b"two" == store.applied().token


def test_marks_count_when_the_head_has_come_to_them(store):
    first, second = rows(1, 2), rows(3)
    store.bring([*first, *second], marked=True)
    assert store.agrees(promise(2, *first), {bucket_of(row.key) for row in first}, thorough=True)
    store.buckets = SetBuckets()
    assert store.agrees(promise(3, *first, *second), set(range(BUCKETS)), thorough=True)


def test_a_mark_that_does_not_count_yet_leaves_the_one_before(store):
    (old,) = rows(1)
    store.bring([old], marked=True)
    store.advance(Applied(b"one", 1, 1, 1), b"")
    new = old._replace(rank=5, number=2, token=b"newer")
    store.bring([new], marked=True)
    assert store.agrees(promise(1, old), {bucket_of(old.key)}, thorough=True)
    again = new._replace(rank=6, number=3)
    store.bring([again], marked=True)  # of an attempt that was cut off there is nothing to keep
    assert store.agrees(promise(1, old), {bucket_of(old.key)}, thorough=True)
    assert store.agrees(promise(3, *newest([old, new, again])), {bucket_of(old.key)}, thorough=True)


def test_many_unknown_buckets_are_not_read_at_once(store):
    (row,) = rows(1)
    store.bring([row], marked=True)
    assert store.agrees(promise(1, row), {bucket_of(row.key)}) is None


def test_what_came_live_is_no_part_of_the_set_before_it_is_confirmed(store):
    one, two = rows(1, 2)
    store.bring([one], marked=True)
    store.advance(Applied(b"one", 1, 1, 1), b"")
    assert store.agrees(promise(1, one), set(), thorough=True)
    store.bring([two], marked=False)
    assert store.agrees(promise(1, one), {bucket_of(two.key)})
    assert store.confirm_live(promise(2, one)) is None
    assert {bucket_of(two.key)} == store.confirm_live(promise(2, one, two))

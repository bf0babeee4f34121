"""Signed commands at a gate: written down first, carried out as local orders are, and told."""

from __future__ import annotations

import json

import pytest

from commanding import Post
from gated.errors import StoreError
from gated.model.order import Mode, Operator, Order
from gated.model.trust import TrustedKey
from gated.policy.orders import WhyNot
from gated.wire.command import What
from questions import NOW


@pytest.fixture
def post(tmp_path):
    made = Post(tmp_path)
    yield made
    made.stop()


def floor_of(post):
    floors = json.loads((post.path / "floors.json").read_text())
    return floors.get(f"command.{post.office.kid.hex()}")


def test_an_opening_reaches_its_lane_with_the_operator_the_key_and_its_end(post):
    command = post.command(lane="out-1", persons=3)
    post.say(command)
    (order,) = post.lanes[1].orders
    assert (Order.OPEN, 3) == (order.order, order.persons)
    assert Operator("Mia", None, "pram", post.office.kid, command.counter) == order.operator
    assert post.clock.monotonic() + 60 == order.until
    assert [] == post.refused()


def test_a_mode_reaches_its_lane(post):
    post.say(post.command(What.MODE, lane="in-1", mode=Mode.EXIT_ONLY))
    assert [Order.EXIT_ONLY] == [order.order for order in post.orders]


def test_the_counter_is_durable_before_anything_moves(post):
    class Watching(type(post.lanes[0])):
        def post(self, message):
            assert command.counter == floor_of(post)
            super().post(message)

    post.lanes = [Watching("in-1")]
    command = post.command()
    post.say(command)
    assert 1 == len(post.orders)


def test_where_the_counter_cannot_be_kept_nothing_is_done(post):
    (post.path / "floors.json.new").mkdir()  # no file can be made in its place
    token = post.signed(post.command())
    with pytest.raises(StoreError):
        post.hear(token)
    assert [] == post.orders
    (post.path / "floors.json.new").rmdir()
    post.hear(token)  # and not later either: nobody knows how far it came
    assert ([], ["replayed"]) == (post.orders, post.refused())


def test_counters_of_two_keys_are_two(post):
    """A command key that takes the place of another begins its own count."""
    post.say(post.command(counter=500))
    post.lanes[0].obey()
    other = post.acks
    post.keys[other.kid] = TrustedKey(other.kid, other.algorithm, other.public, *_scope(post))
    post.say(post.command(counter=1), key=other)
    assert [500, 1] == [order.operator.counter for order in post.orders]


def _scope(post):
    known = post.keys[post.office.kid]
    return known.sectors, known.kinds, known.not_before, known.expires


def test_a_refresh_asks_at_once_and_is_told(post):
    command = post.command(What.REFRESH)
    post.say(command)
    assert 1 == post.refreshed
    assert [
        {
            "key": post.office.kid.hex(), "counter": command.counter, "what": "refresh", "operator": "Mia",
            "reason": "pram",
        }
    ] == post.rows("commanded")  # fmt: skip


def test_a_report_is_a_row(post):
    post.time.is_now(
        ceiling=None
    )  # it moves nothing: a gate that does not know the time may tell all the same
    command = post.command(What.REPORT)
    post.say(command)
    assert [
        {
            "key": post.office.kid.hex(), "counter": command.counter, "operator": "Mia", "reason": "pram",
            "status": {"unsent": 3},
        }
    ] == post.rows("reported")  # fmt: skip


@pytest.mark.parametrize("why", [WhyNot.RELEASE_OPEN, WhyNot.BARRIER_MISSING, WhyNot.JOURNAL_SLOW])
def test_what_a_lane_does_not_obey_is_told_with_its_reason(post, why):
    command = post.command()
    post.say(command)
    post.lanes[0].obey(why)
    (row,) = post.rows("commanded")
    assert (command.counter, "open", str(why)) == (row["counter"], row["what"], row["refused"])


def test_an_unknown_lane_is_told_and_the_command_is_over(post):
    token = post.say(post.command(lane="in-9"))
    assert ["unknown_lane"] == [row["refused"] for row in post.rows("commanded")]
    post.hear(token)
    assert ["replayed"] == post.refused()


def test_a_lane_that_hangs_is_given_one_command_and_what_it_misses_is_told_once(post):
    first, second = post.command(), post.command()
    post.say(first)
    post.say(second)
    assert [first.counter] == [order.operator.counter for order in post.orders]
    assert [(second.counter, "no_answer")] == told(post)
    post.commands.turn(post.clock.monotonic())
    assert [(second.counter, "no_answer")] == told(post)
    post.clock.advance(60)
    for _ in range(2):
        post.commands.turn(post.clock.monotonic())
    assert [(second.counter, "no_answer"), (first.counter, "no_answer")] == told(post)
    post.lanes[0].obey(WhyNot.NO_ANSWER)  # it comes back, and says that its time is over
    assert 2 == len(told(post))
    post.time.is_now(floor=NOW + 60, estimate=NOW + 60, ceiling=NOW + 61)
    post.say(post.command(at=NOW + 60))
    assert 2 == len(post.orders)


def told(post):
    return [(row["counter"], row["refused"]) for row in post.rows("commanded")]

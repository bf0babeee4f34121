"""Attacks with signed commands: nothing happens but a row with the attack's code, and the gate goes on."""

from __future__ import annotations

import shutil
from dataclasses import replace

import pytest

from commanding import Post
from gated.credential.message import MESSAGE_TYPES
from gated.model.order import Mode
from gated.model.statement import Kind
from gated.model.trust import Algorithm
from gated.wire.ack import Ack, encode_ack
from gated.wire.command import MAX_VALID_S, What, encode_command
from gated.wire.seal import SigningKey
from questions import NOW


@pytest.fixture
def post(tmp_path):
    made = Post(tmp_path)
    yield made
    made.stop()


def replayed(post):
    token = post.say(post.command())
    post.lanes[0].obey()
    post.hear(token)


def replayed_after_a_restart(post):
    token = post.say(post.command())
    post.lanes[0].obey()
    post.restart()
    post.hear(token)


def replayed_with_the_floors_file_of_before(post):
    """Somebody puts the small file of yesterday back: the journal has the counter too."""
    post.say(post.command(What.REFRESH))
    before = post.path / "floors.of-before"
    shutil.copy(post.path / "floors.json", before)
    token = post.say(post.command())
    post.lanes[0].obey()
    post.stop()
    shutil.copy(before, post.path / "floors.json")
    post.start()
    post.hear(token)


def replayed_without_the_journal(post):
    """And the other way round."""
    token = post.say(post.command())
    post.lanes[0].obey()
    post.stop()
    for path in post.path.glob("journal.db*"):
        path.unlink()
    post.start()
    post.hear(token)


def overtaken(post):
    """One that was held back, while later ones were carried out."""
    held = post.signed(post.command())
    post.say(post.command())
    post.lanes[0].obey()
    post.hear(held)


def of_another_gate(post):
    post.say(post.command(gate="bron-2"))


def of_another_sector(post):
    post.say(post.command(), key=post.museums)


def by_a_wrong_kind_of_key(post):
    post.say(post.command(), key=post.acks)


def by_an_unknown_key(post):
    post.say(post.command(), key=SigningKey.generate(Algorithm.EDDSA))


def unsigned(post):
    post.hear(encode_command(post.command()))


def with_its_signature_cut_off(post):
    post.hear(post.signed(post.command())[:-66] + b"\x40")


def with_another_lane_behind_the_signature(post):
    post.hear(post.signed(post.command()).replace(b"in-1", b"in-2"))


def a_receipt_in_its_place(post):
    """Another kind of message of central's, under the topic of commands."""
    ack = encode_ack(Ack("bron-1", "00" * 8, 0, bytes(32), NOW))
    post.hear(post.acks.sign(MESSAGE_TYPES[Kind.ACK], ack))


def late(post):
    held = post.signed(post.command())
    post.time.is_now(floor=NOW + 60, estimate=NOW + 60, ceiling=NOW + 61)
    post.hear(held)


def late_by_the_floor_alone(post):
    """Somebody turns the system clock back to the time of the command: signed time has gone on."""
    held = post.signed(post.command())
    post.time.is_now(floor=NOW + 60, estimate=NOW, ceiling=NOW + 61)
    post.hear(held)


def held_back_until_nobody_knows_the_time(post):
    """A week in a drawer; then the power fails, and the clock begins anew where the floor stood."""
    held = post.signed(post.command())
    post.time.is_now(ceiling=None)
    post.hear(held)


def a_mode_held_back_until_nobody_knows_the_time(post):
    held = post.signed(post.command(What.MODE, lane="in-1", mode=Mode.FREE_PASSAGE))
    post.time.is_now(ceiling=None)
    post.hear(held)


def endless(post):
    post.say(post.command(expires=NOW + MAX_VALID_S + 1))


def signed_for_next_year(post):
    post.say(post.command(at=NOW + 365 * 86400))


def signed_for_next_year_and_nobody_knows_the_time(post):
    post.time.is_now(ceiling=None)
    post.say(post.command(What.REFRESH, at=NOW + 500 * 86400))


def with_a_counter_that_would_end_all_counting(post):
    post.say(post.command(counter=1 << 40))


def noise(post):
    post.hear(b"\xd2\x84" + bytes(100))


def endless_bytes(post):
    post.hear(bytes(1_000_000))


ATTACKS = [
    (replayed, "replayed"),
    (replayed_after_a_restart, "replayed"),
    (replayed_with_the_floors_file_of_before, "replayed"),
    (replayed_without_the_journal, "replayed"),
    (overtaken, "replayed"),
    (of_another_gate, "foreign"),
    (of_another_sector, "out_of_scope"),
    (by_a_wrong_kind_of_key, "out_of_scope"),
    (by_an_unknown_key, "unknown_key"),
    (unsigned, "malformed"),
    (with_its_signature_cut_off, "unsigned"),
    (with_another_lane_behind_the_signature, "bad_signature"),
    (a_receipt_in_its_place, "malformed"),
    (late, "late"),
    (late_by_the_floor_alone, "late"),
    (held_back_until_nobody_knows_the_time, "clock"),
    (a_mode_held_back_until_nobody_knows_the_time, "clock"),
    (endless, "malformed"),
    (signed_for_next_year, "future"),
    (signed_for_next_year_and_nobody_knows_the_time, "future"),
    (with_a_counter_that_would_end_all_counting, "malformed"),
    (noise, "malformed"),
    (endless_bytes, "oversize"),
]


@pytest.mark.parametrize(("attack", "code"), ATTACKS, ids=[attack.__name__ for attack, _ in ATTACKS])
def test_an_attack_with_a_command_changes_nothing_and_is_told(post, attack, code):
    attack(post)
    assert [code] == post.refused()
    carried_out = [order.operator.counter for order in post.orders]
    assert len(set(carried_out)) == len(carried_out), "something was done twice"
    assert [] == [order for order in post.orders if order.operator.name != "Mia"]
    assert all(lane.orders == [] for lane in post.lanes if not attack.__name__.startswith(("replay", "over")))
    # The gate goes on: it knows the time again, and the next genuine command is carried out.
    post.time.is_now(floor=NOW + 61, estimate=NOW + 61, ceiling=NOW + 62)
    genuine = post.command(at=NOW + 61, lane="out-1")
    post.say(replace(genuine, expires=NOW + 120))
    assert genuine.counter == post.lanes[1].orders[-1].operator.counter


def test_a_flood_of_genuine_commands_opens_no_more_than_the_rate(post):
    """A stolen command key, for as long as nobody has ended it."""
    for _ in range(100):
        post.say(post.command())
        post.lanes[0].obey()
    assert 12 == len(post.lanes[0].orders)
    assert ["too_many"] == post.refused()
    post.clock.advance(61)
    post.say(post.command())
    assert 13 == len(post.lanes[0].orders)

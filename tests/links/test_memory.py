"""The broker in memory: what can be ordered of it, and what the contract leaves open."""

from __future__ import annotations

import threading

import pytest

from gated.errors import LinkError
from gated.links.memory import MemoryBroker, MemoryLink
from gated.links.memory_broker import QUEUED
from gated.links.memory_faults import matches
from gated.model.letter import NOBODY_LISTENS, Answered, Letter, Received

SHARED = "$share/workers/t/+"


@pytest.fixture
def broker():
    return MemoryBroker()


def opened(broker, name, topics=(), will=None, **more):
    link = MemoryLink(broker, name, **more)
    link.open(list(topics), will)
    return link


def told(link, *payloads, topic="t/1", retain=False) -> list[int]:
    """Send letters; what they are answered with."""
    codes = []
    for payload in payloads:
        number = link.send(Letter(topic, payload, retain))
        came = link.receive(1.0)
        assert isinstance(came, Answered)
        assert came.number == number
        codes.append(came.code)
    return codes


def got(link, *, take=True) -> list[bytes]:
    found = []
    while (came := link.receive(0)) is not None:
        assert isinstance(came, Received)
        found.append(came.payload)
        if take:
            link.take(came)
    return found


@pytest.fixture
def pair(broker):
    return opened(broker, "a"), opened(broker, "b", ["t/+"])


# ------------------------------------------------------------------ faults to order


def test_lost_letters_are_answered_as_success(broker, pair):
    sender, reader = pair
    broker.faults.lose(2)
    assert [0, 0, 0] == told(sender, b"1", b"2", b"3")
    assert [b"3"] == got(reader)


def test_doubled_letters_arrive_twice_and_are_answered_once(broker, pair):
    sender, reader = pair
    broker.faults.double()
    assert [0, 0] == told(sender, b"1", b"2")
    assert [b"1", b"1", b"2"] == got(reader)
    assert sender.receive(0) is None


@pytest.mark.parametrize("backwards", [False, True])
def test_held_letters_arrive_when_they_are_released(broker, pair, backwards):
    sender, reader = pair
    broker.faults.hold(2)
    assert [0, 0, 0] == told(sender, b"1", b"2", b"3")
    assert [b"3"] == got(reader)
    broker.release(backwards=backwards)
    assert ([b"2", b"1"] if backwards else [b"1", b"2"]) == got(reader)
    broker.release()
    assert [] == got(reader)


def test_letters_can_be_held_until_further_notice(broker, pair):
    sender, reader = pair
    broker.faults.hold()
    told(sender, *(b"%d" % number for number in range(30)))
    assert [] == got(reader)
    broker.release()
    assert 30 == len(got(reader))
    told(sender, b"free")
    assert [b"free"] == got(reader)


def test_reordered_letters_arrive_backwards_once_all_of_them_are_there(broker, pair):
    sender, reader = pair
    broker.faults.reorder(3)
    told(sender, b"1", b"2")
    assert [] == got(reader)
    told(sender, b"3", b"4")
    assert [b"3", b"2", b"1", b"4"] == got(reader)


def test_letters_that_wait_for_their_reordering_are_released_too(broker, pair):
    sender, reader = pair
    broker.faults.reorder(3)
    told(sender, b"1", b"2")
    broker.release()
    assert [b"1", b"2"] == got(reader)


def test_refused_letters_are_answered_so_and_not_delivered(broker, pair):
    sender, reader = pair
    broker.faults.refuse(0x87, 1)
    broker.faults.refuse(0x97, 1)
    assert [0x87, 0x97, 0] == told(sender, b"1", b"2", b"3")
    assert [b"3"] == got(reader)


def test_an_order_is_for_its_topics(broker, pair):
    sender, reader = pair
    broker.faults.lose(None, topics="t/+")
    assert [0] == told(sender, b"lost")
    assert [NOBODY_LISTENS] == told(sender, b"1", topic="u")
    broker.release()
    assert [0] == told(sender, b"2")
    assert [b"2"] == got(reader)


def test_what_a_broker_invents_arrives_like_any_letter(broker, pair):
    _, reader = pair
    assert broker.publish(Letter("t/9", b"forged"))
    assert not broker.publish(Letter("u", b"forged"))
    assert [b"forged"] == got(reader)


@pytest.mark.parametrize(
    ("topics", "topic", "fits"),
    [
        ("a", "a", True),
        ("a", "b", False),
        ("a", "a/b", False),
        ("a/b", "a", False),
        ("+", "a", True),
        ("+", "a/b", False),
        ("a/+/c", "a/b/c", True),
        ("a/+/c", "a//c", True),
        ("a/+/c", "a/b/d", False),
        ("#", "a/b/c", True),
        ("a/#", "a/b/c", True),
        ("a/#", "a", True),
        ("a/#", "b", False),
    ],
)
def test_filters(topics, topic, fits):
    assert fits == matches(topics, topic)


# ------------------------------------------------------------------ outages


def test_a_silence_lasts_for_who_lived_through_it(broker, pair):
    sender, reader = pair
    broker.silence()
    for _ in range(sender.window):
        sender.send(Letter("t/1", b"void"))
    with pytest.raises(LinkError):
        sender.send(Letter("t/1", b"void"))
    with pytest.raises(LinkError, match="does not answer"):
        opened(broker, "c")
    broker.speak()
    assert sender.receive(0.01) is None
    assert [NOBODY_LISTENS] == told(opened(broker, "c"), b"1", topic="u")
    assert [] == got(reader)
    broker.publish(Letter("t/1", b"unheard"))
    reader.open(["t/+"])
    sender.open([])
    assert [0] == told(sender, b"heard")
    assert [b"heard"] == got(reader)


def test_the_will_of_a_silenced_client_is_published_when_it_comes_again(broker):
    link = opened(broker, "a", will=Letter("t/1", b"gone"))
    broker.silence()
    broker.speak()
    reader = opened(broker, "b", ["t/+"])
    link.close()  # unheard
    assert [] == got(reader)
    link.open([])
    assert [b"gone"] == got(reader)


@pytest.mark.parametrize("forget", [False, True])
def test_an_outage_publishes_no_will_and_keeps_retained_letters_unless_told_otherwise(broker, forget):
    link = opened(broker, "a", will=Letter("t/1", b"gone"))
    told(link, b"kept", topic="t/2", retain=True)
    broker.stop(forget=forget)
    with pytest.raises(LinkError, match="is gone"):
        link.receive(1.0)
    with pytest.raises(LinkError, match="stopped"):
        link.open([])
    broker.start()
    assert ([] if forget else [b"kept"]) == got(opened(broker, "b", ["t/+"]))


def test_a_banned_client_stays_out_until_it_is_pardoned(broker):
    link = opened(broker, "a")
    broker.ban("a")
    with pytest.raises(LinkError, match="lets a not in"):
        link.open([])
    broker.pardon("a")
    link.open([])


def test_cutting_who_is_not_there_does_nothing(broker):
    broker.cut("a")


# ------------------------------------------------------------------ what can be seen


def test_what_passes_can_be_watched(broker, pair):
    sender, _ = pair
    seen = []
    broker.watch(lambda client, letter: seen.append((client, letter)))
    told(sender, b"1")
    assert [("a", Letter("t/1", b"1"))] == seen
    assert ("a", "b") == broker.clients
    told(sender, b"2", retain=True)
    assert {"t/1": Letter("t/1", b"2", retain=True)} == broker.retained


# ------------------------------------------------------------------ what the contract leaves open


def test_what_a_dead_member_had_not_taken_reaches_another(broker):
    sender = opened(broker, "s")
    first, second = opened(broker, "w1", [SHARED], window=1), opened(broker, "w2", [SHARED])
    told(sender, *(b"%d" % number for number in range(6)))
    first.take(first.receive(0))
    assert isinstance(first.receive(0), Received)  # and not taken; a third one waits for it
    assert 3 == len(got(second))
    broker.cut("w1")
    assert 2 == len(got(second))


def test_a_broker_can_throw_away_what_a_dead_member_had_not_taken():
    broker = MemoryBroker(redelivers=False)
    sender = opened(broker, "s")
    first, second = opened(broker, "w1", [SHARED]), opened(broker, "w2", [SHARED])
    told(sender, b"1", b"2")
    first.close()
    assert 1 == len(got(second))


def test_a_letter_untaken_by_the_last_member_is_gone(broker):
    sender, member = opened(broker, "s"), opened(broker, "w1", [SHARED])
    told(sender, b"1")
    broker.cut("w1")
    with pytest.raises(LinkError):
        member.receive(0)
    assert [] == got(opened(broker, "w2", [SHARED]))


def test_a_share_is_not_greeted_with_retained_letters(broker):
    sender = opened(broker, "s")
    told(sender, b"1", retain=True)
    assert [] == got(opened(broker, "w1", [SHARED]))


def test_exactly_a_window_is_given_untaken(broker):
    sender, reader = opened(broker, "a"), opened(broker, "b", ["t/+"], window=2)
    told(sender, b"1", b"2", b"3", b"4")
    assert [b"1", b"2"] == got(reader, take=False)
    reader.take(Received("t/1", b"1", 1))
    assert [b"3"] == got(reader, take=False)


def test_a_full_queue_answers_what_it_throws_away(broker):
    sender, reader = opened(broker, "a"), opened(broker, "b", ["t/+"], window=1)
    codes = told(sender, *(b"%d" % number for number in range(QUEUED + 10)))
    assert {0} == set(codes)
    assert QUEUED + 1 == len(got(reader))


def test_many_threads_lose_nothing(broker):
    reader = opened(broker, "r", ["t/+"])

    def send(name):
        link = opened(broker, name)
        told(link, *(b"%s %d" % (name.encode(), number) for number in range(100)))

    threads = [threading.Thread(target=send, args=(f"s{number}",), daemon=True) for number in range(4)]
    for thread in threads:
        thread.start()
    came = []
    for _ in range(400):
        received = reader.receive(10.0)
        came.append(received.payload)
        reader.take(received)
    for thread in threads:
        thread.join(10.0)
    assert 400 == len(set(came))
    for number in range(4):
        own = [one for one in came if one.startswith(b"s%d " % number)]
        assert own == [b"s%d %d" % (number, index) for index in range(100)]

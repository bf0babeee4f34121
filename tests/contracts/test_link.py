"""The contract of the link port, kept by both twins: in process, and MQTT through a real mosquitto."""

from __future__ import annotations

import queue
import threading

import pytest

import mosquitto
from gated.errors import GatedError, LetterTooLargeError, LinkError
from gated.links.memory import MemoryBroker, MemoryLink
from gated.model.letter import NOBODY_LISTENS, Answered, Letter, Received
from mosquitto import monotonic
from proxy import Proxy
from venue import until

PATIENCE_S = 10.0
SHORT_S = 0.2  # for what must not come
SOON_S = 2.5  # shorter than the time after which a link looks up by itself
WINDOW = 5
MAX_PACKET = 20_000


class MemoryWorld:
    """A broker in this process."""

    def __init__(self) -> None:
        self.broker = MemoryBroker(window=WINDOW, max_packet=MAX_PACKET)

    def link(self, name, **more):
        return MemoryLink(self.broker, name, **more)

    def refused(self, name):
        self.broker.ban(name)
        return self.link(name)

    def cut(self, name):
        self.broker.cut(name)

    def stop(self):
        self.broker.stop()

    def start(self):
        self.broker.start()

    def silence(self):
        self.broker.silence()

    def heal(self):
        self.broker.speak()

    def end(self):
        pass


class MqttWorld:
    """A mosquitto, and a bad network before it: a proxy for each client."""

    def __init__(self, path) -> None:
        lines = (f"max_packet_size {MAX_PACKET}", f"max_inflight_messages {WINDOW}")
        self.broker = mosquitto.Mosquitto(path, general=lines).start()
        self.proxies = {}
        self.silent = False

    def link(self, name, **more):
        if name not in self.proxies:
            self.proxies[name] = Proxy(self.broker.port)
            if self.silent:
                self.proxies[name].hole()
        more = {"port": self.proxies[name].port, "connect_timeout_s": 2.0} | more
        return self.broker.link(name, **more)

    def refused(self, name):
        stranger = mosquitto.Pki(self.broker.path / "stranger").issue(name)
        return self.link(
            name, files=mosquitto.TlsFiles(self.broker.pki.ca, stranger.certificate, stranger.key)
        )

    def cut(self, name):
        self.proxies[name].cut()

    def stop(self):
        self.broker.kill()

    def start(self):
        self.broker.start()

    def silence(self):
        self.silent = True
        for one in self.proxies.values():
            one.hole()

    def heal(self):
        self.silent = False
        for one in self.proxies.values():
            one.heal()

    def end(self):
        for one in self.proxies.values():
            one.close()
        self.broker.kill()


@pytest.fixture(params=["memory", "mqtt"])
def world(request, tmp_path):
    made = MemoryWorld() if request.param == "memory" else MqttWorld(tmp_path)
    yield made
    made.end()


@pytest.fixture
def opened(world):
    """Open a link that is closed when the test ends."""
    links = []

    def open_link(name, topics=(), will=None, **more):
        link = world.link(name, **more)
        link.open(list(topics), will)
        links.append(link)
        return link

    yield open_link
    for link in links:
        link.close()


def answer(link) -> Answered:
    came = link.receive(PATIENCE_S)
    assert isinstance(came, Answered), came
    return came


def letter(link) -> Received:
    came = link.receive(PATIENCE_S)
    assert isinstance(came, Received), came
    return came


def told(link, sent: Letter) -> int:
    """Send a letter; what the broker answers."""
    number = link.send(sent)
    came = answer(link)
    assert came.number == number
    return came.code


def taken(link, count: int) -> list[Received]:
    """So many letters, all taken, and nothing after them."""
    found = []
    for _ in range(count):
        found.append(letter(link))
        link.take(found[-1])
    assert link.receive(SHORT_S) is None
    return found


def shared(members, count: int) -> list[list[Received]]:
    """What each of the members of a share is given of so many letters, all taken; and nothing after them."""
    found: list[list[Received]] = [[] for _ in members]

    def look(wait_s: float) -> bool:
        for member, given in zip(members, found, strict=True):
            while (came := member.receive(wait_s)) is not None:
                assert isinstance(came, Received)
                member.take(came)
                given.append(came)
        return sum(map(len, found)) >= count

    until(lambda: look(0.02))
    look(SHORT_S)
    assert count == sum(map(len, found))
    return found


def lost(link) -> LinkError:
    """What the link raises once it is lost, whatever came before."""
    errors = []

    def looked() -> bool:
        try:
            link.receive(0.2)
        except LinkError as error:
            errors.append(error)
        return bool(errors)

    assert until(looked)
    assert errors[0].hint
    return errors[0]


def payloads(letters) -> list[bytes]:
    return sorted(one.payload for one in letters)


# ------------------------------------------------------------------ letters


def test_a_letter_arrives_under_its_topic_and_is_answered(opened):
    sender, reader = opened("a"), opened("b", ["t/+"])
    assert 0 == told(sender, Letter("t/1", b"hello"))
    came = letter(reader)
    assert ("t/1", b"hello") == (came.topic, came.payload)


@pytest.mark.parametrize("payload", [b"", bytes(range(256)), "schön ☃".encode(), b"x" * 15_000])
def test_a_payload_is_any_bytes(opened, payload):
    sender, reader = opened("a"), opened("b", ["t"])
    assert 0 == told(sender, Letter("t", payload))
    assert payload == letter(reader).payload


def test_a_topic_is_any_text(opened):
    sender, reader = opened("a"), opened("b", ["gött/+/☃"])
    assert 0 == told(sender, Letter("gött/é/☃", b"1"))
    assert "gött/é/☃" == letter(reader).topic


def test_a_filter_takes_in_its_topics_and_no_others(opened):
    sender, reader = opened("a"), opened("b", ["gate/+/up", "all/#", "one"])
    wanted = ["gate/1/up", "gate/2/up", "all/a", "all/a/b", "one"]
    for topic in [*wanted, "gate/up", "gate/1/down", "gate/1/2/up", "gate/1/up/x", "two", "on"]:
        told(sender, Letter(topic, topic.encode()))
    assert wanted == [one.topic for one in taken(reader, len(wanted))]


def test_a_letter_that_nobody_listens_to_is_answered_so(opened):
    sender, _ = opened("a"), opened("b", ["other"])
    number = sender.send(Letter("t", b"1"))
    assert Answered(number, NOBODY_LISTENS) == answer(sender)
    assert not Answered(number, NOBODY_LISTENS).refused


def test_letters_of_one_sender_keep_their_order(opened):
    sender, reader = opened("a"), opened("b", ["t"])
    for number in range(20):
        told(sender, Letter("t", b"%d" % number))
    assert [b"%d" % number for number in range(20)] == [one.payload for one in taken(reader, 20)]


def test_who_takes_nothing_is_given_no_more_than_a_window(opened):
    sender, reader = opened("a"), opened("b", ["t"], window=4)
    for number in range(10):
        told(sender, Letter("t", b"%d" % number))
    first = [letter(reader) for _ in range(4)]
    assert reader.receive(SHORT_S) is None
    reader.take(first[0])
    assert b"4" == letter(reader).payload
    for one in first[1:]:
        reader.take(one)
    assert [b"5", b"6", b"7", b"8", b"9"] == payloads(taken(reader, 5))


# ------------------------------------------------------------------ shared subscriptions


SHARED = "$share/workers/gate/+/up"


def test_each_letter_reaches_one_member_of_a_share(opened):
    sender = opened("a")
    members = [opened("w1", [SHARED]), opened("w2", [SHARED])]
    outsider = opened("o", ["gate/+/up"])
    for number in range(10):
        assert 0 == told(sender, Letter("gate/1/up", b"%d" % number))
    shares = shared(members, 10)
    assert all(shares)
    assert [b"%d" % number for number in range(10)] == payloads(shares[0] + shares[1])
    assert 10 == len(taken(outsider, 10))


@pytest.mark.parametrize("how", ["cut", "close"])
def test_the_members_of_a_share_that_are_left_get_all_that_comes(world, opened, how):
    """What the one that went had not taken comes again, or not: mosquitto 2.0.11 throws it away."""
    sender = opened("a")
    members = {name: opened(name, [SHARED]) for name in ("w1", "w2")}
    for number in range(4):
        told(sender, Letter("gate/1/up", b"%d" % number))
    untaken = [letter(members["w1"]).payload for _ in range(2)]
    if how == "cut":
        world.cut("w1")
        lost(members["w1"])
    else:
        members["w1"].close()
    others = {b"0", b"1", b"2", b"3"} - set(untaken)
    for number in range(4, 8):
        assert 0 == told(sender, Letter("gate/1/up", b"%d" % number))
    others |= {b"4", b"5", b"6", b"7"}
    came: set[bytes] = set()
    while not others <= came:
        came.add(letter(members["w2"]).payload)
    assert came <= others | set(untaken)


def test_a_letter_that_was_taken_comes_no_more(world, opened):
    sender, reader = opened("a"), opened("w1", [SHARED])
    told(sender, Letter("gate/1/up", b"1"))
    reader.take(letter(reader))
    told(sender, Letter("gate/1/up", b"2"))
    assert [b"2"] == payloads(taken(reader, 1))
    world.cut("w1")
    lost(reader)
    assert [] == taken(opened("w2", [SHARED]), 0)


def test_a_share_without_a_member_listens_to_nothing(opened):
    sender, member = opened("a"), opened("w1", [SHARED])
    assert 0 == told(sender, Letter("gate/1/up", b"1"))
    member.close()
    assert NOBODY_LISTENS == told(sender, Letter("gate/1/up", b"2"))


# ------------------------------------------------------------------ retained letters and wills


def test_the_newest_retained_letter_greets_who_subscribes_later(opened):
    """A share may be greeted or not: MQTT 5 section 4.8.2 forbids it, and mosquitto 2.0.11 does it."""
    sender = opened("a")
    told(sender, Letter("s/1", b"old", retain=True))
    told(sender, Letter("s/1", b"new", retain=True))
    told(sender, Letter("s/2", b"passing"))
    (came,) = taken(opened("b", ["s/+"]), 1)
    assert ("s/1", b"new") == (came.topic, came.payload)


def test_an_empty_retained_letter_ends_the_retaining(opened):
    sender = opened("a")
    told(sender, Letter("s/1", b"1", retain=True))
    told(sender, Letter("s/1", b"", retain=True))
    assert [] == taken(opened("b", ["s/+"]), 0)


def test_a_will_is_published_when_the_link_is_cut(world, opened):
    reader = opened("b", ["s/+"])
    leaving = opened("a", will=Letter("s/a", b"gone", retain=True))
    assert reader.receive(SHORT_S) is None
    world.cut("a")
    assert b"gone" == letter(reader).payload
    lost(leaving)
    assert b"gone" == letter(opened("c", ["s/+"])).payload


def test_no_will_is_published_when_the_link_is_closed_or_opened_anew(opened):
    reader = opened("b", ["s/+"])
    leaving = opened("a", will=Letter("s/a", b"gone"))
    leaving.open([], Letter("s/a", b"gone later"))
    leaving.close()
    assert reader.receive(SHORT_S) is None


# ------------------------------------------------------------------ limits


def test_no_more_letters_are_unanswered_than_the_broker_allows(opened):
    sender = opened("a")
    assert WINDOW == sender.window
    numbers = [sender.send(Letter("t", b"1")) for _ in range(WINDOW)]
    with pytest.raises(LinkError) as caught:
        sender.send(Letter("t", b"1"))
    assert caught.value.hint
    assert numbers[0] == answer(sender).number  # the link is none the worse
    sender.send(Letter("t", b"1"))
    assert len(set(numbers)) == WINDOW


def test_no_more_letters_are_unanswered_than_the_link_allows(opened):
    sender = opened("a", window=2)
    assert 2 == sender.window
    sender.send(Letter("t", b"1"))
    sender.send(Letter("t", b"1"))
    with pytest.raises(LinkError):
        sender.send(Letter("t", b"1"))


def test_a_letter_larger_than_the_broker_takes_is_not_sent_and_the_link_goes_on(opened):
    sender, reader = opened("a"), opened("b", ["t"])
    with pytest.raises(LetterTooLargeError) as caught:
        sender.send(Letter("t", b"x" * MAX_PACKET))
    assert caught.value.hint
    assert 0 == told(sender, Letter("t", b"small"))
    assert [b"small"] == payloads(taken(reader, 1))


# ------------------------------------------------------------------ waits


def test_a_wait_ends_when_its_time_is_over(opened):
    link = opened("a", ["t"])
    began = monotonic()
    assert link.receive(0) is None
    assert link.receive(0.05) is None
    assert 0.05 <= monotonic() - began < PATIENCE_S


def test_a_wait_of_no_time_gives_what_is_there(opened):
    sender, reader = opened("a"), opened("b", ["t"])
    told(sender, Letter("t", b"1"))
    assert until(lambda: reader.receive(0) is not None)


def test_an_interrupt_ends_the_wait_of_another_thread(opened):
    link = opened("a", ["t"])
    results: queue.SimpleQueue = queue.SimpleQueue()
    thread = threading.Thread(target=lambda: results.put(link.receive(PATIENCE_S)), daemon=True)
    thread.start()
    thread.join(0.2)  # it waits by now
    assert thread.is_alive()
    began = monotonic()
    link.interrupt()
    assert results.get(timeout=PATIENCE_S) is None
    thread.join(PATIENCE_S)
    assert monotonic() - began < SOON_S


def test_an_interrupt_between_two_waits_ends_the_next_and_no_other(opened):
    link = opened("a", ["t"])
    for _ in range(3):
        link.interrupt()
    began = monotonic()
    assert link.receive(PATIENCE_S) is None
    assert monotonic() - began < SOON_S
    assert link.receive(0.05) is None
    assert monotonic() - began >= 0.05


def test_an_interrupt_is_felt_by_a_link_that_is_opened_afterwards(world, opened):
    link = world.link("a")
    link.interrupt()
    link.open([])
    began = monotonic()
    assert link.receive(PATIENCE_S) is None
    assert monotonic() - began < SOON_S
    link.close()


# ------------------------------------------------------------------ links that do not come about


def test_a_client_that_the_broker_does_not_want_is_refused(world, opened):
    link = world.refused("stranger")
    with pytest.raises(LinkError) as caught:
        link.open(["t"])
    assert caught.value.hint
    with pytest.raises(LinkError):
        link.receive(0)
    assert NOBODY_LISTENS == told(opened("a"), Letter("t", b"1"))


def test_a_broker_that_is_not_there_is_told(world):
    link = world.link("a")
    world.stop()
    with pytest.raises(LinkError) as caught:
        link.open([])
    assert caught.value.hint
    world.start()
    link.open([])
    assert NOBODY_LISTENS == told(link, Letter("t", b"1"))
    link.close()


def test_a_link_that_is_not_open_does_nothing_and_says_so(world, opened):
    link = world.link("a")
    uses = (
        lambda: link.receive(0),
        lambda: link.send(Letter("t", b"")),
        lambda: link.take(Received("t", b"", 1)),
    )
    for _ in range(2):
        for use in uses:
            with pytest.raises(LinkError) as caught:
                use()
            assert caught.value.hint
        link.interrupt()
        link.close()
        link.close()
        link.open([])
        link.close()


# ------------------------------------------------------------------ links that are lost


@pytest.mark.parametrize("how", ["cut", "outage"])
def test_a_lost_link_is_told_by_every_use_and_can_be_opened_anew(world, opened, how):
    sender, reader = opened("a"), opened("b", ["t"])
    told(sender, Letter("t", b"1"))
    untaken = letter(reader)
    if how == "cut":
        world.cut("b")
    else:
        world.stop()
    lost(reader)
    for use in (
        lambda: reader.receive(0),
        lambda: reader.send(Letter("t", b"")),
        lambda: reader.take(untaken),
    ):
        with pytest.raises(GatedError) as caught:
            use()
        assert isinstance(caught.value, LinkError)
        assert caught.value.hint
    world.start() if how == "outage" else None
    reader.open(["t"])
    sender.open([])
    assert 0 == told(sender, Letter("t", b"2"))
    assert b"2" == letter(reader).payload


def test_a_wait_ends_when_the_link_is_lost(world, opened):
    link = opened("a", ["t"])
    results: queue.SimpleQueue = queue.SimpleQueue()

    def wait():
        try:
            results.put(link.receive(PATIENCE_S))
        except LinkError as error:
            results.put(error)

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    world.cut("a")
    assert isinstance(results.get(timeout=PATIENCE_S / 2), LinkError)
    thread.join(PATIENCE_S)


def test_nothing_outstanding_is_carried_into_a_new_connection(world, opened):
    sender, reader = opened("a"), opened("b", ["t"])
    numbers = {sender.send(Letter("t", b"old")) for _ in range(3)}
    assert 3 == len(taken(reader, 3))
    world.cut("a")
    lost(sender)
    sender.open(["u"])
    number = sender.send(Letter("u", b"new"))
    assert number not in numbers
    came = [sender.receive(PATIENCE_S), sender.receive(PATIENCE_S)]
    assert Answered(number, 0) in came
    assert [b"new"] == [one.payload for one in came if isinstance(one, Received)]
    assert sender.receive(SHORT_S) is None
    assert [] == taken(reader, 0)
    for _ in range(WINDOW):  # and it does not count against the window
        sender.send(Letter("t", b"more"))


def test_a_letter_of_an_earlier_connection_is_nobodys(world, opened):
    sender, reader = opened("a"), opened("b", ["t"], window=1)
    told(sender, Letter("t", b"1"))
    old = letter(reader)
    reader.open(["t"])
    told(sender, Letter("t", b"2"))
    told(sender, Letter("t", b"3"))
    assert b"2" == letter(reader).payload
    reader.take(old)  # were it taken for the present one, the next would come
    assert reader.receive(SHORT_S) is None


def test_a_second_client_of_the_same_name_takes_over(world, opened):
    reader = opened("r", ["s/+", "t"])
    first = opened("a", ["t"], will=Letter("s/a", b"gone"))
    second = opened("a", ["t"])
    lost(first)
    assert b"gone" == letter(reader).payload
    assert 0 == told(opened("x"), Letter("t", b"1"))
    assert b"1" == letter(second).payload


def test_a_silent_link_takes_letters_and_answers_nothing(world, opened):
    sender, reader = opened("a"), opened("b", ["t"])
    world.silence()
    sender.send(Letter("t", b"1"))
    assert sender.receive(SHORT_S) is None
    assert reader.receive(SHORT_S) is None
    with pytest.raises(LinkError) as caught:
        world.link("c").open([])
    assert caught.value.hint
    world.heal()
    sender.close()
    sender.open([])
    reader.close()
    reader.open(["t"])
    assert 0 == told(sender, Letter("t", b"2"))
    assert [b"2"] == payloads(taken(reader, 1))

"""Workers of central on a broker in memory that loses, doubles, delays, reorders and goes away."""

from __future__ import annotations

import logging
import random
import threading
from contextlib import closing

import pytest

from central.box import EPOCH, Box, counted, rows_of
from central.pools import founded
from central.talker import Talker
from gated.central.ack_keys import AckKeys
from gated.central.answering import Answering
from gated.central.ledger import Ledger
from gated.central.ledger_events import chains
from gated.central.ledger_gates import end_gate, heard_of
from gated.central.ledger_statements import Logged, unpublished
from gated.central.office import Office
from gated.central.opening import Greeting, newest, too_many_states
from gated.central.outbox import MAX_RECEIPTS, Outbox
from gated.central.proof import doubts
from gated.central.service import ALARM_S, ANSWER_S, COUNT_S, CentralWorker
from gated.config.files import load_keys
from gated.credential.cose import split
from gated.credential.message import open_message
from gated.devices.clock import SystemClock
from gated.links.memory import MemoryBroker, MemoryLink
from gated.model.letter import Answered, Letter, Received
from gated.model.statement import DenialState, Kind, TargetKind
from gated.wire import topics
from gated.wire.ack import Ack, read_ack
from gated.wire.batch import encode_batch
from venue import NOW, until

CLOCK = SystemClock()


class City:
    """An office, a broker, and workers that serve."""

    def __init__(self, place) -> None:
        self.place = place
        founded(place, NOW)
        (place / "secret" / "pools.pem").rename(place / "secret" / "away")  # serving needs none of it
        self.keys = load_keys(place / "gate" / "keys.json")
        self.broker = MemoryBroker()
        self.ledger = Ledger(place / "central.db")
        self.workers: list[tuple[CentralWorker, threading.Thread, Ledger]] = []
        self.broken: list[BaseException] = []
        self.ahead, self.now = 0.0, NOW

    def serve(self, link=None, busy_s: float = 5.0) -> CentralWorker:
        number = len(self.workers)
        ledger = Ledger(self.place / "central.db", busy_s=busy_s)
        worker = CentralWorker(
            link or MemoryLink(self.broker, f"central-{number}", window=100),
            ledger,
            AckKeys.load(self.place),
            now=lambda: self.now,
            monotonic=lambda: CLOCK.monotonic() + self.ahead,
            random=lambda: 0.02,
            name=f"central {number}",
        )

        def run():
            try:
                worker.run()
            except BaseException as error:
                self.broken.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        self.workers.append((worker, thread, ledger))
        assert until(lambda: worker.serving.is_set() or self.broken)
        return worker

    def stop(self) -> None:
        for worker, thread, ledger in self.workers:
            worker.stop()
            thread.join(20)
            assert not thread.is_alive()
            ledger.close()
        self.workers = []

    def office(self) -> Office:
        (self.place / "secret" / "away").rename(self.place / "secret" / "pools.pem")
        return Office(self.place, "pools", random.Random(2).randbytes)

    def talker(self, box, rows: int = 3) -> Talker:
        return Talker(box, self.broker, self.keys, rows)

    def holds(self, box) -> None:
        assert dict(enumerate(box.bodies, 1)) == rows_of(self.ledger, box)
        assert list(range(1, box.last + 1)) == sorted(counted(self.ledger, box))
        assert 1 == len(chains(self.ledger, box.gate, box.epoch))
        assert [] == list(doubts(self.ledger, box.gate))
        assert () == heard_of(self.ledger, box.gate).alarms

    def refused(self, gate: str = "") -> dict[str, int]:
        return dict(heard_of(self.ledger, gate).refused)


@pytest.fixture
def city(tmp_path):
    made = City(tmp_path / "city")
    yield made
    made.stop()
    made.ledger.close()
    assert [] == made.broken


@pytest.fixture
def box(city):
    return Box().enrol(city.ledger)


# ------------------------------------------------------------------ whatever the broker does


EVENTS, ACKS = topics.events("+"), topics.ack("+")
FAULTS = {
    "nothing": lambda faults: None,
    "lost": lambda faults: [faults.lose(3, topics=EVENTS), faults.lose(2, topics=ACKS)],
    "doubled": lambda faults: [faults.double(9, topics=EVENTS), faults.double(4, topics=ACKS)],
    "reordered": lambda faults: [faults.reorder(3, topics=EVENTS), faults.reorder(3, topics=EVENTS)],
    "delayed": lambda faults: faults.hold(4, topics=EVENTS),
    "refused": lambda faults: [faults.refuse(0x97, 3, topics=EVENTS), faults.refuse(0x97, 2, topics=ACKS)],
}


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("fault", FAULTS)
def test_every_row_arrives_once(city, box, fault, workers):
    for _ in range(workers):
        city.serve()
    talker = city.talker(box.write(10))
    talker.tell_all()
    FAULTS[fault](city.broker.faults)
    box.write(30)
    talker.tell_all()
    city.broker.release(backwards=True)  # what was held back comes long after
    assert until(lambda: not city.broker.faults.meet(Letter("x", b""))[1])
    city.holds(box)


def test_two_workers_share_the_letters_of_many_gates(city):
    workers = [city.serve(), city.serve()]
    boxes = [Box(f"gate-{number}").enrol(city.ledger).write(40) for number in range(4)]
    threads = [threading.Thread(target=city.talker(box, 2).tell_all) for box in boxes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    for box in boxes:
        city.holds(box)
    assert 160 == sum(worker.stored for worker in workers)
    assert all(worker.stored for worker in workers)


def test_an_outage_is_waited_for_and_told_once(city, box, caplog):
    caplog.set_level(logging.INFO)
    worker = city.serve()
    talker = city.talker(box.write(10))
    talker.tell_all()
    city.broker.stop(forget=True)
    assert until(lambda: not worker.serving.is_set())
    box.write(10)
    gone = threading.Event()
    gone.wait(0.2)  # several attempts
    city.broker.start()
    assert until(worker.serving.is_set)
    talker.tell_all()
    city.holds(box)
    lines = [one.getMessage() for one in caplog.records if one.name == "gated.central.service"]
    assert "central 0: serving" == lines[0]
    assert "central 0: the broker is back" == lines[2]
    assert lines[1].startswith(
        "central 0: not serving, trying again: the link to the broker in memory is lost"
    )
    assert 3 == len(lines)


def test_a_worker_that_is_stopped_leaves_the_broker_and_keeps_its_counters(city, box):
    city.serve()
    city.talker(box.write(3)).tell_all()
    city.ledger.execute("UPDATE state SET heard_at = 0")
    assert 2 == len(city.broker.clients)
    city.stop()
    assert (box.gate,) == city.broker.clients
    assert NOW == heard_of(city.ledger, box.gate).at


def test_a_gate_that_told_nobody_is_heard_when_a_worker_comes(city, box):
    talker = city.talker(box.write(5))
    talker.open()
    city.serve()
    talker.tell_all()
    city.holds(box)


# ------------------------------------------------------------------ workers that die


class Dies(MemoryLink):
    """A worker's link that dies when the worker has committed and is about to take the letter."""

    def take(self, received: Received) -> None:
        self._broker.cut(self._client)
        raise RuntimeError("killed")


def test_a_worker_that_dies_between_commit_and_receipt_loses_nothing(city, box):
    dead = city.serve(Dies(city.broker, "dies"))
    talker = city.talker(box.write(3))
    talker.open()
    talker.link.send(Letter(topics.events(box.gate), box.letter(1, 3)))
    assert until(lambda: city.broken)
    assert ["killed"] == [str(error) for error in city.broken]
    city.broken.clear()
    assert (3, []) == (dead.stored, talker.acks)  # kept, and nobody was told
    city.serve()
    talker.tell_all()
    city.holds(box)


def test_letters_that_could_not_be_kept_are_not_taken(city, box, caplog):
    city.serve(busy_s=0.02)
    city.serve()
    talker = city.talker(box.write(3))
    talker.open()
    assert talker.listen(lambda one: one.acks)  # greeted
    with city.ledger.transaction():
        talker.link.send(Letter(topics.events(box.gate), box.letter(1, 3)))
        assert until(lambda: "SQLITE_BUSY" in caplog.text)
    assert talker.listen(lambda one: one.window.acked == 3), "another worker got it"
    city.holds(box)


# ------------------------------------------------------------------ who is not believed


def junk(city, box):
    """Letters that nobody believes: (topic, payload, who is counted, code)."""
    other = Box("bron-2").enrol(city.ledger).write(2)
    old = Box("old-1").enrol(city.ledger).write(2)
    end_gate(city.ledger, "old-1", NOW)
    stranger = Box().write(2)
    payload = encode_batch(box.batch())
    good = box.sign(payload)
    spoilt = good[:-1] + bytes([good[-1] ^ 1])
    return [
        (topics.events("bron-1"), spoilt, "bron-1", "bad_signature"),
        (topics.events("bron-1"), stranger.letter(), "bron-1", "unknown_key"),
        (topics.events("bron-1"), other.letter(), "bron-1", "unknown_key"),
        (topics.events("bron-2"), other.sign(payload), "bron-2", "foreign_gate"),
        (topics.events("bron-1"), box.greeting(), "bron-1", "malformed"),
        (topics.state("bron-1"), good, "bron-1", "malformed"),
        (topics.events("bron-1"), box.sign(b"{}"), "bron-1", "malformed"),
        (topics.state("bron-1"), box.sign(b"{}", "gated/state"), "bron-1", "malformed"),
        (topics.state("bron-2"), other.sign(box.greeting()[20:], "gated/state"), "bron-2", "malformed"),
        (topics.events("bron-1"), b"noise", "bron-1", "malformed"),
        (topics.events("bron-1"), b"\xd2" + bytes(70_000), "bron-1", "oversize"),
        (topics.events("old-1"), old.letter(), "", "unknown_gate"),
        (topics.events("bron-9"), stranger.letter(), "", "unknown_gate"),
        (topics.events("-" * 9), stranger.letter(), "", "foreign_topic"),
    ]


def test_what_is_not_believed_is_counted_taken_and_never_answered(city, box, caplog):
    caplog.set_level(logging.INFO)
    city.serve()
    letters = junk(city, box.write(2))
    heard = MemoryLink(city.broker, "ear")
    heard.open([topics.ack("+")])
    for topic, payload, _, _ in letters * 20:
        city.broker.publish(Letter(topic, payload))
    talker = city.talker(box.write(1))
    talker.tell_all()  # the worker goes on
    city.holds(box)
    city.stop()  # counters are kept
    expected: dict[str, dict[str, int]] = {}
    for _, _, gate, code in letters:
        codes = expected.setdefault(gate, {})
        codes[code] = codes.get(code, 0) + 20
    assert expected == {gate: city.refused(gate) for gate in expected}
    answered = set()
    while (came := heard.receive(0.05)) is not None:
        answered.add(came.topic)
        heard.take(came)
    assert {topics.ack("bron-1")} == answered
    assert 1 == len(caplog.records), caplog.text
    heard.close()


def test_a_wrong_clock_at_central_signs_nothing_and_is_told_once(city, box, caplog):
    worker = city.serve()
    city.now = NOW + 40 * 86400  # its key ends after 30 days
    box.write(9)
    link = MemoryLink(city.broker, box.gate)
    link.open((topics.ack(box.gate),))
    for last in (3, 6, 9):
        link.send(Letter(topics.events(box.gate), box.letter(last - 2, last)))
    assert until(lambda: 9 == worker.stored)
    assert until(lambda: "gets no receipts" in caplog.text)
    city.now = NOW
    link.send(Letter(topics.events(box.gate), box.letter(1, 9)))
    came = [one for one in iter(lambda: link.receive(2), None) if isinstance(one, Received)]
    assert [NOW] == [read_ack(open_message(one.payload, Kind.ACK, city.keys, "pools", 0)).at for one in came]
    assert 1 == caplog.text.count("sector pools gets no receipts")
    link.close()


def test_a_replayed_batch_and_a_replayed_greeting_change_nothing(city, box):
    worker = city.serve()
    talker = city.talker(box.write(9))
    talker.tell_all()
    before = city.ledger.rows("SELECT * FROM event"), city.ledger.rows("SELECT * FROM batch")
    told = len(talker.acks)
    for _ in range(5):
        city.broker.publish(Letter(topics.events(box.gate), box.letter(4, 6)))
        city.broker.publish(Letter(topics.state(box.gate), box.greeting(session="0" * 16)))
    assert talker.listen(lambda one: len(one.acks) >= told + 2)
    assert 9 == talker.window.acked == worker.stored
    assert before == (city.ledger.rows("SELECT * FROM event"), city.ledger.rows("SELECT * FROM batch"))


def test_nothing_of_a_person_stands_in_the_log(city, box, caplog):
    caplog.set_level(logging.DEBUG)
    city.serve()
    box.write(2, **{"pass": "ab" * 16, "cti": "cd" * 8})
    box.write_body('{"uid":"04a1b2c3d4e5f6"}')
    twin = box.copy().write(3, lane="b")
    box.write(3)
    city.talker(box).tell_all()
    city.broker.publish(Letter(topics.events(box.gate), twin.letter(1, 6)))
    assert until(lambda: "forked" in caplog.text)
    assert "alarm forked" in caplog.text
    for secret in ("ab" * 16, "cd" * 8, "04a1b2c3d4e5f6", box.key.public.hex()):
        assert secret not in caplog.text


# ------------------------------------------------------------------ greetings


def test_a_greeting_is_answered_with_its_session_and_kept(city, box):
    city.serve()
    talker = city.talker(box.write(5))
    talker.open()
    assert talker.listen(lambda one: one.acks)
    assert (0, talker.session) == (talker.acks[0].upto, talker.acks[0].session)
    talker.tell_all()
    assert heard_of(city.ledger, box.gate).online
    city.broker.cut(box.gate)
    assert until(lambda: heard_of(city.ledger, box.gate).online is False)


def test_a_ledger_restored_from_a_backup_gets_again_what_it_lacks(city, box):
    """The gate stays connected to the broker all the while: its retained greeting tells central of it."""
    city.serve()
    talker = city.talker(box.write(6))
    talker.tell_all()
    city.stop()
    with closing(Ledger(city.place / "backup.db")) as backup:
        city.ledger._connection.backup(backup._connection)
    city.serve()
    box.write(6)
    talker.tell_all()
    city.stop()
    city.ledger.close()
    for file in city.place.glob("central.db*"):
        file.unlink()
    (city.place / "backup.db").rename(city.place / "central.db")
    city.ledger = Ledger(city.place / "central.db")
    assert 6 == len(rows_of(city.ledger, box))
    city.serve()
    assert talker.listen(lambda one: one.window.acked == 6)
    talker.tell_all()
    city.holds(box)


# ------------------------------------------------------------------ statements


@pytest.fixture
def gate(city):
    """Somebody who listens for statements of the sector."""
    link = MemoryLink(city.broker, "gate", window=200)
    link.open([topics.statement("pools")])
    yield link
    link.close()


def heard(link, count):
    found = []
    while len(found) < count:
        came = link.receive(20)
        assert came is not None
        found.append(came.payload)
        link.take(came)
    return found


def test_what_is_issued_is_published_once_in_order_and_marked(city, gate):
    with closing(city.office()) as office:
        tokens = [office.entitle("alice", "season", now=NOW)[1] for _ in range(150)]
        worker = city.serve()
        assert tokens == heard(gate, 150)
        tokens = [office.deny(TargetKind.PASS, bytes(16), DenialState.BLOCKED, now=NOW)]
        assert tokens == heard(gate, 1)
    assert until(lambda: unpublished(city.ledger, 9) == [])
    worker.stop()
    city.serve()
    assert gate.receive(0.6) is None


def test_a_statement_that_the_broker_refuses_is_sent_later_and_told_once(city, gate, caplog):
    worker = city.serve()
    city.broker.faults.refuse(0x87, None, topics=topics.statement("+"))
    with closing(city.office()) as office:
        office.entitle("alice", "season", now=NOW)
    assert until(lambda: worker._outbox.statements_refused)
    assert 1 == len(unpublished(city.ledger, 9))
    city.ahead += COUNT_S
    assert until(lambda: "refuses letters" in caplog.text)
    assert until(lambda: worker._outbox.statements_refused)  # it was tried again
    city.broker.release()
    city.ahead += COUNT_S
    assert 1 == len(heard(gate, 1))
    assert until(lambda: unpublished(city.ledger, 9) == [])
    assert 1 == caplog.text.count("refuses letters (reason code 0x87)")


def receipt(gate="a", upto=1, epoch=EPOCH, **more):
    return Ack(gate, epoch, upto, upto.to_bytes(32), NOW, **more)


def test_receipts_go_first():
    broker = MemoryBroker(window=2)
    sent = []
    broker.watch(lambda _client, letter: sent.append(letter.topic))
    link = MemoryLink(broker, "central")
    link.open([])
    outbox = Outbox(link, lambda _sector, _ack: b"", Answering({}))
    outbox.put_statements([Logged("pools", number, b"") for number in range(3)])
    for gate in "abc":
        outbox.put_receipt("pools", receipt(gate))
    outbox.flush()
    while len(sent) < 6:
        outbox.note(link.receive(1))
        outbox.flush()
    assert [*map(topics.ack, "abc"), *[topics.statement("pools")] * 3] == sent
    link.close()


def test_no_gate_pushes_out_the_receipts_of_another_and_gates_take_turns():
    broker = MemoryBroker(window=2)
    sent = []
    broker.watch(lambda _client, letter: sent.append(letter))
    link = MemoryLink(broker, "central")
    link.open([])
    sealed = []
    outbox = Outbox(link, lambda _sector, ack: sealed.append(ack) or b"", Answering({}))
    outbox.put_receipt("pools", receipt("good"))
    for number in range(5000):
        outbox.put_receipt("pools", receipt("bad", 1, f"{number:016x}"))
    outbox.put_receipt("pools", receipt("late"))
    outbox.flush()
    while link.receive(0) is not None:
        pass
    for number in range(1, 1 + MAX_RECEIPTS + 2):
        outbox.note(Answered(number, 0))
        outbox.flush()
        while link.receive(0) is not None:
            pass
    assert ["good", "bad", "late", "bad"] == [ack.gate for ack in sealed[:4]]
    assert MAX_RECEIPTS + 2 == len(sealed) == len(sent)
    assert f"{4999:016x}" == sealed[-1].epoch
    link.close()


BROKE = ((2, "chain_broken"),)
NOISE = ((1, "not_an_event"),)
SESSION = "00000000000000aa"


@pytest.mark.parametrize(
    ("old", "new", "both"),
    [
        (receipt(), receipt(upto=2), False),
        (receipt(upto=2), receipt(), True),
        (receipt(), receipt(upto=2, epoch="f" * 16), True),
        (receipt(quarantined=NOISE), receipt(upto=2), True),
        (receipt(quarantined=NOISE), receipt(upto=2, quarantined=NOISE), False),
        (receipt(), receipt(upto=2, quarantined=BROKE), True),
        (receipt(upto=2, quarantined=BROKE), receipt(upto=2, quarantined=BROKE), False),
        (receipt(forked=True), receipt(upto=2, forked=True), True),
        (receipt(forked=True), receipt(forked=True), False),
        (receipt(), receipt(upto=2, session=SESSION), True),
        (receipt(session=SESSION), receipt(upto=2), True),
        (receipt(upto=2, session=SESSION), receipt(session="0" * 16), False),
    ],
)
def test_a_receipt_takes_the_place_of_one_that_it_makes_needless(old, new, both):
    link = MemoryLink(MemoryBroker(), "central")
    link.open([])
    sealed = []
    outbox = Outbox(link, lambda _sector, ack: sealed.append(ack) or b"", Answering({}))
    outbox.put_receipt("pools", old)
    outbox.put_receipt("pools", new)
    outbox.flush()
    assert ([old, new] if both else [new]) == sealed
    link.close()


def greet(city, box, session, *, times=1):
    for _ in range(times):
        city.broker.publish(Letter(topics.state(box.gate), box.greeting(session=session), retain=True))


def test_a_greeting_that_comes_again_is_answered_once_and_the_next_connection_at_once(city, box):
    worker = city.serve()
    ear = MemoryLink(city.broker, "ear", window=200)
    ear.open([topics.ack("+")])
    sessions = [f"{number:016x}" for number in range(1, 4)]
    for session in sessions:
        greet(city, box, session, times=30)
        assert session == read_ack(split(heard(ear, 1)[0], 65536).payload).session
        greet(city, box, session, times=5)
    assert ear.receive(0.3) is None
    city.ahead += ANSWER_S
    greet(city, box, sessions[-1])
    assert 1 == len(heard(ear, 1))
    worker._link.interrupt()
    city.broker.cut("central-0")  # it comes back, and reads what is retained
    assert 1 == len(heard(ear, 1))


def test_greetings_of_one_gate_are_opened_up_to_a_bound_and_the_newest_is_answered():
    letters = [Received(topics.state("a"), bytes([number]), number) for number in range(9)]
    between = Received(topics.events("a"), b"", 10)
    late, kept = too_many_states([*letters[:4], between, *letters[4:]], 3)
    assert ({"a": 6}, [between, *letters[6:]]) == (late, kept)
    online = [Greeting("pools", Box(gate).state(session=f"{n:016x}")) for n, gate in enumerate("abab")]
    will = Greeting("pools", Box("a").state(online=False))
    assert [will, *online[2:]] == newest([*online[:1], will, *online[1:]])


def test_an_alarm_is_told_once_an_hour_for_each_gate(city, box, caplog):
    worker = city.serve()

    def broken(number):
        other = Box(epoch=f"{number:016x}")
        other.key = box.key
        city.broker.publish(Letter(topics.events(box.gate), other.write(1).letter(prev=bytes(32))))
        assert until(lambda: worker.stored == number)

    for number in range(1, 6):
        broken(number)
    assert 1 == caplog.text.count("alarm chain_broken")
    city.ahead += ALARM_S
    broken(6)
    assert until(lambda: "alarm chain_broken, and 4 more since the last line" in caplog.text)
    assert 6 == len(heard_of(city.ledger, box.gate).alarms)


def test_what_is_larger_than_the_broker_takes_holds_nothing_up():
    broker = MemoryBroker(max_packet=100)
    link = MemoryLink(broker, "central")
    link.open([])
    outbox = Outbox(link, lambda _sector, ack: bytes(200) if ack.gate == "a" else b"", Answering({}))
    outbox.put_receipt("pools", receipt("a"))
    outbox.put_receipt("pools", receipt("b"))
    outbox.flush()
    assert (0x95, False) == (outbox.refused, outbox.statements_refused)
    outbox.note(link.receive(1))
    outbox.put_statements([Logged("pools", 1, bytes(200))])
    outbox.flush()
    assert (True, False, []) == (outbox.statements_refused, outbox.wants_statements, outbox.published())
    link.close()


def test_what_is_sent_stays_within_the_window(city, box, gate):
    city.broker.window = 2
    most = 0

    def watch(client, letter):
        nonlocal most
        if client.startswith("central"):
            most = max(most, len(city.broker._connections[client].unanswered))

    city.broker.watch(watch)
    with closing(city.office()) as office:
        for _ in range(30):
            office.entitle("alice", "season", now=NOW)
        city.serve()
        city.talker(box.write(30)).tell_all()
        assert 30 == len(heard(gate, 30))
    city.holds(box)
    assert most <= 2

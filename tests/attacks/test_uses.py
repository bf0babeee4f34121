"""Attacks with use records: nothing is given back by any of them, and the gate goes on following."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing

import pytest

from following import DAY, GATE, VENUE, Following, use
from gated.credential.message import MESSAGE_TYPES
from gated.daemon.uses import AGAIN_S, GAP_S
from gated.devices.simulated.clock import SimulatedClock
from gated.links.memory import MemoryLink
from gated.model.letter import Letter
from gated.model.statement import Kind
from gated.model.trust import Algorithm
from gated.wire import topics
from gated.wire.seal import SigningKey
from gated.wire.uses import UseRecord, Uses, encode_uses
from store.test_journal import NOW
from town import Town
from venue import medium, until

YEAR_S = 365 * 86400


@pytest.fixture
def gate(tmp_path):
    """It knows of two uses elsewhere, up to number 4, and has been asked nothing since."""
    made = Following(tmp_path).up_to_date()
    made.hears(0, 4, use(2))
    yield made
    made.close()


# ------------------------------------------------------------------ what is sent


def replayed(gate):
    gate.hears(0, 4, use(2))


def older(gate):
    """A message of the time when less was used."""
    gate.hears(0, 3, use(1))


def shrunken(gate):
    """Signed by central's own key: a stolen one, or a ledger that was set back."""
    gate.hears(4, 5, use(1))


def with_an_earlier_last_use(gate):
    gate.hears(4, 5, use(2, last_at=1))


def by_a_stranger(gate):
    gate.hear(gate.sign(gate.told(4, 5, use(1)), key=SigningKey.generate(Algorithm.EDDSA)))


def by_a_key_without_the_kind(gate):
    """The office's own issuing key, say: what makes statements tells no uses."""
    key = SigningKey.generate(Algorithm.EDDSA)
    gate.trust.keys[key.kid] = gate.trusted(key, kinds=(Kind.ACK, Kind.HEAD, Kind.TIME, Kind.ENTITLEMENT))
    gate.hear(gate.sign(gate.told(4, 5, use(1)), key=key))


def by_a_key_of_another_sector(gate):
    key = SigningKey.generate(Algorithm.EDDSA)
    gate.trust.keys[key.kid] = gate.trusted(key, sectors=("museums",))
    gate.hear(gate.sign(gate.told(4, 5, use(1)), key=key))


def by_a_key_that_has_ended(gate):
    key = SigningKey.generate(Algorithm.EDDSA)
    gate.trust.keys[key.kid] = gate.trusted(key, expires=NOW)
    gate.hear(gate.sign(gate.told(4, 5, use(1)), key=key))


def of_another_sector(gate):
    gate.hears(4, 5, use(1), sector="museums")


def with_a_spoilt_signature(gate):
    token = gate.sign(gate.told(4, 5, use(1)))
    gate.hear(token[:-1] + bytes([token[-1] ^ 1]))


def as_another_message(gate):
    """A genuine signature under another content type."""
    gate.hear(gate.sign(gate.told(4, 5, use(1)), kind=Kind.TIME))


def without_a_signature(gate):
    gate.hear(encode_uses(gate.told(4, 5, use(1))))


def of_the_future(gate):
    """It would be believed for twenty years that nobody came after it."""
    gate.hears(4, 5, use(1, last_at=NOW + 20 * YEAR_S), at=NOW + 20 * YEAR_S)


def with_a_use_that_is_yet_to_come(gate):
    gate.hears(4, 5, use(1, last_at=NOW + 1))


def too_large(gate):
    gate.hear(b"\xd2" + bytes(70_000))


def with_too_many_records(gate):
    gate.hears(4, 5, *(use(cti=number.to_bytes(8)) for number in range(201)))


def in_another_spelling(gate):
    gate.hear(gate.sign(encode_uses(gate.told(4, 5, use(1))).replace(b'"taken":1', b'"taken":1.0')))


def with_less_than_nothing(gate):
    gate.hear(gate.sign(encode_uses(gate.told(4, 5, use(1))).replace(b'"taken":1', b'"taken":-9')))


def noise(gate):
    gate.hear(b"noise")


def with_a_gap(gate):
    """What lies between is withheld; what came is merged, and the gap is asked for."""
    gate.hears(6, 7, use(2))
    gate.turn(GAP_S + AGAIN_S)
    assert [4] == gate.wanted
    gate.central.lose()


def as_an_answer_that_is_noise(gate):
    gate.pulse(5)
    gate.turn(AGAIN_S)
    gate.central.answer(b"noise")


def as_an_answer_by_a_stranger(gate):
    gate.pulse(5)
    gate.turn(AGAIN_S)
    gate.central.answer(gate.sign(gate.told(4, 5, use(1)), key=SigningKey.generate(Algorithm.EDDSA)))


ATTACKS = {
    replayed: "stale",
    older: "stale",
    shrunken: "shrunken",
    with_an_earlier_last_use: "shrunken",
    by_a_stranger: "unknown_key",
    by_a_key_without_the_kind: "out_of_scope",
    by_a_key_of_another_sector: "out_of_scope",
    by_a_key_that_has_ended: "key_not_valid",
    of_another_sector: "foreign",
    with_a_spoilt_signature: "bad_signature",
    as_another_message: "malformed",
    without_a_signature: "malformed",
    of_the_future: "future",
    with_a_use_that_is_yet_to_come: "malformed",
    too_large: "oversize",
    with_too_many_records: "malformed",
    in_another_spelling: "malformed",
    with_less_than_nothing: "malformed",
    noise: "malformed",
    with_a_gap: "gap",
    as_an_answer_that_is_noise: "malformed",
    as_an_answer_by_a_stranger: "unknown_key",
}


def told_by_the_journal(gate) -> list[tuple[str, str, int]]:
    gate.journal.do(lambda _: None).wait(10)
    with closing(sqlite3.connect(gate.path / "journal.db")) as connection:
        events = [json.loads(body) for (body,) in connection.execute("SELECT body FROM event")]
    return [(one["what"], one["code"], one["count"]) for one in events if one["kind"] == "unbelieved"]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_it_has_its_code_and_the_gate_goes_on(gate, attack):
    code = ATTACKS[attack]
    before = gate.store._connection.execute("SELECT * FROM used").fetchall()
    attack(gate)
    assert before == gate.store._connection.execute("SELECT * FROM used").fetchall()
    assert {f"uses_{code}": 1} == gate.refused
    assert [("uses", code, 1)] == told_by_the_journal(gate)
    for _ in range(40):
        attack(gate)
    assert len(told_by_the_journal(gate)) <= 4  # however often: a row for each code and minute
    known = gate.knowledge.uses
    gate.hears(known, 9, use(3))
    assert (9, 3) == (gate.knowledge.uses, gate.taken())


# ------------------------------------------------------------------ at whole gates

CARD = medium(1)


@pytest.fixture
def town(tmp_path):
    made: list[Town] = []

    def make(**rules) -> Town:
        made.append(Town(tmp_path, 2, products=[{"id": "carnet", "uses": 5}], **rules))
        return made[-1]

    yield make
    for one in made:
        one.stop()


def central_key(town: Town) -> SigningKey:
    return SigningKey.from_pem((town.directory / "secret" / "pools.ack.pem").read_bytes())


def publish(town: Town, gate, right: bytes, taken: int, *, by: str, day: int) -> None:
    """What whoever has central's online key may say, beyond what central has said."""
    known, now = gate.knowledge.uses, town.site.now
    record = UseRecord(right, by, day, VENUE, taken, now)
    token = central_key(town).sign(
        MESSAGE_TYPES[Kind.USES], encode_uses(Uses("pools", known, known + 1, now + 60, (record,)))
    )
    town.broker.publish(Letter(topics.uses("pools"), token))
    assert until(lambda: gate.knowledge.uses == known + 1)


def today(town: Town) -> int:
    return town.site.settings_and_trust()[1].profile.day_of(town.site.now)


def test_a_shrunken_record_gives_no_use_back(town):
    town = town()
    right = town.sell("alice", CARD, None, "carnet")
    town.start()
    one, other = town.gates
    for _ in range(5):
        assert one.tap(CARD).granted
    assert town.everybody_knows(right, 5)
    publish(town, other, right, 1, by=one.name, day=today(town))
    assert 1 == other.refused("uses_shrunken")
    assert not other.tap(CARD).granted


def test_an_inflated_record_of_the_own_gate_counts_as_a_lost_journal(town):
    """Whoever has central's online key can shut somebody out, as by a denial it could not make: never let in."""
    town = town()
    right = town.sell("alice", CARD, None, "carnet")
    town.start()
    one, other = town.gates
    assert one.tap(CARD).granted
    assert town.everybody_knows(right, 1)
    publish(town, one, right, 4, by=one.name, day=today(town))
    assert {"uses_exhausted"} == {
        str(told.refusal.reason) for told in (one.tap(CARD), one.tap(CARD)) if told.refusal
    }
    told = one.tap(CARD)
    assert {"per": "total", "limit": 5, "used": 5} == dict(told.refusal.params)
    assert until(lambda: 2 == town.taken(right))  # what really happened is all that central has
    assert town.everybody_knows(right, 2)


def test_a_broker_that_throws_all_changes_away_is_found_out_by_the_pulse_and_asked(town):
    town = town(counted_when_apart="deny")
    right = town.sell("alice", CARD, None, "carnet")
    clock = SimulatedClock(town.site.now + 60)
    town.serve()
    one, other = town.gates
    one.start()
    other.start(clock=clock)
    assert until(other.knowledge.uses_known)
    town.broker.faults.lose(None, topics=topics.uses("pools"))
    assert one.tap(CARD).granted
    assert until(lambda: town.taken(right) == 1)
    assert 0 == other.knowledge.uses
    clock.advance(16)  # the next pulse
    assert until(lambda: other.knowledge.uses == 1)
    assert until(other.knowledge.uses_known)
    assert 3 == other.tap(CARD).decision.left


def test_a_broker_that_throws_answers_away_too_makes_a_gate_know_that_it_is_apart(town):
    town = town(counted_when_apart="deny")
    right = town.sell("alice", CARD, None, "carnet")
    clock = SimulatedClock(town.site.now + 60)
    town.serve()
    one, other = town.gates
    one.start()
    other.start(clock=clock)
    assert until(other.knowledge.uses_known)
    assert other.tap(CARD).granted
    assert town.everybody_knows(right, 1)
    town.broker.faults.lose(None, topics=topics.uses("pools"))
    town.broker.faults.lose(None, topics=topics.response(other.name))
    clock.advance(41)
    told = other.tap(CARD)
    assert {"per": "apart", "limit": 0, "used": 0} == dict(told.refusal.params)
    town.broker.release()
    clock.advance(16)
    assert until(lambda: (clock.advance(1), other.knowledge.uses_known())[1])
    assert other.tap(CARD).granted


def test_a_stranger_on_the_topic_changes_nothing_at_a_whole_gate(town):
    town = town()
    right = town.sell("alice", CARD, None, "carnet")
    town.start()
    one, other = town.gates
    stranger = SigningKey.generate(Algorithm.EDDSA)
    record = UseRecord(right, one.name, DAY, VENUE, 5, town.site.now)
    payload = encode_uses(Uses("pools", 0, 1, town.site.now, (record,)))
    link = MemoryLink(town.broker, "stranger")
    link.open([])
    for _ in range(5):
        link.send(Letter(topics.uses("pools"), stranger.sign(MESSAGE_TYPES[Kind.USES], payload)))
    link.close()
    assert until(lambda: 5 == other.refused("uses_unknown_key"))
    assert 4 == other.tap(CARD).decision.left
    assert GATE != other.name

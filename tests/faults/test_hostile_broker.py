"""A broker with a valid certificate that lies and floods: nothing happens but counters, and taps go on."""

from __future__ import annotations

import json
import statistics
import threading
from contextlib import closing

import pytest

from city import City
from gated.app import RunningGate, World
from gated.central.ledger import Ledger
from gated.central.ledger_gates import gate_keys
from gated.config.settings import check
from gated.credential.message import MESSAGE_TYPES, open_message
from gated.daemon.messages import Told
from gated.devices.simulated.barrier import SimulatedBarrier
from gated.devices.simulated.reader import SimulatedReader
from gated.model.letter import Letter, Received
from gated.model.statement import Kind
from gated.model.trust import Algorithm
from gated.store.chain import JournalReader
from gated.store.directory import JOURNAL
from gated.wire import topics
from gated.wire.ack import Ack, encode_ack
from gated.wire.event import genesis
from gated.wire.seal import SigningKey
from gated.wire.state import read_state
from mosquitto import monotonic, running
from venue import NOW, PATIENCE_S, medium, until

GATE, SECTOR = "gate-0", "pools"
FLOOD_S, FLOOD_BYTES_PER_S = 3.0, 1_000_000


class Scene:
    """A gate in this process, and the broker's owner, who may publish anything."""

    def __init__(self, city: City, told, reader, gate, evil) -> None:
        self.city, self.told, self.reader, self.gate, self.evil = city, told, reader, gate, evil
        self.office_key = SigningKey.from_pem((city.directory / "secret" / "pools.pem").read_bytes())
        self.ack_key = SigningKey.from_pem((city.directory / "secret" / "pools.ack.pem").read_bytes())

    def tap(self, number: int) -> Told:
        self.reader.present(medium(number))
        told = self.told()
        self.reader.remove()
        return told

    def publish(self, topic: str, payload: bytes) -> None:
        while True:
            try:
                self.evil.send(Letter(topic, payload))
            except Exception:
                self.evil.receive(1.0)
            else:
                self.evil.receive(0.0)
                return

    def answer_greeting(self) -> None:
        """As the true central does: it has nothing yet."""
        while True:
            heard = self.evil.receive(PATIENCE_S)
            if isinstance(heard, Received) and heard.topic == topics.state(GATE):
                break
        keys = {self.gate_key.kid: self.gate_key}
        session = read_state(open_message(heard.payload, Kind.STATE, keys, SECTOR, 0)).session
        link = genesis(GATE, self.epoch)
        self.publish(topics.ack(GATE), receipt(self, 0, link, key=self.ack_key, session=session))
        assert until(lambda: self.epoch in self.gate.sync._uplink._answered_at)

    @property
    def gate_key(self):
        with closing(Ledger(self.city.directory / "central.db")) as ledger:
            (key,) = gate_keys(ledger, GATE)[1].values()
        return key

    def counted(self, code: str, count: int = 1) -> bool:
        return until(lambda: self.gate.sync._refused()[code] >= count)

    @property
    def acknowledged(self) -> int:
        return self.gate.sync.acknowledged

    def kinds(self) -> list[str]:
        with closing(JournalReader(self.city.gates[0].state / JOURNAL)) as reader:
            return [row.event["kind"] for row in reader.rows()]

    @property
    def epoch(self) -> str:
        return self.gate.journal.epoch


@pytest.fixture
def scene(tmp_path):
    import queue

    with running(tmp_path / "broker", plain=True) as broker:
        city = City(tmp_path, gates=1, broker=broker, lines='ack_wait = "60s"')
        box = city.gates[0]
        city.import_statements(box)
        settings, trust = check(box.config)
        told: queue.SimpleQueue[Told] = queue.SimpleQueue()
        reader = SimulatedReader()
        world = World(readers={"in-1": reader}, barriers={"in-1": SimulatedBarrier()}, watch=told.put)
        evil = broker.link("evil", tls=None, port=broker.plain_port)
        evil.open([topics.shared_events("central"), topics.ALL_STATES])
        gate = RunningGate(settings, trust, world)
        gate.start()
        made = Scene(city, lambda: told.get(timeout=PATIENCE_S), reader, gate, evil)
        made.answer_greeting()
        yield made
        gate.stop()
        evil.close()


def receipt(scene, upto, digest, *, key, kind=Kind.ACK, **more):
    made = {"gate": GATE, "epoch": scene.epoch, "upto": upto, "digest": digest, "at": NOW} | more
    return key.sign(MESSAGE_TYPES[kind], encode_ack(Ack(**made)))


def test_lies_over_valid_tls_have_no_effect_but_counters(scene):
    stranger = SigningKey.generate(Algorithm.EDDSA)
    place = scene.gate.sync._outbox.place(scene.epoch, 1)
    for code, token in {
        "ack_unknown_key": receipt(scene, 1, place.digest, key=stranger),
        "ack_out_of_scope": receipt(scene, 1, place.digest, key=scene.office_key),
        "ack_foreign": receipt(scene, 1, place.digest, key=scene.ack_key, gate="gate-9"),
        "ack_unknown_row": receipt(scene, 900, place.digest, key=scene.ack_key),
        "ack_bad_signature": receipt(scene, 1, place.digest, key=scene.ack_key)[:-8] + b"\xff" * 8,
        "ack_malformed": b"\x00" * 100,
    }.items():
        scene.publish(topics.ack(GATE), token)
        assert scene.counted(code), code
    assert 0 == scene.acknowledged

    scene.publish(topics.ack(GATE), receipt(scene, 1, place.digest, key=scene.ack_key))
    assert until(lambda: scene.acknowledged == 1)
    old = receipt(scene, 0, genesis(GATE, scene.epoch), key=scene.ack_key)
    for token in (old, old):
        scene.publish(topics.ack(GATE), token)
    assert scene.counted("ack_old", 2)
    assert 1 == scene.acknowledged

    before = scene.kinds().count("imported")
    lies = {
        "unknown_key": stranger.sign("gated/binding", b"\xa0"),
        "out_of_scope": scene.ack_key.sign("gated/denial", b"\xa0"),
        "malformed": b"\xd2" + bytes(50),
    }
    for code, token in lies.items():
        scene.publish(topics.statement(SECTOR), token)
        assert scene.counted(code), code
    for _ in range(2):
        scene.publish(topics.statement(SECTOR), lies["unknown_key"])
    assert scene.counted("doubled", 2)
    scene.gate.tick()
    assert before == scene.kinds().count("imported")
    assert scene.tap(1).granted


def p99_ms(scene, taps: int) -> float:
    took = sorted(scene.tap(1 + 2 * (number % 4)).took_s * 1000 for number in range(taps))
    return statistics.quantiles(took, n=100, method="inclusive")[98]


def test_a_flood_of_a_megabyte_a_second_leaves_the_taps_alone(scene):
    """The figures are for people (pytest -s); what is asserted is that every tap is answered, and rightly."""
    rest = p99_ms(scene, 100)
    # Of a key that is believed, with a spoilt signature, each another: every one costs a verification.
    genuine = scene.office_key.sign("gated/denial", bytes(800))
    ended, sent = threading.Event(), [0]

    def flood() -> None:
        began = monotonic()
        while not ended.is_set():
            if sent[0] > (monotonic() - began) * FLOOD_BYTES_PER_S:
                ended.wait(0.005)
                continue
            token = genuine[:-8] + sent[0].to_bytes(8, "big")
            scene.publish(topics.statement(SECTOR), token)
            sent[0] += len(token)

    thread = threading.Thread(target=flood)
    thread.start()
    flooded = p99_ms(scene, 100)
    ended.wait(FLOOD_S)
    ended.set()
    thread.join()
    refused = scene.gate.sync._refused()
    assert refused["bad_signature"] > 500
    assert "imported" not in scene.kinds()[5:]
    assert scene.tap(1).granted
    print(
        json.dumps({"p99_rest_ms": rest, "p99_flood_ms": flooded, "sent_bytes": sent[0], "refused": refused})
    )

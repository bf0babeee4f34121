"""What the follower asks, and what becomes of answers that are none, late, endless or somebody's."""

from __future__ import annotations

import json
import threading

import pytest

from desk import GATE, SECTOR, Desk
from gated.credential.message import open_message
from gated.daemon.knowledge import Pulse
from gated.errors import LinkError
from gated.links.memory import MemoryLink
from gated.model.letter import Received
from gated.model.statement import Kind
from gated.model.trust import TrustedKey
from gated.store.sync_note import TRUST_NOTE, read_trust_note
from gated.wire import topics
from gated.wire.request import (
    HERE,
    LATER,
    NO_SUCH_THING,
    PART_BYTES,
    Answer,
    TrustWanted,
    encode_answer,
    read_request,
)
from trust_repository import Simulator
from trusting import keys_of, profile_of, with_key
from venue import until


class Shelf:
    """Central's answers, by hand: what ``files`` has is here, but for names that ``says`` decides of."""

    def __init__(self, desk: Desk, files) -> None:
        self.desk, self.files = desk, files
        self.says = {}  # by name: answers, or None = silence
        self.asked: list[tuple[str, int]] = []
        self._link = MemoryLink(desk.broker, "central-answers")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        while not self._stop.is_set():
            try:
                self._link.open([topics.shared_requests("central")])
                while not self._stop.is_set():
                    heard = self._link.receive(0.05)
                    if isinstance(heard, Received):
                        self._link.take(heard)
                        self._answer(heard.payload)
            except LinkError:
                continue

    def _answer(self, token):
        key = self.desk.gate_key
        kinds = frozenset({Kind.REQUEST})
        keys = {
            key.kid: TrustedKey(key.kid, key.algorithm, key.public, frozenset({SECTOR}), kinds, 0, 1 << 40)
        }
        request = read_request(open_message(token, Kind.REQUEST, keys, SECTOR, 0))
        if not isinstance(request.want, TrustWanted):
            return  # of its other followers
        file, part = request.want.file, request.want.part
        self.asked.append((file, part))
        if file in self.says:
            said = self.says[file]
            answer = None if said is None else Answer(request.id, *said)
        else:
            body = self.files.get(file, b"")[part * PART_BYTES :][:PART_BYTES]
            answer = Answer(request.id, HERE, body) if body else Answer(request.id, NO_SUCH_THING)
        if answer is not None:
            self.desk.publish(encode_answer(answer), topics.response(GATE))

    def stop(self):
        self._stop.set()
        self._thread.join(10)


@pytest.fixture
def office(site):
    repository = Simulator(keys_of(site), profile_of(site))
    (site.path / "root.json").write_bytes(repository.files["1.root.json"])
    text = site.config.read_text()
    site.config.write_text(text.replace("[trust]\n", '[trust]\nroot = "root.json"\n'))
    return repository


@pytest.fixture
def shelf(site, office):
    made = Shelf(Desk(site, ack_wait="60s"), office.files)
    yield made
    made.stop()


@pytest.fixture
def start(site, shelf, serve):
    def begin():
        served = serve(site, link=shelf.desk.gate_link(), jitter=lambda: 0.02)
        shelf.desk.greeted()
        return served

    return begin


def standing(served):
    return served.gate._repository._keeper.standing


def follower(served):
    (one,) = [one for one in served.gate.sync._followers if hasattr(one, "_keeper")]
    return one


def asked(shelf):
    return [name for name, _ in shelf.asked]


def test_it_asks_one_after_the_other_and_again_only_what_may_have_changed(site, shelf, start, office):
    served = start()
    assert until(lambda: standing(served).targets == 1)
    contents = sorted(name for name in office.files if len(name) > 64)
    metadata = ["2.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json"]
    assert metadata == asked(shelf)[:4]
    assert contents == sorted(asked(shelf)[4:])
    shelf.asked.clear()
    shelf.desk.broker.cut(GATE)
    assert until(lambda: asked(shelf) == ["2.root.json", "timestamp.json"])


def test_a_pulse_that_names_another_timestamp_begins_a_reading_at_once(site, shelf, start, office):
    served = start()
    assert until(lambda: standing(served).targets == 1)
    shelf.asked.clear()
    clock = served.gate._world.clock
    knowledge = served.gate._knowledge

    def pulse(trust):
        knowledge.pulse = Pulse(0, 0, 0, trust, clock.monotonic())

    for version in (1, 0):  # nothing is new; the office has none any more
        pulse(version)
        assert not follower(served)._is_due(clock.monotonic())
    office.contents["keys.json"], key = with_key(keys_of(site))
    office.publish()
    pulse(2)
    assert until(lambda: key.kid in served.gate._trust.keys)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        *(
            (name, said)
            for name in ("2.root.json", "timestamp.json")
            for said in ((LATER,), None, (HERE, b"x"))
        ),
        ("timestamp.json", (NO_SUCH_THING,)),
        ("1.targets.json", (HERE, b"x")),
    ],
)
def test_after_an_answer_that_is_none_the_gate_waits_and_then_asks_anew(shelf, start, name, said):
    shelf.says[name] = said
    served = start()
    assert until(lambda: name in asked(shelf))
    before = dict(served.gate._trust.keys)
    assert before == served.gate._trust.keys
    shelf.says.clear()
    follower(served)._not_before = 0.0  # as if the wait were over
    shelf.desk.broker.cut(GATE)
    assert until(lambda: standing(served).targets == 1)


def test_an_answer_without_end_is_cut_off(shelf, start, site):
    """The broker answers in central's place, and never ends: at most one part beyond what may be."""
    shelf.says["timestamp.json"] = (HERE, bytes(PART_BYTES))
    served = start()
    assert until(lambda: "trust_oversize" in served.gate.sync._unbelieved.refused)
    assert [("timestamp.json", 0)] == [one for one in shelf.asked if one[0] == "timestamp.json"]


def test_parts_of_a_target_are_no_more_than_it_has(shelf, start, office, site):
    document = json.loads(office.contents["keys.json"])
    office.contents["keys.json"] = json.dumps(document).encode() + b" " * (2 * PART_BYTES)
    office.publish()
    served = start()
    assert until(lambda: standing(served).targets == 2)
    parts = [part for name, part in shelf.asked if name.endswith(".keys.json")]
    assert [0, 1, 2] == parts


def test_a_profile_of_another_time_zone_waits_for_the_next_start(site, shelf, start, office, serve):
    served = start()
    assert until(lambda: standing(served).targets == 1)
    zone = served.gate._trust.profile.timezone
    office.contents["profile-bron.json"] = profile_of(site, version=3, timezone="Asia/Tokyo", capacity=9)
    office.publish()
    shelf.desk.broker.cut(GATE)
    assert until(lambda: standing(served).targets == 2)
    assert (zone, 9) == (served.gate._trust.profile.timezone, served.gate._trust.profile.capacity)
    served.gate.tick()
    assert ["timezone"] == read_trust_note(site.state / TRUST_NOTE)["waits"]
    served.stop_now()
    again = serve(site, link=shelf.desk.gate_link())
    assert "Asia/Tokyo" == str(again.gate._trust.profile.timezone)
    assert () == standing(again).waits


def test_a_root_of_the_identity_that_is_spoilt_closes_no_door(site, shelf, start):
    (site.path / "root.json").write_bytes(b"{}")
    served = start()
    assert served.gate._repository is None
    assert served.tap is not None

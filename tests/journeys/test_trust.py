"""Keys and rules on their way from the office's files to a gate's door, with central's real answers."""

from __future__ import annotations

import json
import secrets
import shutil
from contextlib import closing

import pytest

from fleet import here
from gated.central.office import Office
from gated.devices.clock import SystemClock
from gated.store.chain import JournalReader
from gated.store.directory import JOURNAL
from gated.wire.seal import SigningKey
from hall import GATE, Hall, all_acknowledged
from venue import credential_of, medium, until


class Ceremony:
    """An office with a trust repository, by the commands as people type them."""

    def __init__(self, site) -> None:
        self.site = site
        self.directory = site.path / "central"
        self.media = site.path / "media"
        self.media.mkdir()
        words = [word for name in "abc" for word in ("--new-root-key", self.media / f"root-{name}")]
        self.say("init", *words, "--threshold", 2, "--new-targets-key", self.media / "targets")
        self.publish()
        root = (self.directory / "trust" / "1.root.json").read_bytes()
        (site.path / "root.json").write_bytes(root)
        text = site.config.read_text()
        site.config.write_text(text.replace("[trust]\n", '[trust]\nroot = "root.json"\n'))
        # What the enrolment brought stays what it was.
        enrolled = site.path / "enrolled"
        enrolled.mkdir()
        for name in ("keys.json", "profile-bron.json"):
            (enrolled / name).write_bytes((self.directory / "gate" / name).read_bytes())
            text = site.config.read_text()
            site.config.write_text(text.replace(f"{self.directory}/gate/{name}", str(enrolled / name)))

    def say(self, *words, code=0):
        said = here("central", "trust", words[0], self.directory, *words[1:], "--json")
        assert code == said.code, said.err
        return said

    def publish(self):
        return self.say("publish", "--targets-key", self.media / "targets")

    def roots(self):
        return [word for name in "ab" for word in ("--root-key", self.media / f"root-{name}")]


@pytest.fixture
def ceremony(site):
    return Ceremony(site)


@pytest.fixture
def hall(site, ceremony):
    made = Hall(site)
    made.serve()
    yield made
    made.stop()


@pytest.fixture
def served(site, hall, serve):
    gate = serve(site, link=hall.gate_link(), jitter=lambda: 0.05)
    assert until(lambda: versions(gate)["timestamp"])
    return gate


def versions(served):
    standing = served.gate._repository._keeper.standing
    return {name: getattr(standing, name) for name in ("root", "timestamp", "targets", "profile")}


def reads_again(served, hall, *, targets):
    """A new connection looks what is new; what a pulse does sooner."""
    hall.broker.cut(GATE)
    return until(lambda: versions(served)["targets"] == targets)


def unbelieved(site):
    with closing(JournalReader(site.state / JOURNAL)) as reader:
        return [row.event["code"] for row in reader.rows() if row.event["kind"] == "unbelieved"]


def test_a_new_profile_counts_at_the_next_tap(site, ceremony, hall, served):
    path = ceremony.directory / "gate" / "profile-bron.json"
    document = json.loads(path.read_text())
    document |= {"version": 2, "products": [{"id": "other"}]}
    site.bring(site.give("alice", medium(1), "season"))
    assert served.tap(medium(1)).granted
    path.write_text(json.dumps(document))
    ceremony.publish()
    assert reads_again(served, hall, targets=2)
    assert "wrong_venue" == str(served.tap(medium(1)).refusal.reason), "the product is not known here"


def test_a_profile_larger_than_an_answer_comes_in_parts(site, ceremony, hall, served):
    path = ceremony.directory / "gate" / "profile-bron.json"
    document = json.loads(path.read_text())
    venues = [f"venue-{number:05}" for number in range(60)]
    document |= {"version": 2, "products": [{"id": f"p{n}", "venues": venues} for n in range(200)]}
    path.write_text(json.dumps(document))
    assert 125_000 < path.stat().st_size < 262_144
    ceremony.publish()
    assert reads_again(served, hall, targets=2)
    assert 200 == len(served.gate._trust.profile.products)


def test_the_key_for_receipts_is_replaced_and_none_is_lost(site, ceremony, hall, served):
    ceremony.say("rotate", "--sector", "pools", "--key", "online")
    ceremony.say("rotate", "--sector", "pools", "--key", "online", "--use", code=2)  # not published yet
    ceremony.publish()
    assert reads_again(served, hall, targets=2)
    ceremony.say("rotate", "--sector", "pools", "--key", "online", "--use")
    served.tap(medium(3))
    hall.stop()
    hall.serve()
    served.tap(medium(4))
    assert all_acknowledged(served, site.state)
    assert [] == unbelieved(site)


def test_a_stolen_key_for_receipts_ends_at_once(site, ceremony, hall, served):
    stolen = (ceremony.directory / "secret" / "pools.ack.pem").read_bytes()
    ceremony.say("rotate", "--sector", "pools", "--key", "online", "--compromised")
    ceremony.publish()
    hall.stop()
    hall.serve()
    assert reads_again(served, hall, targets=2)
    served.tap(medium(3))
    assert all_acknowledged(served, site.state)
    assert stolen != (ceremony.directory / "secret" / "pools.ack.pem").read_bytes()
    assert SigningKey.from_pem(stolen).kid not in served.gate._trust.keys


def test_a_new_issuing_key_makes_rights_beside_those_of_the_old_one(site, ceremony, hall, served):
    site.bring(site.give("alice", medium(1), "season"))
    ceremony.say("rotate", "--sector", "pools", "--key", "issuing")
    ceremony.publish()
    assert reads_again(served, hall, targets=2)
    ceremony.say("rotate", "--sector", "pools", "--key", "issuing", "--use")
    site.office.close()
    site.office, now = Office(ceremony.directory, "pools", secrets.token_bytes), SystemClock().sample().wall
    site.office.bind("bob", credential_of(medium(2)), now=now, expires=None)
    site.office.entitle("bob", "season", now=now)
    assert until(lambda: served.tap(medium(2)).granted)
    assert served.tap(medium(1)).granted


@pytest.mark.parametrize("role", ["timestamp", "snapshot", "targets", "root"])
def test_a_key_of_the_repository_is_replaced(site, ceremony, hall, served, role):
    more = {
        "targets": ["--new-targets-key", ceremony.media / "targets-2"],
        "root": ["--new-root-key", ceremony.media / "root-d"],
    }
    ceremony.say("rotate", "--role", role, *ceremony.roots(), *more.get(role, []))
    if role == "targets":
        assert reads_again(served, hall, targets=2)
        ceremony.say("publish", "--targets-key", ceremony.media / "targets", code=2)
    hall.broker.cut(GATE)
    assert until(lambda: 2 == versions(served)["root"])
    assert [] == unbelieved(site)


def test_what_the_link_brought_counts_after_a_restart_without_it(site, ceremony, hall, served, serve):
    ceremony.say("rotate", "--sector", "pools", "--key", "issuing")
    ceremony.publish()
    assert reads_again(served, hall, targets=2)
    keys = dict(served.gate._trust.keys)
    served.stop_now()
    hall.stop()
    again = serve(site, link=hall.gate_link())
    assert keys == again.gate._trust.keys
    assert 2 == versions(again)["targets"]


def test_an_office_without_a_repository_serves_a_gate_that_has_a_root(site, ceremony, serve):
    shutil.rmtree(ceremony.directory / "trust")
    hall = Hall(site)
    hall.serve()
    gate = serve(site, link=hall.gate_link(), jitter=lambda: 0.05)
    gate.tap(medium(1))
    assert all_acknowledged(gate, site.state)
    assert until(lambda: ["missing"] == unbelieved(site))
    hall.stop()

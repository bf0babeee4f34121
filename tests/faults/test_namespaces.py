"""Gates in networks of their own, the broker as ``gated central broker-config`` sets it up, everything real.

Network namespaces joined by cables that can be pulled; mosquitto, ``gated central serve``, ``gated run`` with
a reader at pcscd. A partition and its healing, and what gates may not do to each other.
"""

from __future__ import annotations

import pytest

import pcscd
from doors import Papers
from field import Field, Gate
from fleet import Box, here
from gated.wire import topics
from netns import star
from records import journaled
from venue import medium, until

pytestmark = pytest.mark.pcsc

NOT_AUTHORIZED = 0x87
BRON, SECOND, MUSEUM = "bron-1", "bron-2", "fourviere-1"
ALICE, BOB, CARL, DORA, EVE, MIA = (medium(number) for number in range(1, 7))


@pytest.fixture
def field(tmp_path_factory):
    """Broker and central, and room for two gates."""
    with pcscd.running() as readers, star(2) as (hub, places, cables, address):
        made = Field(tmp_path_factory.mktemp("field"), hub, address)  # a short path: sockets stand in it
        made.places, made.cables, made.slots = places, cables, [readers.slots[0], readers.slots[2]]
        yield made
        made.stop()


def gate_of(field, name, **wanted):
    """The next gate, enrolled."""
    number = len(field.gates)
    made = Gate(
        Box(field.path / name, gate=name), field.places[number], field.cables[number], field.slots[number]
    )
    field.enrol(made, **wanted)
    return made


def two_pools(field):
    """Two gates of the pools at work, that know four people; Dora and Eve may swim once."""
    gates = gate_of(field, BRON), gate_of(field, SECOND)
    files = [field.sell(name, "season", carried) for name, carried in (("alice", ALICE), ("bob", BOB))]
    files += [field.sell(name, "swim1", carried) for name, carried in (("dora", DORA), ("eve", EVE))]
    for gate in gates:
        field.bring(gate, *files)
    field.start()
    return gates


# ------------------------------------------------------------------ a partition


def told_by(gate):
    """What it journaled so far."""
    return journaled(gate.state).items()


@pytest.mark.parametrize("fault", ["pulled", "deaf"])
def test_after_a_partition_central_has_each_row_once_and_each_gate_knows_what_it_missed(field, fault):
    """Pulled: nothing goes through. Deaf: what the gate says arrives, and no answer does."""
    apart, other = two_pools(field)
    cut, heal = {
        "pulled": (apart.cable.pull, apart.cable.plug),
        "deaf": (apart.cable.deafen, apart.cable.hear),
    }[fault]
    for gate in (apart, other):
        assert gate.opens(ALICE)
    assert other.opens(DORA)
    assert until(lambda: not apart.would_open(DORA)), "used there, counted here"
    assert until(lambda: field.has_everything(apart, other))
    cut()
    assert apart.opens(ALICE), "a gate needs no network"
    before = told_by(apart)
    assert until(apart.is_down), "a link into the void must be given up"
    assert apart.opens(EVE)
    field.deny(BOB)
    field.sell("carl", "season", CARL)
    assert until(lambda: not other.would_open(BOB) and other.would_open(CARL))
    assert apart.opens(BOB), "it cannot know of the denial"
    assert not apart.opens(CARL), "nor of the sale"
    assert other.would_open(EVE), "nor the other of a use"
    assert until(lambda: field.has_everything(other)), "who is not cut off is served"
    arrived = before <= field.kept(apart).items()
    assert ("deaf" == fault) is arrived, "told and not acknowledged, or not told at all"
    assert not field.has_everything(apart)
    heal()
    assert until(lambda: apart.is_served() and field.has_everything(apart), 60), field.logs()
    assert until(lambda: not apart.would_open(BOB) and apart.would_open(CARL)), "what it missed is asked for"
    assert until(lambda: not other.would_open(EVE))
    assert (False, True) == (apart.opens(BOB), apart.opens(CARL))
    for gate in (apart, other):
        assert "uses_exhausted" == gate.tap(EVE)["reason"] == gate.tap(DORA)["reason"]
        gate.stop()
    for gate in (apart, other):
        field.assert_each_row_once(gate)


# ------------------------------------------------------------------ a gate that is retired


def test_a_retired_gate_has_no_topic_from_then_on_and_does_not_come_in_again(field):
    """As docs/how-to/respond-to-a-stolen-box.md says. The box itself serves on: only a person stops that."""
    gone, other = two_pools(field)
    assert gone.opens(ALICE)
    assert until(lambda: field.has_everything(gone, other))
    assert until(lambda: gone.unsent() == 0, 40)
    assert 0 == here("central", "retire", field.office.path, "--gate", BRON).code
    field.tell_broker()
    connected, heard = gone.link["since"], field.kept(gone)
    assert gone.opens(BOB)
    field.deny(BOB)
    assert until(lambda: not other.would_open(BOB))
    assert not other.opens(BOB)
    assert gone.opens(BOB), "what is denied later does not reach it"
    assert (True, connected) == (gone.is_up(), gone.link["since"]), "a connection that stands is not cut"
    gone.cable.pull()
    assert until(gone.is_down)
    gone.cable.plug()
    assert until(lambda: "certificate" in gone.link["why"], 40), gone.link
    assert heard == field.kept(gone)

    field.enrol(gone)  # it was found again
    field.tell_broker()
    gone.stop()
    gone.start()
    assert until(lambda: gone.is_served() and field.has_everything(gone), 60), field.logs()
    assert until(lambda: not gone.would_open(BOB)), "what it missed meanwhile"
    for gate in (gone, other):
        gate.stop()
        field.assert_each_row_once(gate)


# ------------------------------------------------------------------ a gate that says it is another


def test_a_gate_that_takes_anothers_client_id_gets_neither_its_connection_nor_its_topics(field):
    """The broker knows a client by its certificate, whatever name it says."""
    victim, thief = two_pools(field)
    thief.stop()  # its own name is its own: two connections under it would end each other
    connected = victim.link["since"]
    client = field.client(thief.inside, Papers.of(thief.box), BRON)
    client.subscribe("#")
    for topic in (topics.events(BRON), topics.state(BRON), topics.request(BRON), topics.ack(BRON)):
        assert NOT_AUTHORIZED == client.publish(topic)
    assert client.publish(topics.events(SECOND)) < 0x80, "it is what its certificate says"
    assert victim.opens(ALICE)
    assert until(lambda: field.has_everything(victim))
    field.deny(BOB)
    heard = []
    while topics.statement("pools") not in heard:
        heard.append(client.next()[0])
    assert [] == [topic for topic in heard if f"/{BRON}/" in topic], (
        "a receipt of the victim's came before it"
    )
    client.close()
    assert (True, connected) == (victim.is_up(), victim.link["since"]), "its connection stood all the time"
    victim.stop()
    field.assert_each_row_once(victim)


# ------------------------------------------------------------------ a gate that is curious


def all_topics(gate, sector):
    """By name: where anything of a gate or its sector is said."""
    up = topics.events(gate), topics.state(gate), topics.request(gate)
    down = topics.ack(gate), topics.response(gate), topics.command(gate)
    return up, down, (topics.statement(sector), topics.head(sector), topics.uses(sector))


def test_a_pool_gate_hears_and_says_nothing_of_the_museums(field):
    """Its box was stolen: a client with its papers stands in its place, while a museum's gate works."""
    box, museum = gate_of(field, BRON), gate_of(field, MUSEUM, sector="museums", venue="fourviere")
    field.bring(museum, field.sell("mia", "season", MIA, sector="museums"))
    field.start()
    box.stop()
    spy = field.client(box.inside, Papers.of(box.box), BRON)
    up, down, sector = all_topics(MUSEUM, "museums")
    own_up, own_down, own_sector = all_topics(BRON, "pools")
    shares = [topics.shared_events("central"), topics.shared_requests("central")]
    for topic in ("#", "$SYS/#", "gated/v1/sector/museums/#", *up, *down, *sector, *shares):
        spy.subscribe(topic)

    assert museum.opens(MIA)
    assert until(lambda: field.has_everything(museum))
    field.deny(MIA, sector="museums")
    assert until(lambda: not museum.would_open(MIA)), "the museums' statement went out"
    central = field.central()
    for topic in (*down, *sector, *own_down, *own_sector):
        assert central.publish(topic, b"a mark") < 0x80, topic
    heard = []
    while (own_sector[-1], b"a mark") not in heard:
        heard.append(spy.next())
    marked = [topic for topic, payload in heard if payload == b"a mark"]
    assert [*own_down, *own_sector] == marked, "of its own all, each once"
    assert {topic for topic, _ in heard} <= {*own_down, *own_sector}

    for topic in (*up, *down, *sector, *own_down, *own_sector, topics.events(SECOND)):
        assert NOT_AUTHORIZED == spy.publish(topic, b"a lie"), topic
    for topic in own_up:
        assert spy.publish(topic, b"noise of its own") < 0x80, topic
    for client in (spy, central):
        client.close()
    assert until(lambda: field.has_everything(museum))
    museum.stop()
    field.assert_each_row_once(museum)

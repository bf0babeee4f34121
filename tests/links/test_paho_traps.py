"""What paho and mosquitto do to who trusts them, each as a test of our link against a real broker."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

import mosquitto
from gated.errors import LetterTooLargeError, LinkError
from gated.links.mqtt_paho import packet_bytes
from gated.model.letter import NOBODY_LISTENS, Answered, Letter, Received
from mosquitto import monotonic
from proxy import Proxy

PATIENCE_S = 10.0
SHORT_S = 0.3
WINDOW = 4


@pytest.fixture
def pki(tmp_path):
    return mosquitto.Pki(tmp_path / "pki")


@pytest.fixture
def start(tmp_path, pki):
    """Start a broker that is gone when the test ends."""
    started = []

    def run(**more):
        made = mosquitto.Mosquitto(tmp_path / f"broker-{len(started)}", pki, **more)
        started.append(made)
        return made.start()

    yield run
    for made in started:
        made.kill()


@pytest.fixture
def bad_network():
    """Put a proxy before a broker."""
    proxies = []

    def before(broker):
        proxies.append(Proxy(broker.port))
        return proxies[-1]

    yield before
    for proxy in proxies:
        proxy.close()


def answers(link, count: int) -> list[Answered]:
    found = [link.receive(PATIENCE_S) for _ in range(count)]
    assert all(isinstance(one, Answered) for one in found), found
    return found


def letters(link, count: int) -> list[bytes]:
    """The payloads of so many letters, and nothing after them; none of them is taken."""
    found = [link.receive(PATIENCE_S) for _ in range(count)]
    assert all(isinstance(one, Received) for one in found), found
    assert link.receive(SHORT_S) is None
    return [one.payload for one in found]


def lost(link) -> LinkError:
    with pytest.raises(LinkError) as caught:
        link.receive(PATIENCE_S)
    return caught.value


# ------------------------------------------------------------------ what a crash and a cut leave behind


_CHILD = """
import sys, time
from pathlib import Path
from gated.errors import LinkError
from gated.links.mqtt import MqttLink
from gated.links.mqtt_place import MqttPlace, TlsFiles
from gated.model.letter import Letter
port, window, files = int(sys.argv[1]), int(sys.argv[2]), map(Path, sys.argv[3:6])
place = MqttPlace("localhost", port, "g1", TlsFiles(*files), window=window)
link = MqttLink(place, floor=lambda: 0, monotonic=time.monotonic)
link.open([])
print("open", flush=True)
sys.stdin.readline()
sent = 0
try:
    while True:
        link.send(Letter("t", b"%d" % sent))
        sent += 1
except LinkError:
    print(sent, flush=True)
sys.stdin.readline()
"""


def test_what_a_killed_process_had_sent_is_nowhere_and_was_never_answered(start, bad_network):
    """paho's queue dies with the process: 3,000 publish() returned, 40 arrived. So nothing is queued."""
    broker = start()
    reader = broker.link("r")
    reader.open(["t"])
    proxy = bad_network(broker)
    files = broker.pki.issue("g1")
    words = [sys.executable, "-c", _CHILD, str(proxy.port), str(WINDOW)]
    words += [str(files.ca), str(files.certificate), str(files.key)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert b"open\n" == child.stdout.readline()
        proxy.hole()
        child.stdin.write(b"\n")
        child.stdin.flush()
        assert WINDOW == int(child.stdout.readline())
        os.kill(child.pid, signal.SIGKILL)
    proxy.heal()
    again = broker.link("g1", files=files)
    again.open([])
    assert again.receive(SHORT_S) is None
    assert [] == letters(reader, 0)
    again.close()
    reader.close()


def test_a_new_connection_begins_with_nothing_outstanding(start, bad_network):
    """After a cut paho sends all it holds again, past its own limit: 2,461 in flight, and 20 allowed."""
    broker = start(general=[f"max_inflight_messages {WINDOW}"])
    proxy = bad_network(broker)
    reader, sender = broker.link("r"), broker.link("g1", port=proxy.port)
    reader.open(["t"])
    sender.open([])
    proxy.hole()
    old = {sender.send(Letter("t", b"old %d" % number)) for number in range(sender.window)}
    assert len(old) == WINDOW
    proxy.cut()
    lost(sender)
    proxy.heal()
    sender.open([])
    new = {sender.send(Letter("t", b"new %d" % number)) for number in range(sender.window)}
    assert new == {one.number for one in answers(sender, WINDOW)}
    assert not new & old
    assert [b"new %d" % number for number in range(WINDOW)] == letters(reader, WINDOW)
    sender.close()
    reader.close()


def test_a_broker_that_was_killed_is_found_again_with_every_subscription(start):
    broker = start()
    reader, sender = broker.link("r"), broker.link("g1")
    for round_ in range(3):
        reader.open(["t"])
        sender.open([])
        sender.send(Letter("t", b"%d" % round_))
        assert 0 == answers(sender, 1)[0].code
        assert [b"%d" % round_] == letters(reader, 1)
        broker.kill()
        assert lost(sender).hint
        assert lost(reader).hint
        with pytest.raises(LinkError, match="nobody listens"):
            sender.open([])
        broker.start()


# ------------------------------------------------------------------ what an answer is worth


def test_an_answer_is_no_receipt(start):
    """mosquitto answers with success what it throws away because a queue is full."""
    broker = start(general=["max_queued_messages 2"])
    reader, sender = broker.link("r", window=1), broker.link("g1")
    reader.open(["t"])
    sender.open([])
    for number in range(10):
        sender.send(Letter("t", b"%d" % number))
    assert [0] * 10 == [one.code for one in answers(sender, 10)]
    arrived = 0
    while (came := reader.receive(SHORT_S)) is not None:
        reader.take(came)
        arrived += 1
    assert arrived < 10
    sender.close()
    reader.close()


def test_a_letter_that_the_acl_forbids_is_told_as_refused(start, tmp_path):
    """paho counts it as published."""
    acl = tmp_path / "acl"
    acl.write_text("pattern write gate/%u/up/#\npattern read gate/%u/down/#\n")
    broker = start(general=[f"acl_file {acl}"])
    sender = broker.link("g1")
    sender.open(["gate/g1/down/#"])
    for topic, code in (("gate/g2/up/events", 0x87), ("gate/g1/up/events", NOBODY_LISTENS)):
        number = sender.send(Letter(topic, b""))
        (answer,) = answers(sender, 1)
        assert Answered(number, code) == answer
        assert (code == 0x87) == answer.refused
    sender.close()


def test_a_letter_that_nobody_listens_to_is_told(start):
    broker = start()
    sender = broker.link("g1")
    sender.open([])
    number = sender.send(Letter("t", b""))
    assert [Answered(number, NOBODY_LISTENS)] == answers(sender, 1)
    sender.close()


# ------------------------------------------------------------------ sizes


@pytest.mark.parametrize("limit", [100, 129, 2000, 17_000])
def test_the_largest_letter_passes_and_one_byte_more_is_never_handed_to_paho(start, limit):
    """paho ignores the broker's limit: an oversized letter costs the connection, again and again."""
    broker = start(general=[f"max_packet_size {limit}"])
    reader, sender = broker.link("r"), broker.link("g1")
    reader.open(["t/☃"])
    sender.open([])
    fits = b"x" * (limit - packet_bytes(Letter("t/☃", bytes(limit))) + limit)
    while packet_bytes(Letter("t/☃", fits + b"x")) <= limit:  # the header's length changes with the size
        fits += b"x"
    assert limit - 1 <= packet_bytes(Letter("t/☃", fits)) <= limit
    for _ in range(2):
        with pytest.raises(LetterTooLargeError):
            sender.send(Letter("t/☃", fits + b"x"))
        sender.send(Letter("t/☃", fits))
    assert [0, 0] == [one.code for one in answers(sender, 2)]
    # What the broker sends carries no more than what it got, so the reader shows that it passed.
    assert [fits, fits] == letters(reader, 2)
    sender.close()
    reader.close()


# ------------------------------------------------------------------ half-open connections


@pytest.mark.parametrize("sending", [False, True], ids=["idle", "sending"])
def test_a_half_open_connection_is_noticed_within_two_keepalives(start, bad_network, sending):
    broker = start()
    proxy = bad_network(broker)
    link = broker.link("g1", port=proxy.port, keepalive_s=1)
    link.open(["t"])
    proxy.hole()
    began = monotonic()
    if sending:
        link.send(Letter("t", b""))
    error = lost(link)
    assert "silent" in error.message
    assert monotonic() - began < 2 * (1 + 1 / 8) + 0.5
    proxy.heal()
    link.open(["t"])
    link.send(Letter("t", b""))
    assert link.receive(PATIENCE_S) is not None
    link.close()


def test_a_quiet_link_is_kept_alive(start):
    broker = start()
    link = broker.link("g1", keepalive_s=1)
    link.open(["t"])
    assert link.receive(3.5) is None  # the broker gives up after one and a half
    number = link.send(Letter("u", b""))
    assert [Answered(number, NOBODY_LISTENS)] == answers(link, 1)
    link.close()


# ------------------------------------------------------------------ identities


def test_another_certificate_cannot_take_over_a_client_id(start):
    broker = start()
    victim = broker.link("g1")
    victim.open(["t"])
    thief = broker.link("g1", files=broker.pki.issue("g2"))
    thief.open([])
    thief.send(Letter("t", b"1"))
    assert [b"1"] == letters(victim, 1)
    thief.close()
    victim.close()


# ------------------------------------------------------------------ threads and descriptors


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_a_link_has_no_thread_and_leaves_no_descriptor(start):
    broker = start()
    link = broker.link("g1")
    link.open(["t"])
    link.close()
    gc.collect()
    before = descriptors()
    for _ in range(5):
        link.open(["t"])
        assert not [one for one in threading.enumerate() if "paho" in one.name or one.name == "resolver"]
        link.close()
    broker.kill()
    for _ in range(5):
        with pytest.raises(LinkError):
            link.open(["t"])
    assert before == descriptors()
    del link
    gc.collect()
    assert before - 1 == descriptors()


def test_paho_has_the_seam_that_the_link_hands_its_socket_through():
    from paho.mqtt.client import Client

    source = Path(sys.modules[Client.__module__].__file__).read_text()
    assert "self._sock = self._create_socket()" in source


# ------------------------------------------------------------------ what another client may write


def test_one_letter_of_anybody_ends_nobodys_link(start):
    """U+FEFF is sound in MQTT 5 (section 1.5.4), mosquitto passes it on, and paho raises as it reads it."""
    broker = start(plain=True)
    _retain(broker, UserProperty=("\ufeff", "x"), ContentType="\ufeff", ResponseTopic="\ufeff")
    for _ in range(2):
        link = broker.link("r")
        link.open(["t"])
        came = link.receive(PATIENCE_S)
        assert (came.topic, came.payload) == ("t", b"poison")
        link.take(came)
        number = link.send(Letter("t", b"and on"))
        found = {type(one): one for one in (link.receive(PATIENCE_S), link.receive(PATIENCE_S))}
        assert Answered(number, 0) == found[Answered]
        assert b"and on" == found[Received].payload
        link.close()


def _retain(broker, **properties) -> None:
    client = Client(CallbackAPIVersion.VERSION2, "w", protocol=MQTTProtocolVersion.MQTTv5)
    told = Properties(PacketTypes.PUBLISH)
    for name, value in properties.items():
        setattr(told, name, value)
    client.connect(mosquitto.HOST, broker.plain_port)
    client.loop_start()
    client.publish("t", b"poison", qos=1, retain=True, properties=told).wait_for_publish(PATIENCE_S)
    client.disconnect()
    client.loop_stop()

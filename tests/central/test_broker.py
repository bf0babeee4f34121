"""A real mosquitto on the files of ``gated central broker-config``: who comes in, and who may say what."""

from __future__ import annotations

import re
import secrets
import socket
import ssl
import threading
from contextlib import closing

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from doors import Broker, Client, Papers
from fleet import Box, Office, here
from gated.central.ack_keys import AckKeys
from gated.central.ledger import Ledger
from gated.central.ledger_gates import heard_of
from gated.central.pki import device_ca
from gated.central.service import CentralWorker
from gated.central.share import share_group
from gated.devices.clock import SystemClock
from gated.links.mqtt import MqttLink
from gated.links.mqtt_place import MqttPlace, TlsFiles
from gated.model.letter import Letter
from gated.wire import topics
from gated.wire.certificate import TlsKey
from venue import until

NOT_AUTHORIZED = 0x87
NOW = SystemClock().sample().wall
BRON, VAISE, MUSEUM = "bron-1", "bron-2", "fourviere-1"


@pytest.fixture
def office(tmp_path):
    return Office(tmp_path / "city")


@pytest.fixture
def boxes(office, tmp_path):
    """Two gates of the pools and one of the museums."""
    made = {}
    for gate, wanted in ((BRON, {}), (VAISE, {}), (MUSEUM, {"sector": "museums", "venue": "fourviere"})):
        made[gate] = Box(tmp_path / gate, gate=gate)
        made[gate].enrol(office, **wanted)
    return made


@pytest.fixture
def broker(office, boxes, tmp_path):
    made = Broker(office, tmp_path / "broker")
    made.write()
    yield made.start()
    made.stop()


@pytest.fixture
def visit(broker, boxes):
    """Open doors that are closed when the test ends: ``visit("bron-1")``, ``visit("central")``."""
    open_ones = []

    def come(name, *, papers=None, port=None, client_id=None):
        usual = broker.central if name == "central" else Papers.of(boxes[name])
        door = broker.central_port if name == "central" else broker.gate_port
        client = Client(port or door, papers or usual, name if client_id is None else client_id)
        if client.open():
            open_ones.append(client)
            return client
        return None

    yield come
    for client in open_ones:
        client.close()


# ------------------------------------------------------------------ who may say what


def up(gate):
    return topics.events(gate)


MAY_WRITE = {
    BRON: [up(BRON), topics.state(BRON)],
    MUSEUM: [up(MUSEUM)],
    "central": [topics.ack(BRON), topics.ack(MUSEUM), topics.statement("pools"), topics.statement("museums")],
}
MAY_NOT_WRITE = {
    BRON: [
        up(VAISE), up(MUSEUM), topics.ack(BRON), topics.ack(VAISE), "gated/v2/x", "other", "$SYS/x",
        topics.statement("pools"), topics.statement("museums"), f"{topics.ROOT}/gate/{BRON}", up(f"{BRON}x"),
        f"{topics.ROOT}/gate/{BRON}/up/1", f"{topics.ROOT}/gate/{BRON}/up", f"{up(BRON)}/1",
    ],
    "central": [up(BRON), topics.state(BRON), "other"],
}  # fmt: skip


@pytest.mark.parametrize("who", MAY_WRITE)
def test_each_writes_where_it_may(visit, who):
    client = visit(who)
    assert [] == [topic for topic in MAY_WRITE[who] if client.publish(topic) >= 0x80]


@pytest.mark.parametrize("who", MAY_NOT_WRITE)
def test_nobody_writes_where_it_may_not(visit, who):
    client = visit(who)
    assert dict.fromkeys(MAY_NOT_WRITE[who], NOT_AUTHORIZED) == {
        topic: client.publish(topic) for topic in MAY_NOT_WRITE[who]
    }


@pytest.mark.parametrize(
    ("who", "hidden", "shown"),
    [
        (BRON, topics.ack(VAISE), topics.ack(BRON)),
        (BRON, topics.ack(MUSEUM), topics.ack(BRON)),
        (BRON, topics.statement("museums"), topics.statement("pools")),
        (MUSEUM, topics.statement("pools"), topics.statement("museums")),
        (VAISE, topics.ack(BRON), topics.statement("pools")),
    ],
)
def test_a_gate_hears_its_own_topics_and_no_others(visit, who, hidden, shown):
    """The broker grants any subscription and withholds the letters: what must not come would come first."""
    gate, central = visit(who), visit("central")
    gate.subscribe("#")
    for topic in (hidden, shown):
        assert central.publish(topic, topic.encode()) < 0x80
    assert (shown, shown.encode()) == gate.next()


def test_no_gate_hears_another_gate_or_the_brokers_own_topics(visit, broker):
    gate, other, central = visit(BRON), visit(VAISE), visit("central")
    gate.subscribe("#")
    gate.subscribe("$SYS/#")
    other.publish(up(VAISE), b"not for you", retain=False)
    gate.publish(up(BRON), b"not even for me")
    central.publish(topics.ack(BRON), b"for you")
    assert (topics.ack(BRON), b"for you") == gate.next()


def test_central_hears_all_gates_shared_or_not(visit):
    central, other = visit("central", client_id="worker-1"), visit("central", client_id="worker-2")
    for worker in (central, other):
        worker.subscribe(topics.shared_events("central"))
    central.subscribe(topics.ALL_STATES)
    for gate in (BRON, MUSEUM):
        client = visit(gate)
        client.publish(up(gate), gate.encode())
        client.publish(up(gate), gate.encode())
        client.publish(topics.state(gate), b"here", retain=True)
    heard = sorted(central.next() for _ in range(4))
    assert [(topics.state(BRON), b"here"), (topics.state(MUSEUM), b"here")] == [
        one for one in heard if one[1] == b"here"
    ]
    assert {topics.events(BRON), topics.events(MUSEUM)} == {other.next()[0], other.next()[0]}


def test_a_gate_that_does_not_know_the_name_of_the_group_takes_nothing_from_the_workers(
    visit, broker, office, boxes
):
    """The broker lets anybody join a group, and deals them letters that it then withholds and drops."""
    share = (office.path / "secret" / "share").read_text().strip()
    worker, thief, gate = link(broker.central_port, "w", broker.central), visit(VAISE), visit(BRON)
    with closing(Ledger(office.path / "central.db")) as ledger:
        serving = CentralWorker(
            worker,
            ledger,
            AckKeys.load(office.path),
            now=lambda: NOW,
            monotonic=SystemClock().monotonic,
            random=lambda: 0.05,
            group=share_group(office.path, secrets.token_bytes),
        )
        thread = threading.Thread(target=serving.run)
        thread.start()
        try:
            assert until(serving.serving.is_set)
            for group in ("central", "gated", "share"):
                assert thief.subscribe(topics.shared_events(group)) < 0x80
            for number in range(40):
                assert gate.publish(up(BRON), b"noise %d" % number) < 0x80
            with closing(Ledger(office.path / "central.db")) as seen:
                assert until(lambda: [40] == [times for _, times in heard_of(seen, BRON).refused])
        finally:
            serving.stop()
            thread.join(20)
    assert thief.got.empty()
    assert re.fullmatch(r"[0-9a-f]{16}", share)


def test_nobody_takes_a_gates_connection_over(visit, broker, boxes):
    victim = visit(BRON)
    thief = visit(VAISE, client_id=BRON)
    assert NOT_AUTHORIZED == thief.publish(up(BRON))
    assert thief.publish(up(VAISE)) < 0x80
    assert victim.publish(up(BRON)) < 0x80
    assert not victim.ended.is_set()
    assert victim.publish(up(BRON)) < 0x80


# ------------------------------------------------------------------ who comes in


def certified(authority, common, folder):
    key = TlsKey.generate()
    made = authority.certify(common, key.private.public_key(), now=NOW, days=1, random=secrets.token_bytes)
    folder.mkdir()
    (folder / "crt").write_bytes(made.public_bytes(Encoding.PEM))
    (folder / "key").write_bytes(key.pem())
    return folder / "crt", folder / "key"


def test_who_has_no_certificate_of_ours_does_not_come_in(visit, broker, boxes, tmp_path):
    ca = boxes[BRON].identity / "ca.crt"
    assert visit(BRON, papers=Papers(ca)) is None
    strangers = Office(tmp_path / "other")
    stranger = certified(device_ca(strangers.path, now=NOW, random=secrets.token_bytes), BRON, tmp_path / "s")
    assert visit(BRON, papers=Papers(ca, *stranger)) is None
    assert visit(BRON) is not None


def test_each_door_is_for_its_own(visit, broker, boxes):
    assert visit(BRON, port=broker.central_port) is None
    assert visit("central", port=broker.gate_port) is None
    assert visit("central") is not None


def test_a_gate_that_was_called_central_would_be_nobody(visit, broker, boxes, office, tmp_path):
    """The office enrols none of that name; were there one, it would have neither door nor topic."""
    named = certified(device_ca(office.path, now=NOW, random=secrets.token_bytes), "central", tmp_path / "s")
    papers = Papers(boxes[BRON].identity / "ca.crt", *named)
    assert visit("central", papers=papers) is None
    client = visit("central", papers=papers, port=broker.gate_port)
    assert {NOT_AUTHORIZED} == {client.publish(topic) for topic in (*MAY_WRITE["central"], up("central"))}


def spoken(port, box, *, version=ssl.TLSVersion.TLSv1_3, name="localhost", ca=None):
    """The version of TLS that a door agrees to."""
    context = ssl.create_default_context(cafile=ca or box.identity / "ca.crt")
    context.load_cert_chain(box.identity / "gate.crt", box.identity / "gate.key")
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.maximum_version = version
    with (
        socket.create_connection(("127.0.0.1", port)) as plain,
        context.wrap_socket(plain, server_hostname=name) as wrapped,
    ):
        return wrapped.version()


def test_a_gate_knows_the_broker_by_its_ca_and_its_name(broker, boxes):
    box = boxes[BRON]
    assert "TLSv1.3" == spoken(broker.gate_port, box)
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        spoken(broker.gate_port, box, name="other.city.example")
    with pytest.raises(ssl.SSLCertVerificationError, match="unable to get local issuer"):
        spoken(broker.gate_port, box, ca=broker.folder / "device-ca.crt")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_old_tls_is_refused(broker, boxes):
    for port in (broker.gate_port,):
        assert "TLSv1.2" == spoken(port, boxes[BRON], version=ssl.TLSVersion.TLSv1_2)
        with pytest.raises(ssl.SSLError, match=r"(?i)protocol.version"):
            spoken(port, boxes[BRON], version=ssl.TLSVersion.TLSv1_1)


# ------------------------------------------------------------------ the fleet changes


def test_a_retired_gate_loses_its_topics_at_once_and_does_not_come_in_again(visit, broker, boxes, office):
    gate, other, central = visit(BRON), visit(VAISE), visit("central")
    assert gate.publish(up(BRON)) < 0x80
    assert 0 == here("central", "retire", office.path, "--gate", BRON).code
    said = broker.write()
    assert (2, 1, []) == (said["gates"], said["ended"], said["renewed"])
    broker.reload()
    assert NOT_AUTHORIZED == gate.publish(up(BRON))
    gate.subscribe("#")
    other.subscribe("#")
    for topic in (topics.ack(BRON), topics.statement("pools"), topics.ack(VAISE)):
        central.publish(topic, b"x")
    assert [topics.statement("pools"), topics.ack(VAISE)] == [other.next()[0], other.next()[0]]
    assert gate.got.empty()
    gate.close()
    assert visit(BRON) is None
    assert visit(MUSEUM) is not None


def test_a_box_that_was_enrolled_anew_comes_in_and_its_old_certificate_does_not(visit, broker, boxes, office):
    old = {name: (boxes[BRON].identity / name).read_bytes() for name in ("gate.crt", "gate.key")}
    boxes[BRON].enrol(office, "--replace", again=True)
    broker.write()
    broker.reload()
    assert visit(BRON).publish(up(BRON)) < 0x80
    for name, content in old.items():
        (office.path / name).write_bytes(content)
    papers = Papers(boxes[BRON].identity / "ca.crt", office.path / "gate.crt", office.path / "gate.key")
    assert visit(BRON, papers=papers) is None


def test_a_new_gate_comes_in_after_a_reload_and_keys_stay(visit, broker, boxes, office, tmp_path):
    kept = {path: path.read_bytes() for path in broker.folder.rglob("*") if path.suffix in (".key", ".crt")}
    central = visit("central")
    boxes["bron-3"] = Box(tmp_path / "bron-3", gate="bron-3")
    boxes["bron-3"].enrol(office)
    early = visit("bron-3")
    assert NOT_AUTHORIZED == early.publish(up("bron-3"))
    broker.write()
    broker.reload()
    assert early.publish(up("bron-3")) < 0x80
    assert kept == {path: path.read_bytes() for path in kept}
    assert central.publish(topics.ack("bron-3")) < 0x80
    assert not central.ended.is_set()


# ------------------------------------------------------------------ the link that gates have


def test_the_real_links_come_in_with_what_was_installed_and_written(broker, boxes):
    """A gate by its identity, whatever its clock says; central's worker by its folder."""
    gate, central = (
        link(broker.gate_port, BRON, Papers.of(boxes[BRON])),
        link(broker.central_port, "w", broker.central),
    )
    try:
        central.open([topics.shared_events("central")])
        gate.open([topics.ack(BRON), topics.statement("pools")])
        assert (20, 20) == (gate.window, central.window)
        sent = gate.send(Letter(up(BRON), b"a batch"))
        answered = gate.receive(10)
        assert (sent, False) == (answered.number, answered.refused)
        received = central.receive(10)
        assert (up(BRON), b"a batch") == (received.topic, received.payload)
        central.send(Letter(topics.ack(BRON), b"a receipt"))
        received = gate.receive(10)
        assert (topics.ack(BRON), b"a receipt") == (received.topic, received.payload)
        assert gate.send(Letter(up(VAISE), b"x"))
        assert NOT_AUTHORIZED == gate.receive(10).code
    finally:
        gate.close()
        central.close()


def link(port, name, papers):
    tls = TlsFiles(papers.ca, papers.certificate, papers.key)
    clock = SystemClock()
    return MqttLink(MqttPlace("localhost", port, name, tls), floor=lambda: 0, monotonic=clock.monotonic)


# ------------------------------------------------------------------ limits, restart, log


def test_limits_are_told_and_kept(visit, broker):
    gate = visit(BRON)
    assert (100, 131_072) == (gate.connack.ReceiveMaximum, gate.connack.MaximumPacketSize)
    assert gate.publish(up(BRON), bytes(65_536)) < 0x80
    gate._client.publish(up(BRON), bytes(140_000), qos=1)
    assert gate.ended.wait(20)


def test_a_state_outlives_the_broker_and_no_letter_stands_in_its_log(visit, broker):
    gate = visit(BRON)
    gate.publish(topics.state(BRON), b"a state that is kept", retain=True)
    gate.publish(up(BRON), b"what nobody logs")
    gate.publish(up(VAISE), b"what nobody logs")
    broker.stop()
    broker.start()
    central = visit("central")
    central.subscribe(topics.ALL_STATES)
    assert (topics.state(BRON), b"a state that is kept") == central.next()
    log = broker.log.read_text()
    assert BRON in log
    assert not [word for word in ("a state", "what nobody", "up/state", "up/events") if word in log]
    # A door that is tried and left, and a client that is cut off, are errors of OpenSSL to mosquitto.
    wrong = [line for line in log.splitlines() if "Error" in line and "OpenSSL" not in line]
    assert not wrong, log

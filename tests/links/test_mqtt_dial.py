"""The way to a broker, and each reason why it does not come about, against a real mosquitto."""

from __future__ import annotations

import shutil
import socket
import subprocess
from dataclasses import replace

import pytest

from gated.errors import LinkError
from gated.links.mqtt import MqttLink
from gated.links.mqtt_dial import dial
from gated.links.mqtt_place import MqttPlace, TlsFiles
from gated.model.letter import NOBODY_LISTENS, Answered, Letter
from mosquitto import Mosquitto, Pki, monotonic, now
from needs import need

HOST = "127.0.0.1"


@pytest.fixture
def pki(tmp_path):
    return Pki(tmp_path / "pki")


@pytest.fixture
def start(tmp_path, pki):
    """Start a broker that is gone when the test ends."""
    started = []

    def run(**more):
        started.append(Mosquitto(tmp_path / f"broker-{len(started)}", pki, **more))
        return started[-1].start()

    yield run
    for made in started:
        made.kill()


def refused(link) -> LinkError:
    with pytest.raises(LinkError) as caught:
        link.open([])
    assert caught.value.hint
    return caught.value


def works(link) -> None:
    link.open([])
    number = link.send(Letter("t", b""))
    assert Answered(number, NOBODY_LISTENS) == link.receive(10.0)
    link.close()


# ------------------------------------------------------------------ name and TCP


def plain(port: int, host: str = HOST) -> MqttLink:
    place = MqttPlace(host, port, "g1", None, connect_timeout_s=0.5)
    return MqttLink(place, floor=lambda: 0, monotonic=monotonic)


def test_plain_tcp_on_this_machine(start):
    works(plain(start(plain=True).plain_port))


def test_a_name_that_is_not_known_is_told():
    error = refused(plain(1883, "gate.invalid"))
    assert "gate.invalid" in error.message
    assert "name" in error.message


def test_a_name_that_cannot_be_is_told():
    refused(plain(1883, "a" * 70))
    refused(plain(1883, "a..b"))


def test_a_port_where_nobody_listens_is_told():
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
    assert "nobody listens" in refused(plain(port)).message


def test_a_host_that_does_not_answer_costs_the_timeout():
    with socket.socket() as full:
        full.bind((HOST, 0))
        full.listen(0)
        address = full.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:  # a full backlog: the kernel leaves whoever comes now without an answer
            one.setblocking(False)
            one.connect_ex(address)
        began = monotonic()
        error = refused(plain(address[1]))
        for one in waiting:
            one.close()
    assert "did not answer within 0.5 s" in error.message
    assert 0.4 < monotonic() - began < 1.5


def test_the_socket_sends_at_once_and_notices_a_dead_peer():
    with socket.create_server((HOST, 0)) as server:
        place = MqttPlace(HOST, server.getsockname()[1], "g1", None, keepalive_s=30)
        made = dial(place, lambda: 0, monotonic)
        assert made.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        assert made.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert 60_000 == made.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
        assert not made.getblocking()
        made.close()


# ------------------------------------------------------------------ who the broker is


def test_a_broker_of_another_ca_is_not_trusted(start, pki, tmp_path):
    broker = start()
    ours = pki.issue("g1")
    other = Pki(tmp_path / "other")
    error = refused(broker.link("g1", files=replace(ours, ca=other.ca)))
    assert "not trusted" in error.message
    works(broker.link("g1", files=ours))


def test_a_broker_under_another_name_is_not_trusted(start, pki):
    pki.server = pki.issue("elsewhere", server=True)
    broker = start()
    files = pki.issue("g1")
    assert "not made for this name" in refused(broker.link("g1", files=files)).message
    works(broker.link("g1", files=files, host=HOST))  # its address stands in the certificate


def test_a_broker_with_the_certificate_of_a_client_is_not_trusted(start, pki):
    pki.server = pki.issue("localhost", file="as-client")
    assert "not trusted" in refused(start().link("g1")).message


def test_a_certificate_that_ended_is_refused_only_where_time_surely_passed_it(start, pki):
    """A gate without a clock knows only its floor: it must connect to learn the time."""
    ended = now() - 3600
    pki.server = pki.issue("localhost", server=True, ends=ended, file="old")
    broker = start()
    place = broker.place("g1")
    works(MqttLink(place, floor=lambda: 0, monotonic=monotonic))
    works(MqttLink(place, floor=lambda: ended, monotonic=monotonic))
    error = refused(MqttLink(place, floor=lambda: ended + 1, monotonic=monotonic))
    assert "ended on" in error.message
    assert error.hint == "the broker needs a new certificate"


def test_nothing_is_said_to_a_broker_whose_certificate_ended(start, pki):
    pki.server = pki.issue("localhost", server=True, ends=now() - 3600, file="old")
    broker = start(general=["log_type all"])
    refused(MqttLink(broker.place("g1"), floor=now, monotonic=monotonic))
    assert "CONNECT" not in broker.log.read_text()


def test_old_tls_is_refused(start, pki):
    broker = start(listener=["tls_version tlsv1.2"])
    works(broker.link("g1"))
    with socket.create_server((HOST, 0)) as server:
        port = server.getsockname()[1]
        openssl = need("openssl", "openssl")
        old = [openssl, "s_server", "-accept", str(port), "-naccept", "1", "-tls1_1", "-quiet"]
        old += [
            "-cipher",
            "ALL:@SECLEVEL=0",
            "-cert",
            str(pki.server.certificate),
            "-key",
            str(pki.server.key),
        ]
    with subprocess.Popen(
        old, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        from venue import until

        errors = []

        def told() -> bool:
            try:
                broker.link("g1", port=port).open([])
            except LinkError as error:
                errors.append(error.message)
            return "TLS" in errors[-1]

        assert until(told), errors[-1]
        process.kill()


# ------------------------------------------------------------------ who we are


def test_a_certificate_of_a_foreign_ca_is_refused(start, pki, tmp_path):
    """With TLS 1.3 the refusal comes after our side of the handshake is done."""
    foreign = Pki(tmp_path / "foreign").issue("g1")
    error = refused(start().link("g1", files=replace(foreign, ca=pki.ca)))
    assert "refuses our certificate" in error.message
    assert "enrol" in error.hint


@pytest.mark.parametrize("version", ["tlsv1.2", "tlsv1.3"])
def test_a_revoked_certificate_is_refused_and_named_so(start, pki, version):
    stolen, sound = pki.issue("g1"), pki.issue("g2")
    broker = start(listener=[f"crlfile {pki.revoke()}", f"tls_version {version}"])
    works(broker.link("g1", files=stolen))
    pki.revoke(stolen)
    broker.reload()
    broker.stop()
    broker.start()
    error = refused(broker.link("g1", files=stolen))
    assert "refuses our certificate: it is revoked" in error.message
    works(broker.link("g2", files=sound))


def test_a_certificate_that_ended_is_refused_by_the_broker(start, pki):
    old = pki.issue("g1", ends=now() - 3600)
    assert "it has expired" in refused(start().link("g1", files=old)).message


def test_plain_text_to_a_tls_port_is_told(start):
    error = refused(plain(start().port))
    assert "before it greeted us" in error.message
    assert "mqtts://" in error.hint


def test_tls_to_a_plain_port_is_told(start):
    broker = start(plain=True)
    error = refused(broker.link("g1", port=broker.plain_port, connect_timeout_s=1.0))
    assert "TLS" in error.message


# ------------------------------------------------------------------ files


def test_files_that_cannot_be_used_are_named(start, pki, tmp_path):
    broker = start()
    sound = pki.issue("g1")
    garbage = tmp_path / "garbage"
    garbage.write_text("no PEM")
    missing = tmp_path / "missing"
    for files, means in (
        (replace(sound, ca=missing), "cannot be read"),
        (replace(sound, certificate=missing), "cannot be read"),
        (replace(sound, key=missing), "cannot be read"),
        (replace(sound, ca=garbage), "garbage"),
        (replace(sound, certificate=garbage), "garbage"),
        (replace(sound, key=pki.issue("g2").key), "cannot be used for TLS"),
    ):
        assert means in refused(broker.link("g1", files=files)).message
    works(broker.link("g1", files=sound))


def test_a_locked_key_is_told_and_nobody_is_asked_for_its_password(start, pki, tmp_path):
    sound = pki.issue("g1")
    locked = tmp_path / "locked.key"
    openssl = need("openssl", "openssl")
    words = [
        openssl,
        "pkcs8",
        "-topk8",
        "-in",
        str(sound.key),
        "-out",
        str(locked),
        "-passout",
        "pass:hunter2",
    ]
    subprocess.run(words, check=True, capture_output=True)
    error = refused(start().link("g1", files=TlsFiles(sound.ca, sound.certificate, locked)))
    assert "cannot be used for TLS" in error.message
    assert "hunter2" not in str(error)


def test_renewed_files_are_read_at_the_next_opening(start, pki, tmp_path):
    broker = start()
    foreign, sound = Pki(tmp_path / "foreign").issue("g1"), pki.issue("g1")
    files = TlsFiles(pki.ca, tmp_path / "gate.crt", tmp_path / "gate.key")
    shutil.copy(foreign.certificate, files.certificate)
    shutil.copy(foreign.key, files.key)
    link = broker.link("g1", files=files)
    refused(link)
    shutil.copy(sound.certificate, files.certificate)
    shutil.copy(sound.key, files.key)
    works(link)

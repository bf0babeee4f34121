"""The broker's files: what stands in them, what stays when they are written again, what is refused."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path

import pytest
from cryptography import x509

from fleet import here
from gated.central.broker_config import write_broker
from gated.central.broker_text import BrokerPlace, acl, central_acl, configuration
from gated.central.ledger_gates import EnrolledGate
from gated.devices.clock import SystemClock
from gated.errors import ConfigError
from gated.model.trust import Algorithm

NOW = SystemClock().sample().wall
DAY = 86400


def enrolled(gate, sector="pools", serial="0a", ended=None):
    return EnrolledGate(gate, 1, sector, "bron", bytes(4), Algorithm.EDDSA, bytes(32), serial, NOW, ended)


GATES = [enrolled("bron-1"), enrolled("bron-2", "museums", "1b"), enrolled("old.one", "pools", "ff", NOW - 5)]


@pytest.fixture
def directory(tmp_path):
    for name in ("secret", "gate"):
        (tmp_path / "city" / name).mkdir(parents=True)
    return tmp_path / "city"


def place(**changes):
    usual = {
        "host": "broker.city.example",
        "gate_port": 8883,
        "central_port": 8884,
        "gate_bind": "",
        "central_bind": "127.0.0.1",
        "workers": 2,
        "at": Path("/etc/mosquitto/gated"),
    }
    return BrokerPlace(**usual | changes)


def write(directory, gates=GATES, now=NOW, days=825, **changes):
    return write_broker(
        directory,
        directory.parent / "out",
        place(**changes),
        gates,
        now=now,
        days=days,
        random=secrets.token_bytes,
    )


def files(directory):
    out = directory.parent / "out"
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*") if path.is_file()}


def test_the_access_list_names_each_gate_its_topics_and_nobody_else(directory):
    write(directory)
    lines = [line for line in files(directory)["acl"].decode().splitlines() if line and line[0] != "#"]
    assert [
        "user bron-1",
        "topic write gated/v1/gate/bron-1/up/events",
        "topic write gated/v1/gate/bron-1/up/state",
        "topic write gated/v1/gate/bron-1/up/request",
        "topic read gated/v1/gate/bron-1/down/#",
        "topic read gated/v1/sector/pools/#",
        "user bron-2",
        "topic write gated/v1/gate/bron-2/up/events",
        "topic write gated/v1/gate/bron-2/up/state",
        "topic write gated/v1/gate/bron-2/up/request",
        "topic read gated/v1/gate/bron-2/down/#",
        "topic read gated/v1/sector/museums/#",
    ] == lines
    assert [] == [line for line in acl([]).splitlines() if line and line[0] != "#"]
    assert 4 == len([line for line in central_acl().splitlines() if line and line[0] != "#"])


def test_the_list_of_ended_certificates_follows_the_ledger(directory):
    assert (2, 1) == (write(directory).enrolled, write(directory).ended)
    crl = x509.load_pem_x509_crl(files(directory)["crl.pem"])
    assert [0xFF] == [one.serial_number for one in crl]


def test_what_is_written_again_keeps_keys_and_certificates(directory):
    first = write(directory)
    assert ["central.crt", "server.crt"] == sorted(Path(path).name for path in first.renewed)
    before = files(directory)
    assert () == write(directory, GATES[:1]).renewed
    after = files(directory)
    assert before.keys() == after.keys()
    assert {"acl", "crl.pem"} == {name for name in after if after[name] != before[name]}


def test_a_line_of_ones_own_is_kept(directory):
    write(directory)
    own = directory.parent / "out" / "conf.d" / "own.conf"
    own.write_text("log_dest syslog\n")
    write(directory)
    assert "log_dest syslog\n" == own.read_text()


def test_another_name_gets_another_certificate_for_the_same_key(directory):
    write(directory)
    before = files(directory)
    (renewed,) = write(directory, host="10.1.2.3").renewed
    assert renewed.endswith("server.crt")
    after = files(directory)
    assert before["server.key"] == after["server.key"]
    names = x509.load_pem_x509_certificate(after["server.crt"]).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    assert ["10.1.2.3", "127.0.0.1", "localhost"] == [str(name.value) for name in names.value]


def test_central_elsewhere_is_called_by_its_address(directory):
    write(directory, central_bind="10.0.0.7")
    certificate = x509.load_pem_x509_certificate(files(directory)["server.crt"])
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert ["broker.city.example", "10.0.0.7"] == [str(name.value) for name in names]
    assert "listener 8884 10.0.0.7\n" in files(directory)["mosquitto.conf"].decode()


def test_certificates_are_renewed_in_the_second_half_of_their_life(directory):
    write(directory, days=100)
    assert () == write(directory, days=100, now=NOW + 49 * DAY).renewed
    before = files(directory)
    assert 2 == len(write(directory, days=100, now=NOW + 51 * DAY).renewed)
    after = files(directory)
    assert before["server.key"] == after["server.key"]
    assert before["central/central.key"] == after["central/central.key"]


def test_the_brokers_group_enters_its_folders_whatever_the_umask(directory):
    out = directory.parent / "new" / "out"
    folders = (out.parent, out, out / "central", out / "data", out / "conf.d")
    before = os.umask(0o077)
    try:
        write_broker(directory, out, place(), GATES, now=NOW, days=825, random=secrets.token_bytes)
    finally:
        os.umask(before)
    assert [0o750] * 5 == [stat.S_IMODE(folder.stat().st_mode) for folder in folders]


def test_a_folder_that_is_there_keeps_its_mode(directory):
    out = directory.parent / "out"
    out.mkdir()
    out.chmod(0o711)
    write(directory)
    assert 0o711 == stat.S_IMODE(out.stat().st_mode)


def test_secrets_are_their_owners_and_the_rest_can_be_read(directory):
    write(directory)
    out = directory.parent / "out"
    modes = {path.relative_to(out).as_posix(): stat.S_IMODE(path.stat().st_mode) for path in out.rglob("*")}
    secret = {name for name, mode in modes.items() if mode == 0o600}
    assert {"server.key", "central/central.key"} == secret
    folders = {name for name, mode in modes.items() if mode == 0o750}
    assert {"central", "conf.d", "data"} == folders
    assert {0o644} == {mode for name, mode in modes.items() if name not in secret | folders}
    assert b"PRIVATE" not in b"".join(
        content for name, content in files(directory).items() if name not in secret
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files in an office of somebody else")
def test_what_root_makes_in_somebody_elses_office_is_theirs(tmp_path):
    city, owner = tmp_path / "city", 12345
    city.mkdir()
    os.chown(city, owner, owner)
    for sector, venue in (("pools", "bron"), ("museums", "fourviere")):
        assert 0 == here("central", "init", city, "--sector", sector, "--venue", venue).code
    out = tmp_path / "out"
    assert 0 == here("central", "broker-config", city, "--host", "localhost", "--out", out).code
    theirs = {path.relative_to(city).as_posix() for path in city.rglob("*") if path.stat().st_uid == owner}
    assert {path.relative_to(city).as_posix() for path in city.rglob("*")} == theirs
    made = {
        "secret",
        "gate",
        "secret/share",
        "secret/enrol.pem",
        "secret/broker-ca.pem",
        "gate/ca.crt",
        "central.db",
    }
    assert set() == made - theirs
    assert {0} == {path.stat().st_uid for path in out.rglob("*")}


def test_a_damaged_key_is_told(directory):
    write(directory)
    (directory.parent / "out" / "server.key").write_text("noise")
    with pytest.raises(ConfigError, match=r"server.key is damaged; remove it"):
        write(directory)


def test_a_damaged_certificate_is_made_anew(directory):
    write(directory)
    (directory.parent / "out" / "server.crt").write_text("noise")
    assert 1 == len(write(directory).renewed)


def test_a_place_that_cannot_be_written_is_told(directory):
    (directory.parent / "out").touch()
    with pytest.raises(ConfigError, match="cannot be written"):
        write(directory)


def test_a_large_fleet_gets_more_connections():
    few, many = (configuration(place(), number) for number in (3, 5000))
    assert ("max_connections 2000\n" in few, "max_connections 10000\n" in many) == (True, True)
    assert "max_connections 44\n" in configuration(place(workers=10), 3)


def test_the_greetings_of_a_whole_fleet_may_wait_for_a_worker():
    for number, queued in ((3, 1000), (500, 1000), (501, 1002), (5000, 10_000)):
        assert f"\nmax_queued_messages {queued}\n" in configuration(place(), number)


def test_what_one_client_may_cost_is_limited():
    text = configuration(place(), 3)
    for line in (
        "max_packet_size 131072",
        "max_inflight_messages 100",
        "max_queued_bytes 67108864",
        "max_keepalive 120",
        "persistent_client_expiration 1h",
    ):
        assert f"\n{line}\n" in text


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"host": "a b"}, "--host 'a b' is no name"),
        ({"host": "a\nuser root"}, "is no name"),
        ({"host": ""}, "is no name"),
        ({"gate_bind": "eth0"}, "--gate-bind 'eth0' is no address"),
        ({"central_bind": ""}, "--central-bind '' is no address"),
        ({"central_bind": "127.0.0.1\nuser root"}, "is no address"),
        ({"gate_port": 0}, "0 is no port"),
        ({"central_port": 65536}, "65536 is no port"),
        ({"central_port": 8883}, "a port each"),
        ({"workers": 0}, "0 workers"),
        ({"at": Path("here")}, "is no absolute path"),
        ({"at": Path("/a\nuser root")}, "is no absolute path"),
    ],
    ids=str,
)
def test_what_would_not_work_is_refused_and_nothing_written(directory, changes, told):
    with pytest.raises(ConfigError, match=told):
        write(directory, **changes)
    assert not (directory.parent / "out").exists()

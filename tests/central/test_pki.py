"""Two CAs: what each signs, whom that makes, and that both are made once."""

from __future__ import annotations

import secrets
import ssl
import threading
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID

from gated.central.pki import CA_DAYS, broker_ca, device_ca
from gated.devices.clock import SystemClock
from gated.errors import ConfigError
from gated.wire.certificate import TlsKey

NOW = SystemClock().sample().wall
DAY = 86400


def at(seconds):
    return datetime.fromtimestamp(seconds, UTC)


@pytest.fixture
def directory(tmp_path):
    for name in ("secret", "gate"):
        (tmp_path / name).mkdir()
    return tmp_path


def devices(directory):
    return device_ca(directory, now=NOW, random=secrets.token_bytes)


def brokers(directory):
    return broker_ca(directory, now=NOW, random=secrets.token_bytes)


def certified(authority, common="bron-1", days=825, **more):
    key = TlsKey.generate()
    made = authority.certify(
        common, key.private.public_key(), now=NOW, days=days, random=secrets.token_bytes, **more
    )
    return key, made


def extension(certificate, kind):
    return certificate.extensions.get_extension_for_class(kind)


@pytest.mark.parametrize("make", [devices, brokers])
def test_a_ca_signs_certificates_and_lists_and_no_other_ca(directory, make):
    certificate = make(directory).certificate
    assert extension(certificate, x509.BasicConstraints).critical
    basic = extension(certificate, x509.BasicConstraints).value
    assert (True, 0) == (basic.ca, basic.path_length)
    usage = extension(certificate, x509.KeyUsage).value
    assert (True, True, False) == (usage.key_cert_sign, usage.crl_sign, usage.digital_signature)
    assert at(NOW - DAY) == certificate.not_valid_before_utc
    assert at(NOW + CA_DAYS * DAY) == certificate.not_valid_after_utc
    certificate.verify_directly_issued_by(certificate)


def test_a_gates_certificate_is_for_a_client_and_its_name(directory):
    authority = devices(directory)
    key, made = certified(authority)
    made.verify_directly_issued_by(authority.certificate)
    assert (key.private.public_key(), "CN=bron-1") == (made.public_key(), made.subject.rfc4514_string())
    assert (at(NOW - DAY), at(NOW + 825 * DAY)) == (made.not_valid_before_utc, made.not_valid_after_utc)
    assert not extension(made, x509.BasicConstraints).value.ca
    assert [ExtendedKeyUsageOID.CLIENT_AUTH] == list(extension(made, x509.ExtendedKeyUsage).value)
    assert extension(made, x509.KeyUsage).value.digital_signature
    assert not extension(made, x509.KeyUsage).value.key_cert_sign


def test_serial_numbers_are_random_and_fit(directory):
    authority = devices(directory)
    serials = {certified(authority)[1].serial_number for _ in range(20)}
    assert 20 == len(serials)
    assert all(0 < serial.bit_length() <= 159 for serial in serials)


@pytest.mark.parametrize("days", [-1, 0, CA_DAYS + 1, 1 << 60])
def test_a_certificate_does_not_outlive_its_ca(directory, days):
    authority = devices(directory)
    certified(authority, days=CA_DAYS)
    with pytest.raises(ConfigError, match="a certificate cannot live"):
        certified(authority, days=days)
    later = NOW + 2 * DAY
    with pytest.raises(ConfigError, match="a certificate cannot live"):
        authority.certify(
            "g",
            TlsKey.generate().private.public_key(),
            now=later,
            days=CA_DAYS - 1,
            random=secrets.token_bytes,
        )


def test_the_list_names_what_ended_and_does_not_expire(directory):
    authority = devices(directory)
    crl = x509.load_pem_x509_crl(authority.crl([(7, NOW - 5), (9, NOW)], now=NOW))
    assert crl.is_signature_valid(authority.certificate.public_key())
    assert {7, 9} == {one.serial_number for one in crl}
    assert authority.certificate.not_valid_after_utc == crl.next_update_utc
    assert crl.last_update_utc < at(NOW)
    assert 0 == len(list(x509.load_pem_x509_crl(authority.crl([], now=NOW))))


# ------------------------------------------------------------------ made once


def test_each_is_made_once_and_for_its_owner_alone(directory):
    one, other = devices(directory), brokers(directory)
    assert one.pem != other.pem
    assert (one.pem, other.pem) == (devices(directory).pem, brokers(directory).pem)
    for path in (directory / "secret").iterdir():
        assert 0o600 == path.stat().st_mode & 0o777
    assert other.pem == (directory / "gate" / "ca.crt").read_bytes()
    (directory / "gate" / "ca.crt").write_bytes(b"x")
    brokers(directory)
    assert other.pem == (directory / "gate" / "ca.crt").read_bytes()
    assert {"device-ca.pem", "broker-ca.pem"} == {path.name for path in (directory / "secret").iterdir()}


def test_of_two_commands_that_begin_at_once_both_get_the_same(directory):
    gate, made = threading.Barrier(4), []

    def begin():
        gate.wait(10)
        made.append(devices(directory).pem)

    threads = [threading.Thread(target=begin) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert (4, 1) == (len(made), len(set(made)))


def test_two_offices_cas_bear_two_names(directory, tmp_path):
    for name in ("secret", "gate"):
        (tmp_path / "other" / name).mkdir(parents=True)
    assert devices(directory).certificate.subject != devices(tmp_path / "other").certificate.subject


def test_a_damaged_one_is_told_and_never_made_anew(directory):
    path = directory / "secret" / "device-ca.pem"
    whole = devices(directory) and path.read_bytes()
    for spoilt in (b"", b"noise", whole[:100], whole[: whole.index(b"-----BEGIN CERT")], whole[::-1]):
        path.write_bytes(spoilt)
        with pytest.raises(ConfigError, match=r"device-ca.pem is damaged; put it back from a backup"):
            devices(directory)
        assert spoilt == path.read_bytes()


def test_a_directory_that_is_none_is_told(tmp_path):
    with pytest.raises(ConfigError, match="cannot be made or read"):
        devices(tmp_path / "none")
    (tmp_path / "secret").mkdir()
    with pytest.raises(ConfigError, match=r"ca.crt cannot be made or read"):
        brokers(tmp_path)


def test_no_key_is_shown(directory):
    authority = devices(directory)
    number = authority.key.private.private_numbers().private_value
    assert str(number) not in f"{authority!r}"


# ------------------------------------------------------------------ who passes for whom


def written(folder, name, key, certificate):
    (folder / f"{name}.key").write_bytes(key.pem())
    (folder / f"{name}.crt").write_bytes(certificate.public_bytes(Encoding.PEM))
    return folder / f"{name}.crt", folder / f"{name}.key"


def handshake(server, client) -> None:
    """Both contexts speak to each other in memory. Raises ``ssl.SSLError``."""
    to_client, to_server = ssl.MemoryBIO(), ssl.MemoryBIO()
    ends = [
        server.wrap_bio(to_server, to_client, server_side=True),
        client.wrap_bio(to_client, to_server, server_hostname="localhost"),
    ]
    for _ in range(10):
        for end in ends:
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
    for end in ends:
        assert end.version()


@pytest.fixture
def people(directory):
    """Who there is, each with certificate and key."""
    device, broker = devices(directory), brokers(directory)
    return {
        "broker": written(directory, "b", *certified(broker, "broker", names=["localhost"], serves=True)),
        "central": written(directory, "c", *certified(broker, "central", names=["localhost"])),
        "gate": written(directory, "g", *certified(device, "gate", names=["localhost"])),
    }


def trusting(ca, purpose, shown):
    context = ssl.SSLContext(purpose)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=ca.pem.decode())
    context.load_cert_chain(*shown)
    return context


@pytest.mark.parametrize(
    ("server", "door", "client", "fine"),
    [
        ("broker", devices, "gate", True),
        ("broker", brokers, "central", True),
        ("broker", brokers, "gate", False),
        ("broker", devices, "central", False),
        ("broker", brokers, "broker", False),
        ("gate", devices, "gate", False),
        ("central", devices, "gate", False),
    ],
)
def test_nobody_passes_for_another(directory, people, server, door, client, fine):
    """A client believes the broker CA; each door believes one CA; a certificate serves or asks, not both."""
    at_door = trusting(door(directory), ssl.PROTOCOL_TLS_SERVER, people[server])
    asking = trusting(brokers(directory), ssl.PROTOCOL_TLS_CLIENT, people[client])
    if fine:
        handshake(at_door, asking)
        return
    with pytest.raises(ssl.SSLError, match=r"certificate verify failed|unknown ca|unsuitable|unsupported"):
        handshake(at_door, asking)


def test_time_is_handed_in(directory):
    early = device_ca(directory, now=NOW - 400 * DAY, random=secrets.token_bytes)
    assert at(NOW - 401 * DAY) == early.certificate.not_valid_before_utc
    assert (
        timedelta(days=CA_DAYS + 1)
        == early.certificate.not_valid_after_utc - early.certificate.not_valid_before_utc
    )

"""A real mosquitto for tests, with a throw-away PKI: started, stopped, killed and restarted on one port."""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
import signal
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gated.devices.clock import SystemClock
from gated.links.mqtt import MqttLink
from gated.links.mqtt_place import MqttPlace, TlsFiles
from needs import need
from venue import until

HOST = "127.0.0.1"


def monotonic() -> float:
    return SystemClock().monotonic()


def now() -> int:
    return SystemClock().sample().wall


class Pki:
    """A CA, and what it signs: ``server`` for localhost and 127.0.0.1, and clients by name."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"CA of {path.name}")])
        self._revoked: list[x509.RevokedCertificate] = []
        usage = dict.fromkeys(_USAGES, False) | {"key_cert_sign": True, "crl_sign": True}
        made = (
            self._begin(self._name, self._key.public_key(), now() + 30 * 86400)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(x509.KeyUsage(**usage), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.ca = self._write("ca.crt", made.public_bytes(serialization.Encoding.PEM))
        self.server = self.issue("localhost", server=True)

    def issue(self, name: str, *, server: bool = False, ends: int = 0, file: str = "") -> TlsFiles:
        """A certificate with the common name ``name``; ``ends``: seconds since 1970."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        kind = ExtendedKeyUsageOID.SERVER_AUTH if server else ExtendedKeyUsageOID.CLIENT_AUTH
        names: list[x509.GeneralName] = [x509.DNSName(name)]
        if server:
            names.append(x509.IPAddress(ipaddress.ip_address(HOST)))
        made = (
            self._begin(subject, key.public_key(), ends or now() + 86400)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.ExtendedKeyUsage([kind]), critical=False)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .sign(self._key, hashes.SHA256())
        )
        file = file or name
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        certificate = self._write(f"{file}.crt", made.public_bytes(serialization.Encoding.PEM))
        return TlsFiles(self.ca, certificate, self._write(f"{file}.key", private))

    def revoke(self, files: TlsFiles | None = None) -> Path:
        """The revocation list, with the certificate of ``files`` in it from now on."""
        if files is not None:
            serial = x509.load_pem_x509_certificate(files.certificate.read_bytes()).serial_number
            entry = x509.RevokedCertificateBuilder().serial_number(serial)
            self._revoked.append(entry.revocation_date(_date(now() - 60)).build())
        made = x509.CertificateRevocationListBuilder().issuer_name(self._name)
        made = made.last_update(_date(now() - 60)).next_update(_date(now() + 86400))
        for revoked in self._revoked:
            made = made.add_revoked_certificate(revoked)
        signed = made.sign(self._key, hashes.SHA256())
        return self._write("ca.crl", signed.public_bytes(serialization.Encoding.PEM))

    def _begin(self, subject, public, ends: int) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(_date(min(now(), ends) - 86400))
            .not_valid_after(_date(ends))
        )

    def _write(self, name: str, content: bytes) -> Path:
        path = self.path / name
        path.write_bytes(content)
        return path


_USAGES = (
    *("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement"),
    *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
)


def _date(seconds: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, tz=dt.UTC)


class Mosquitto:
    """A broker of its own: mutual TLS on ``port``, and on request plain TCP on ``plain_port``.

    Args:
        general: lines of the configuration that hold for all listeners.
        listener: lines for the TLS listener.
        name_is_id: the certificate's common name is the client id, whatever a client says.

    """

    def __init__(
        self,
        path: Path,
        pki: Pki | None = None,
        *,
        general: Sequence[str] = (),
        listener: Sequence[str] = (),
        plain: bool = False,
        name_is_id: bool = True,
    ) -> None:
        self._program = need("mosquitto", "mosquitto")
        path.mkdir(parents=True, exist_ok=True)
        self.pki = pki or Pki(path / "pki")
        self.path = path
        self.log = path / "mosquitto.log"
        self.general, self.listener = list(general), list(listener)
        self._plain, self._name_is_id = plain, name_is_id
        self.port = self.plain_port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> Mosquitto:
        """Start it, on the ports it had before, and wait until it listens."""
        for _ in range(1 if self.port else 5):
            ports = (self.port, self.plain_port) if self.port else free_ports()
            if self._serves(*ports):
                self.port, self.plain_port = ports
                return self
        raise AssertionError(f"mosquitto does not start: {self.log.read_text()[-2000:]}")

    def stop(self) -> None:
        """Stop it in order."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """kill -9."""
        self._end(signal.SIGKILL)

    def reload(self) -> None:
        """Read the ACL and the revocation list anew, as after SIGHUP."""
        os.kill(self.pid, signal.SIGHUP)

    def place(self, name: str, *, files: TlsFiles | None = None, port: int = 0, **more) -> MqttPlace:
        """Where a client of this name finds it, with a certificate of that name."""
        tls = files or self.pki.issue(name)
        return MqttPlace(
            **({"host": "localhost", "port": port or self.port, "client_id": name, "tls": tls} | more)
        )

    def link(self, name: str, **more) -> MqttLink:
        """A link that is not open yet."""
        return MqttLink(self.place(name, **more), floor=lambda: 0, monotonic=monotonic)

    def _end(self, how: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(10)
            self._process = None

    def _serves(self, port: int, plain_port: int) -> bool:
        (self.path / "data").mkdir(exist_ok=True)
        config = self.path / "mosquitto.conf"
        config.write_text("\n".join([*self._lines(port, plain_port), ""]))
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [self._program, "-c", str(config)], stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        process, ports = self._process, [port, plain_port][: 1 + self._plain]
        until(lambda: process.poll() is not None or all(map(listens, ports)))
        return process.poll() is None

    def _lines(self, port: int, plain_port: int) -> Iterator[str]:
        if os.geteuid() == 0:
            yield "user root"  # or it becomes the user mosquitto, who may read none of these files
        yield from ("log_dest stderr", "log_type error", "log_type warning", "log_type notice")
        yield f"allow_anonymous {'true' if self._plain else 'false'}"
        yield "set_tcp_nodelay true"
        yield from self.general
        yield f"listener {port} {HOST}"
        yield f"cafile {self.pki.ca}"
        yield f"certfile {self.pki.server.certificate}"
        yield f"keyfile {self.pki.server.key}"
        yield from ("require_certificate true", "use_identity_as_username true")
        if self._name_is_id:
            yield "use_username_as_clientid true"
        yield from self.listener
        if self._plain:
            yield f"listener {plain_port} {HOST}"


@contextmanager
def running(path: Path, pki: Pki | None = None, **more) -> Iterator[Mosquitto]:
    """A broker that listens, and is gone afterwards."""
    broker = Mosquitto(path, pki, **more)
    try:
        yield broker.start()
    finally:
        broker.kill()


def free_ports() -> tuple[int, int]:
    with socket.socket() as first, socket.socket() as second:
        first.bind((HOST, 0))
        second.bind((HOST, 0))
        return first.getsockname()[1], second.getsockname()[1]


def listens(port: int) -> bool:
    with socket.socket() as trial:
        return trial.connect_ex((HOST, port)) == 0

"""Two small certificate authorities of an office (docs/reference/enrolment.md).

The *device CA* signs gates and nothing else: the broker's door for gates believes it alone. The *broker CA*
signs the broker's own certificate and that of central's workers: gates believe it alone. So no certificate
of a gate, whatever its name, opens central's door or passes for the broker.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from gated.central.files import make_once, replace_file
from gated.errors import ConfigError
from gated.wire.certificate import TlsKey, name

#: Twenty years: there is no command yet that renews a CA.
CA_DAYS = 7300
#: Certificates begin a day before they are made: clocks differ.
BACKDATED_S = 86400
_DAY_S = 86400
_SERIAL_BYTES = 16

#: Keys of the office itself, in ``secret/<name>.pem`` beside those of its sectors.
OFFICE_KEYS = DEVICE_CA, BROKER_CA, ENROL, TRUST_TIMESTAMP, TRUST_SNAPSHOT = (
    "device-ca",
    "broker-ca",
    "enrol",
    "trust-timestamp",
    "trust-snapshot",
)

Random = Callable[[int], bytes]


@dataclass(frozen=True)
class Authority:
    """A key that signs certificates, with its own. ``repr`` shows nothing of the key."""

    key: TlsKey = field(repr=False)
    certificate: x509.Certificate

    @property
    def pem(self) -> bytes:
        """Its certificate."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def certify(
        self,
        common: str,
        public: ec.EllipticCurvePublicKey,
        *,
        now: int,
        days: int,
        random: Random,
        names: Iterable[str] = (),
        serves: bool = False,
    ) -> x509.Certificate:
        """A certificate for TLS: of a client, or (``serves``) of a server under ``names``.

        Raises ``ConfigError`` for one that would outlive its CA.
        """
        ends = _at(now + days * _DAY_S) if 0 < days <= CA_DAYS else None
        if ends is None or ends > self.certificate.not_valid_after_utc:
            last = self.certificate.not_valid_after_utc
            raise ConfigError(
                f"a certificate cannot live {days} days",
                hint=f"give it at least 1, and an end before {last:%Y-%m-%d}",
            )
        purpose = ExtendedKeyUsageOID.SERVER_AUTH if serves else ExtendedKeyUsageOID.CLIENT_AUTH
        built = (
            x509.CertificateBuilder()
            .subject_name(name(common))
            .issuer_name(self.certificate.subject)
            .public_key(public)
            .serial_number(_serial(random))
            .not_valid_before(_at(now - BACKDATED_S))
            .not_valid_after(ends)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(digital_signature=True), critical=True)
            .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.private.public_key()),
                critical=False,
            )
        )
        told = [_general(one) for one in names]
        if told:
            built = built.add_extension(x509.SubjectAlternativeName(told), critical=False)
        return built.sign(self.key.private, hashes.SHA256())

    def crl(self, ended: Iterable[tuple[int, int]], *, now: int) -> bytes:
        """The list of certificates that count no longer, in PEM, from (serial, ended at).

        It never expires before its CA: an expired list would shut out the whole fleet, and no list is
        newer for expiring sooner. It is made anew whenever an enrolment ends.
        """
        built = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(_at(now - BACKDATED_S))
            .next_update(self.certificate.not_valid_after_utc)
            .add_extension(x509.CRLNumber(now), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.private.public_key()),
                critical=False,
            )
        )
        for serial, at in ended:
            entry = x509.RevokedCertificateBuilder().serial_number(serial).revocation_date(_at(at)).build()
            built = built.add_revoked_certificate(entry)
        return built.sign(self.key.private, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def device_ca(directory: Path, *, now: int, random: Random) -> Authority:
    """The CA of an office's gates, made on first use. Raises ``ConfigError``."""
    return _authority(directory, DEVICE_CA, "gated device CA", now=now, random=random)


def broker_ca(directory: Path, *, now: int, random: Random) -> Authority:
    """The CA by which gates know the broker, made on first use; ``gate/ca.crt`` is its certificate.

    Raises ``ConfigError``.
    """
    authority = _authority(directory, BROKER_CA, "gated broker CA", now=now, random=random)
    shown = directory / "gate" / "ca.crt"
    try:
        if not shown.exists() or shown.read_bytes() != authority.pem:
            replace_file(shown, authority.pem)
    except OSError as error:
        raise _unwritable(shown, error) from None
    return authority


def _authority(directory: Path, file: str, common: str, *, now: int, random: Random) -> Authority:
    """Key and certificate stand in one file, so that neither is ever there without the other."""
    path = directory / "secret" / f"{file}.pem"
    try:
        if not path.exists():
            made = _made(common, now=now, random=random)
            make_once(path, made.key.pem() + made.pem)
        pem = path.read_bytes()
        return Authority(TlsKey.from_pem(pem), x509.load_pem_x509_certificate(pem))
    except OSError as error:
        raise _unwritable(path, error) from None
    except ValueError:
        raise ConfigError(
            f"{path} is damaged", hint="put it back from a backup: without it no gate can be enrolled"
        ) from None


def _made(common: str, *, now: int, random: Random) -> Authority:
    key = TlsKey.generate()
    public = key.private.public_key()
    identifier = x509.SubjectKeyIdentifier.from_public_key(public)
    # Two offices' CAs never bear one name: a verifier looks an issuer up by it.
    subject = name(f"{common} {identifier.digest[:4].hex()}")
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(public)
        .serial_number(_serial(random))
        .not_valid_before(_at(now - BACKDATED_S))
        .not_valid_after(_at(now + CA_DAYS * _DAY_S))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(identifier, critical=False)
        .sign(key.private, hashes.SHA256())
    )
    return Authority(key, certificate)


def _usage(**given: bool) -> x509.KeyUsage:
    usages = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
        "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(**{usage: given.get(usage, False) for usage in usages})


def _general(text: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(text))
    except ValueError:
        return x509.DNSName(text)


def _serial(random: Random) -> int:
    """Positive, at most 20 bytes long, and never nought (RFC 5280 section 4.1.2.2)."""
    return int.from_bytes(b"\x01" + random(_SERIAL_BYTES))


def _at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _unwritable(path: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"{path} cannot be made or read ({error.strerror})",
        hint="is it in an office's directory? Run this as its owner, to whom all of its secret/ must belong",
    )

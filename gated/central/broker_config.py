"""A hardened mosquitto for a fleet: configuration, access list, certificates, ended enrolments.

Written as a folder, and again after each enrolment: keys stay, the access list and the list of ended
certificates follow the ledger (docs/how-to/set-up-the-broker.md).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from gated.central.broker_text import BrokerPlace, acl, central_acl, configuration
from gated.central.enrolment import CENTRAL
from gated.central.files import make_folder, make_once, replace_file
from gated.central.ledger_gates import EnrolledGate
from gated.central.pki import Authority, Random, broker_ca, device_ca
from gated.errors import ConfigError
from gated.wire.certificate import TlsKey


@dataclass(frozen=True, slots=True)
class Written:
    """What came of it. ``renewed`` names certificates that were made, for a key that was there or not."""

    enrolled: int
    ended: int
    renewed: tuple[str, ...]


def write_broker(
    directory: Path,
    folder: Path,
    place: BrokerPlace,
    gates: Sequence[EnrolledGate],
    *,
    now: int,
    days: int,
    random: Random,
) -> Written:
    """Write the folder. Keys that are there are kept. Raises ``ConfigError``.

    Args:
        directory: of the office.
        folder: to be written.
        place: where it will stand.
        gates: every enrolment, those that ended too.
        now: the time, seconds since 1970.
        days: the life of the certificates of broker and workers.
        random: for serial numbers.

    """
    place.check()
    devices = device_ca(directory, now=now, random=random)
    broker = broker_ca(directory, now=now, random=random)
    enrolled = [one for one in gates if one.ended_at is None]
    ended = [(int(one.serial, 16), one.ended_at) for one in gates if one.ended_at is not None]
    workers = folder / CENTRAL
    try:
        for made in (folder, workers, folder / "data", folder / "conf.d"):
            make_folder(made)
        fresh = _Fresh(broker, now, days, random)
        renewed = [
            *fresh.keep(folder / "server", "broker", names=place.names),
            *fresh.keep(workers / CENTRAL, CENTRAL),
        ]
        for path, content in (
            (folder / "device-ca.crt", devices.pem),
            (folder / "ca.crt", broker.pem),
            (workers / "ca.crt", broker.pem),
            (folder / "crl.pem", devices.crl(ended, now=now)),
            (folder / "acl", acl(enrolled).encode()),
            (folder / "acl-central", central_acl().encode()),
            (folder / "mosquitto.conf", configuration(place, len(enrolled)).encode()),
        ):
            replace_file(path, content)
    except OSError as error:
        raise ConfigError(
            f"{error.filename or folder} cannot be written ({error.strerror})",
            hint="check the folder and its disk",
        ) from None
    return Written(len(enrolled), len(ended), tuple(renewed))


@dataclass(frozen=True)
class _Fresh:
    """Certificates that are made anew before they end, for keys that stay."""

    authority: Authority
    now: int
    days: int
    random: Random

    def keep(self, stem: Path, common: str, names: Sequence[str] = ()) -> list[str]:
        """See to ``stem``.key and ``stem``.crt. Returns the certificate's path where it was made."""
        private, public = stem.with_suffix(".key"), stem.with_suffix(".crt")
        if not private.exists():
            make_once(private, TlsKey.generate().pem())
        try:
            key = TlsKey.from_pem(private.read_bytes())
        except ValueError:
            raise ConfigError(f"{private} is damaged", hint="remove it: the next run makes another") from None
        made = self.authority.certify(
            common,
            key.private.public_key(),
            now=self.now,
            days=self.days,
            random=self.random,
            names=names,
            serves=bool(names),
        )
        if self._still_good(public, made):
            return []
        replace_file(public, made.public_bytes(Encoding.PEM))
        return [str(public)]

    def _still_good(self, path: Path, made: x509.Certificate) -> bool:
        """Whether the certificate that is there says the same, and has half of its life before it."""
        try:
            there = x509.load_pem_x509_certificate(path.read_bytes())
        except (OSError, ValueError):
            return False
        alike = (there.issuer, there.subject, there.public_key(), _alternatives(there)) == (
            made.issuer,
            made.subject,
            made.public_key(),
            _alternatives(made),
        )
        half = datetime.fromtimestamp(self.now, UTC) + timedelta(days=self.days) / 2
        return alike and there.not_valid_after_utc > half


def _alternatives(certificate: x509.Certificate) -> list[x509.GeneralName]:
    try:
        return list(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    except x509.ExtensionNotFound:
        return []

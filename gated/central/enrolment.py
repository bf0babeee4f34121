"""Enrolling gates: a request comes in, its answer goes out, the ledger remembers."""

from __future__ import annotations

import hashlib
import json
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from gated.central.files import make_once
from gated.central.ledger import Ledger
from gated.central.ledger_gates import EnrolledGate, end_gate, enrol_gate, gates
from gated.central.pki import ENROL, Random, broker_ca, device_ca
from gated.central.trust_shelf import enrolled_root
from gated.credential.index import SECTOR_KEY_BYTES
from gated.credential.keys import read_keys
from gated.credential.message import MESSAGE_TYPES
from gated.credential.possession import open_own
from gated.errors import ConfigError
from gated.model.name import is_name
from gated.model.refusal import Refusal
from gated.model.statement import Kind
from gated.model.trust import KID_BYTES, Algorithm
from gated.wire.box import seal
from gated.wire.certificate import asked_for
from gated.wire.enrolment import (
    MAX_REQUEST_BYTES,
    Bundle,
    Enrolment,
    Request,
    context,
    encode_bundle,
    encode_enrolment,
    read_request,
)
from gated.wire.fingerprint import fingerprint, is_fingerprint_of
from gated.wire.seal import ENVELOPE_BYTES, SigningKey

#: The name under which central's workers come to the broker.
CENTRAL = "central"
_HOUR_S = 3600
_MAX_HOURS = 8760


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the office decides about a gate."""

    sector: str
    venue: str
    broker: str  # mqtts://host:port
    days: int  # of the certificate
    valid_hours: int  # of the file


@dataclass(frozen=True, slots=True)
class Answered:
    """An enrolment that was made. ``file`` is for the box alone: to others it is sealed."""

    gate: str
    kid: bytes
    serial: str
    expires: int
    file: bytes = field(repr=False)


class EnrolmentDesk:
    """Enrols the gates of an office, and ends their enrolments."""

    def __init__(self, directory: Path, random: Random) -> None:
        if not (directory / "secret").is_dir():
            raise ConfigError(
                f"{directory} is no office",
                hint=f"make it: gated central init {directory} --sector … --venue …",
            )
        self._directory = directory
        self._random = random
        self._key = _enrolment_key(directory / "secret" / f"{ENROL}.pem")

    @property
    def fingerprint(self) -> str:
        """What technicians are told: the fingerprint of the key that signs enrolments."""
        return fingerprint(self._key.public)

    def enrol(self, raw: bytes, told: str, wanted: Wanted, *, now: int, replace: bool) -> Answered:
        """Answer a request. Raises ``ConfigError``; then nothing was changed.

        Args:
            raw: the request's file.
            told: its fingerprint, as the technician read it.
            wanted: what the office decides.
            now: the time, seconds since 1970.
            replace: end the enrolment that a gate of this name has.

        """
        request = _requested(raw, told)
        public = _asked_for(request)
        serial, bundle = self._bundle(request, public, wanted, now)
        expires = now + wanted.valid_hours * _HOUR_S
        try:
            ephemeral, sealed = seal(request.box, context(request.gate, raw), encode_bundle(bundle))
        except ValueError as error:
            raise ConfigError(
                f"no answer can be made ({error})", hint="are keys.json and the profile what `init` made?"
            ) from None
        answer = Enrolment(request.gate, self._key.public, now, expires, request.box, ephemeral, sealed)
        file = self._key.sign(MESSAGE_TYPES[Kind.ENROLMENT], encode_enrolment(answer))
        kid = hashlib.sha256(request.public).digest()[:KID_BYTES]
        with closing(self._ledger()) as ledger, ledger.transaction():
            if replace:
                end_gate(ledger, request.gate, now)
            elif any(one.gate == request.gate and one.ended_at is None for one in gates(ledger)):
                raise ConfigError(
                    f"gate {request.gate!r} is enrolled already",
                    hint="if this box takes its place: --replace, which ends the old enrolment",
                )
            enrol_gate(
                ledger,
                request.gate,
                sector=wanted.sector,
                venue=wanted.venue,
                kid=kid,
                algorithm=request.algorithm,
                public=request.public,
                serial=serial,
                now=now,
            )
        return Answered(request.gate, kid, serial, expires, file)

    def retire(self, gate: str, *, now: int) -> None:
        """End an enrolment: its certificate and its signing key count no longer. Raises ``ConfigError``."""
        with closing(self._ledger()) as ledger:
            if not end_gate(ledger, gate, now):
                raise ConfigError(
                    f"gate {gate!r} is not enrolled", hint="look at the names: gated central gates DIR"
                )

    def gates(self) -> list[EnrolledGate]:
        """Every enrolment there was, those that ended too."""
        with closing(self._ledger()) as ledger:
            return gates(ledger)

    def _ledger(self) -> Ledger:
        return Ledger(self._directory / "central.db")

    def _bundle(
        self, request: Request, public: ec.EllipticCurvePublicKey, wanted: Wanted, now: int
    ) -> tuple[str, Bundle]:
        """The certificate's serial number, and all that makes the box a gate."""
        _check(wanted)
        gate = self._directory / "gate"
        keys = _document(gate / "keys.json")
        profile = _document(gate / f"profile-{wanted.venue}.json")
        _check_rules(gate, keys, profile, wanted, now)
        authority = device_ca(self._directory, now=now, random=self._random)
        certificate = authority.certify(request.gate, public, now=now, days=wanted.days, random=self._random)
        bundle = Bundle(
            sector=wanted.sector,
            venue=wanted.venue,
            broker=wanted.broker,
            certificate=certificate.public_bytes(Encoding.PEM).decode(),
            ca=broker_ca(self._directory, now=now, random=self._random).pem.decode(),
            keys=keys,
            profile=profile,
            sector_key=_sector_key(gate / f"{wanted.sector}.sector-key"),
            root=enrolled_root(self._directory),
        )
        return f"{certificate.serial_number:x}", bundle


def _requested(raw: bytes, told: str) -> Request:
    """The request of the box whose fingerprint was told."""

    def key_in(payload: bytes) -> tuple[Algorithm, bytes]:
        request = read_request(payload)
        return request.algorithm, request.public

    payload = open_own(raw, Kind.ENROLMENT, key_in, MAX_REQUEST_BYTES + ENVELOPE_BYTES)
    if isinstance(payload, Refusal):
        raise ConfigError(
            f"this is no sound request: {payload}",
            hint="take the file that `gated enrol request` wrote, and copy it anew",
        )
    try:
        asked = is_fingerprint_of(told, raw)
    except ValueError as error:
        raise ConfigError(f"--fingerprint: {error}", hint="let the technician read it again") from None
    if not asked:
        raise ConfigError(
            "the fingerprint is not that of this request",
            hint="let the technician read it again; if it was right, the file is not from that box",
        )
    return read_request(payload)


def _asked_for(request: Request) -> ec.EllipticCurvePublicKey:
    if request.algorithm is not Algorithm.EDDSA:
        raise ConfigError("a gate signs with Ed25519", hint="let the box make its request with gated")
    if request.gate == CENTRAL:
        raise ConfigError(f"no gate can be called {CENTRAL!r}", hint="it is the name of central's workers")
    try:
        return asked_for(request.csr, request.gate)
    except ValueError as error:
        raise ConfigError(
            f"the request's csr {error}", hint="let the box make a new request: --again"
        ) from None


def _check(wanted: Wanted) -> None:
    for named in (wanted.sector, wanted.venue):
        if not is_name(named):
            raise ConfigError(f"{named!r} is not a name", hint="use 1 to 32 of a-z 0-9 . _ -")
    if not 1 <= wanted.valid_hours <= _MAX_HOURS:
        raise ConfigError(
            f"the file cannot be valid for {wanted.valid_hours} hours", hint=f"give it 1 to {_MAX_HOURS}"
        )


def _check_rules(gate: Path, keys: dict[str, Any], profile: dict[str, Any], wanted: Wanted, now: int) -> None:
    """Refuse what would make a gate of nothing, or of another sector."""
    try:
        usable = [key for key in read_keys(keys).values() if wanted.sector in key.sectors]
    except ValueError as error:
        raise ConfigError(f"{gate / 'keys.json'}: {error}", hint="put it back from a backup") from None
    if not usable:
        raise ConfigError(
            f"{gate / 'keys.json'} has no key of sector {wanted.sector!r}",
            hint="name one of this office's sectors",
        )
    if not any(Kind.ACK in key.kinds and key.holds(now) for key in usable):
        raise ConfigError(
            f"{gate / 'keys.json'} has no key for receipts of sector {wanted.sector!r} that counts today",
            hint="look at the clock; docs/how-to/run-central.md says what to do when such a key ends",
        )
    if (profile.get("sector"), profile.get("venue")) != (wanted.sector, wanted.venue):
        raise ConfigError(
            f"venue {wanted.venue!r} belongs to sector {profile.get('sector')!r}",
            hint="name its own --sector",
        )


def _document(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read ({error.strerror})",
            hint="is the venue one of this office? gated central init makes it",
        ) from None
    except (ValueError, RecursionError):
        document = None
    if not isinstance(document, dict):
        raise ConfigError(f"{path} is damaged", hint="put it back from a backup")
    return document


def _sector_key(path: Path) -> bytes:
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except (OSError, ValueError):
        key = b""
    if len(key) != SECTOR_KEY_BYTES:
        raise ConfigError(f"{path} holds no sector key", hint="put it back from a backup")
    return key


def _enrolment_key(path: Path) -> SigningKey:
    """The key that signs enrolments, made on first use."""
    try:
        if not path.exists():
            make_once(path, SigningKey.generate(Algorithm.EDDSA).pem())
        key = SigningKey.from_pem(path.read_bytes())
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be made or read ({error.strerror})",
            hint="run this as the office's owner, to whom all of its secret/ must belong",
        ) from None
    except ValueError:
        raise ConfigError(f"{path} is damaged", hint="put it back from a backup") from None
    return key

"""The office of a sector: it makes keys once, then statements.

A directory holds it: ``secret/`` never leaves the machine; ``gate/`` is what every gate of the sector
gets (keys.json, the sector key, a profile per venue); ``central.db`` remembers numbers.
"""

from __future__ import annotations

import hmac
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gated.central.files import make_files
from gated.central.ledger import Ledger
from gated.central.sign import sign_statement
from gated.credential.index import SECTOR_KEY_BYTES, index_of
from gated.credential.keys import KEYS_VERSION, read_keys
from gated.credential.statement import ID_BYTES, PASS_BYTES, is_name
from gated.errors import ConfigError
from gated.model.credential import Credential
from gated.model.statement import MAX_VENUES, Binding, Denial, DenialState, Entitlement, Kind, TargetKind
from gated.model.time import END_OF_TIME
from gated.model.trust import Algorithm
from gated.model.venue import MAX_PRODUCTS, MAX_USES
from gated.wire.seal import SigningKey

#: An office's key signs statements, and its word on the time may move a gate's clock forward.
OFFICE_KINDS = (Kind.BINDING, Kind.ENTITLEMENT, Kind.DENIAL, Kind.TIME)
_DAY_S = 86400

Random = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class ProductRules:
    """A product to be written into a new profile. None = unlimited, every venue."""

    id: str
    uses: int | None = None
    venues: tuple[str, ...] | None = None
    min_assurance: str | None = None


def found(
    directory: Path,
    *,
    sector: str,
    venues: Sequence[str],
    products: Sequence[ProductRules],
    timezone: str,
    algorithm: Algorithm,
    now: int,
    key_days: int,
    random: Random,
) -> Office:
    """Make the keys of a sector and the files of its gates.

    Raises ``ConfigError`` if anything of it exists, or could not be used: then nothing was made.
    """
    _check_sector(sector, venues, products, timezone)
    secret, gate = directory / "secret", directory / "gate"
    key = SigningKey.generate(algorithm)
    files = {
        secret / f"{sector}.pem": key.pem(),
        secret / f"{sector}.account-key": random(SECTOR_KEY_BYTES).hex().encode() + b"\n",
        gate / f"{sector}.sector-key": random(SECTOR_KEY_BYTES).hex().encode() + b"\n",
    }
    if (secret / f"{sector}.pem").exists():
        raise ConfigError(
            f"{directory} already has sector {sector!r}", hint="name another sector or directory"
        )
    for venue in venues:
        files[gate / f"profile-{venue}.json"] = _json(_profile(sector, venue, products, timezone))
    for path in files:
        if path.exists():
            raise ConfigError(f"{path} is there already", hint="a venue belongs to one sector: name another")
    keys = _keys_with(gate / "keys.json", sector, key, now, key_days)
    try:
        for folder in (directory, secret, gate):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        make_files(files, gate / "keys.json", keys)
    except OSError as error:
        raise ConfigError(
            f"{error.filename or directory} cannot be written ({error.strerror})",
            hint="nothing was made: check the directory and its disk",
        ) from None
    return Office(directory, sector, random)


class Office:
    """Issues the statements of one sector."""

    def __init__(self, directory: Path, sector: str, random: Random) -> None:
        self.sector = sector
        self._random = random
        try:
            self._key = SigningKey.from_pem((directory / "secret" / f"{sector}.pem").read_bytes())
            self._account_key = _secret(directory / "secret" / f"{sector}.account-key")
            self._sector_key = _secret(directory / "gate" / f"{sector}.sector-key")
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"{directory} has no usable sector {sector!r} ({error})",
                hint=f"make it: gated central init {directory} --sector {sector} --venue NAME",
            ) from None
        self._ledger = Ledger(directory / "central.db")

    def close(self) -> None:
        """Close the ledger."""
        self._ledger.close()

    def pass_of(self, account: str) -> bytes:
        """The sector's pseudonym of an account: two sectors know one person by unrelated bytes."""
        return hmac.digest(self._account_key, account.encode(), "sha256")[:PASS_BYTES]

    def bind(self, account: str, credential: Credential, *, now: int, expires: int | None) -> bytes:
        """A token that binds a credential to an account's pass."""
        index = index_of(credential, self._sector_key)
        return sign_statement(
            self._key,
            Binding(
                sector=self.sector,
                pass_=self.pass_of(account),
                not_before=now,
                expires=expires,
                issued_at=now,
                id=self._random(ID_BYTES),
                index=index,
                revision=self._ledger.next(self.sector, "binding", index),
            ),
        )

    def entitle(
        self,
        account: str,
        product: str,
        *,
        now: int,
        not_before: int | None = None,
        expires: int | None = None,
        uses: int | None = None,
        venues: tuple[str, ...] | None = None,
        entitlement: bytes | None = None,
    ) -> tuple[bytes, bytes]:
        """(id, token) of a new right, or of the next revision of ``entitlement``.

        Raises ``ConfigError`` for what a gate would refuse.
        """
        not_before = now if not_before is None else not_before
        _check_names(product, *(venues or ()))
        _check_uses(uses)
        if venues is not None and not 1 <= len(venues) <= MAX_VENUES:
            raise ConfigError(
                f"{len(venues)} venues cannot be named", hint=f"name 1 to {MAX_VENUES}, or none"
            )
        if expires is not None and not not_before < expires < END_OF_TIME:
            raise ConfigError("a right must end after it begins", hint="give it a day or more, or no end")
        right = self._random(ID_BYTES) if entitlement is None else entitlement
        token = sign_statement(
            self._key,
            Entitlement(
                sector=self.sector,
                pass_=self.pass_of(account),
                not_before=not_before,
                expires=expires,
                issued_at=now,
                id=right,
                product=product,
                revision=self._ledger.next(self.sector, "entitlement", right),
                uses=uses,
                venues=venues,
            ),
        )
        return right, token

    def deny(self, kind: TargetKind, target: bytes, state: DenialState, *, now: int) -> bytes:
        """A token that denies a target, or lifts an earlier denial of it.

        Raises ``ConfigError`` for a target that was revoked: that is for good.
        """
        place = self.sector, f"denial {kind.name.lower()}", target
        if state is DenialState.REVOKED:
            self._ledger.revoke(*place)
        elif self._ledger.is_revoked(*place):
            raise ConfigError(
                f"this {kind.name.lower()} was revoked, which is for good",
                hint="give out a new one; what may be lifted later is denied with --state blocked",
            )
        number = self._ledger.next(*place)
        return sign_statement(self._key, Denial(self.sector, now, kind, target, state, number))

    def index(self, credential: Credential) -> bytes:
        """The name under which the sector knows a credential."""
        return index_of(credential, self._sector_key)


def _check_names(*names: str) -> None:
    for name in names:
        if not is_name(name):
            raise ConfigError(f"{name!r} is not a name", hint="use 1 to 32 of a-z 0-9 . _ -")


def _check_uses(uses: int | None) -> None:
    if uses is not None and not 0 <= uses <= MAX_USES:
        raise ConfigError(f"{uses} uses cannot be counted", hint=f"use a number from 0 to {MAX_USES}")


def _check_sector(
    sector: str, venues: Sequence[str], products: Sequence[ProductRules], timezone: str
) -> None:
    """Refuse whatever a gate would refuse to read in the files of a sector."""
    _check_names(sector, *venues, *(product.id for product in products))
    for what, names in (("venue", venues), ("product", [product.id for product in products])):
        for name, times in Counter(names).items():
            if times > 1:
                raise ConfigError(f"{what} {name!r} is named {times} times", hint="name it once")
    if not 1 <= len(products) <= MAX_PRODUCTS:
        raise ConfigError(f"{len(products)} products", hint=f"name 1 to {MAX_PRODUCTS}")
    for product in products:
        _check_uses(product.uses)
        _check_names(*(product.venues or ()))
    try:
        ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigError(f"{timezone!r} is no time zone", hint="use a name such as Europe/Paris") from None


def _keys_with(path: Path, sector: str, key: SigningKey, now: int, days: int) -> bytes:
    """The content of keys.json with one more key, read once as a gate will read it."""
    longest = (END_OF_TIME - now) // _DAY_S
    if not 1 <= days <= longest:
        raise ConfigError(f"a key cannot live {days} days", hint=f"give it 1 to {longest}")
    document: dict[str, Any] = {"v": KEYS_VERSION, "keys": []}
    try:
        if path.exists():
            document = json.loads(path.read_bytes())
            read_keys(document)
        document["keys"].append(
            {
                "kid": key.kid.hex(),
                "alg": str(key.algorithm),
                "public": key.public.hex(),
                "sectors": [sector],
                "kinds": [str(kind) for kind in OFFICE_KINDS],
                "not_before": now,
                "expires": now + days * _DAY_S,
            }
        )
        read_keys(document)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} cannot be added to ({error})", hint="is it the right directory?") from None
    return _json(document)


def _profile(sector: str, venue: str, products: Sequence[ProductRules], timezone: str) -> dict[str, Any]:
    listed = []
    for product in products:
        entry: dict[str, Any] = {"id": product.id}
        if product.uses is not None:
            entry["uses"] = product.uses
        if product.venues is not None:
            entry["venues"] = list(product.venues)
        if product.min_assurance is not None:
            entry["min_assurance"] = product.min_assurance
        listed.append(entry)
    return {
        "v": 1,
        "version": 1,
        "venue": venue,
        "sector": sector,
        "timezone": timezone,
        "products": listed,
    }


def _secret(path: Path) -> bytes:
    key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    if len(key) != SECTOR_KEY_BYTES:
        raise ValueError(f"{path.name} is damaged")
    return key


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, indent=2).encode() + b"\n"

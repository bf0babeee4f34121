"""The files of a sector, refused before anything is made where a gate would refuse to read them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gated.central.ack_keys import ACK_SUFFIX
from gated.central.pki import OFFICE_KEYS
from gated.credential.index import SECTOR_KEY_BYTES
from gated.credential.keys import KEYS_VERSION, read_keys
from gated.errors import ConfigError
from gated.model.name import is_name
from gated.model.rules import MAX_USES
from gated.model.statement import Kind
from gated.model.time import END_OF_TIME
from gated.model.venue import MAX_PRODUCTS
from gated.wire.seal import SigningKey

#: An office's key signs statements, and its word on the time may move a gate's clock forward.
OFFICE_KINDS = (Kind.BINDING, Kind.ENTITLEMENT, Kind.DENIAL, Kind.TIME)
_DAY_S = 86400


@dataclass(frozen=True, slots=True)
class ProductRules:
    """A product to be written into a new profile. None = unlimited, every venue."""

    id: str
    uses: int | None = None
    venues: tuple[str, ...] | None = None
    min_assurance: str | None = None


def check_names(*names: str) -> None:
    """Raises ``ConfigError`` for what is no name."""
    for name in names:
        if not is_name(name):
            raise ConfigError(f"{name!r} is not a name", hint="use 1 to 32 of a-z 0-9 . _ -")


def check_uses(uses: int | None) -> None:
    """Raises ``ConfigError`` for what nobody can count."""
    if uses is not None and not 0 <= uses <= MAX_USES:
        raise ConfigError(f"{uses} uses cannot be counted", hint=f"use a number from 0 to {MAX_USES}")


def check_sector(sector: str, venues: Sequence[str], products: Sequence[ProductRules], timezone: str) -> None:
    """Refuse whatever a gate would refuse to read in the files of a sector."""
    check_names(sector, *venues, *(product.id for product in products))
    if sector.endswith(ACK_SUFFIX):  # its issuing key would lie where another sector's ack key does
        raise ConfigError(f"a sector's name cannot end with {ACK_SUFFIX}", hint="name it otherwise")
    if sector in OFFICE_KEYS:  # and here, where keys of the whole office do
        raise ConfigError(f"no sector can be called {sector!r}", hint="name it otherwise")
    for what, names in (("venue", venues), ("product", [product.id for product in products])):
        for name, times in Counter(names).items():
            if times > 1:
                raise ConfigError(f"{what} {name!r} is named {times} times", hint="name it once")
    if not 1 <= len(products) <= MAX_PRODUCTS:
        raise ConfigError(f"{len(products)} products", hint=f"name 1 to {MAX_PRODUCTS}")
    for product in products:
        check_uses(product.uses)
        check_names(*(product.venues or ()))
    try:
        ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigError(f"{timezone!r} is no time zone", hint="use a name such as Europe/Paris") from None


def keys_with(
    path: Path, sector: str, keys: Mapping[SigningKey, Sequence[Kind]], now: int, days: int
) -> bytes:
    """The content of keys.json with further keys and what they may sign, read once as a gate will read it."""
    longest = (END_OF_TIME - now) // _DAY_S
    if not 1 <= days <= longest:
        raise ConfigError(f"a key cannot live {days} days", hint=f"give it 1 to {longest}")
    document: dict[str, Any] = {"v": KEYS_VERSION, "keys": []}
    try:
        if path.exists():
            document = json.loads(path.read_bytes())
            read_keys(document)
        document["keys"] += [
            {
                "kid": key.kid.hex(),
                "alg": str(key.algorithm),
                "public": key.public.hex(),
                "sectors": [sector],
                "kinds": [str(kind) for kind in kinds],
                "not_before": now,
                "expires": now + days * _DAY_S,
            }
            for key, kinds in keys.items()
        ]
        read_keys(document)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} cannot be added to ({error})", hint="is it the right directory?") from None
    return as_json(document)


def profile(sector: str, venue: str, products: Sequence[ProductRules], timezone: str) -> dict[str, Any]:
    """A new profile of a venue."""
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


def read_secret(path: Path) -> bytes:
    """32 bytes in hex. Raises ``OSError`` and ``ValueError``."""
    key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    if len(key) != SECTOR_KEY_BYTES:
        raise ValueError(f"{path.name} is damaged")
    return key


def as_json(document: dict[str, Any]) -> bytes:
    """A file for people and gates."""
    return json.dumps(document, indent=2).encode() + b"\n"

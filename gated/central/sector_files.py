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
from gated.model.rules import (
    MAX_HOURS_CHARS,
    MAX_PARTY,
    MAX_REENTRY_S,
    MAX_USES,
    MAX_VENUES,
    Rules,
)
from gated.model.statement import Kind
from gated.model.time import END_OF_TIME
from gated.model.venue import MAX_PRODUCT_VENUES, MAX_PRODUCTS, is_country
from gated.wire.seal import SigningKey

#: An office's key signs statements, and its word on the time may move a gate's clock forward.
OFFICE_KINDS = (Kind.BINDING, Kind.ENTITLEMENT, Kind.DENIAL, Kind.TIME)
#: Orders to gates have a key of their own, which the serving process never reads.
COMMAND_KINDS = (Kind.COMMAND,)
#: ``secret/<sector>.command.pem``. No sector may have a name that ends so.
COMMAND_SUFFIX = ".command"
#: ``secret/<sector>[.ack|.command].next.pem``: a key that will be used. Likewise.
NEXT_SUFFIX = ".next"
_DAY_S = 86400


@dataclass(frozen=True, slots=True)
class ProductRules(Rules):
    """A product to be written into a new profile. None = no limit, every venue."""

    id: str


def check_names(*names: str) -> None:
    """Raises ``ConfigError`` for what is no name."""
    for name in names:
        if not is_name(name):
            raise ConfigError(f"{name!r} is not a name", hint="use 1 to 32 of a-z 0-9 . _ -")


def check_rules(said: Rules, most_venues: int = MAX_VENUES) -> None:
    """Raises ``ConfigError`` for rules that a gate would refuse to read, but for hours it cannot keep."""
    for what, names in (("venues", said.venues), ("shares", said.per_venue)):
        if names is not None and not 1 <= len(names) <= most_venues:
            raise ConfigError(
                f"{len(names)} {what} cannot be named", hint=f"name 1 to {most_venues}, or none"
            )
    shares = dict(said.per_venue or ())
    check_names(*(said.venues or ()), *shares, *filter(None, [said.concession]))
    for what, number, least, most in (
        *(("uses", uses, 0, MAX_USES) for uses in (said.uses, said.per_day, *shares.values())),
        ("persons", said.party, 1, MAX_PARTY),
        ("seconds of re-entry", said.reentry_s, 1, MAX_REENTRY_S),
    ):
        if number is not None and not least <= number <= most:
            raise ConfigError(
                f"{number} {what} cannot be counted", hint=f"use a number from {least} to {most}"
            )
    hours = said.hours
    if hours is not None and not (1 <= len(hours) <= MAX_HOURS_CHARS and hours.isprintable()):
        raise ConfigError(
            f"the hours {hours[:40]!r} are no text of 1 to {MAX_HOURS_CHARS} printable characters",
            hint='for example "Mo-Fr 07:00-09:00"',
        )


def check_sector(
    sector: str,
    venues: Sequence[str],
    products: Sequence[ProductRules],
    timezone: str,
    country: str | None = None,
) -> None:
    """Refuse whatever a gate would refuse to read in the files of a sector."""
    check_names(sector, *venues, *(product.id for product in products))
    _check_suffix(sector)
    for what, names in (("venue", venues), ("product", [product.id for product in products])):
        for name, times in Counter(names).items():
            if times > 1:
                raise ConfigError(f"{what} {name!r} is named {times} times", hint="name it once")
    if not 1 <= len(products) <= MAX_PRODUCTS:
        raise ConfigError(f"{len(products)} products", hint=f"name 1 to {MAX_PRODUCTS}")
    for product in products:
        check_rules(product, MAX_PRODUCT_VENUES)
    if country is not None and not is_country(country):
        raise ConfigError(f"{country!r} is no country", hint="use its two capital letters, such as FR")
    try:
        ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ConfigError(f"{timezone!r} is no time zone", hint="use a name such as Europe/Paris") from None


def _check_suffix(sector: str) -> None:
    for suffix in (ACK_SUFFIX, COMMAND_SUFFIX, NEXT_SUFFIX):
        if sector.endswith(suffix):  # its issuing key would lie where another sector's other key does
            raise ConfigError(f"a sector's name cannot end with {suffix}", hint="name it otherwise")
    if sector in OFFICE_KEYS:  # and here, where keys of the whole office do
        raise ConfigError(f"no sector can be called {sector!r}", hint="name it otherwise")


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


def profile(
    sector: str, venue: str, products: Sequence[ProductRules], timezone: str, country: str | None
) -> dict[str, Any]:
    """A new profile of a venue."""
    return {
        "v": 1,
        "version": 1,
        "venue": venue,
        "sector": sector,
        "timezone": timezone,
        **({} if country is None else {"country": country}),
        "products": [{"id": product.id, **rules_document(product)} for product in products],
    }


def rules_document(said: Rules) -> dict[str, Any]:
    """Rules in the form of a profile (docs/reference/profile.md)."""
    limits = {
        "total": said.uses,
        "per_day": said.per_day,
        "per_venue": said.per_venue and dict(said.per_venue),
    }
    limits = {key: value for key, value in limits.items() if value is not None}
    rules = {
        "venues": said.venues and list(said.venues),
        "uses": said.uses if limits.keys() <= {"total"} else limits,
        "hours": said.hours,
        "party": said.party,
        "party_uses": said.party_uses and str(said.party_uses),
        "reentry": said.reentry_s and f"PT{said.reentry_s}S",
        "minimum_assurance": said.min_assurance and said.min_assurance.label,
        "concession": said.concession,
    }
    return {key: value for key, value in rules.items() if value is not None}


def read_secret(path: Path) -> bytes:
    """32 bytes in hex. Raises ``OSError`` and ``ValueError``."""
    key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    if len(key) != SECTOR_KEY_BYTES:
        raise ValueError(f"{path.name} is damaged")
    return key


def as_json(document: dict[str, Any]) -> bytes:
    """A file for people and gates."""
    return json.dumps(document, indent=2).encode() + b"\n"

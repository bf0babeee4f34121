"""A scenario for a rehearsal: TOML for people who run a venue (docs/reference/rehearsal.md).

Everything in it is checked before anything is played; a mistake is told with its table, number, id, key
and value.
"""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Callable, Container, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from gated.config.files import zone
from gated.config.mistakes import told_with_value
from gated.config.reading import read
from gated.errors import ConfigError
from gated.model.credential import Assurance, Credential
from gated.model.document import DocumentError, Table
from gated.model.statement import Binding, Denial, DenialState, Entitlement, TargetKind
from gated.model.time import END_OF_DAYS
from gated.model.venue import (
    MAX_PEOPLE,
    MAX_RETIREMENTS,
    Direction,
    Product,
    Profile,
    Retirement,
)
from gated.policy.profile import check_hours, read_country, read_zone
from gated.policy.rehearsal import Carried, Refused, Scenario, Tap
from gated.policy.rules_file import read_rules

MAX_FILE_BYTES = 8 << 20
MAX_TABLES, MAX_TAPS = 10_000, 100_000
_MAX_S = 366 * 86400
_HINT = "see docs/reference/rehearsal.md"
#: The medium of a tap that nobody knows.
STRANGER = "?"


def load_scenario(path: Path) -> Scenario:
    """Read a scenario. Raises ``ConfigError``."""
    raw = read(path, "scenario", MAX_FILE_BYTES)
    try:
        document = tomllib.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is not TOML: {error}", hint=_HINT) from None
    try:
        return read_scenario(document)
    except DocumentError as error:
        raise ConfigError(f"{path}: {told_with_value(document, error)}", hint=_HINT) from None


def read_scenario(document: Any) -> Scenario:
    """Read a parsed scenario. Raises ``DocumentError``."""
    return _Reader(Table(document)).read()


class _Reader:
    """Reads table by table; each knows the ids of those before it."""

    def __init__(self, top: Table) -> None:
        self._top = top
        self._zone = top.checked("timezone", zone, zone("UTC"))
        self._country = read_country(top)
        self._venues = self._read_venues()
        self._products = self._read_products()
        self._sectors: dict[bytes, str] = {}  # by pass: where it has rights
        self._parties: dict[bytes, int] = {}  # by pass: the largest of its rights
        self._passes: set[bytes] = set()

    def read(self) -> Scenario:
        rights = self._rights()
        media = self._media()
        ids = {name: right.id for name, right in rights.items()}
        scenario = Scenario(
            venues={name: replace(one, products=self._products) for name, one in self._venues.items()},
            rights=tuple(rights.values()),
            media=media,
            denials=tuple(self._denials(media, ids)),
            taps=tuple(self._taps(media)),
            stranger=_credential("", Assurance.ASYMMETRIC),
            names={right: name for name, right in ids.items()},
        )
        self._top.done()
        return scenario

    # -------------------------------------------------------------- venues and products

    def _read_venues(self) -> dict[str, Profile]:
        retirements = tuple(self._retirements())
        venues: dict[str, Profile] = {}
        for table in self._each("venue", least=1):
            name = _new_id(table, venues, Table.name)
            venues[name] = Profile(
                venue=name,
                sector=table.text("sector", "city"),
                timezone=self._zone,
                version=1,
                min_assurance=table.checked("minimum_assurance", Assurance.from_label, Assurance.UID_ONLY),
                country=self._country,
                capacity=table.whole_or_none("capacity", most=MAX_PEOPLE),
                day_end_min=table.clock_time("day_end", "04:00"),
                zones={name: read_zone(table, name, least_s=0, most_s=_MAX_S)},
                retirements=retirements,
            )
            table.done()
        return venues

    def _retirements(self) -> Iterator[Retirement]:
        for table in self._each("retirement", most=MAX_RETIREMENTS):
            yield Retirement(
                ends=table.moment("ends"),
                warn_s=table.duration("warn", "PT0S", most_s=10 * _MAX_S),
                assurance=table.checked("assurance", Assurance.from_label),
            )
            table.done()

    def _read_products(self) -> dict[str, Product]:
        # A right without a product has the rules of one that says nothing.
        products = {"": Product("", min_assurance=Assurance.UID_ONLY)}
        for table in self._each("product"):
            name = _new_id(table, products)
            products[name] = Product(name, **{"min_assurance": Assurance.UID_ONLY} | self._rules(table))
            table.done()
        return products

    def _rules(self, table: Table) -> dict[str, Any]:
        """The rules that are said, as arguments."""
        rules = read_rules(table, least_assurance=None, most_venues=MAX_TABLES)
        shares = [(f"uses.per_venue.{venue}", venue) for venue, _ in rules["per_venue"] or ()]
        for key, venue in [
            *((f"venues[{at}]", name) for at, name in enumerate(rules["venues"] or ())),
            *shares,
        ]:
            if venue not in self._venues:
                raise DocumentError(table.path(key), f"there is no venue {venue!r}")
        check_hours(table, rules["hours"], self._zone, self._country)
        return {name: value for name, value in rules.items() if value is not None}

    # -------------------------------------------------------------- rights and media

    def _rights(self) -> dict[str, Entitlement]:
        tables: dict[str, Table] = {}
        for table in self._each("entitlement"):
            tables[_new_id(table, tables)] = table
        # Ids count in the order of their names, for of equals the first is used.
        numbers = {name: number.to_bytes(8, "big") for number, name in enumerate(sorted(tables))}
        return {name: self._right(numbers[name], table) for name, table in tables.items()}

    def _right(self, cti: bytes, table: Table) -> Entitlement:
        rules = self._rules(table)
        if "venues" not in rules:
            raise DocumentError(table.path("venues"), "is missing")
        pass_, sector = _pass(table.text("pass")), self._sector_of(table, rules["venues"])
        self._passes.add(pass_)
        if self._sectors.setdefault(pass_, sector) != sector:
            both = f"{self._sectors[pass_]} and {sector}"
            raise DocumentError(table.path("pass"), f"has rights in {both}: use one pass for each sector")
        product = table.text("product") if table.has("product") else ""
        if product not in self._products:
            raise DocumentError(table.path("product"), "there is no such [[product]]")
        not_before, expires = table.moment_or_none("not_before") or 0, table.moment_or_none("expires")
        if expires is not None and expires <= not_before:
            raise DocumentError(table.path("expires"), "must be later than not_before")
        table.done()
        right = Entitlement(sector, pass_, not_before, expires, not_before, cti, product, 0, **rules)
        party = right.party or self._products[product].party or 1
        self._parties[pass_] = max(party, self._parties.get(pass_, 0))
        return right

    def _sector_of(self, table: Table, named: tuple[str, ...]) -> str:
        sectors = sorted({self._venues[venue].sector for venue in named})
        if len(sectors) > 1:
            told = " and ".join(sectors)
            raise DocumentError(table.path("venues"), f"stand in {told}: use one entitlement for each sector")
        return sectors[0]

    def _media(self) -> dict[str, Carried]:
        every = {profile.sector for profile in self._venues.values()}
        media: dict[str, Carried] = {}
        for table in self._each("medium"):
            name = _new_id(table, media)
            if name == STRANGER:
                raise DocumentError(table.path("id"), "is the one that nobody knows: name this one otherwise")
            passes = [_pass(one) for one in table.text_or_texts("pass")]
            self._passes.update(passes)
            known: dict[str, bytes] = {}
            for pass_ in passes:
                sector = self._sectors.get(pass_)
                if sector is not None and known.setdefault(sector, pass_) != pass_:
                    raise DocumentError(table.path("pass"), f"two of them have rights in {sector}: name one")
            # A pass that has no right yet may be one of any sector.
            idle = [pass_ for pass_ in passes if pass_ not in self._sectors]
            bound = dict.fromkeys(every, idle[0]) | known if idle else known
            assurance = table.checked("assurance", Assurance.from_label, Assurance.UID_ONLY)
            bindings = {
                sector: Binding(sector, pass_, 0, None, 0, bytes(8), bytes(16), 0)
                for sector, pass_ in bound.items()
            }
            media[name] = Carried(_credential(name, assurance), bindings)
            table.done()
        return media

    def _denials(self, media: Container[str], rights: dict[str, bytes]) -> Iterator[Refused]:
        for table in self._each("denial"):
            named = [key for key in ("medium", "pass", "entitlement") if table.has(key)]
            if len(named) != 1:
                raise DocumentError(table.path("medium"), "name one of medium, pass and entitlement")
            key, name = named[0], table.text(named[0])
            known, kind, target = {
                "medium": (name in media, TargetKind.CREDENTIAL, b""),
                "pass": (_pass(name) in self._passes, TargetKind.PASS, _pass(name)),
                "entitlement": (name in rights, TargetKind.ENTITLEMENT, rights.get(name, b"")),
            }[key]
            if not known:
                raise DocumentError(table.path(key), f"there is no such {key}")
            since, until = table.moment_or_none("from") or 0, table.moment_or_none("until")
            if until is not None and until <= since:
                raise DocumentError(table.path("until"), "must be later than from")
            table.done()
            denial = Denial("", since, kind, target, DenialState.BLOCKED, 0)
            yield Refused(denial, since, until, name if key == "medium" else None)

    # -------------------------------------------------------------- taps

    def _taps(self, media: dict[str, Carried]) -> Iterator[Tap]:
        last = 0
        for table in self._each("tap", most=MAX_TAPS):
            tap = Tap(
                at=table.moment("at", most=END_OF_DAYS),
                venue=table.text("venue"),
                direction=table.checked("direction", _direction, Direction.ENTRY),
                medium=None if table.text("medium") == STRANGER else table.text("medium"),
                persons=table.whole("persons", 1, most=MAX_PEOPLE),
                written_at=table.words("at"),
            )
            table.done()
            if tap.at < last:
                raise DocumentError(table.path("at"), "is earlier than the tap before it")
            if tap.venue not in self._venues:
                raise DocumentError(table.path("venue"), "there is no such venue")
            if tap.medium is not None and tap.medium not in media:
                raise DocumentError(table.path("medium"), "there is no such medium")
            if tap.medium is not None and tap.direction is Direction.ENTRY:
                binding = media[tap.medium].bindings.get(self._venues[tap.venue].sector)
                party = None if binding is None else self._parties.get(binding.pass_)
                if party is not None and tap.persons > party:
                    raise DocumentError(
                        table.path("persons"), f"no party of this medium is larger than {party}"
                    )
            last = tap.at
            yield tap

    def _each(self, key: str, *, least: int = 0, most: int = MAX_TABLES) -> Iterator[Table]:
        return self._top.tables(key, least=least, most=most)


def _new_id(table: Table, taken: Container[str], read: Callable[[Table, str], str] = Table.text) -> str:
    name = read(table, "id")
    if name in taken:
        raise DocumentError(table.path("id"), "stands twice")
    return name


def _direction(text: str) -> Direction:
    for direction in Direction:
        if direction.word == text:
            return direction
    raise ValueError("must be in or out")


def _pass(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()[:16]


def _credential(name: str, assurance: Assurance) -> Credential:
    return Credential("rehearsed", hashlib.sha256(name.encode()).digest(), assurance)

"""A scenario for a rehearsal: TOML for people who run a venue (docs/reference/rehearsal.md).

Everything in it is checked before anything is played; a mistake is told with its table, number, id, key
and value.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Container, Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from gated.config.files import read, zone
from gated.errors import ConfigError
from gated.model.credential import Assurance, Credential
from gated.model.document import DocumentError, Table
from gated.model.rules import Rules
from gated.model.statement import Binding, Denial, DenialState, Entitlement, TargetKind
from gated.model.venue import (
    MAX_PEOPLE,
    MAX_RETIREMENTS,
    Direction,
    Passback,
    Product,
    Profile,
    Retirement,
    Zone,
)
from gated.policy.hours import read_hours
from gated.policy.rehearsal import Carried, Refused, Scenario, Tap
from gated.policy.rules_file import read_rules
from gated.policy.terms import terms_of

MAX_FILE_BYTES = 8 << 20
MAX_TABLES, MAX_TAPS = 10_000, 100_000
_MAX_S = 366 * 86400
_HINT = "see docs/reference/rehearsal.md"
_DIRECTIONS = {"in": Direction.ENTRY, "out": Direction.EXIT}
#: The medium of a tap that nobody knows.
STRANGER = "?"
#: One table of many, such as ``tap[3].at``.
_PLACE = re.compile(r"(\w+)\[(\d+)\]\.?(.*)\Z")


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
        raise ConfigError(f"{path}: {_told(document, error)}", hint=_HINT) from None


def read_scenario(document: Any) -> Scenario:
    """Read a parsed scenario. Raises ``DocumentError``."""
    return _Reader(Table(document)).read()


class _Reader:
    """Reads table by table; each knows the ids of those before it."""

    def __init__(self, top: Table) -> None:
        self._top = top
        self._zone = top.checked("timezone", zone, zone("UTC"))
        self._country = top.text("country") if top.has("country") else None
        self._sectors: dict[bytes, str] = {}  # by pass: where it has rights
        self._parties: dict[bytes, int] = {}  # by pass: the largest of its rights
        self._passes: set[bytes] = set()

    def read(self) -> Scenario:
        venues = self._venues()
        products = self._products(venues)
        venues = {name: replace(profile, products=products) for name, profile in venues.items()}
        rights = self._rights(venues, products)
        media = self._media(venues)
        names = {name: right.id for name, right in rights.items()}
        scenario = Scenario(
            venues=venues,
            rights=tuple(rights.values()),
            media=media,
            denials=tuple(self._denials(media, names)),
            taps=tuple(self._taps(venues, media)),
            stranger=_credential("", Assurance.ASYMMETRIC),
            names={right: name for name, right in names.items()},
        )
        self._top.done()
        return scenario

    # -------------------------------------------------------------- venues and products

    def _venues(self) -> dict[str, Profile]:
        retirements = tuple(self._retirements())
        venues: dict[str, Profile] = {}
        for table in self._each("venue", least=1):
            name = _new_id(table, venues)
            passback = table.checked("passback", Passback, Passback.NONE)
            interval_s = table.duration_or_none("passback_interval", most_s=_MAX_S)
            if passback is Passback.TIMED and interval_s is None:
                raise DocumentError(table.path("passback_interval"), 'is missing: "timed" needs one')
            venues[name] = Profile(
                venue=name,
                sector=table.text("sector", "city"),
                timezone=self._zone,
                version=1,
                min_assurance=table.checked("minimum_assurance", Assurance.from_label, Assurance.UID_ONLY),
                country=self._country,
                capacity=table.whole_or_none("capacity", most=MAX_PEOPLE),
                day_end_min=table.clock_time("day_end", "04:00"),
                zones={name: Zone(name, passback, interval_s or 0)},
                retirements=retirements,
            )
            table.done()
        return venues

    def _retirements(self) -> Iterator[Retirement]:
        for table in self._each("retirement", most=MAX_RETIREMENTS):
            yield Retirement(
                ends=table.moment("ends"),
                warn_s=table.duration("warn", 0, most_s=10 * _MAX_S),
                assurance=table.checked("assurance", Assurance.from_label),
            )
            table.done()

    def _products(self, venues: Container[str]) -> dict[str, Product]:
        # A right without a product has the rules of one that says nothing.
        products = {"": Product("", min_assurance=Assurance.UID_ONLY)}
        for table in self._each("product"):
            name = _new_id(table, products)
            rules = self._rules(table, venues)
            products[name] = Product(name, **{"min_assurance": Assurance.UID_ONLY} | _said(rules))
            table.done()
        return products

    def _rules(self, table: Table, venues: Container[str]) -> Rules:
        rules = read_rules(table)
        for place, venue in enumerate(rules.venues or ()):
            if venue not in venues:
                raise DocumentError(f"{table.path('venues')}[{place}]", f"there is no venue {venue!r}")
        for venue, _ in rules.per_venue or ():
            if venue not in venues:
                raise DocumentError(table.path("uses"), f"there is no venue {venue!r}")
        if rules.hours is not None:
            try:
                read_hours(rules.hours, self._zone, self._country, None)
            except ValueError as error:
                raise DocumentError(table.path("hours"), str(error)) from None
        return rules

    # -------------------------------------------------------------- rights, media, denials

    def _rights(
        self, venues: dict[str, Profile], products: dict[str, Product]
    ) -> dict[str, Entitlement]:
        tables: dict[str, Table] = {}
        for table in self._each("entitlement"):
            tables[_new_id(table, tables)] = table
        # Ids count in the order of their names, for of equals the first is used.
        numbers = {name: number for number, name in enumerate(sorted(tables))}
        return {name: self._right(name, numbers[name], table, venues, products) for name, table in tables.items()}

    def _right(
        self,
        name: str,
        number: int,
        table: Table,
        venues: dict[str, Profile],
        products: dict[str, Product],
    ) -> Entitlement:
        rules = self._rules(table, venues)
        if rules.venues is None:
            raise DocumentError(table.path("venues"), "is missing")
        sector = self._sector_of(table, rules.venues, venues)
        pass_ = _pass(table.text("pass"))
        self._passes.add(pass_)
        if self._sectors.setdefault(pass_, sector) != sector:
            raise DocumentError(
                table.path("pass"), f"has rights in {self._sectors[pass_]} and {sector}: one pass for each sector"
            )
        product = table.text("product", "") if table.has("product") else ""
        if product not in products:
            raise DocumentError(table.path("product"), "there is no such [[product]]")
        not_before, expires = table.moment_or_none("not_before") or 0, table.moment_or_none("expires")
        if expires is not None and expires <= not_before:
            raise DocumentError(table.path("expires"), "must be later than not_before")
        table.done()
        right = Entitlement(
            sector, pass_, not_before, expires, not_before, number.to_bytes(8, "big"), product, 0, **_said(rules)
        )
        party = terms_of(right, venues[rules.venues[0]]).party
        self._parties[pass_] = max(party, self._parties.get(pass_, 0))
        return right

    def _sector_of(self, table: Table, named: tuple[str, ...], venues: dict[str, Profile]) -> str:
        sectors = sorted({venues[venue].sector for venue in named})
        if len(sectors) > 1:
            raise DocumentError(
                table.path("venues"), f"stand in {' and '.join(sectors)}: an entitlement for each sector"
            )
        return sectors[0]

    def _media(self, venues: dict[str, Profile]) -> dict[str, Carried]:
        every = {profile.sector for profile in venues.values()}
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
            media[name] = Carried(
                _credential(name, assurance),
                {sector: Binding(sector, pass_, 0, None, 0, bytes(8), bytes(16), 0) for sector, pass_ in bound.items()},
            )
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

    def _taps(self, venues: dict[str, Profile], media: dict[str, Carried]) -> Iterator[Tap]:
        last = 0
        for table in self._each("tap", most=MAX_TAPS):
            tap = Tap(
                at=table.moment("at"),
                venue=table.text("venue"),
                direction=_DIRECTIONS[table.choice("direction", tuple(_DIRECTIONS), "in")],
                medium=None if table.text("medium") == STRANGER else table.text("medium"),
                persons=table.whole("persons", 1, most=MAX_PEOPLE),
            )
            table.done()
            if tap.at < last:
                raise DocumentError(table.path("at"), "is earlier than the tap before it")
            if tap.venue not in venues:
                raise DocumentError(table.path("venue"), "there is no such venue")
            if tap.medium is not None and tap.medium not in media:
                raise DocumentError(table.path("medium"), "there is no such medium")
            if tap.medium is not None and tap.direction is Direction.ENTRY:
                binding = media[tap.medium].bindings.get(venues[tap.venue].sector)
                party = None if binding is None else self._parties.get(binding.pass_)
                if party is not None and tap.persons > party:
                    raise DocumentError(table.path("persons"), f"no party of this medium is larger than {party}")
            last = tap.at
            yield tap

    def _each(self, key: str, *, least: int = 0, most: int = MAX_TABLES) -> Iterator[Table]:
        return self._top.tables(key, least=least, most=most)


def _new_id(table: Table, taken: Container[str]) -> str:
    name = table.text("id")
    if name in taken:
        raise DocumentError(table.path("id"), "stands twice")
    return name


def _said(rules: Rules) -> dict[str, Any]:
    """The rules that are said, as arguments."""
    told = {field.name: getattr(rules, field.name) for field in fields(rules)}
    return {name: value for name, value in told.items() if value is not None}


def _pass(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()[:16]


def _credential(name: str, assurance: Assurance) -> Credential:
    return Credential("rehearsed", hashlib.sha256(name.encode()).digest(), assurance)


def _told(document: Any, error: DocumentError) -> str:
    """A mistake with its table, number, id, key and value."""
    place = _PLACE.match(error.where)
    if place is None:
        return str(error)
    name, number, key = place[1], int(place[2]), place[3]
    value = document[name][number]
    called = value.get("id") if isinstance(value, dict) else None
    for part in re.findall(r"[^.\[\]]+", key):
        value = value[int(part)] if isinstance(value, list) else value.get(part) if isinstance(value, dict) else None
    where = f"[[{name}]] {number + 1}" + (f" ({called!r})" if called is not None else "")
    shown = "" if value is None else f" = {str(value)!r:.100}" if isinstance(value, str) else f" = {value!s:.100}"
    return f"{where}: {key}{shown}: {error.what}"

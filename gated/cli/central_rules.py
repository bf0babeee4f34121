"""Rules in the commands of an office: options of a right, a tariff's products, hours that venues can keep."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gated.cli.common import argument

if TYPE_CHECKING:
    from gated.central.office import ProductRules
    from gated.model.rules import Said
    from gated.model.venue import Profile

#: What to know when an option of an office's command is refused.
NOTHING_ISSUED = "nothing was issued"


def add_rules(made: argparse.ArgumentParser) -> None:
    """What a right may say for itself."""
    for option, metavar, told in (
        ("--uses", "N", "uses in all"),
        ("--per-day", "N", "uses on one calendar day of the venue"),
        ("--party", "N", "persons that one tap lets through"),
    ):
        made.add_argument(option, type=int, metavar=metavar, help=f"{told}, if not the product's own")
    made.add_argument("--at", dest="venues", action="append", metavar="VENUE", help="only there (repeatable)")
    made.add_argument(
        "--share", action="append", metavar="VENUE=N", help="uses at this venue, of a bundle (repeatable)"
    )
    made.add_argument("--hours", metavar="TEXT", help="when it is good, as OpenStreetMap says opening hours")
    made.add_argument("--party-uses", choices=("each", "once"), help="what a party costs: a use each, or one")
    made.add_argument(
        "--reentry", metavar="DURATION", help="how long an entry that cost a use allows free ones: PT30M"
    )
    made.add_argument(
        "--minimum-assurance", metavar="LABEL", help="the weakest proof accepted for it, such as asymmetric"
    )
    made.add_argument("--concession", metavar="NAME", help="a reduced fare: staff may ask for proof of it")


def said_of(arguments: argparse.Namespace) -> Said:
    """The rules that the arguments say. Raises ``ConfigError``."""
    from gated.model.credential import Assurance
    from gated.model.rules import MAX_REENTRY_S, PartyUses, in_order

    text, level = arguments.reentry, arguments.minimum_assurance
    return {
        "venues": arguments.venues and tuple(arguments.venues),
        "uses": arguments.uses,
        "per_day": arguments.per_day,
        "per_venue": arguments.share and in_order(_shares(arguments.share)),
        "hours": arguments.hours,
        "party": arguments.party,
        "party_uses": arguments.party_uses and PartyUses(arguments.party_uses),
        "reentry_s": argument(
            "--reentry",
            text,
            lambda table, key: table.duration(key, least_s=1, most_s=MAX_REENTRY_S),
            NOTHING_ISSUED,
        ),
        "min_assurance": argument(
            "--minimum-assurance",
            level,
            lambda table, key: table.checked(key, Assurance.from_label),
            NOTHING_ISSUED,
        ),
        "concession": arguments.concession,
    }


def judge_hours(directory: Path, sector: str, said: Said) -> None:
    """Raises ``ConfigError`` for hours that a venue where the right is good cannot keep."""
    from gated.errors import ConfigError
    from gated.policy.hours import read_hours

    hours = said["hours"]
    if hours is None:
        return
    for profile in _profiles(directory / "gate", sector, said["venues"]):
        try:
            read_hours(hours, profile.timezone, profile.country, profile.coordinates)
        except ValueError as error:
            raise ConfigError(
                f"--hours: {error}", hint=f"nothing was issued: {profile.venue} could not keep them"
            ) from None


def products_of(arguments: argparse.Namespace) -> list[ProductRules]:
    """The products of ``--product`` and ``--tariff``; without any, a season pass. Raises ``ConfigError``."""
    from gated.central.office import ProductRules
    from gated.config.files import zone
    from gated.config.reading import load_toml
    from gated.model.document import Table
    from gated.model.venue import MAX_PRODUCT_VENUES, MAX_PRODUCTS
    from gated.policy.profile import check_hours
    from gated.policy.rules_file import read_rules

    def product(table: Table) -> ProductRules:
        rules = read_rules(table, least_assurance=None, most_venues=MAX_PRODUCT_VENUES)
        made = ProductRules(table.name("id"), **rules)
        table.done()
        check_hours(table, made.hours, zone(arguments.timezone), arguments.country)
        return made

    def tariff(document: Any) -> list[ProductRules]:
        top = Table(document)
        made = [product(table) for table in top.tables("product", most=MAX_PRODUCTS)]
        top.done()
        return made

    listed = [] if arguments.tariff is None else load_toml(arguments.tariff, tariff)
    return [*map(_product, arguments.product), *listed] or [ProductRules("season")]


def _profiles(gate: Path, sector: str, venues: tuple[str, ...] | None) -> list[Profile]:
    """Of the venues where a right is good."""
    from gated.config.files import load_profile
    from gated.errors import ConfigError

    named = venues or [path.stem.removeprefix("profile-") for path in sorted(gate.glob("profile-*.json"))]
    profiles = []
    for venue in named:
        path = gate / f"profile-{venue}.json"
        if not path.is_file():
            raise ConfigError(f"--hours: no {path} to judge them by", hint="say them in the product")
        profiles.append(load_profile(path))
    return [profile for profile in profiles if venues or profile.sector == sector]


def _product(text: str) -> ProductRules:
    from gated.central.office import ProductRules
    from gated.errors import ConfigError

    name, _, uses = text.partition(":")
    if uses and not _is_count(uses):
        raise ConfigError(f"--product {text}: uses must be a number", hint="for example swim10:10")
    return ProductRules(name, uses=int(uses) if uses else None)


def _shares(texts: list[str]) -> dict[str, int]:
    from gated.errors import ConfigError

    shares: dict[str, int] = {}
    for text in texts:
        venue, _, uses = text.partition("=")
        if not _is_count(uses) or venue in shares:
            raise ConfigError(
                f"--share {text}: must be a venue and a number, and each venue once",
                hint="for example bron=4",
            )
        shares[venue] = int(uses)
    return shares


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= 20

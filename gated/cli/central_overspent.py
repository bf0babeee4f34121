"""``gated central overspent``: rights that were used more often than they allow, and by which gates."""

from __future__ import annotations

import argparse
import json
from contextlib import closing
from typing import TYPE_CHECKING, Any

from gated.cli.central_common import add_office, ledger_of
from gated.cli.common import command, utc
from gated.errors import one_line

if TYPE_CHECKING:
    from gated.central.overspending import Overspent

_OVERSPENT = """\
  gated central overspent ./city
  gated central overspent ./city --json

exit code 3: at least one right is overspent. What gates that are cut off could cost: gated central exposure
"""


def add(below: Any) -> None:
    """Add the command to those of ``gated central``."""
    made = command(
        below, "overspent", "name rights that were used too often, the gates, and when", _OVERSPENT
    )
    add_office(made)
    made.set_defaults(run=run_overspent)


def run_overspent(arguments: argparse.Namespace) -> int:
    """Print each limit that is passed, by what is known and said now."""
    from gated.central.ledger_uses import overspent_rights
    from gated.central.limits import VenueRules
    from gated.central.overspending import overspent

    found = 0
    rules = VenueRules(arguments.directory / "gate")
    with closing(ledger_of(arguments)) as ledger:
        for sector, cti in overspent_rights(ledger):
            for one in overspent(ledger, rules, sector, cti):
                found += 1
                _tell(arguments, sector, cti.hex(), one)
    if not found and not arguments.json:
        print("no right is overspent")
    return 3 if found else 0


def _tell(arguments: argparse.Namespace, sector: str, cti: str, one: Overspent) -> None:
    rows = [
        {"gate": row.gate, "venue": row.venue, "day": row.day, "taken": row.taken, "last_at": row.last_at}
        for row in one.rows
    ]
    told = {"sector": sector, "cti": cti, "per": one.per, "of": one.of or None, "limit": one.allowed}
    if arguments.json:
        print(json.dumps({**told, "used": one.used, "rows": rows}))
        return
    of = f" {one.of}" if one.of else ""
    print(one_line(f"right {cti} ({sector}): {one.used} uses of {one.allowed} per {one.per}{of}"))
    for row in one.rows:
        when = f"{row.taken} on {row.day}, the last {utc(row.last_at)}"
        print(one_line(f"  gate {row.gate} ({row.venue}): {when}"))

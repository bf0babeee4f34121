"""``gated central exposure``: what gates that are cut off could cost, stated before they are."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from gated.cli.central_common import add_office
from gated.cli.common import command
from gated.errors import one_line

if TYPE_CHECKING:
    from gated.policy.exposure import Exposure

_EXPOSURE = """\
  gated central exposure ./city --venue bron --gates 2
  gated central exposure ./city --venue bron --gates 2 --counted cap:1 --json

beside what the profile says, it prints what allow and deny would cost; docs/explanation/offline.md says why
"""
_MOST_GATES = 1000


def add(below: Any) -> None:
    """Add the command to those of ``gated central``."""
    made = command(
        below, "exposure", "say how far rights could be overspent while gates are cut off", _EXPOSURE
    )
    add_office(made)
    made.add_argument("--venue", required=True, metavar="NAME", help="whose profile")
    made.add_argument("--gates", required=True, type=int, metavar="N", help="gates of it that are cut off")
    made.add_argument(
        "--counted", metavar="RULE", help="allow, deny or cap:N, instead of the profile's counted_when_apart"
    )
    made.set_defaults(run=run_exposure)


def run_exposure(arguments: argparse.Namespace) -> int:
    """Print the bound of every product's limits."""
    from gated.config.files import load_profile
    from gated.errors import ConfigError
    from gated.policy.exposure import ASSUMPTIONS, exposures
    from gated.policy.profile import apart_cap

    gates = arguments.gates
    if not 0 <= gates <= _MOST_GATES:
        raise ConfigError(f"{gates} gates", hint=f"name 0 to {_MOST_GATES}")
    profile = load_profile(arguments.directory / "gate" / f"profile-{arguments.venue}.json")
    try:
        cap = profile.apart_cap if arguments.counted is None else apart_cap(arguments.counted)
    except ValueError as error:
        raise ConfigError(f"--counted {error}", hint="for example cap:2") from None
    by_rule = {name: exposures(profile, gates, each) for name, each in _rules(cap).items()}
    rows = [list(row) for row in zip(*by_rule.values(), strict=True)]
    if arguments.json:
        for row in rows:
            print(json.dumps(_told(arguments.venue, gates, _name(cap), dict(zip(by_rule, row, strict=True)))))
        return 0
    print(f"{arguments.venue}, {gates} gates cut off, counted_when_apart = {_name(cap)}: of a right, at most")
    for row in rows:
        print(one_line(_line(_name(cap), dict(zip(by_rule, row, strict=True)))))
    if not rows:
        print("  no product that is good there has a limit")
    for assumption in ASSUMPTIONS:
        print(f"  assumed: {assumption}")
    return 0


def _rules(cap: int | None) -> dict[str, int | None]:
    return {_name(cap): cap, "allow": None, "deny": 0}


def _name(cap: int | None) -> str:
    return "allow" if cap is None else f"cap:{cap}" if cap else "deny"


def _told(venue: str, gates: int, rule: str, row: dict[str, Exposure]) -> dict[str, Any]:
    one = row[rule]
    return {
        "venue": venue,
        "gates": gates,
        "counted_when_apart": rule,
        "product": one.product,
        "per": one.per,
        "limit": one.limit,
        "beyond": one.beyond,
        "allow": row["allow"].beyond,
        "deny": row["deny"].beyond,
    }


def _line(rule: str, row: dict[str, Exposure]) -> str:
    one = row[rule]
    per = {"total": "in all", "venue": "at this venue", "day": "on a day"}[one.per]
    each = " on each day" if one.per == "day" else ""
    others = ", ".join(f"{name} {row[name].beyond}" for name in ("allow", "deny") if name != rule)
    return f"  {one.product}: {one.limit} {per}, beyond it {one.beyond}{each} ({others})"

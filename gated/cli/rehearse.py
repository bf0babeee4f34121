"""``gated rehearse``: a tariff is played before opening day."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gated.cli.common import add_json, add_language, command, moment

if TYPE_CHECKING:
    from datetime import tzinfo

    from gated.policy.rehearsal import Played, Scenario
    from gated.texts.sentences import Texts

_EXAMPLES = """\
  gated rehearse config/tariffs/carnet.toml
  gated rehearse my-pool.toml --language fr
  gated rehearse my-pool.toml --json

the file says venues, products, entitlements, media and taps: docs/reference/rehearsal.md
exit codes: 0 played, whatever was granted or refused; 2 the file has a mistake, and nothing was played
"""


def add(commands: Any) -> None:
    """Add the command."""
    rehearse = command(commands, "rehearse", "play a tariff: what each tap of a scenario comes to", _EXAMPLES)
    rehearse.add_argument("file", type=Path, metavar="FILE", help="a scenario, as TOML")
    add_language(rehearse)
    add_json(rehearse, "print one JSON list, an object for each tap")
    rehearse.set_defaults(run=run_rehearse)


def run_rehearse(arguments: argparse.Namespace) -> int:
    """Play a scenario."""
    from gated.config.scenario import load_scenario
    from gated.policy.rehearsal import Rehearsal
    from gated.texts.sentences import Texts

    scenario = load_scenario(arguments.file)
    timezone = next(iter(scenario.venues.values())).timezone
    played = Rehearsal(scenario).play()
    if arguments.json:
        print(json.dumps([_object(one, scenario, timezone) for one in played], ensure_ascii=False, indent=1))
        return 0
    texts = Texts(arguments.language, timezone)
    for one in played:
        print(_line(one, scenario, timezone, texts))
    return 0


def _object(one: Played, scenario: Scenario, timezone: tzinfo) -> dict[str, Any]:
    refusal = one.refusal
    return {
        "at": one.tap.written_at,
        "venue": one.tap.venue,
        "direction": one.tap.direction.word,
        "medium": one.tap.medium or "?",
        "granted": refusal is None,
        "reason": None if refusal is None else str(refusal.reason),
        "entitlement": None if one.right is None else scenario.names[one.right],
        "next_at": None if one.next_at is None else moment(one.next_at, timezone),
        "uses_left": one.left,
        "persons_released": one.released,
        "persons_passed": one.passed,
        "warnings": [str(warned.notice) for warned in one.warnings],
    }


def _line(one: Played, scenario: Scenario, timezone: tzinfo, texts: Texts) -> str:
    told = [
        one.tap.written_at,
        f"{one.tap.venue} {one.tap.direction.word:<3} {one.tap.medium or '?'}",
    ]
    refusal = one.refusal
    if refusal is not None:
        told.append(f"REFUSED {refusal.reason}")
    elif one.right is None:
        told.append(f"out     {one.passed} of {one.released}")
    else:
        told.append(f"granted {one.passed} of {one.released}")
    if one.right is not None:
        told.append(scenario.names[one.right])
    if one.left is not None:
        told.append(f"{one.left} left")
    if one.next_at is not None:
        told.append(f"next {moment(one.next_at, timezone)}")
    told += [f"! {warned.notice}" for warned in one.warnings]
    told.append(f"“{texts.told(one.decision, one.tap.at)}”")
    return "  ".join(told)

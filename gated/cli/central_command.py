"""``gated central command | commands``: order something of a gate from afar, and see what became of it."""

from __future__ import annotations

import argparse
import json
from contextlib import closing
from typing import TYPE_CHECKING, Any

from gated.cli.central_common import add_office, ledger_of
from gated.cli.common import argument, command, utc, whole
from gated.errors import ConfigError, one_line
from gated.model.order import Mode

if TYPE_CHECKING:
    from gated.central.commanding import Wish
    from gated.central.ledger_commands import Given

_COMMAND = """\
  gated central command ./city --gate bron-1 open in-1 --operator Mia --reason "card broken"
  gated central command ./city --gate bron-1 open in-1 --persons 3 --operator Mia --reason "class 4b"
  gated central command ./city --gate bron-1 mode in-1 out_of_service --operator Mia --reason "arm bent"
  gated central command ./city --gate bron-1 refresh --operator Mia --reason "moved to another venue"
  gated central command ./city --gate bron-1 report --operator Mia --reason "is it well?" --valid 10min

gated central serve sends it; a gate carries it out once, before its time is over, or not at all
"""
_COMMANDS = """\
  gated central commands ./city
  gated central commands ./city --gate bron-1 --last 5 --json
"""
_USAGE = (
    "gated central command DIR --gate NAME (open LANE [--persons N] | mode LANE MODE | refresh | report)"
    " --operator NAME --reason TEXT [--valid DURATION] [--json]"
)


def add(below: Any) -> None:
    """Add the commands to those of ``gated central``."""
    made = command(below, "command", "order something of a gate, once", _COMMAND)
    made.usage = _USAGE
    add_office(made)
    made.add_argument("--gate", required=True, metavar="NAME", help="which gate")
    made.add_argument(
        "words",
        nargs="+",
        metavar="WORD",
        help=f"open LANE, mode LANE MODE ({', '.join(Mode)}), refresh or report",
    )
    made.add_argument("--persons", type=int, metavar="N", help="of open: how many (default: 1)")
    made.add_argument(
        "--operator", required=True, metavar="NAME", help="who; it stands in the gate's journal"
    )
    made.add_argument("--reason", required=True, metavar="TEXT", help="why; so does it")
    made.add_argument(
        "--valid",
        default="60s",
        metavar="DURATION",
        help="no later than this, at most 1h (default: %(default)s)",
    )
    made.set_defaults(run=run_command)

    listed = command(below, "commands", "say what became of the commands that were given", _COMMANDS)
    add_office(listed)
    listed.add_argument("--gate", metavar="NAME", help="only of this gate")
    listed.add_argument("--last", type=whole, default=20, metavar="N", help="how many (default: %(default)s)")
    listed.set_defaults(run=run_commands)


def run_command(arguments: argparse.Namespace) -> int:
    """Give a command."""
    from gated.central.command_keys import CommandKey
    from gated.central.commanding import give, sector_of
    from gated.devices.clock import SystemClock
    from gated.wire.command import MAX_VALID_S

    wish = _wish(arguments)
    valid_s = argument(
        "--valid",
        arguments.valid,
        lambda table, key: table.seconds(key, "60s", least=1.0, most=MAX_VALID_S),
        "for example 60s, 10min or 1h",
    )
    with closing(ledger_of(arguments)) as ledger:
        sector = sector_of(ledger, wish.gate)
        key = CommandKey.load(arguments.directory, sector)
        given, _ = give(
            ledger, key, sector, wish, now=SystemClock().sample().wall, valid_s=round(valid_s or 60.0)
        )
    if arguments.json:
        told = {
            "gate": given.gate,
            "what": str(given.what),
            "counter": given.counter,
            "expires": given.expires,
        }
        print(json.dumps({**told, "key": key.listed.kid.hex()}))
    else:
        print(
            f"{given.gate}: {given.what}, command {given.counter} of key {key.listed.kid.hex()}, until"
            f" {utc(given.expires)}; what becomes of it: gated central commands {arguments.directory}"
        )
    return 0


def _wish(arguments: argparse.Namespace) -> Wish:
    from gated.central.commanding import Wish
    from gated.wire.command import What

    what, *more = arguments.words
    needs = {What.OPEN: 1, What.MODE: 2, What.REFRESH: 0, What.REPORT: 0}
    if what not in needs or len(more) != needs[what]:
        raise ConfigError("what is to be done?", hint="open LANE, mode LANE MODE, refresh or report")
    if arguments.persons is not None and what != What.OPEN:
        raise ConfigError("--persons is of open alone", hint="leave it out")
    mode = None
    if what == What.MODE:
        if more[1] not in tuple(Mode):
            raise ConfigError(f"{more[1]!r} is no mode", hint=f"say one of: {', '.join(Mode)}")
        mode = Mode(more[1])
    persons = (arguments.persons or 1) if what == What.OPEN else None
    lane = more[0] if more else None
    return Wish(arguments.gate, arguments.operator, arguments.reason, What(what), lane, persons, mode)


def run_commands(arguments: argparse.Namespace) -> int:
    """List what was given, oldest first."""
    from gated.central.ledger_commands import commands, learn_outcomes
    from gated.devices.clock import SystemClock

    now = SystemClock().sample().wall
    with closing(ledger_of(arguments)) as ledger:
        learn_outcomes(ledger, now)
        for one in commands(ledger, gate=arguments.gate, limit=arguments.last):
            state = _state(one, now)
            print(json.dumps(_told(one, state)) if arguments.json else one_line(_line(one, state)))
    return 0


def _state(one: Given, now: int) -> str:
    """``done``, ``refused``, ``waits``, ``sent`` or ``over``: its time has passed, and nobody knows."""
    if one.outcome is not None:
        return "done" if one.outcome == "done" else "refused"
    if now >= one.expires:
        return "over"
    return "waits" if one.published_at is None else "sent"


def _told(one: Given, state: str) -> dict[str, Any]:
    return {
        "gate": one.gate,
        "sector": one.sector,
        "key": one.kid.hex(),
        "counter": one.counter,
        "what": one.what,
        "lane": one.lane,
        "persons": one.persons,
        "mode": one.mode,
        "operator": one.operator,
        "reason": one.reason,
        "at": one.at,
        "expires": one.expires,
        "sent_at": one.published_at,
        "state": state,
        "refused": one.outcome if state == "refused" else None,
        "told_at": one.outcome_at,
        "disbelieved": one.doubt,
    }


def _line(one: Given, state: str) -> str:
    what = " ".join(str(part) for part in (one.what, one.lane, one.mode) if part)
    if one.persons not in (None, 1):
        what += f" ({one.persons} persons)"
    became = {
        "done": "done",
        "refused": f"NOT done: {one.outcome}",
        "waits": "waits for gated central serve",
        "sent": "sent, the gate has not told yet",
        "over": "its time is over, and the gate told nothing of it",
    }[state]
    if one.doubt is not None and state in ("sent", "over"):
        became += f"; the gate disbelieved a command since: {one.doubt}"
    return f"{utc(one.at)}  {one.gate} {one.counter}  {what}, by {one.operator} ({one.reason}): {became}"

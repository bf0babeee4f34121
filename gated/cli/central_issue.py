"""``gated central issue``: a medium bound to an account, and what the account may do."""

from __future__ import annotations

import argparse
from contextlib import closing
from typing import Any

from gated.cli.central_carry import add_carry, check_carry, message_file, message_for, tell_carried
from gated.cli.central_common import add_out, add_place, from_hex, office_of, write_out
from gated.cli.central_rules import NOTHING_ISSUED, add_rules, judge_hours, said_of
from gated.cli.common import argument, command
from gated.cli.naming import add_medium, medium_of

_ISSUE = """\
  gated central issue ./city --sector pools --account alice --product swim10 --days 365 \\
      --public-key 04…
  gated central issue ./city --sector pools --account alice --product season --out more.gated
  gated central issue ./city --sector pools --account bob --product season --hours "Mo-Fr 07:00-09:00" \\
      --from 2026-09-01T00:00:00+02:00 --until 2027-07-01T00:00:00+02:00 --concession student
  gated central issue ./city --sector pools --account class-4b --product class --party 30 --party-uses once
  gated central issue ./city --sector pools --account carol --product bundle --share bron=4 --share vaise=6 \\
      --per-day 1 --reentry PT30M
  gated central issue ./city --sector pools --account dora --product season --medium signed:04a1… \\
      --carry dora.ndef --chip ntag215

what is issued stands in the office's log, from which `gated central serve` sends it to the gates
"""


def add(below: Any) -> None:
    """Add the command to those of ``gated central``."""
    made = command(below, "issue", "bind a medium to an account and give it a right", _ISSUE)
    add_place(made)
    made.add_argument("--account", required=True, metavar="NAME", help="the holder, as central knows them")
    add_medium(made)
    made.add_argument("--product", metavar="NAME", help="the right's product; left out: bind only")
    add_rules(made)
    made.add_argument("--from", dest="begin", metavar="TIME", help="first second of the right; left out: now")
    end = made.add_mutually_exclusive_group()
    end.add_argument("--days", type=int, metavar="N", help="validity from its begin; left out: no end")
    end.add_argument("--until", metavar="TIME", help="first second at which it is over")
    made.add_argument("--revises", metavar="CTI", help="replace this right by a newer revision")
    add_carry(made)
    add_out(made)
    made.set_defaults(run=run_issue)


def run_issue(arguments: argparse.Namespace) -> int:
    """Issue a binding, an entitlement, or both."""
    from gated.devices.clock import SystemClock
    from gated.errors import ConfigError

    named = medium_of(arguments)
    if named is None and arguments.product is None:
        raise ConfigError("nothing to issue", hint="name a medium (--medium) or a product, or both")
    check_carry(arguments, named)
    now = SystemClock().sample().wall
    validity, said = _validity(arguments, now), said_of(arguments)
    if arguments.product is None and any(rule is not None for rule in said.values()):
        raise ConfigError("rules without a right", hint="name its product: --product NAME")
    revised = None if arguments.revises is None else from_hex(arguments.revises, 8, "--revises")
    judge_hours(arguments.directory, arguments.sector, said)
    tokens, issued, message = [], None, b""
    with closing(office_of(arguments)) as office, message_file(arguments.carry) as write, office.at_once():
        if named is not None:
            carried = arguments.carry is not None
            tokens.append(office.bind(arguments.account, named, now=now, expires=None, carried=carried))
        if arguments.product is not None:
            issued, token = office.entitle(
                arguments.account,
                arguments.product,
                now=now,
                not_before=validity[0],
                expires=validity[1],
                entitlement=revised,
                **said,
            )
            tokens.append(token)
        if arguments.carry is not None:
            message = message_for(arguments, office, tokens)
            write(message)
    write_out(arguments.out, tokens)
    more = {"pass": office.pass_of(arguments.account).hex(), "cti": issued and issued.hex()}
    tell_carried(arguments, tokens, more, message)
    return 0


def _validity(arguments: argparse.Namespace, now: int) -> tuple[int, int | None]:
    begin = argument("--from", arguments.begin, lambda table, key: table.moment(key), NOTHING_ISSUED)
    begin = now if begin is None else begin
    if arguments.days is not None:
        return begin, begin + arguments.days * 86400
    return begin, argument("--until", arguments.until, lambda table, key: table.moment(key), NOTHING_ISSUED)

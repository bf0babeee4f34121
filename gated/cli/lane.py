"""``gated lane``: what staff and technicians do at a lane."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from gated.cli import lane_safe, lane_test
from gated.cli.asking import add_who, asking, operator_of, settings_of
from gated.cli.common import command, group
from gated.model.order import Mode

if TYPE_CHECKING:
    from gated.wire.control import AskOrder

MODES = tuple(str(mode) for mode in Mode)
_OPEN = """\
  gated lane open in-1 --reason "a pram"
  gated lane open in-1 --reason "card broken" --operator "Mia, desk"
"""
_MODE = """\
  gated lane mode in-1 out_of_service --reason "arm bent"
  gated lane mode --all free_passage --reason "open day"
  gated lane mode --all normal --reason "open day is over"
"""
_REARM = """\
  gated lane rearm --all --reason "fire brigade says it is over"
"""


def add(commands: Any) -> None:
    """Add the commands."""
    below = group(commands, "lane", "open a lane, change its mode, test it")
    opened = command(below, "open", "let one person through now", _OPEN)
    opened.add_argument("lane", metavar="LANE", help="which")
    opened.set_defaults(run=run_open)
    mode = command(below, "mode", "change how a lane serves, until the next order", _MODE)
    mode.usage = "gated lane mode (LANE | --all) MODE --reason TEXT [--operator NAME] [--json]"
    mode.add_argument("words", nargs="+", metavar="WORD", help=f"LANE, and MODE: {', '.join(MODES)}")
    mode.set_defaults(run=run_mode)
    rearm = command(below, "rearm", "end a fire: the lane serves as before", _REARM)
    rearm.usage = "gated lane rearm (LANE | --all) --reason TEXT [--operator NAME] [--json]"
    rearm.add_argument("words", nargs="*", metavar="LANE", help="which")
    rearm.set_defaults(run=run_rearm)
    for made in (mode, rearm):
        made.add_argument("--all", action="store_true", help="every lane of this gate")
    for made in (opened, mode, rearm):
        add_who(made)
    lane_safe.add(below)
    lane_test.add(below)


def run_open(arguments: argparse.Namespace) -> int:
    """Let one person through."""
    return _order(arguments, "open", arguments.lane)


def run_mode(arguments: argparse.Namespace) -> int:
    """Change a mode."""
    *named, mode = arguments.words
    if mode not in MODES:
        raise _usage(f"{mode!r} is no mode", f"say one of: {', '.join(MODES)}")
    return _order(arguments, mode, _which(arguments, named))


def run_rearm(arguments: argparse.Namespace) -> int:
    """End a fire."""
    return _order(arguments, "rearm", _which(arguments, arguments.words))


def _which(arguments: argparse.Namespace, named: list[str]) -> str | None:
    if len(named) + arguments.all != 1:
        raise _usage("which lane?", "name one lane, or say --all")
    return None if arguments.all else named[0]


def _usage(what: str, hint: str) -> Exception:
    from gated.errors import ConfigError

    return ConfigError(what, hint=hint)


def _order(arguments: argparse.Namespace, order: str, lane: str | None) -> int:
    request = _request(order, lane, operator_of(arguments), arguments.reason)
    with asking(settings_of(arguments.config).control) as client:
        answers = client.ask(request)
    for answer in answers:
        _print(answer, order, as_json=arguments.json)
    return 3 if any(answer["refused"] for answer in answers) else 0


def _request(order: str, lane: str | None, operator: str, reason: str) -> AskOrder:
    """The order as the gate will read it. Raises ``ConfigError``."""
    from gated.model.order import Order
    from gated.wire.control import AskOrder, RequestError, read_request, request_line

    request = AskOrder(Order(order), lane, operator, reason)
    try:
        read_request(request_line(request)[:-1])  # what it would refuse is told before anybody is asked
    except RequestError as error:
        raise _usage(f"this order is refused: {error.what}", "see gated lane --help") from None
    return request


def _print(answer: dict[str, Any], order: str, *, as_json: bool) -> None:
    from gated.cli.lane_words import refused_words

    if as_json:
        print(json.dumps({"lane": answer["lane"], "order": order, "refused": answer["refused"]}))
    elif answer["refused"]:
        print(f"lane {answer['lane']}: NOT done: {refused_words(answer['refused'])}")
    else:
        print(f"lane {answer['lane']}: {order}: done")

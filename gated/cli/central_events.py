"""``gated central events``: what gates told."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable
from contextlib import closing
from typing import TYPE_CHECKING, Any

from gated.cli.central_common import add_office, ledger_of
from gated.cli.common import command, utc, whole
from gated.errors import one_line

if TYPE_CHECKING:
    from gated.central.ledger import Ledger
    from gated.central.ledger_reading import KeptEvent

_EVENTS = """\
  gated central events ./city --last 20
  gated central events ./city --gate bron-1 --after 4711 --json
  gated central events ./city --sector pools --after 0 --follow --json | your-accounting

numbers are central's own, in the order of arrival: note the last one, and ask for what follows it
"""
#: How often new events are looked for.
_FOLLOW_S = 0.5
_SHOWN = ("v", "seq", "kind", "at", "wall", "boot", "up", "clock")


def add(below: Any) -> None:
    """Add the command to those of ``gated central``."""
    made = command(below, "events", "list what gates told, in the order of arrival", _EVENTS)
    add_office(made)
    made.add_argument("--gate", metavar="NAME", help="only of this gate")
    made.add_argument("--sector", metavar="NAME", help="only of this sector")
    made.add_argument("--last", type=whole, default=50, metavar="N", help="how many (default: %(default)s)")
    made.add_argument("--after", type=whole, metavar="N", help="all events after this number instead")
    made.add_argument("--follow", action="store_true", help="go on with what comes, until stopped")
    made.set_defaults(run=run_events)


def run_events(arguments: argparse.Namespace) -> int:
    """List events."""
    import threading

    wait = threading.Event().wait
    with closing(ledger_of(arguments)) as ledger:
        number = list_events(ledger, arguments.after, arguments)
        while arguments.follow:
            wait(_FOLLOW_S)
            number = list_events(ledger, number, arguments)
    return 0


def list_events(ledger: Ledger, number: int | None, arguments: argparse.Namespace) -> int:
    """Print the events after a number, the newest ones if None. Returns the number to go on from.

    It is past all that was looked at: of a quiet gate among busy ones, too, nothing is read twice.
    """
    from gated.central.ledger_reading import after, highest, newest

    only = {"gate": arguments.gate, "sector": arguments.sector}
    seen = highest(ledger)  # first: what arrives meanwhile is looked at now or the next time
    events = newest(ledger, arguments.last, **only) if number is None else after(ledger, number, **only)
    return max(seen, _list(events, number or 0, arguments))


def _list(events: Iterable[KeptEvent], number: int, arguments: argparse.Namespace) -> int:
    """Print events; the number of the last."""
    for event in events:
        number = event.number
        print(json.dumps(_told(event)) if arguments.json else one_line(_line(event)), flush=arguments.follow)
    return number


def _told(event: KeptEvent) -> dict[str, Any]:
    told: dict[str, Any] = {
        "number": event.number,
        "sector": event.sector,
        "gate": event.gate,
        "epoch": event.epoch,
        "seq": event.seq,
        "branch": event.branch,
        "counted": event.counted,
    }
    if event.code is None:
        return {**told, "event": json.loads(event.body)}
    return {**told, "quarantined": event.code, "raw": event.body}


def _line(event: KeptEvent) -> str:
    branch = f" branch {event.branch}" if event.branch else ""
    place = f"{event.number:>8}  {event.gate} {event.epoch} {event.seq:>6}{branch}"
    if event.code is not None:
        return f"{place}  kept aside: {event.code}: {event.body!a:.200}"
    told = json.loads(event.body)
    more = " ".join(f"{name}={_short(value)}" for name, value in told.items() if name not in _SHOWN)
    return f"{place}  {utc(told['at'])}  {told['kind']:<9} {more}"


def _short(value: Any) -> str:
    return json.dumps(value, separators=(",", ":")) if isinstance(value, dict) else str(value)

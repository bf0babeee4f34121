"""``gated journal``."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable
from contextlib import closing
from typing import TYPE_CHECKING, Any

from gated.cli.common import add_json, add_state, command, group, state_dir, utc, whole
from gated.errors import one_line

if TYPE_CHECKING:
    from gated.store.chain import Row

_LIST = """\
  gated journal list --last 20
  gated journal list --after 4711 --kind decided --json

exit code 3: a row that was listed is no event; gated journal verify says more
"""
_VERIFY = """\
  gated journal verify
  gated journal verify --state-dir /var/lib/gated --json && echo whole

exit code 3: the journal is damaged or was changed; each line names the row
"""
_SHOWN = ("v", "seq", "kind", "at", "wall", "boot", "up", "clock")


def add(commands: Any) -> None:
    """Add the commands."""
    below = group(commands, "journal", "read what happened at this gate")
    listing = command(below, "list", "list rows of the journal, oldest first", _LIST)
    add_state(listing)
    listing.add_argument(
        "--last", type=whole, default=50, metavar="N", help="how many (default: %(default)s)"
    )
    listing.add_argument("--after", type=whole, metavar="SEQ", help="rows after this number instead")
    listing.add_argument("--kind", help="only rows of this kind, such as decided or settled")
    add_json(listing)
    listing.set_defaults(run=run_list)
    verify = command(below, "verify", "check that no row was changed, lost or settled twice", _VERIFY)
    add_state(verify)
    add_json(verify)
    verify.set_defaults(run=run_verify)


def run_list(arguments: argparse.Namespace) -> int:
    """List rows."""
    from gated.store.chain import JournalReader
    from gated.store.directory import JOURNAL

    with closing(JournalReader(state_dir(arguments) / JOURNAL)) as reader:
        rows = reader.last(arguments.last) if arguments.after is None else reader.rows(after=arguments.after)
        changed = _list(rows, arguments)
    return 3 if changed else 0


def _list(rows: Iterable[Row], arguments: argparse.Namespace) -> int:
    """Print rows. Returns how many are no events: they are shown whatever kind was asked for."""
    changed = 0
    for row in rows:
        event = row.event
        if event is None:
            changed += 1
            told: dict[str, Any] = {"epoch": row.epoch, "seq": row.seq, "changed": ascii(row.body)}
            print(json.dumps(told) if arguments.json else f"{row.seq:>8}  was changed: {row.body!a}")
        elif arguments.kind in (None, event["kind"]):
            print(json.dumps({"epoch": row.epoch, **event}) if arguments.json else one_line(_line(event)))
    return changed


def _line(event: dict[str, Any]) -> str:
    clock = "" if event["clock"] == "good" else f" clock={event['clock']}"
    told = " ".join(f"{name}={_short(value)}" for name, value in event.items() if name not in _SHOWN)
    return f"{event['seq']:>8}  {utc(event['at'])}{clock}  {event['kind']:<9} {told}"


def _short(value: Any) -> str:
    return json.dumps(value, separators=(",", ":")) if isinstance(value, dict) else str(value)


def run_verify(arguments: argparse.Namespace) -> int:
    """Verify the chain."""
    from gated.store.chain import JournalReader
    from gated.store.directory import JOURNAL

    path = state_dir(arguments) / JOURNAL
    found = 0
    with closing(JournalReader(path)) as reader:
        for defect in reader.verify():
            found += 1
            if arguments.json:
                print(json.dumps({"defect": defect}), flush=True)
            else:
                print(f"{path}: {defect}", file=sys.stderr)
        summary = None if found else reader.summary()
    if summary is None:
        if arguments.json:
            print(json.dumps({"defects": found}))
        return 3
    if arguments.json:
        numbers = {name: getattr(summary, name) for name in ("epoch", "seq", "rows", "unsettled")}
        print(json.dumps({**numbers, "defects": 0}))
    else:
        print(f"{path}: whole, {summary.rows} rows, epoch {summary.epoch}, {summary.unsettled} releases open")
    return 0

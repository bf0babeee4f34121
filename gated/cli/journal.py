"""``gated journal``."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from gated.cli.common import add_json, add_state, command, group, state_dir, utc

_LIST = """\
  gated journal list --last 20
  gated journal list --after 4711 --kind decided --json
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
    listing.add_argument("--last", type=int, default=50, metavar="N", help="how many (default: %(default)s)")
    listing.add_argument("--after", type=int, metavar="SEQ", help="rows after this number instead")
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

    reader = JournalReader(state_dir(arguments) / JOURNAL)
    try:
        rows = reader.last(arguments.last) if arguments.after is None else reader.rows(after=arguments.after)
        for row in rows:
            event = json.loads(row.body)
            if arguments.kind not in (None, event["kind"]):
                continue
            print(json.dumps({"epoch": row.epoch, **event}) if arguments.json else _line(event))
    finally:
        reader.close()
    return 0


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
    reader = JournalReader(path)
    try:
        defects = list(reader.verify())
        summary = reader.summary()
    finally:
        reader.close()
    if arguments.json:
        print(
            json.dumps(
                {
                    "epoch": summary.epoch,
                    "seq": summary.seq,
                    "rows": summary.rows,
                    "unsettled": summary.unsettled,
                    "defects": defects,
                }
            )
        )
    elif not defects:
        print(f"{path}: whole, {summary.rows} rows, epoch {summary.epoch}, {summary.unsettled} releases open")
    if not arguments.json:
        for defect in defects:
            print(f"{path}: {defect}", file=sys.stderr)
    return 3 if defects else 0

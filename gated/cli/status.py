"""``gated status``."""

from __future__ import annotations

import argparse
import json
from typing import Any

from gated.cli.common import add_json, add_state, command, state_dir, utc

_EXAMPLES = """\
  gated status
  gated status --state-dir /var/lib/gated --json
"""


def add(commands: Any) -> None:
    """Add the command."""
    status = command(commands, "status", "say how this gate is, from its files", _EXAMPLES)
    add_state(status)
    add_json(status)
    status.set_defaults(run=run_status)


def run_status(arguments: argparse.Namespace) -> int:
    """Print the status."""
    from gated.store.chain import JournalReader
    from gated.store.directory import JOURNAL, StateDirectory
    from gated.store.intake import cache_status

    path = state_dir(arguments)
    reader = JournalReader(path / JOURNAL)
    try:
        summary = reader.summary()
        lanes = {lane: (state, cause, at) for lane, state, cause, at in reader.lane_changes()}
        last = [json.loads(row.body) for row in reader.last(1)]
    finally:
        reader.close()
    cache = cache_status(path)
    running = StateDirectory(path).is_locked()
    status = {
        "gate": summary.gate,
        "running": running,
        "epoch": summary.epoch,
        "seq": summary.seq,
        "unsettled": summary.unsettled,
        "settled": summary.settled,
        "last_event_at": last[0]["at"] if last else None,
        "lanes": {
            lane: {"state": state, "cause": cause, "since": at} for lane, (state, cause, at) in lanes.items()
        },
        "cache": cache,
    }
    if arguments.json:
        print(json.dumps(status))
    else:
        _print(status, last[0]["kind"] if last else "")
    return 0


def _print(status: dict[str, Any], last_kind: str) -> None:
    print(f"gate {status['gate']}: {'running' if status['running'] else 'not running'}")
    print(f"  journal: {status['seq']} rows in epoch {status['epoch']}, {status['unsettled']} releases open")
    if last_kind:
        print(f"  last event: {last_kind} at {utc(status['last_event_at'])}")
    for name, lane in status["lanes"].items():
        print(f"  lane {name}: {lane['state']} ({lane['cause']}) since {utc(lane['since'])}")
    cache = status["cache"]
    print(
        f"  cache: {cache['snapshot'] or 'no snapshot'}, {cache['delta_rows']} statements since,"
        f" {'complete' if cache['complete'] else 'INCOMPLETE: import a full file'}"
    )

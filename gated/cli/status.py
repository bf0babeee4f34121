"""``gated status``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from gated.cli.common import add_json, add_state, command, state_dir, utc
from gated.errors import one_line

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
    with closing(JournalReader(path / JOURNAL)) as reader:
        summary = reader.summary()
        lanes = reader.lane_changes()
        last = reader.last(1)
    event = last[0].event if last else None
    cache = cache_status(path)
    running = StateDirectory(path).is_locked()
    status = {
        "gate": summary.gate,
        "running": running,
        "epoch": summary.epoch,
        "seq": summary.seq,
        "unsettled": summary.unsettled,
        "settled": summary.settled,
        "last_event_at": event and event["at"],
        "lanes": {lane: {"state": state, "cause": cause, "since": at} for lane, state, cause, at in lanes},
        "cache": cache,
    }
    if arguments.json:
        print(json.dumps(status))
        return 0
    newest = f"{event['kind']} at {utc(event['at'])}" if event else "changed; gated journal verify says more"
    for line in _lines(status, newest if last else "none"):
        print(one_line(line))
    return 0


def _lines(status: dict[str, Any], newest: str) -> Iterator[str]:
    yield f"gate {status['gate']}: {'running' if status['running'] else 'not running'}"
    yield f"  journal: {status['seq']} rows in epoch {status['epoch']}, {status['unsettled']} releases open"
    yield f"  last event: {newest}"
    for name, lane in status["lanes"].items():
        yield f"  lane {name}: {lane['state']} ({lane['cause']}) since {utc(lane['since'])}"
    cache = status["cache"]
    yield (
        f"  cache: {cache['snapshot'] or 'no snapshot'}, {cache['delta_rows']} statements since,"
        f" {'complete' if cache['complete'] else 'INCOMPLETE: import a full file'}"
    )

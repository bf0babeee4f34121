"""``gated status``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
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
    path = state_dir(arguments)
    # Of a state directory alone it is not known when the venue's day begins.
    inside = None if arguments.state_dir is not None else _people(arguments.config, path)
    status, newest = _gather(path, inside)
    if arguments.json:
        print(json.dumps(status))
        return 0
    for line in _lines(status, newest):
        print(one_line(line))
    return 0


def _people(config: Path, path: Path) -> dict[str, Any] | None:
    """Who is inside. None = the profile, which says when the venue's day begins, cannot be read."""
    from gated.app.explaining import reading_of
    from gated.config.files import load_profile
    from gated.config.settings import load_settings
    from gated.devices.clock import SystemClock
    from gated.errors import ConfigError
    from gated.policy.calendar import shift_of
    from gated.store.chain import JournalReader
    from gated.store.directory import JOURNAL

    settings = load_settings(config)
    try:
        profile = load_profile(settings.profile)
    except ConfigError:  # gated config check says what is wrong with it
        return None
    now = reading_of(settings, SystemClock().sample(), None).estimate
    with closing(JournalReader(path / JOURNAL)) as reader:
        people = reader.inside(shift_of(now, profile.timezone, profile.day_end_min))
    return {"people": people, "confidence": "measured" if settings.exits_counted else "entries_only"}


def _gather(path: Path, inside: dict[str, Any] | None) -> tuple[dict[str, Any], str]:
    """The status as JSON tells it, and the newest event in words."""
    from gated.devices.clock import SystemClock
    from gated.store.chain import JournalReader
    from gated.store.directory import FLOORS, JOURNAL, StateDirectory
    from gated.store.floors import TIME, floors_file
    from gated.store.intake import cache_status
    from gated.store.sync_note import SYNC_NOTE, read_sync_note

    with closing(JournalReader(path / JOURNAL)) as reader:
        summary, lanes, last, unsent = (
            reader.summary(),
            reader.lane_changes(),
            reader.last(1),
            reader.unsent(),
        )
    event = last[0].event if last else None
    now, last_at = SystemClock().sample().wall, None if event is None else event["at"]
    status = {
        "gate": summary.gate,
        "running": StateDirectory(path).is_locked(),
        "epoch": summary.epoch,
        "seq": summary.seq,
        "unsettled": summary.unsettled,
        "settled": summary.settled,
        "last_event_at": last_at,
        "inside": inside,
        "lanes": {lane: {"state": state, "cause": cause, "since": at} for lane, state, cause, at in lanes},
        "cache": cache_status(path),
        "unsent": unsent.rows,
        "last_ack_at": unsent.last_ack_at,
        "ages_s": {
            "last_event": _age(now, last_at),
            "last_ack": _age(now, unsent.last_ack_at),
            "oldest_unsent": _age(now, unsent.oldest_at),
            "signed_time": _age(now, floors_file(path / FLOORS).get(TIME)),
        },
        "link": read_sync_note(path / SYNC_NOTE) or None,
    }
    changed = "changed; gated journal verify says more"
    newest = f"{event['kind']} at {utc(event['at'])}" if event else changed if last else "none"
    return status, newest


def _age(now: int, at: int | None) -> int | None:
    """Seconds since, by this machine's clock; a clock that is behind tells 0."""
    return None if at is None else max(0, now - at)


def _since(seconds: int | None) -> str:
    """An age in its largest unit: a technician asks how long, not when."""
    if seconds is None:
        return "never"
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"


def _central(status: dict[str, Any]) -> Iterator[str]:
    ages, link = status["ages_s"], status["link"]
    unsent = f"{status['unsent']} rows unsent"
    if status["unsent"]:
        unsent += f" (the oldest {_since(ages['oldest_unsent'])})"
    yield f"  central: {unsent}, last receipt {_since(ages['last_ack'])}"
    if link is None:
        yield "  link: never opened; is there a [sync] table in gate.toml?"
        return
    up, why = link.get("up"), link.get("why")
    yield f"  link: {'up' if up else 'DOWN'} since {utc(link.get('since', 0))}" + (f": {why}" if why else "")
    if link.get("forked"):
        yield "  link: FORKED: another disk told other events under this gate's name: enrol it again"
    if link.get("quarantined"):
        yield f"  link: central keeps {link['quarantined']} rows aside: gated central events says why"
    refused = link.get("refused")
    if refused:
        told = ", ".join(f"{code} {count}" for code, count in sorted(refused.items()))
        yield f"  link: arrived and not believed: {told}"


def _lines(status: dict[str, Any], newest: str) -> Iterator[str]:
    yield f"gate {status['gate']}: {'running' if status['running'] else 'not running'}"
    yield f"  journal: {status['seq']} rows in epoch {status['epoch']}, {status['unsettled']} releases open"
    yield f"  last event: {newest}"
    inside = status["inside"]
    if inside is not None:
        unsure = "" if inside["confidence"] == "measured" else " (entries only: nobody counts who leaves)"
        yield f"  inside: {inside['people']} people{unsure}"
    for name, lane in status["lanes"].items():
        yield f"  lane {name}: {lane['state']} ({lane['cause']}) since {utc(lane['since'])}"
    yield from _central(status)
    cache = status["cache"]
    yield (
        f"  cache: {cache['snapshot'] or 'no snapshot'}, {cache['delta_rows']} statements since,"
        f" {'complete' if cache['complete'] else 'INCOMPLETE: import a full file'}"
    )
    yield f"  signed time: {_since(status['ages_s']['signed_time'])}"

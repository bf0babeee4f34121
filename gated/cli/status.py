"""``gated status``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gated.cli.common import add_config, add_json, command, utc
from gated.errors import one_line

_EXAMPLES = """\
  gated status
  gated status --watch                            look on; q ends
  gated status --state-dir /var/lib/gated --json  from the files alone
"""
#: A gate whose disk stalls takes its time to look into its files.
_ANSWER_S = 10.0


def add(commands: Any) -> None:
    """Add the command."""
    status = command(commands, "status", "say how this gate is", _EXAMPLES)
    add_config(status)
    source = status.add_mutually_exclusive_group()
    source.add_argument(
        "--state-dir", type=Path, metavar="DIR", help="from the files in DIR alone, without a configuration"
    )
    source.add_argument("--watch", action="store_true", help="look on until q or Ctrl-C")
    add_json(status)
    status.set_defaults(run=run_status)


def run_status(arguments: argparse.Namespace) -> int:
    """Print the status, or show it as it changes."""
    if arguments.watch:
        from gated.cli.status_watch import watch
        from gated.config.settings import load_settings

        return watch(load_settings(arguments.config).control, as_json=arguments.json)
    if arguments.state_dir is None:
        status = _of_gate(arguments.config)
    else:  # of a state directory alone it is not known when the venue's day begins
        status = _of_files(arguments.state_dir, None)
    if arguments.json:
        print(json.dumps(status))
        return 0
    for line in _lines(status):
        print(one_line(line))
    return 0


def _of_gate(config: Path) -> dict[str, Any]:
    """What the running gate tells; its files where none runs, or where it does not answer."""
    from gated.cli.asking import asking
    from gated.config.settings import load_settings
    from gated.errors import LinkError, StoreError
    from gated.links.control_client import NoGateError
    from gated.wire.control import AskStatus

    settings = load_settings(config)
    try:
        with asking(settings.control) as client:
            told: dict[str, Any] = client.ask(AskStatus(), _ANSWER_S)
    except LinkError as error:
        try:
            status = _of_files(settings.state_dir, settings)
        except StoreError:
            if isinstance(error, NoGateError):
                raise
            raise error from None
        return status if isinstance(error, NoGateError) else status | {"trouble": str(error)}
    return told | {"live": True}


def _of_files(path: Path, settings: Any) -> dict[str, Any]:
    from gated.devices.clock import SystemClock
    from gated.store.condition import condition
    from gated.store.directory import StateDirectory

    shift, knowledge = (None, None) if settings is None else _by_profile(settings)
    found = condition(path, SystemClock().sample().wall, shift)
    people, inside = found.pop("people"), None
    if people is not None:
        confidence = "measured" if settings.exits_counted else "entries_only"
        inside = {"people": people, "confidence": confidence}
    more = {"inside": inside, "knowledge": knowledge, "live": False}
    return found | {"running": StateDirectory(path).is_locked(), **more}


def _by_profile(settings: Any) -> tuple[int | None, dict[str, Any] | None]:
    """The service day, and how fresh knowledge is; nothing where the profile cannot be read."""
    from gated.app.explaining import knowledge_of, reading_of
    from gated.config.files import load_profile
    from gated.devices.clock import SystemClock
    from gated.errors import ConfigError
    from gated.policy.calendar import shift_of
    from gated.policy.reckoning import day_time

    try:
        profile = load_profile(settings.profile)
    except ConfigError:  # gated config check says what is wrong with it
        return None, None
    reading = reading_of(settings, SystemClock().sample(), None)
    shift = shift_of(day_time(reading, profile.when_unsure), profile.timezone, profile.day_end_min)
    return shift, knowledge_of(settings).told(reading.floor, profile.staleness)


# ------------------------------------------------------------------ in words


def since(seconds: int | None) -> str:
    """An age in its largest unit: a technician asks how long, not when."""
    if seconds is None:
        return "never"
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"


def _feed(status: dict[str, Any]) -> Iterator[str]:
    feed = status.get("feed")
    if feed is None:
        return
    line = f"  feed: head {feed.get('version', 0)}, made {since(status['ages_s'].get('feed'))}"
    behind, percent, why = feed.get("behind"), feed.get("percent", -1), feed.get("why")
    line += f", {behind} statements behind" if behind else ""
    line += f", {percent} % of a snapshot" if percent >= 0 else ""
    yield line + (f": {why}" if why else "")


def _central(status: dict[str, Any]) -> Iterator[str]:
    ages, link = status["ages_s"], status["link"]
    unsent = f"{status['unsent']} rows unsent"
    if status["unsent"]:
        unsent += f" (the oldest {since(ages['oldest_unsent'])})"
    yield f"  central: {unsent}, last receipt {since(ages['last_ack'])}"
    if link is None:
        yield "  link: never opened; is there a [sync] table in gate.toml?"
        return
    up, why = link.get("up"), link.get("why")
    yield f"  link: {'up' if up else 'DOWN'} since {utc(link.get('since', 0))}" + (f": {why}" if why else "")
    yield from _feed(status)
    if link.get("forked"):
        yield "  link: FORKED: another disk told other events under this gate's name: enrol it again"
    if link.get("quarantined"):
        yield f"  link: central keeps {link['quarantined']} rows aside: gated central events says why"
    refused = link.get("refused")
    if refused:
        told = ", ".join(f"{code} {count}" for code, count in sorted(refused.items()))
        yield f"  link: arrived and not believed: {told}"


def _trust(trust: dict[str, Any] | None) -> Iterator[str]:
    """Nothing for a gate that has no trust repository."""
    if trust is None:
        return
    versions = ", ".join(f"{name} {trust.get(name)}" for name in ("root", "targets", "profile"))
    yield f"  trust: versions of {versions}"
    if trust.get("waits"):
        yield f"  trust: takes effect at the next start: {', '.join(map(str, trust['waits']))}"
    if trust.get("why"):
        yield f"  trust: last not believed: {trust['why']} (docs/reference/trust.md)"


def _lines(status: dict[str, Any]) -> Iterator[str]:
    from gated.cli.lane_words import lane_words, outcome_words

    yield f"gate {status.get('gate', '(unknown)')}: {'running' if status['running'] else 'not running'}"
    if status.get("trouble"):
        yield f"  TROUBLE: {status['trouble']}"
    yield from _journal(status)
    for name, lane in status["lanes"].items():
        yield f"  lane {name}: {lane_words(lane)}"
        for outcome in lane.get("outcomes", [])[-1:]:
            yield f"    last: {utc(outcome['at'])} {outcome_words(outcome)}"
    if "cache" in status:
        yield from _central(status)
        yield from _trust(status.get("trust"))
        yield from _cache(status)
        yield from knowledge_words(status.get("knowledge"))


def _journal(status: dict[str, Any]) -> Iterator[str]:
    if "seq" not in status:
        return
    yield f"  journal: {status['seq']} rows in epoch {status['epoch']}, {status['unsettled']} releases open"
    yield f"  last event: {_newest(status)}"
    inside = status["inside"]
    if inside is not None:
        unsure = "" if inside["confidence"] == "measured" else " (entries only: nobody counts who leaves)"
        yield f"  inside: {inside['people']} people{unsure}"


def _newest(status: dict[str, Any]) -> str:
    kind, at = status["last_event"], status["last_event_at"]
    if at is not None:
        return f"{kind} at {utc(at)}"
    return "none" if kind is None else "changed; gated journal verify says more"


def knowledge_words(knowledge: dict[str, Any] | None) -> Iterator[str]:
    """How old what the gate knows is; nothing where it is not judged."""
    if knowledge is None:
        return
    state = str(knowledge["state"])
    told = state if state == "fresh" else state.upper()
    age = knowledge["age_s"]
    yield f"  knowledge: {told}, " + ("lost: no head any more" if age is None else f"signed {since(age)}")


def _cache(status: dict[str, Any]) -> Iterator[str]:
    cache = status["cache"]
    yield (
        f"  cache: {cache['snapshot'] or 'no snapshot'}, {cache['delta_rows']} statements since,"
        f" {'complete' if cache['complete'] else 'INCOMPLETE: import a full file'}"
    )
    yield f"  signed time: {since(status['ages_s']['signed_time'])}"

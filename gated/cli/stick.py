"""``gated stick import | export``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gated.cli.common import add_config, add_json, command, group, progress_of
from gated.errors import one_line

if TYPE_CHECKING:
    from gated.cli.carrying import Brought

_IMPORT = """\
  gated stick import /media/usb                 all that the office put on it for this gate
  gated stick import /media/usb/statements.gated
  gated stick import --complete full.gated      after a damaged cache was set aside

works beside a running gate: the next tap knows what was imported
exit code 3: something was refused; the rest was taken in
exit code 1 after the counts: these statements are in force, and the error says what broke afterwards
"""
_EXPORT = """\
  gated stick export /media/usb                 all events that the office has not acknowledged

works beside a running gate, and as often as you like: nothing counts twice
"""


def add(commands: Any) -> None:
    """Add the commands."""
    below = group(commands, "stick", "carry by stick what a network would")
    bring = command(below, "import", "take in what a stick brings, or the statements of a file", _IMPORT)
    bring.add_argument(
        "file", type=Path, metavar="PATH", help="a stick, or a file made by `gated central issue` or `deny`"
    )
    bring.add_argument(
        "--complete", action="store_true", help="this file holds all that is in force, denials included"
    )
    add_config(bring)
    add_json(bring)
    bring.set_defaults(run=run_import)
    take = command(below, "export", "write this gate's events onto a stick, for the office", _EXPORT)
    take.add_argument("path", type=Path, metavar="PATH", help="the stick, as it is mounted")
    add_config(take)
    add_json(take)
    take.set_defaults(run=run_export)


def run_export(arguments: argparse.Namespace) -> int:
    """Write events onto a stick."""
    from gated.cli.carrying import export
    from gated.config.settings import check

    settings, _ = check(arguments.config)
    made = export(settings, arguments.path, progress_of(arguments, "events"))
    if arguments.json:
        print(json.dumps({"path": str(arguments.path), "batches": made.batches, "events": made.events}))
    else:
        print(f"{arguments.path}: {made.events} events in {made.batches} batches; carry it to the office")
    return 0


def run_import(arguments: argparse.Namespace) -> int:
    """Import a stick, or a file."""
    return run_import_stick(arguments) if arguments.file.is_dir() else run_import_file(arguments)


def run_import_stick(arguments: argparse.Namespace) -> int:
    """Take in what a stick brings."""
    from gated.cli.carrying import bring
    from gated.config.settings import check
    from gated.errors import ConfigError

    if arguments.complete:
        raise ConfigError(
            "--complete is of a file of statements", hint="a stick's head says what is complete"
        )
    settings, trust = check(arguments.config)
    brought = bring(settings, trust, arguments.file, progress_of(arguments, "files"))
    if arguments.json:
        told = {
            "path": str(arguments.file),
            "files": brought.files,
            "waits": brought.waits,
            "refused": dict(brought.refused),
            "examples": [{"file": name, "code": code} for name, code in brought.examples],
        }
        print(json.dumps(told))
    else:
        print(f"{arguments.file}: {brought.files} files handed over, {_became(brought)}")
        for name, code in brought.examples:
            print(one_line(f"  {name}: {code}"), file=sys.stderr)
    return 3 if brought.refused else 0


def _became(brought: Brought) -> str:
    if not brought.files:
        return "nothing here is for this gate"
    if brought.waits:
        return "being taken in still" if brought.running else "taken in when the gate starts"
    if not brought.refused:
        return "taken in"
    return "taken in, refused: " + ", ".join(f"{code} {n}" for code, n in sorted(brought.refused.items()))


def run_import_file(arguments: argparse.Namespace) -> int:
    """Import a file of statements."""
    from gated.app.verified import believe_verified
    from gated.cli.importing import import_file
    from gated.config.settings import check

    settings, trust = check(arguments.config)
    believe_verified(settings, trust)
    result = import_file(
        arguments.file,
        settings.state_dir,
        trust,
        complete=arguments.complete,
        progress=progress_of(arguments, "statements"),
    )
    refused = sum(result.refused.values())
    if arguments.json:
        print(
            json.dumps(
                {
                    "file": str(arguments.file),
                    "accepted": result.accepted,
                    "known": result.known,
                    "refused": dict(result.refused),
                    "examples": [{"statement": place, "refusal": str(why)} for place, why in result.examples],
                }
            )
        )
    else:
        print(
            f"{arguments.file}: {result.accepted} accepted, {result.known} known already, {refused} refused"
        )
        for place, why in result.examples:
            print(f"  statement {place}: {why}", file=sys.stderr)
    if arguments.complete and refused:
        print("the cache was not marked complete: mend the file first", file=sys.stderr)
    if result.trouble is not None:
        raise result.trouble
    return 3 if refused else 0

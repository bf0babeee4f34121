"""``gated stick import``."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from gated.cli.common import add_config, add_json, command, group

_IMPORT = """\
  gated stick import /media/usb/statements.gated
  gated stick import --complete full.gated      after a damaged cache was set aside

works beside a running gate: the next tap knows what was imported
exit code 3: at least one statement was refused; the others were taken in
exit code 1 after the counts: these statements are in force, and the error says what broke afterwards
"""


def add(commands: Any) -> None:
    """Add the commands."""
    below = group(commands, "stick", "carry statements by file")
    bring = command(below, "import", "verify the statements of a file and take them in", _IMPORT)
    bring.add_argument("file", type=Path, metavar="FILE", help="made by `gated central issue` or `deny`")
    bring.add_argument(
        "--complete", action="store_true", help="this file holds all that is in force, denials included"
    )
    add_config(bring)
    add_json(bring)
    bring.set_defaults(run=run_import)


def run_import(arguments: argparse.Namespace) -> int:
    """Import a file."""
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
        progress=None if arguments.json or not sys.stderr.isatty() else _progress,
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


def _progress(count: int) -> None:
    print(f"\r{count} statements", end="", file=sys.stderr, flush=True)

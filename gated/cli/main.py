"""``gated``: the commands, their help, their exit codes.

The rules of this room: results go to stdout, everything else to stderr; an error is one line that says
what, where and what to do next; ``--json`` prints one JSON object per line; exit codes are 0 done, 1
something is broken, 2 usage or configuration, 3 done, but something was refused or found damaged.
Commands import their weight when they run.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from gated import __version__
from gated.cli import (
    central,
    config,
    demo,
    doctor,
    enrol,
    explain,
    journal,
    lane,
    media,
    rehearse,
    run,
    status,
    stick,
)
from gated.errors import GatedError

_EXAMPLES = """\
examples:
  gated demo                          watch a gate at work: no hardware, no root, no network
  gated rehearse FILE.toml            play a tariff before opening day
  gated config check                  is this gate set up rightly?
  gated run                           serve (the systemd unit does this)
  gated status --watch                look on
  gated lane open in-1 --reason TEXT  let one person through
  gated journal list --last 20        what happened here?
  gated explain --public-key 04…      why is this card refused?
  gated media inspect                 what is this card, and what can it prove?
  gated doctor --custody              which secrets lie here, and what is each worth?

exit codes: 0 done, 1 broken, 2 usage or configuration, 3 done but something was refused or damaged
"""

_GROUPS = (demo, rehearse, run, status, lane, explain, media, journal, stick, config, doctor, enrol, central)


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser(
        prog="gated",
        description="Validator daemon for venue gates: decides offline, writes before it opens.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"gated {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for group in _GROUPS:
        group.add(commands)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code."""
    arguments = parser().parse_args(argv)
    try:
        code: int = arguments.run(arguments)
    except GatedError as error:
        _tell(error, as_json=getattr(arguments, "json", False))
        return error.exit_code
    except BrokenPipeError:
        # The reader of our output (head, less) has seen enough: no error, and nothing more to say.
        sys.stderr.close()
        return 0
    except KeyboardInterrupt:
        return 130
    except _breakages() as error:
        told = GatedError(f"{type(error).__name__}: {error}", hint="check that file, its owner and its disk")
        _tell(told, as_json=getattr(arguments, "json", False))
        return told.exit_code
    return code


def _breakages() -> tuple[type[Exception], ...]:
    """What may still break below a command. One that opened no database has not loaded SQLite."""
    sqlite = sys.modules.get("sqlite3")
    return (OSError,) if sqlite is None else (OSError, sqlite.Error)


def _tell(error: GatedError, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"error": error.message, "hint": error.hint}))
    print(f"gated: {error}", file=sys.stderr)

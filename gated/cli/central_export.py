"""``gated central export``: a file with all that is in force, for a gate that is new."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Any

from gated.cli.central_common import add_place, ledger_of
from gated.cli.common import command

_EXPORT = """\
  gated central export ./city --sector pools --out /media/usb/pools.gated

the newest statement of each medium, right and denial; then, at the gate: gated stick import
exit code 3: statements of the log were left out, which no key of keys.json made
"""


def add(below: Any) -> None:
    """Add the command to those of ``gated central``."""
    made = command(below, "export", "write all that is in force to a statement file", _EXPORT)
    add_place(made)
    made.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="the file; replaced as a whole if it exists"
    )
    made.set_defaults(run=run_export)


def run_export(arguments: argparse.Namespace) -> int:
    """Write the file."""
    from gated.central.export import in_force

    with closing(ledger_of(arguments)) as ledger:
        found = in_force(arguments.directory, ledger, arguments.sector)
    _write(arguments.out, found.tokens)
    if arguments.json:
        told = {"file": str(arguments.out), "statements": len(found.tokens), "left_out": found.left_out}
        print(json.dumps(told))
    else:
        print(f"{arguments.out}: {len(found.tokens)} statements, all that is in force")
        if found.left_out:
            print(
                f"{found.left_out} statements of the log were left out: keys.json has no key that made them",
                file=sys.stderr,
            )
    return 3 if found.left_out else 0


def _write(out: Path, tokens: Iterable[bytes]) -> None:
    """Write a file as a whole. Raises ``ConfigError``; then what was there still is."""
    from gated.errors import ConfigError
    from gated.wire.statement_file import frame

    try:
        beside = out.with_name(f"{out.name}.new")
        try:
            with beside.open("wb") as file:
                file.writelines(frame(token) for token in tokens)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(out)
        except OSError:
            beside.unlink(missing_ok=True)
            raise
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{out} cannot be written ({error})", hint="check the path and its disk: nothing was changed"
        ) from None

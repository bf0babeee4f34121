"""``gated central verify``: whether the ledger still holds what gates signed."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

from gated.cli.central_common import add_office, ledger_of
from gated.cli.common import command
from gated.errors import one_line

if TYPE_CHECKING:
    from gated.central.proof import Doubt

_VERIFY = """\
  gated central verify ./city
  gated central verify ./city --gate bron-1 --json

each batch is made again from its rows and its signature checked with the key of its time
exit code 3: at least one row is not what its gate signed
"""


def add(below: Any) -> None:
    """Add the command to those of ``gated central``."""
    made = command(below, "verify", "prove from the gates' signatures that no event was changed", _VERIFY)
    add_office(made)
    made.add_argument("--gate", metavar="NAME", help="only of this gate")
    made.set_defaults(run=run_verify)


def run_verify(arguments: argparse.Namespace) -> int:
    """Verify what each gate signed."""
    from gated.central.ledger_gates import gates
    from gated.central.proof import doubts
    from gated.errors import ConfigError

    found = 0
    with closing(ledger_of(arguments)) as ledger:
        names = sorted({one.gate for one in gates(ledger)})
        if arguments.gate is not None:
            if arguments.gate not in names:
                raise ConfigError(f"no gate {arguments.gate!r} was ever enrolled", hint="gated central gates")
            names = [arguments.gate]
        for name in names:
            for doubt in doubts(ledger, name):
                found += 1
                _tell(arguments, doubt)
    if arguments.json:
        print(json.dumps({"gates": len(names), "doubts": found}))
    elif not found:
        print(f"{arguments.directory}: every event of {len(names)} gates is what its gate signed")
    return 3 if found else 0


def _tell(arguments: argparse.Namespace, doubt: Doubt) -> None:
    chain = doubt.chain
    if arguments.json:
        where = {"gate": chain.gate, "epoch": chain.epoch, "branch": chain.branch}
        print(json.dumps({**where, "first": doubt.first, "last": doubt.last, "doubt": doubt.why}), flush=True)
        return
    history = f", history {chain.branch}" if chain.branch else ""
    rows = f"rows {doubt.first} to {doubt.last}"
    print(one_line(f"gate {chain.gate}, epoch {chain.epoch}{history}: {rows}: {doubt.why}"), file=sys.stderr)

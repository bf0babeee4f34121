"""``gated central replace-medium``: a lost card refused and a new one bound, in one step."""

from __future__ import annotations

import argparse
from contextlib import closing
from typing import Any

from gated.cli.central_common import add_out, add_place, office_of, tell, write_out
from gated.cli.common import command
from gated.cli.naming import add_medium, medium_of

_REPLACE = """\
  gated central replace-medium ./city --sector pools --account alice --old-public-key 04… --public-key 04…
  gated central replace-medium ./city --sector pools --account alice --old-uid 04a1… --uid 04b2… --out a.gated

asked again for the same two it says that it is done; what the old medium could open, the new one can
"""


def add(below: Any) -> None:
    """Add the command to those of ``gated central``."""
    made = command(below, "replace-medium", "refuse an account's old medium and bind a new one", _REPLACE)
    add_place(made)
    made.add_argument("--account", required=True, metavar="NAME", help="the holder, as central knows them")
    add_medium(made, "old-", required=True)
    add_medium(made, required=True)
    add_out(made)
    made.set_defaults(run=run_replace)


def run_replace(arguments: argparse.Namespace) -> int:
    """Replace a medium."""
    from gated.devices.clock import SystemClock

    old = medium_of(arguments, "old-")
    new = medium_of(arguments)
    assert old is not None
    assert new is not None  # argparse requires one of each
    now = SystemClock().sample().wall
    with closing(office_of(arguments)) as office:
        made = office.replace(arguments.account, old, new, now=now)
    tokens = list(made.tokens)
    write_out(arguments.out, tokens)
    more = {"pass": office.pass_of(arguments.account).hex(), "again": made.again}
    said = "done already, nothing is new" if made.again else "old medium denied, new one bound"
    tell(arguments, tokens, more, said)
    return 0

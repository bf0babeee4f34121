"""``gated lane safe``: every output to rest, by whoever is left when the daemon is gone."""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Any

from gated.cli.common import add_config, add_json, command
from gated.errors import GatedError, one_line

if TYPE_CHECKING:
    from pathlib import Path

    from gated.app.safety import Made

_SAFE = """\
  gated lane safe                  as the systemd unit does when the daemon has ended
  gated lane safe --json
"""
_WORDS = {
    "off": "outputs off",
    "held": "held open: a fire stands",
    "none": "simulated: there is nothing to switch",
}


def add(commands: Any) -> None:
    """Add the command."""
    safe = command(commands, "safe", "switch every lane's outputs off while no gate runs", _SAFE)
    safe.add_argument(
        "--even-so", action="store_true", help="also while the gate runs: it will command them again"
    )
    add_config(safe)
    add_json(safe)
    safe.set_defaults(run=run_safe)


def run_safe(arguments: argparse.Namespace) -> int:
    """Switch off; lanes in a fire are held open."""
    from gated.app.safety import make_lanes_safe
    from gated.config.outputs import load_outputs
    from gated.store.lock import is_held

    outputs = load_outputs(arguments.config)
    if not arguments.even_so and is_held(outputs.state_dir / "lock"):
        raise GatedError(
            "the gate runs, and commands its barriers itself",
            hint="sudo systemctl stop gated, which makes them safe; or gated lane mode --all out_of_service",
        )
    for mistake in outputs.mistakes:
        _complain(f"{arguments.config}: {mistake}; this lane was left as it is")
    made = make_lanes_safe(outputs.lanes, _burning(outputs.state_dir))
    for one in made:
        _print(one, as_json=arguments.json)
    if any(one.error for one in made):
        return 1
    return 2 if outputs.mistakes else 0


def _burning(state_dir: Path) -> frozenset[str]:
    from gated.errors import StoreError
    from gated.store.burning import burning

    try:
        return burning(state_dir / "journal.db")
    except StoreError as error:
        _complain(f"{error}; only what a fire input says now is held open")
        return frozenset()


def _complain(what: str) -> None:
    print(f"gated: {one_line(what)}", file=sys.stderr)


def _print(made: Made, *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"lane": made.lane, "outputs": made.outputs, "error": made.error or None}))
    elif made.error:
        print(one_line(f"lane {made.lane}: NOT safe: {made.error}"))
    else:
        print(f"lane {made.lane}: {_WORDS[made.outputs]}")

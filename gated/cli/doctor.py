"""``gated doctor``: is this gate set up rightly, and what would a thief of it get?"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from gated.cli.common import add_config, add_json, command
from gated.errors import one_line

if TYPE_CHECKING:
    from gated.app.custody import Absent, Kept

_EXAMPLES = """\
  sudo gated doctor --custody       the secrets on this box, and what each would allow a thief
  sudo gated doctor                 that, and what `gated config check` checks
  sudo gated doctor --custody --json

nothing of a secret is shown, and with --custody none is read
exit codes: 0 each secret is there and its owner's alone; 3 one is not; 2 the configuration has a mistake
"""


def add(commands: Any) -> None:
    """Add the command."""
    doctor = command(commands, "doctor", "look after the secrets and the files of this gate", _EXAMPLES)
    add_config(doctor)
    doctor.add_argument("--custody", action="store_true", help="the secrets alone: no content is read")
    add_json(doctor)
    doctor.set_defaults(run=run_doctor)


def run_doctor(arguments: argparse.Namespace) -> int:
    """Look at the secrets; then, unless they are all that is asked for, at the configuration."""
    from gated.app.custody import absent, custody
    from gated.config.settings import load_settings

    settings = load_settings(arguments.config)
    kept, missing = custody(settings), absent(settings)
    if arguments.json:
        for line in (*map(_kept_object, kept), *map(_absent_object, missing)):
            print(json.dumps(line))
    else:
        for text in _lines(kept, missing):
            print(one_line(text))
    if not arguments.custody:
        _check(arguments)
    return 3 if any(one.trouble for one in kept) else 0


def _check(arguments: argparse.Namespace) -> None:
    """As `gated config check`. Raises ``ConfigError``."""
    from gated.cli.config import checked

    checked(arguments.config)
    if arguments.json:
        print(json.dumps({"config": str(arguments.config), "ok": True}))
    else:
        print(f"{arguments.config}: ok")


def _kept_object(kept: Kept) -> dict[str, Any]:
    secret = kept.secret
    return {
        "secret": secret.what,
        "where": str(secret.path),
        "credential": secret.credential,
        "mode": None if kept.mode is None else f"{kept.mode:04o}",
        "owner": kept.owner or None,
        "group": kept.group or None,
        "trouble": kept.trouble or None,
        "mend": kept.mend or None,
        "thief": secret.thief,
        "then": secret.then,
    }


def _absent_object(absent: Absent) -> dict[str, Any]:
    return {"absent": absent.what, "why": absent.why}


def _lines(kept: tuple[Kept, ...], missing: tuple[Absent, ...]) -> Iterator[str]:
    for one in kept:
        secret = one.secret
        yield secret.what
        kind = "systemd credential" if secret.credential else "file"
        who = "" if one.mode is None else f", {one.mode:04o} {one.owner}:{one.group}"
        yield f"  where   {secret.path} ({kind}{who})"
        yield f"  readers {'its owner alone' if not one.trouble else f'WRONG: {one.trouble}; {one.mend}'}"
        yield f"  a thief {secret.thief}"
        yield f"  then    {secret.then}"
    for absent in missing:
        yield f"not here: {absent.what}: {absent.why}"
    wrong = sum(bool(one.trouble) for one in kept)
    yield f"{len(kept)} secrets: " + (f"{wrong} WRONG" if wrong else "each is its owner's alone")

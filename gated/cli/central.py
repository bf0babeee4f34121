"""``gated central init | issue | deny``: the reference office that issues statements."""

from __future__ import annotations

import argparse
import json
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gated.cli import (
    central_command,
    central_enrol,
    central_events,
    central_export,
    central_exposure,
    central_feed,
    central_gates,
    central_issue,
    central_media,
    central_overspent,
    central_replace,
    central_serve,
    central_stick,
    central_trust,
    central_verify,
)
from gated.cli.central_common import (
    add_out,
    add_place,
    from_hex,
    office_of,
    tell,
    write_out,
)
from gated.cli.central_rules import products_of
from gated.cli.common import command, group
from gated.cli.naming import add_medium, medium_of

if TYPE_CHECKING:
    from gated.central.office import Office
    from gated.model.statement import TargetKind

#: The commands of files of their own, in the order of the help.
_MORE = (
    central_replace,
    central_export,
    central_feed,
    central_enrol,
    central_media,
    central_serve,
    central_events,
    central_gates,
    central_command,
    central_stick,
    central_overspent,
    central_exposure,
    central_verify,
    central_trust,
)
_INIT = """\
  gated central init ./city --sector pools --venue bron --product season --product swim10:10
  gated central init ./city --sector museums --venue beaux-arts --product visit:1
  gated central init ./city --sector pools --venue bron --venue vaise --country FR --tariff pools.toml

secret/ stays on the central machine; gate/ is what each gate of the sector gets
"""
_DENY = """\
  gated central deny ./city --sector pools --public-key 04…
  gated central deny ./city --sector pools --account alice --state blocked --out blocked.gated
  gated central deny ./city --sector pools --account alice --state lifted --out lifted.gated
"""


def add(commands: Any) -> None:
    """Add the commands."""
    below = group(commands, "central", "the reference central system: issue statements, serve gates")
    init = command(below, "init", "make a sector's keys and the files of its gates", _INIT)
    add_place(init)
    init.add_argument("--venue", action="append", required=True, metavar="NAME", help="a venue (repeatable)")
    init.add_argument(
        "--product", action="append", default=[], metavar="NAME[:USES]", help="a product (repeatable)"
    )
    init.add_argument("--tariff", type=Path, metavar="FILE", help="a TOML file with a [[product]] for each")
    init.add_argument("--country", metavar="CC", help="whose public holidays count, such as FR")
    init.add_argument("--timezone", default="Europe/Paris", help="of the venues (default: %(default)s)")
    init.add_argument("--algorithm", choices=("EdDSA", "ES256"), default="EdDSA", help="of the signing key")
    init.add_argument(
        "--key-days", type=int, default=730, metavar="N", help="the key's life (default: %(default)s)"
    )
    init.set_defaults(run=run_init)

    central_issue.add(below)

    deny = command(below, "deny", "refuse a medium, a pass or a right from now on, or lift that", _DENY)
    add_place(deny)
    deny.add_argument("--account", metavar="NAME", help="deny the account's pass")
    add_medium(deny)
    deny.add_argument("--entitlement", metavar="CTI", help="deny one right, by its id")
    deny.add_argument(
        "--state", choices=("revoked", "blocked", "lifted"), default="revoked", help="default: %(default)s"
    )
    add_out(deny)
    deny.set_defaults(run=run_deny)
    for one in _MORE:
        one.add(below)


def run_init(arguments: argparse.Namespace) -> int:
    """Found an office."""
    import secrets

    from gated.central.office import found
    from gated.central.share import share_group
    from gated.devices.clock import SystemClock
    from gated.model.trust import Algorithm

    office = found(
        arguments.directory,
        sector=arguments.sector,
        venues=arguments.venue,
        products=products_of(arguments),
        timezone=arguments.timezone,
        country=arguments.country,
        algorithm=Algorithm(arguments.algorithm),
        now=SystemClock().sample().wall,
        key_days=arguments.key_days,
        random=secrets.token_bytes,
    )
    office.close()
    share_group(arguments.directory, secrets.token_bytes)
    made = sorted(str(path) for path in (arguments.directory / "gate").iterdir())
    if arguments.json:
        print(
            json.dumps(
                {"directory": str(arguments.directory), "sector": arguments.sector, "gate_files": made}
            )
        )
    else:
        print(f"{arguments.directory}: sector {arguments.sector} is ready; each gate gets")
        for path in made:
            print(f"  {path}")
    return 0


def run_deny(arguments: argparse.Namespace) -> int:
    """Deny a target."""
    from gated.devices.clock import SystemClock
    from gated.model.statement import DenialState

    now, state = SystemClock().sample().wall, DenialState[arguments.state.upper()]
    with closing(office_of(arguments)) as office:
        kind, target = _target(arguments, office)
        token = office.deny(kind, target, state, now=now)
    write_out(arguments.out, [token])
    tell(arguments, [token], {"target": kind.name.lower(), "state": arguments.state})
    return 0


def _target(arguments: argparse.Namespace, office: Office) -> tuple[TargetKind, bytes]:
    from gated.errors import ConfigError
    from gated.model.statement import TargetKind

    medium = medium_of(arguments)
    right = arguments.entitlement and from_hex(arguments.entitlement, 8, "--entitlement")
    named = [
        (TargetKind.CREDENTIAL, None if medium is None else office.index(medium)),
        (TargetKind.PASS, arguments.account and office.pass_of(arguments.account)),
        (TargetKind.ENTITLEMENT, right),
    ]
    found = [(kind, target) for kind, target in named if target]
    if len(found) != 1:
        raise ConfigError(
            "a denial has one target", hint="name a medium, an --account or an --entitlement, and only one"
        )
    return found[0]

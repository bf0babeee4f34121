"""``gated central init | issue | deny``: the reference office that issues statements."""

from __future__ import annotations

import argparse
import json
from contextlib import closing
from typing import TYPE_CHECKING, Any

from gated.cli import (
    central_enrol,
    central_events,
    central_export,
    central_gates,
    central_replace,
    central_serve,
    central_verify,
)
from gated.cli.central_common import (
    add_medium,
    add_out,
    add_place,
    credential,
    from_hex,
    office_of,
    tell,
    write_out,
)
from gated.cli.common import command, group

if TYPE_CHECKING:
    from gated.central.office import Office, ProductRules
    from gated.model.statement import TargetKind

#: The commands of files of their own, in the order of the help.
_MORE = (
    central_replace,
    central_export,
    central_enrol,
    central_serve,
    central_events,
    central_gates,
    central_verify,
)
_INIT = """\
  gated central init ./city --sector pools --venue bron --product season --product swim10:10
  gated central init ./city --sector museums --venue beaux-arts --product visit:1

secret/ stays on the central machine; gate/ is what each gate of the sector gets
"""
_ISSUE = """\
  gated central issue ./city --sector pools --account alice --product swim10 --days 365 \\
      --public-key 04…
  gated central issue ./city --sector pools --account alice --product season --out more.gated

what is issued stands in the office's log, from which `gated central serve` sends it to the gates
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
    init.add_argument("--timezone", default="Europe/Paris", help="of the venues (default: %(default)s)")
    init.add_argument("--algorithm", choices=("EdDSA", "ES256"), default="EdDSA", help="of the signing key")
    init.add_argument(
        "--key-days", type=int, default=730, metavar="N", help="the key's life (default: %(default)s)"
    )
    init.set_defaults(run=run_init)

    issue = command(below, "issue", "bind a medium to an account and give it a right", _ISSUE)
    add_place(issue)
    issue.add_argument("--account", required=True, metavar="NAME", help="the holder, as central knows them")
    add_medium(issue)
    issue.add_argument("--product", metavar="NAME", help="the right's product; left out: bind only")
    issue.add_argument("--uses", type=int, metavar="N", help="total uses, if not the product's own")
    issue.add_argument(
        "--at", dest="venues", action="append", metavar="VENUE", help="only there (repeatable)"
    )
    issue.add_argument("--days", type=int, metavar="N", help="validity from now; left out: no end")
    issue.add_argument("--revises", metavar="CTI", help="replace this right by a newer revision")
    add_out(issue)
    issue.set_defaults(run=run_issue)

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
        products=[_product(text) for text in arguments.product or ["season"]],
        timezone=arguments.timezone,
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


def run_issue(arguments: argparse.Namespace) -> int:
    """Issue a binding, an entitlement, or both."""
    from gated.devices.clock import SystemClock
    from gated.errors import ConfigError

    named = credential(arguments.public_key, arguments.uid)
    if named is None and arguments.product is None:
        raise ConfigError("nothing to issue", hint="name a medium (--public-key) or a product, or both")
    now = SystemClock().sample().wall
    expires = None if arguments.days is None else now + arguments.days * 86400
    revised = None if arguments.revises is None else from_hex(arguments.revises, 8, "--revises")
    tokens, issued = [], None
    with closing(office_of(arguments)) as office, office.at_once():
        if named is not None:
            tokens.append(office.bind(arguments.account, named, now=now, expires=None))
        if arguments.product is not None:
            issued, token = office.entitle(
                arguments.account,
                arguments.product,
                now=now,
                expires=expires,
                uses=arguments.uses,
                venues=None if arguments.venues is None else tuple(arguments.venues),
                entitlement=revised,
            )
            tokens.append(token)
    write_out(arguments.out, tokens)
    tell(arguments, tokens, {"pass": office.pass_of(arguments.account).hex(), "cti": issued and issued.hex()})
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

    medium = credential(arguments.public_key, arguments.uid)
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


def _product(text: str) -> ProductRules:
    from gated.central.office import ProductRules
    from gated.errors import ConfigError

    name, _, uses = text.partition(":")
    if uses and not (uses.isascii() and uses.isdigit() and len(uses) <= 20):
        raise ConfigError(f"--product {text}: uses must be a number", hint="for example swim10:10")
    return ProductRules(name, int(uses) if uses else None)

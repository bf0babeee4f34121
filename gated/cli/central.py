"""``gated central``: the reference office that issues statements."""

from __future__ import annotations

import argparse
import json
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gated.cli import central_enrol
from gated.cli.common import add_json, command, group

if TYPE_CHECKING:
    from gated.central.office import Office, ProductRules
    from gated.model.credential import Credential
    from gated.model.statement import TargetKind

_INIT = """\
  gated central init ./city --sector pools --venue bron --product season --product swim10:10
  gated central init ./city --sector museums --venue beaux-arts --product visit:1

secret/ stays on the central machine; gate/ is what each gate of the sector gets
"""
_ISSUE = """\
  gated central issue ./city --sector pools --account alice --product swim10 --days 365 \\
      --public-key 04…  --out alice.gated
  gated central issue ./city --sector pools --account alice --product season --out more.gated
"""
_DENY = """\
  gated central deny ./city --sector pools --public-key 04…  --out lost-card.gated
  gated central deny ./city --sector pools --account alice --state blocked --out blocked.gated
  gated central deny ./city --sector pools --account alice --state lifted --out lifted.gated
"""


def add(commands: Any) -> None:
    """Add the commands."""
    below = group(commands, "central", "issue statements (the reference central system)")
    init = command(below, "init", "make a sector's keys and the files of its gates", _INIT)
    _place(init)
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
    _place(issue)
    issue.add_argument("--account", required=True, metavar="NAME", help="the holder, as central knows them")
    _medium(issue)
    issue.add_argument("--product", metavar="NAME", help="the right's product; left out: bind only")
    issue.add_argument("--uses", type=int, metavar="N", help="total uses, if not the product's own")
    issue.add_argument(
        "--at", dest="venues", action="append", metavar="VENUE", help="only there (repeatable)"
    )
    issue.add_argument("--days", type=int, metavar="N", help="validity from now; left out: no end")
    issue.add_argument("--revises", metavar="CTI", help="replace this right by a newer revision")
    _out(issue)
    issue.set_defaults(run=run_issue)

    deny = command(below, "deny", "refuse a medium, a pass or a right from now on, or lift that", _DENY)
    _place(deny)
    deny.add_argument("--account", metavar="NAME", help="deny the account's pass")
    _medium(deny)
    deny.add_argument("--entitlement", metavar="CTI", help="deny one right, by its id")
    deny.add_argument(
        "--state", choices=("revoked", "blocked", "lifted"), default="revoked", help="default: %(default)s"
    )
    _out(deny)
    deny.set_defaults(run=run_deny)
    central_enrol.add(below)


def _place(made: argparse.ArgumentParser) -> None:
    made.add_argument("directory", type=Path, metavar="DIR", help="the office's directory")
    made.add_argument(
        "--sector", required=True, metavar="NAME", help="family of venues that share pseudonyms"
    )
    add_json(made)


def _medium(made: argparse.ArgumentParser) -> None:
    medium = made.add_mutually_exclusive_group()
    medium.add_argument("--public-key", metavar="HEX", help="a PKOC medium, by its 65-byte public key")
    medium.add_argument("--uid", metavar="HEX", help="a medium by its UID: proves nothing, see the docs")


def _out(made: argparse.ArgumentParser) -> None:
    made.add_argument(
        "--out", type=Path, required=True, metavar="FILE", help="statement file; added to if it exists"
    )


def run_init(arguments: argparse.Namespace) -> int:
    """Found an office."""
    import secrets

    from gated.central.office import found
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

    credential = _credential(arguments)
    if credential is None and arguments.product is None:
        raise ConfigError("nothing to issue", hint="name a medium (--public-key) or a product, or both")
    now = SystemClock().sample().wall
    expires = None if arguments.days is None else now + arguments.days * 86400
    tokens, issued = [], None
    with closing(_office(arguments)) as office:
        if credential is not None:
            tokens.append(office.bind(arguments.account, credential, now=now, expires=None))
        if arguments.product is not None:
            issued, token = office.entitle(
                arguments.account,
                arguments.product,
                now=now,
                expires=expires,
                uses=arguments.uses,
                venues=None if arguments.venues is None else tuple(arguments.venues),
                entitlement=None if arguments.revises is None else _hex(arguments.revises, 8, "--revises"),
            )
            tokens.append(token)
    _write(arguments.out, tokens)
    _told(
        arguments, tokens, {"pass": office.pass_of(arguments.account).hex(), "cti": issued and issued.hex()}
    )
    return 0


def run_deny(arguments: argparse.Namespace) -> int:
    """Deny a target."""
    from gated.devices.clock import SystemClock
    from gated.model.statement import DenialState

    now, state = SystemClock().sample().wall, DenialState[arguments.state.upper()]
    with closing(_office(arguments)) as office:
        kind, target = _target(arguments, office)
        token = office.deny(kind, target, state, now=now)
    _write(arguments.out, [token])
    _told(arguments, [token], {"target": kind.name.lower(), "state": arguments.state})
    return 0


def _target(arguments: argparse.Namespace, office: Office) -> tuple[TargetKind, bytes]:
    from gated.errors import ConfigError
    from gated.model.statement import TargetKind

    credential = _credential(arguments)
    named = [
        (TargetKind.CREDENTIAL, None if credential is None else office.index(credential)),
        (TargetKind.PASS, arguments.account and office.pass_of(arguments.account)),
        (TargetKind.ENTITLEMENT, arguments.entitlement and _hex(arguments.entitlement, 8, "--entitlement")),
    ]
    found = [(kind, target) for kind, target in named if target]
    if len(found) != 1:
        raise ConfigError(
            "a denial has one target", hint="name a medium, an --account or an --entitlement, and only one"
        )
    return found[0]


def _office(arguments: argparse.Namespace) -> Office:
    import secrets

    from gated.central.office import Office

    return Office(arguments.directory, arguments.sector, secrets.token_bytes)


def _credential(arguments: argparse.Namespace) -> Credential | None:
    import hashlib

    from gated.card.uid import credential_of
    from gated.errors import ConfigError
    from gated.model.credential import Assurance, Credential

    if arguments.public_key is not None:
        public = _hex(arguments.public_key, 65, "--public-key")
        return Credential("pkoc", hashlib.sha256(public).digest(), Assurance.ASYMMETRIC)
    if arguments.uid is not None:
        credential = credential_of(_hex(arguments.uid, None, "--uid"))
        if credential is None:
            raise ConfigError("--uid names no medium", hint="4, 7 or 10 bytes, and not a random one (08…)")
        return credential
    return None


def _hex(text: str, size: int | None, what: str) -> bytes:
    from gated.errors import ConfigError

    try:
        value = bytes.fromhex(text)
    except ValueError:
        value = b""
    if not value or (size is not None and len(value) != size):
        wanted = "hex digits" if size is None else f"{size} bytes in hex"
        raise ConfigError(f"{what} must be {wanted}", hint="copy it as a whole")
    return value


def _product(text: str) -> ProductRules:
    from gated.central.office import ProductRules
    from gated.errors import ConfigError

    name, _, uses = text.partition(":")
    if uses and not (uses.isascii() and uses.isdigit() and len(uses) <= 20):
        raise ConfigError(f"--product {text}: uses must be a number", hint="for example swim10:10")
    return ProductRules(name, int(uses) if uses else None)


def _write(path: Path, tokens: list[bytes]) -> None:
    from gated.errors import ConfigError
    from gated.wire.statement_file import frame

    try:
        with path.open("ab") as handle:
            for token in tokens:
                handle.write(frame(token))
    except OSError as error:
        raise ConfigError(f"{path} cannot be written ({error.strerror})", hint="check the path") from None


def _told(arguments: argparse.Namespace, tokens: list[bytes], more: dict[str, Any]) -> None:
    if arguments.json:
        print(json.dumps({"file": str(arguments.out), "statements": len(tokens), **more}))
    else:
        told = " ".join(f"{name}={value}" for name, value in more.items() if value)
        print(f"{arguments.out}: {len(tokens)} statements added ({told})")

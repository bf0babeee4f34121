"""``gated enrol``: make this box a gate, by two files and two fingerprints."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gated.cli.common import add_config, add_json, command, group

if TYPE_CHECKING:
    from gated.cli.enrolling import Answer
    from gated.cli.gate_toml import Plan
    from gated.store.identity import Identity

DEFAULT_IDENTITY = Path("/etc/gated/identity")
DAEMON_USER = "gated"

_REQUEST = """\
  sudo gated enrol request --gate bron-1 --out /media/usb/bron-1.request
  sudo gated enrol request --gate bron-1 --again --out bron-1.request      new keys, e.g. after a copied disk

the keys are made here and never leave this box; read the fingerprint to the office over the phone
"""
_INSTALL = """\
  sudo gated enrol install /media/usb/bron-1.enrolment --central XXXX-XXXX-XXXX-XXXX
  sudo gated enrol install bron-1.enrolment --central XXXX-XXXX-XXXX-XXXX \\
      --reader 'pcsc:ACS ACR122U PICC Interface 00 00'

ask the office for its fingerprint over the phone: never take it from the mail that brought the file
exit code 3: installed, but gate.toml has a [sync] table that you must change as told
"""


def add(commands: Any) -> None:
    """Add the commands."""
    below = group(commands, "enrol", "make this box a gate of the central system")
    request = command(
        below, "request", "make this box's keys, and a file that asks for its enrolment", _REQUEST
    )
    request.add_argument("--gate", required=True, metavar="NAME", help="what this box will be called")
    request.add_argument("--out", type=Path, required=True, metavar="FILE", help="the request to be written")
    request.add_argument(
        "--again", action="store_true", help="new keys, though a request waits or the box is enrolled"
    )
    _identity(request)
    add_json(request)
    request.set_defaults(run=run_request)

    install = command(below, "install", "take in the office's answer: this box is then a gate", _INSTALL)
    install.add_argument("file", type=Path, metavar="FILE", help="made by `gated central enrol`")
    install.add_argument(
        "--central", required=True, metavar="FINGERPRINT", help="the office's fingerprint, as told by phone"
    )
    add_config(install)
    _identity(install)
    install.add_argument(
        "--reader",
        default="simulated",
        metavar="DRIVER",
        help="of the lane in a new gate.toml (default: %(default)s)",
    )
    install.add_argument(
        "--barrier",
        default="simulated",
        metavar="DRIVER",
        help="of the lane in a new gate.toml (default: %(default)s)",
    )
    install.add_argument(
        "--stick",
        type=Path,
        metavar="PATH",
        help="also take in what the office put on this stick for the gate",
    )
    add_json(install)
    install.set_defaults(run=run_install)


def _identity(made: argparse.ArgumentParser) -> None:
    made.add_argument(
        "--identity",
        type=Path,
        default=DEFAULT_IDENTITY,
        metavar="DIR",
        help="where this box keeps who it is (default: %(default)s)",
    )
    made.add_argument(
        "--owner",
        metavar="USER",
        help=f"the daemon's user, to whom root gives the keys (default: {DAEMON_USER}, where there is one)",
    )


def run_request(arguments: argparse.Namespace) -> int:
    """Make a request."""
    from gated.cli.enrolling import make_request
    from gated.cli.exchange import write_carried
    from gated.devices.clock import SystemClock
    from gated.errors import ConfigError
    from gated.model.name import is_name
    from gated.wire.fingerprint import fingerprint

    if not is_name(arguments.gate):
        raise ConfigError(f"--gate {arguments.gate!r} is not a name", hint="use 1 to 32 of a-z 0-9 . _ -")
    identity = _identity_of(arguments)
    token = make_request(identity, arguments.gate, at=SystemClock().sample().wall, again=arguments.again)
    write_carried(arguments.out, token, hint=f"it is kept here: cp {identity.waiting_request} WHERE")
    told = fingerprint(token)
    if arguments.json:
        print(json.dumps({"file": str(arguments.out), "gate": arguments.gate, "fingerprint": told}))
    else:
        print(f"{arguments.out}: asks for the enrolment of {arguments.gate}; bring it to the office")
        print(f"read this fingerprint to the office over the phone: {told}")
    return 0


def run_install(arguments: argparse.Namespace) -> int:
    """Install an enrolment."""
    from gated.cli.enrolling import install, open_answer
    from gated.cli.exchange import read_carried
    from gated.cli.gate_toml import plan
    from gated.devices.clock import SystemClock
    from gated.wire.enrolment import MAX_ENROLMENT_BYTES
    from gated.wire.seal import ENVELOPE_BYTES

    now, identity = SystemClock().sample().wall, _identity_of(arguments)
    raw = read_carried(arguments.file, MAX_ENROLMENT_BYTES + ENVELOPE_BYTES)
    answer = open_answer(raw, arguments.central, identity, now=now)
    was_enrolled = identity.is_enrolled
    becomes = plan(
        arguments.config,
        gate=answer.enrolment.gate,
        broker=answer.bundle.broker,
        identity=arguments.identity,
        reader=arguments.reader,
        barrier=arguments.barrier,
        rooted=answer.bundle.root is not None,
    )
    install(answer, identity, becomes, now=now)
    _tell_installed(arguments, answer, becomes, start="restart" if was_enrolled else "start")
    if arguments.stick is not None and not becomes.differs:
        return import_as_daemon(arguments.config, arguments.stick, identity)
    return 3 if becomes.differs else 0


def import_as_daemon(config: Path, stick: Path, identity: Identity) -> int:
    """`gated stick import`, as the user who will own what it makes. Returns its exit code."""
    import os
    import subprocess
    import sys

    from gated.config.settings import load_settings

    state_dir, owner = load_settings(config).state_dir, identity.owner
    who: dict[str, Any] = {}
    if owner is not None and os.geteuid() == 0:
        if not state_dir.exists():
            state_dir.mkdir(mode=0o700, parents=True)
            os.chown(state_dir, owner.uid, owner.gid)
        who = {"user": owner.uid, "group": owner.gid, "extra_groups": []}
    words = [sys.executable, "-m", "gated", "stick", "import", str(stick), "--config", str(config)]
    ended = subprocess.run(words, check=False, capture_output=True, text=True, **who)
    print(ended.stdout + ended.stderr, end="", file=sys.stderr)  # what was installed stands on stdout
    return ended.returncode


def _tell_installed(arguments: argparse.Namespace, answer: Answer, becomes: Plan, *, start: str) -> None:
    gate, bundle = answer.enrolment.gate, answer.bundle
    next_steps = [f"gated config check --config {arguments.config}", f"systemctl {start} gated"]
    if arguments.json:
        told = {
            "gate": gate,
            "sector": bundle.sector,
            "venue": bundle.venue,
            "broker": bundle.broker,
            "identity": str(arguments.identity),
            "config": str(arguments.config),
            "change": list(becomes.differs),
            "next": next_steps,
        }
        print(json.dumps(told))
        return
    print(f"this box is gate {gate} at {bundle.venue} (sector {bundle.sector})")
    print(f"  who it is: {arguments.identity}; its configuration: {arguments.config}")
    for change in becomes.differs:
        print(f"  change in {change}")
    print("next: " + ", then ".join(next_steps))


def _identity_of(arguments: argparse.Namespace) -> Identity:
    import os
    import pwd

    from gated.errors import ConfigError
    from gated.store.identity import Identity, Owner

    if os.geteuid() != 0:
        if arguments.owner is not None:
            raise ConfigError(
                "only root can give files to another user", hint="run it with sudo, or leave out --owner"
            )
        return Identity(arguments.identity)
    try:
        user = pwd.getpwnam(arguments.owner or DAEMON_USER)
    except KeyError:
        if arguments.owner is None:
            return Identity(arguments.identity)
        raise ConfigError(
            f"there is no user {arguments.owner!r}", hint="make it first: docs/how-to/set-up-a-gate.md"
        ) from None
    return Identity(arguments.identity, Owner(user.pw_uid, user.pw_gid))

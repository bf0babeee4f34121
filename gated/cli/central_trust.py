"""``gated central trust``: who may sign what, published to every gate, and keys replaced."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from gated.cli.central_common import add_office
from gated.cli.common import command, group, utc

_INIT = """\
  gated central trust init ./city --new-root-key /media/a/root.pem --new-root-key /media/b/root.pem \\
      --new-root-key /media/c/root.pem --threshold 2 --new-targets-key /media/t/targets.pem

keys of root and targets never lie in the office's directory: keep each on a medium of its own, locked away
"""
_PUBLISH = """\
  gated central trust publish ./city --targets-key /media/t/targets.pem
  gated central trust publish ./city                     nothing changed: sign again how fresh it is
"""
_ROTATE = """\
  gated central trust rotate ./city --sector pools --key online          then publish; days later with --use
  gated central trust rotate ./city --sector pools --key issuing --compromised       then publish at once
  gated central trust rotate ./city --role timestamp --root-key /media/a/root.pem --root-key /media/b/root.pem
  gated central trust rotate ./city --role root --root-key /media/a/root.pem --root-key /media/b/root.pem \\
      --new-root-key /media/d/root.pem --drop 1f0c22ab
"""
_SHOW = """\
  gated central trust show ./city
"""


def add(below: Any) -> None:
    """Add the commands to those of ``gated central``."""
    commands = group(below, "trust", "who may sign what: the office's trust repository")
    init = command(commands, "init", "begin the repository: its first root", _INIT)
    add_office(init)
    _add_root_keys(init)
    init.add_argument("--threshold", type=int, required=True, metavar="M", help="root keys that must sign")
    target = init.add_mutually_exclusive_group(required=True)
    target.add_argument("--targets-key", type=Path, metavar="FILE", help="a targets key that is there")
    target.add_argument("--new-targets-key", type=Path, metavar="FILE", help="a targets key to be made")
    init.set_defaults(run=run_init)

    publish = command(commands, "publish", "let keys.json and the profiles count at every gate", _PUBLISH)
    add_office(publish)
    publish.add_argument("--targets-key", type=Path, metavar="FILE", help="needed where something changed")
    _add_days(publish, "of what it signs")
    publish.set_defaults(run=run_publish)
    _add_rotate(commands)

    show = command(commands, "show", "show versions, ends and keys", _SHOW)
    add_office(show)
    show.set_defaults(run=run_show)


def _add_root_keys(made: argparse.ArgumentParser) -> None:
    made.add_argument(
        "--root-key",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="a root key that signs (repeatable)",
    )
    made.add_argument(
        "--new-root-key",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="a root key to be made (repeatable)",
    )


def _add_days(made: argparse.ArgumentParser, what: str) -> None:
    made.add_argument("--days", type=int, metavar="N", help=f"life {what}; see docs/reference/trust.md")


def _add_rotate(commands: Any) -> None:
    rotate = command(commands, "rotate", "replace a key, of a sector or of the repository", _ROTATE)
    add_office(rotate)
    which = rotate.add_mutually_exclusive_group(required=True)
    which.add_argument("--key", choices=("issuing", "online", "command"), help="of --sector")
    which.add_argument(
        "--role", choices=("root", "targets", "snapshot", "timestamp"), help="of the repository"
    )
    rotate.add_argument("--sector", metavar="NAME", help="whose key")
    rotate.add_argument(
        "--use", action="store_true", help="sign with the key that was prepared and published"
    )
    rotate.add_argument(
        "--compromised", action="store_true", help="end the present key at once: somebody else has it"
    )
    _add_root_keys(rotate)
    rotate.add_argument("--drop", action="append", default=[], metavar="ID", help="a root key that goes")
    rotate.add_argument("--threshold", type=int, metavar="M", help="root keys that must sign from now on")
    rotate.add_argument(
        "--new-targets-key", type=Path, metavar="FILE", help="the next targets key, to be made"
    )
    _add_days(rotate, "of the new key, or of the new root")
    rotate.set_defaults(run=run_rotate)


def run_init(arguments: argparse.Namespace) -> int:
    """Begin a repository."""
    from gated.central.trust_repository import TrustRepository
    from gated.central.trust_signing import ONLINE, check_offline, load_signer, new_signer, online_path
    from gated.errors import ConfigError

    repository, directory = TrustRepository(arguments.directory), arguments.directory
    if not (directory / "secret").is_dir():
        raise ConfigError(f"{directory} is no office", hint="gated central init makes one")
    if repository.is_there:
        raise ConfigError(
            f"{directory} has a trust repository", hint="gated central trust rotate changes its keys"
        )
    target = arguments.targets_key or arguments.new_targets_key
    check_offline(directory, [*arguments.root_key, *arguments.new_root_key, target])
    count = len(arguments.root_key) + len(arguments.new_root_key)
    if not 1 <= arguments.threshold <= count:
        raise ConfigError(
            f"{arguments.threshold} of {count} root keys cannot sign", hint=f"--threshold 1 to {count}"
        )
    roots = [load_signer(path) for path in arguments.root_key]
    targets = None if arguments.targets_key is None else load_signer(arguments.targets_key)
    roots += [new_signer(path) for path in arguments.new_root_key]
    targets = targets or new_signer(target)
    with repository.alone():
        online = {}
        for role in ONLINE:
            path = online_path(directory, role)
            online[role] = load_signer(path) if path.exists() else new_signer(path)
        keys = {"root": [one.public_key for one in roots], "targets": [targets.public_key]}
        keys |= {role: [signer.public_key] for role, signer in online.items()}
        repository.begin(keys, arguments.threshold, roots, _now())
    _tell(
        arguments,
        f"{repository.folder}: begun; {arguments.threshold} of {count} root keys must sign",
        "gated central trust publish, with the targets key; then take the media away, each to its own place",
        {"folder": str(repository.folder), "root": 1},
    )
    return 0


def run_publish(arguments: argparse.Namespace) -> int:
    """Publish."""
    from gated.central.sector_keys import current
    from gated.central.trust_repository import TARGETS_DAYS, TrustRepository
    from gated.central.trust_signing import check_offline, load_signer
    from gated.errors import ConfigError
    from gated.wire.trust_file import KEYS

    now, repository = _now(), TrustRepository(arguments.directory)
    repository.root()  # there must be one
    with repository.alone():
        before = repository.published()
        files = {KEYS: current(arguments.directory, now), **_profiles(arguments.directory, before)}
        changed = sorted(name for name in files.keys() | before.keys() if files.get(name) != before.get(name))
        if arguments.targets_key is not None:
            check_offline(arguments.directory, [arguments.targets_key])
            signer = load_signer(arguments.targets_key)
            version = repository.publish(files, [signer], now, arguments.days or TARGETS_DAYS)
        elif changed:
            raise ConfigError(
                f"{', '.join(changed)} changed, and that is signed by the targets key",
                hint="name its file: --targets-key",
            )
        else:
            repository.sign_online(now, anew=True)
            version = repository.ends()["targets"].version
    _tell(
        arguments,
        f"{repository.folder}: version {version} counts, {len(changed)} of {len(files)} files are new",
        "gates that are online have it within a minute or two",
        {"folder": str(repository.folder), "targets": version, "changed": changed},
    )
    return 0


def _profiles(directory: Path, before: dict[str, bytes]) -> dict[str, bytes]:
    """Every venue's, as a gate would read it. Raises ``ConfigError``."""
    from gated.config.files import load_profile
    from gated.errors import ConfigError
    from gated.wire.trust_file import profile_name

    files = {}
    for path in sorted((directory / "gate").glob("profile-*.json")):
        profile, content = load_profile(path), path.read_bytes()
        if path.name != profile_name(profile.venue):
            raise ConfigError(
                f"{path} is of venue {profile.venue!r}", hint="a profile is named for its venue"
            )
        old = before.get(path.name)
        if old is not None and old != content and json.loads(old)["version"] >= profile.version:
            raise ConfigError(
                f"{path} changed, and its version is {profile.version} as before",
                hint='raise "version": gates and people tell profiles apart by it',
            )
        files[path.name] = content
    return files


def run_rotate(arguments: argparse.Namespace) -> int:
    """Replace a key."""
    from gated.cli.central_rotate import rotate_role, rotate_sector

    return rotate_sector(arguments) if arguments.key is not None else rotate_role(arguments)


def run_show(arguments: argparse.Namespace) -> int:
    """Show how the repository stands."""
    from gated.central.trust_repository import TrustRepository

    repository = TrustRepository(arguments.directory)
    root, ends = repository.root(), repository.ends()
    if arguments.json:
        told = {name: {"version": one.version, "ends": one.ends} for name, one in ends.items()}
        roles = {
            name: {"threshold": role.threshold, "keys": role.keyids} for name, role in root.roles.items()
        }
        print(json.dumps({"folder": str(repository.folder), "metadata": told, "roles": roles}))
        return 0
    print(f"{repository.folder}")
    for name, role in sorted(root.roles.items()):
        found = ends.get(name)
        said = "nothing yet" if found is None else f"version {found.version}, ends {utc(found.ends)}"
        ids = " ".join(key[:8] for key in role.keyids)
        print(f"  {name}: {said}; {role.threshold} of {len(role.keyids)} keys sign: {ids}")
    return 0


def _tell(arguments: argparse.Namespace, said: str, then: str, more: dict[str, Any]) -> None:
    if arguments.json:
        print(json.dumps(more))
    else:
        print(said)
        print(f"next: {then}")


def _now() -> int:
    from gated.devices.clock import SystemClock

    return SystemClock().sample().wall

"""``gated central trust rotate``: a key of a sector, or of the repository itself."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

from gated.devices.clock import SystemClock
from gated.errors import ConfigError

if TYPE_CHECKING:
    from securesystemslib.signer import Signer
    from tuf.api.metadata import Root

    from gated.central.trust_repository import TrustRepository

_RESTART = "restart every gated central serve: it reads its keys when it starts"


def rotate_sector(arguments: argparse.Namespace) -> int:
    """The issuing, online or command key of a sector, in the steps of docs/how-to/rotate-keys.md."""
    from gated.central.sector_keys import KeyRole, SectorKey
    from gated.central.trust_repository import TrustRepository
    from gated.wire.trust_file import KEYS

    if arguments.sector is None:
        raise ConfigError("whose key?", hint="name --sector")
    if arguments.use and arguments.compromised:
        raise ConfigError("a compromised key is replaced at once", hint="leave out --use")
    key = SectorKey(arguments.directory, arguments.sector, KeyRole(arguments.key))
    repository, now, days = TrustRepository(arguments.directory), _now(), arguments.days or 730
    old = None
    if arguments.use:
        new = key.use(repository.published().get(KEYS) if repository.is_there else None, now=now)
        said, then = f"{key.path}: signs from now on", f"{_RESTART}; then gated central trust publish"
    elif arguments.compromised:
        new, old = key.replace(now=now, days=days)
        said = f"{key.path}: replaced; nothing that {old.hex()} signed counts where keys.json is known"
        then = f"gated central trust publish at once, then {_RESTART}"
    else:
        new = key.prepare(now=now, days=days)
        said = f"{key.next_path}: prepared, and not used yet"
        then = "gated central trust publish; when gates have had a day to learn of it, the same with --use"
    if arguments.json:
        told = {"sector": arguments.sector, "key": arguments.key, "kid": new.kid.hex()}
        print(json.dumps({**told, "ended": old and old.hex()}))
    else:
        print(f"{said} (id {new.kid.hex()})")
        print(f"next: {then}")
    return 0


def rotate_role(arguments: argparse.Namespace) -> int:
    """A key of the repository: the next root names another."""
    from gated.central.trust_repository import ROOT_DAYS, TrustRepository
    from gated.central.trust_signing import check_offline, load_signer

    repository, now = TrustRepository(arguments.directory), _now()
    repository.root()  # there must be one
    check_offline(arguments.directory, [*arguments.root_key, *arguments.new_root_key])
    signers = [load_signer(path) for path in arguments.root_key]
    days = arguments.days or ROOT_DAYS
    with repository.alone():
        steps = {"root": _root, "targets": _targets}
        version = steps.get(arguments.role, _online)(arguments, repository, signers, now, days)
    if arguments.json:
        print(json.dumps({"role": arguments.role, "root": version}))
    else:
        print(f"{repository.folder}: root version {version} names other keys for {arguments.role}")
        if arguments.role in ("snapshot", "timestamp"):
            print(f"next: {_RESTART}")
    return 0


def _root(
    arguments: argparse.Namespace, repository: TrustRepository, signers: list[Signer], now: int, days: int
) -> int:
    from gated.central.trust_signing import new_signer

    present = repository.root().roles["root"]
    dropped = [key for key in present.keyids if any(key.startswith(one) for one in arguments.drop if one)]
    if len(dropped) != len(arguments.drop):
        raise ConfigError(
            "--drop names no root key, or two", hint="gated central trust show lists them by their ids"
        )
    threshold = arguments.threshold or present.threshold
    count = len(present.keyids) - len(dropped) + len(arguments.new_root_key)
    if not 1 <= threshold <= count:
        raise ConfigError(f"{threshold} of {count} root keys cannot sign", hint=f"--threshold 1 to {count}")
    _enough(repository, signers)
    signers = [*signers, *map(new_signer, arguments.new_root_key)]

    def change(root: Root) -> None:
        for key in dropped:
            root.revoke_key(key, "root")
        for signer in signers:
            if signer.public_key.keyid not in dropped:
                root.add_key(signer.public_key, "root")
        root.roles["root"].threshold = threshold

    return repository.follow(change, signers, now, days)


def _targets(
    arguments: argparse.Namespace, repository: TrustRepository, signers: list[Signer], now: int, days: int
) -> int:
    from gated.central.trust_repository import TARGETS_DAYS
    from gated.central.trust_signing import check_offline, new_signer

    if arguments.new_targets_key is None:
        raise ConfigError("where is the next targets key to be made?", hint="--new-targets-key FILE")
    check_offline(arguments.directory, [arguments.new_targets_key])
    _enough(repository, signers)
    published, new = repository.published(), new_signer(arguments.new_targets_key)
    version = repository.follow(lambda root: _only(root, "targets", new), signers, now, days)
    if published:
        repository.publish(published, [new], now, TARGETS_DAYS)
    return version


def _online(
    arguments: argparse.Namespace, repository: TrustRepository, signers: list[Signer], now: int, days: int
) -> int:
    from gated.central.trust_signing import new_signer, online_path

    _enough(repository, signers)
    path = online_path(arguments.directory, arguments.role)
    beside = path.with_name(f"{path.stem}.next.pem")
    beside.unlink(missing_ok=True)  # of an attempt that was cut off
    new = new_signer(beside)
    version = repository.follow(lambda root: _only(root, arguments.role, new), signers, now, days)
    beside.rename(path)
    repository.sign_online(now, anew=True)
    return version


def _only(root: Root, role: str, signer: Signer) -> None:
    for key in list(root.roles[role].keyids):
        root.revoke_key(key, role)
    root.add_key(signer.public_key, role)


def _enough(repository: TrustRepository, signers: list[Signer]) -> None:
    role = repository.root().roles["root"]
    if len({signer.public_key.keyid for signer in signers} & set(role.keyids)) < role.threshold:
        raise ConfigError(
            f"{role.threshold} root keys must sign, and fewer were brought",
            hint="name them with --root-key; nothing was changed",
        )


def _now() -> int:
    return SystemClock().sample().wall

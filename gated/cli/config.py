"""``gated config check``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gated.cli.common import add_config, add_json, command, group

if TYPE_CHECKING:
    from gated.config.settings import Settings
    from gated.daemon.beliefs import Trust

_CHECK = """\
  gated config check
  gated config check --config ./gate.toml --json
"""


def add(commands: Any) -> None:
    """Add the commands."""
    below = group(commands, "config", "look at this gate's configuration")
    check = command(below, "check", "read everything `gated run` would read, and say what is wrong", _CHECK)
    add_config(check)
    add_json(check)
    check.set_defaults(run=run_check)


def check_identity(settings: Settings) -> None:
    """A gate serves without its way to central; whoever sets it up wants to know before."""
    from gated.app import tls_files
    from gated.config.files import load_signing_key
    from gated.errors import ConfigError, LinkError
    from gated.links.mqtt_dial import tls_context

    if settings.sync is None:
        return
    load_signing_key(settings.sync.identity)
    files = tls_files(settings.sync)
    if files is None:
        return
    try:
        tls_context(files)
    except LinkError as error:
        raise ConfigError(error.message, hint=error.hint) from None


def checked(path: Path) -> tuple[Settings, Trust, list[str]]:
    """All that a gate reads, and which keys of media systemd brings to it alone. Raises ``ConfigError``."""
    import os

    from gated.config.settings import check, check_media_keys

    settings, trust = check(path)
    unseen = check_media_keys(settings, os.environ)
    check_identity(settings)
    return settings, trust, unseen


def run_check(arguments: argparse.Namespace) -> int:
    """Check the configuration."""
    settings, trust, unseen = checked(arguments.config)
    if arguments.json:
        print(json.dumps({"config": str(arguments.config)} | _object(settings, trust, unseen)))
        return 0
    print(f"{arguments.config}: ok")
    for line in _lines(settings, trust, unseen):
        print(f"  {line}")
    return 0


def _object(settings: Settings, trust: Trust, unseen: list[str]) -> dict[str, Any]:
    return {
        "gate": settings.gate,
        "venue": trust.profile.venue,
        "sector": trust.profile.sector,
        "state_dir": str(settings.state_dir),
        "broker": settings.sync and str(settings.sync.broker),
        "lanes": [lane.lane.id for lane in settings.lanes],
        "keys": len(trust.keys),
        "credentials_not_seen": unseen,
        "products": len(trust.profile.products),
    }


def _lines(settings: Settings, trust: Trust, unseen: list[str]) -> Iterator[str]:
    profile = trust.profile
    yield f"gate {settings.gate} at {profile.venue} (sector {profile.sector}), state in {settings.state_dir}"
    for lane in settings.lanes:
        yield (
            f"lane {lane.lane.id}: {lane.lane.direction}, reader {lane.reader.name} {lane.reader.target},"
            f" barrier {lane.barrier.name}, {', '.join(lane.schemes)}"
        )
    for name in unseen:
        yield f"{name}: systemd brings it to the service alone; not looked at"
    broker = "no [sync]: events stay in the journal" if settings.sync is None else settings.sync.broker
    yield f"central: {broker}"
    yield f"{len(trust.keys)} keys, {len(profile.products)} products, profile version {profile.version}"

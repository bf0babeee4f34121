"""``gated config check``."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from gated.cli.common import add_config, add_json, command, group

if TYPE_CHECKING:
    from gated.config.settings import Settings

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


def run_check(arguments: argparse.Namespace) -> int:
    """Check the configuration."""
    from gated.config.settings import check

    settings, trust = check(arguments.config)
    check_identity(settings)
    profile = trust.profile
    if arguments.json:
        print(
            json.dumps(
                {
                    "config": str(arguments.config),
                    "gate": settings.gate,
                    "venue": profile.venue,
                    "sector": profile.sector,
                    "state_dir": str(settings.state_dir),
                    "broker": settings.sync and str(settings.sync.broker),
                    "lanes": [lane.lane.id for lane in settings.lanes],
                    "keys": len(trust.keys),
                    "products": len(profile.products),
                }
            )
        )
        return 0
    print(f"{arguments.config}: ok")
    print(
        f"  gate {settings.gate} at {profile.venue} (sector {profile.sector}), state in {settings.state_dir}"
    )
    for lane in settings.lanes:
        print(
            f"  lane {lane.lane.id}: {lane.lane.direction}, reader {lane.reader.name} {lane.reader.target},"
            f" barrier {lane.barrier.name}, {', '.join(lane.schemes)}"
        )
    broker = "no [sync]: events stay in the journal" if settings.sync is None else settings.sync.broker
    print(f"  central: {broker}")
    print(f"  {len(trust.keys)} keys, {len(profile.products)} products, profile version {profile.version}")
    return 0

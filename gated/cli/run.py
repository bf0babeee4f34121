"""``gated run``."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from gated.cli.common import add_config, command

_EXAMPLES = """\
  gated run                                 serve, as the systemd unit does
  gated run --config ./gate.toml --log debug
"""


def add(commands: Any) -> None:
    """Add the command."""
    run = command(commands, "run", "serve this gate until stopped", _EXAMPLES)
    add_config(run)
    run.add_argument(
        "--log",
        default="info",
        choices=("debug", "info", "warning", "error"),
        help="how much to log to stderr",
    )
    run.set_defaults(run=run_gate)


def run_gate(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT."""
    import logging
    import os

    from gated.app import RunningGate, World
    from gated.cli.serve import serve
    from gated.config.settings import check, check_media_keys
    from gated.errors import ConfigError
    from gated.links.notify import ServiceManager

    logging.basicConfig(level=arguments.log.upper(), stream=sys.stderr, format="%(levelname)s %(message)s")
    settings, trust = check(arguments.config)
    unseen = check_media_keys(settings, os.environ)
    if unseen:
        raise ConfigError(
            f"no credentials were brought to this process ({', '.join(unseen)})",
            hint="start it as the service, or name files: docs/how-to/keys-for-media.md",
        )
    gate = RunningGate(settings, trust, World())
    code = serve(gate, ServiceManager.from_environment())
    sys.stdout.flush()
    sys.stderr.flush()
    # A thread that hangs in a reader cannot be ended; it must not keep the process.
    os._exit(code)

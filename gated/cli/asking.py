"""What commands share that speak to a running gate."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from gated.cli.common import add_config, add_json

if TYPE_CHECKING:
    from gated.config.settings import Settings
    from gated.links.control_client import ControlClient


def add_who(made: argparse.ArgumentParser) -> None:
    """``--operator``, ``--reason``, ``--config`` and ``--json``: a person changes something."""
    made.add_argument("--reason", required=True, metavar="TEXT", help="why; it stands in the journal")
    made.add_argument(
        "--operator", metavar="NAME", help="who; default: whoever called sudo, or else the login name"
    )
    add_config(made)
    add_json(made)


def operator_of(arguments: argparse.Namespace) -> str:
    """Who orders, as they say."""
    import pwd

    if arguments.operator is not None:
        return str(arguments.operator)
    try:
        return os.environ.get("SUDO_USER") or pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def settings_of(config: Path) -> Settings:
    """The configuration. Raises ``ConfigError``, which tells an operator how to become one."""
    from gated.config.settings import load_settings
    from gated.errors import ConfigError

    try:
        return load_settings(config)
    except ConfigError:
        try:
            config.stat()
            readable = os.access(config, os.R_OK)
        except OSError as error:
            readable = not isinstance(error, PermissionError)
        if readable:
            raise
        raise ConfigError(
            f"{config} may not be read by this user",
            hint="operators are of the group gated: sudo usermod -aG gated $USER, then log in anew",
        ) from None


@contextmanager
def asking(socket: Path) -> Iterator[ControlClient]:
    """A conversation with the gate at a socket. Raises ``LinkError``."""
    from gated.links.control_client import ControlClient

    with closing(ControlClient(socket)) as client:
        yield client

"""What several commands share."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from gated.texts.languages import LANGUAGES

if TYPE_CHECKING:
    from datetime import tzinfo

    from gated.model.document import Table

T = TypeVar("T")

DEFAULT_CONFIG = Path("/etc/gated/gate.toml")


def command(commands: Any, name: str, summary: str, examples: str) -> argparse.ArgumentParser:
    """A command with its help."""
    made: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=f"examples:\n{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return made


def whole(text: str) -> int:
    """A number of rows, as an argument's type: SQLite counts no further than 63 bits."""
    number = int(text)
    if not 0 <= number < 1 << 62:
        raise argparse.ArgumentTypeError("must be a whole number, not below 0")
    return number


def add_json(made: argparse.ArgumentParser, what: str = "print JSON, one object per line") -> None:
    """``--json``."""
    made.add_argument("--json", action="store_true", help=what)


def add_language(made: argparse.ArgumentParser) -> None:
    """``--language``."""
    made.add_argument("--language", choices=LANGUAGES, default="en", help="of the texts (default: en)")


def add_config(made: argparse.ArgumentParser) -> None:
    """``--config``."""
    made.add_argument(
        "--config", type=Path, default=DEFAULT_CONFIG, metavar="FILE", help="gate.toml (default: %(default)s)"
    )


def add_state(made: argparse.ArgumentParser) -> None:
    """``--config`` and ``--state-dir``: the journal can be read without a configuration."""
    add_config(made)
    made.add_argument("--state-dir", type=Path, metavar="DIR", help="where the gate keeps its files")


def state_dir(arguments: argparse.Namespace) -> Path:
    """The state directory that the arguments name. Raises ``ConfigError``."""
    if arguments.state_dir is not None:
        return Path(arguments.state_dir)
    from gated.config.settings import load_settings

    return load_settings(arguments.config).state_dir


def progress_of(arguments: argparse.Namespace, what: str) -> Callable[[int], None]:
    """Counts on a terminal, where nobody wants JSON."""
    import sys

    if arguments.json or not sys.stderr.isatty():
        return lambda _count: None
    return lambda count: print(f"\r{count} {what}", end="", file=sys.stderr, flush=True)


def group(commands: Any, name: str, summary: str) -> Any:
    """A command with commands of its own."""
    made: argparse.ArgumentParser = commands.add_parser(
        name, help=summary, description=summary[0].upper() + summary[1:] + "."
    )
    return made.add_subparsers(dest=f"{name}_command", metavar="COMMAND", required=True)


def argument(option: str, value: str | None, read: Callable[[Table, str], T], hint: str) -> T | None:
    """An option as a document would have it; None where it is left out. Raises ``ConfigError``."""
    from gated.errors import ConfigError
    from gated.model.document import DocumentError, Table

    if value is None:
        return None
    try:
        return read(Table({option: value}), option)
    except DocumentError as error:
        raise ConfigError(str(error), hint=hint) from None


def moment(at: int, zone: tzinfo) -> str:
    """A time on the clocks of a zone, with its offset; below the year 9999."""
    from datetime import datetime

    return datetime.fromtimestamp(at, zone).isoformat()


def utc(at: int) -> str:
    """A time for people; beyond the calendar it stays a number."""
    from datetime import UTC, datetime

    try:
        return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
    except (ValueError, OverflowError):
        return str(at)

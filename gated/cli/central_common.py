"""What the commands of an office share: which office, and where statements go."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gated.cli.common import add_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gated.central.ack_keys import AckKeys
    from gated.central.feed import Feed
    from gated.central.ledger import Ledger
    from gated.central.office import Office

#: What to know when a file could not be written.
IN_THE_LOG = "the statements are issued and in the office's log, which `gated central serve` sends"


def add_directory(made: argparse.ArgumentParser) -> None:
    """``DIR``."""
    made.add_argument("directory", type=Path, metavar="DIR", help="the office's directory")


def add_office(made: argparse.ArgumentParser) -> None:
    """``DIR`` and ``--json``."""
    add_directory(made)
    add_json(made)


def add_place(made: argparse.ArgumentParser) -> None:
    """``DIR``, ``--sector`` and ``--json``."""
    add_directory(made)
    made.add_argument(
        "--sector", required=True, metavar="NAME", help="family of venues that share pseudonyms"
    )
    add_json(made)


def add_out(made: argparse.ArgumentParser) -> None:
    """``--out``."""
    made.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="also write a statement file, for a stick; added to if it exists",
    )


def office_of(arguments: argparse.Namespace) -> Office:
    """The office that the arguments name, ready to issue. Raises ``ConfigError``."""
    import secrets

    from gated.central.office import Office

    check_out(arguments.out)
    return Office(arguments.directory, arguments.sector, secrets.token_bytes)


def ledger_of(arguments: argparse.Namespace) -> Ledger:
    """The ledger of the office that the arguments name. Raises ``ConfigError``."""
    return open_ledger(arguments.directory)


def open_ledger(directory: Path) -> Ledger:
    """The ledger of an office that is there: none is made where somebody mistyped. Raises ``ConfigError``."""
    from gated.central.ledger import LEDGER, Ledger
    from gated.errors import ConfigError

    path = directory / LEDGER
    if not path.is_file():
        raise ConfigError(
            f"{directory} is no office: it has no {LEDGER}", hint="gated central init makes one"
        )
    return Ledger(path)


def feeds_of(directory: Path, ledger: Ledger, keys: AckKeys, sectors: Iterable[str]) -> list[Feed]:
    """The feeds of some sectors, by name."""
    from gated.central.blobs import Blobs
    from gated.central.feed import Feed
    from gated.devices.clock import SystemClock

    clock = SystemClock()
    return [
        Feed(Blobs(directory, sector), ledger, keys, lambda: clock.sample().wall)
        for sector in sorted(sectors)
    ]


def from_hex(text: str, size: int | None, what: str) -> bytes:
    """Bytes of an argument. Raises ``ConfigError``."""
    from gated.errors import ConfigError

    try:
        value = bytes.fromhex(text)
    except ValueError:
        value = b""
    if not value or (size is not None and len(value) != size):
        wanted = "hex digits" if size is None else f"{size} bytes in hex"
        raise ConfigError(f"{what} must be {wanted}", hint="copy it as a whole")
    return value


def check_out(path: Path | None) -> None:
    """Refuse before anything is issued what could not be written afterwards. Raises ``ConfigError``."""
    from gated.errors import ConfigError

    if path is None:
        return
    try:
        try:
            path.stat()
            place = path
        except FileNotFoundError:
            place = path.absolute().parent
        fine = os.access(place, os.W_OK) and not path.is_dir()
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be written ({error})", hint="nothing was issued") from None
    if not fine:
        raise ConfigError(f"{path} cannot be written", hint="check the path: nothing was issued")


def write_out(path: Path | None, tokens: list[bytes]) -> None:
    """Add statements to a file, if one is named. Raises ``ConfigError``."""
    from gated.errors import ConfigError
    from gated.wire.statement_file import frame

    if path is None:
        return
    try:
        with path.open("ab") as handle:
            for token in tokens:
                handle.write(frame(token))
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written ({error.strerror})",
            hint=IN_THE_LOG,
        ) from None


def tell(arguments: argparse.Namespace, tokens: list[bytes], more: dict[str, Any], said: str = "") -> None:
    """Say what was issued and where it is."""
    out = arguments.out
    if arguments.json:
        print(json.dumps({"file": out and str(out), "statements": len(tokens), **more}))
        return
    told = " ".join(f"{name}={value}" for name, value in more.items() if value)
    done = f"{len(tokens)} statements {'in the log' if out is None else 'added'}"
    where = f"sector {arguments.sector}" if out is None else str(out)
    print(f"{where}: {said or done} ({told})")

"""What the commands of an office share: which office, which medium, where statements go."""

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
    from gated.model.credential import Credential


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


def add_medium(made: argparse.ArgumentParser, which: str = "", *, required: bool = False) -> None:
    """``--public-key`` and ``--uid``, of which one may stand; ``which`` comes before: ``old-``."""
    medium = made.add_mutually_exclusive_group(required=required)
    medium.add_argument(
        f"--{which}public-key", metavar="HEX", help="a PKOC medium, by its 65-byte public key"
    )
    medium.add_argument(
        f"--{which}uid", metavar="HEX", help="a medium by its UID: proves nothing, see the docs"
    )


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


def credential(public_key: str | None, uid: str | None, which: str = "") -> Credential | None:
    """The credential that ``--public-key`` or ``--uid`` names. Raises ``ConfigError``."""
    import hashlib

    from gated.card.uid import credential_of
    from gated.errors import ConfigError
    from gated.model.credential import Assurance, Credential

    if public_key is not None:
        public = from_hex(public_key, 65, f"--{which}public-key")
        return Credential("pkoc", hashlib.sha256(public).digest(), Assurance.ASYMMETRIC)
    if uid is not None:
        named = credential_of(from_hex(uid, None, f"--{which}uid"))
        if named is None:
            raise ConfigError(
                f"--{which}uid names no medium", hint="4, 7 or 10 bytes, and not a random one (08…)"
            )
        return named
    return None


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
            hint="the statements are issued and in the office's log, which `gated central serve` sends",
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

"""``gated central issue --carry``: what a medium shall carry itself, as one file to be written onto it."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gated.cli.central_common import IN_THE_LOG, from_hex, tell
from gated.cli.central_rules import NOTHING_ISSUED

if TYPE_CHECKING:
    from gated.central.office import Office
    from gated.model.credential import Credential


def add_carry(made: argparse.ArgumentParser) -> None:
    """``--carry`` and what belongs to it."""
    made.add_argument(
        "--carry",
        type=Path,
        metavar="FILE",
        help="write what the medium shall carry into a new file: one NDEF message",
    )
    made.add_argument("--chip", metavar="NAME", help="with --carry: it must fit this one, such as ntag215")
    made.add_argument(
        "--with",
        dest="with_",
        action="append",
        default=[],
        metavar="CTI",
        help="with --carry: also a right that the account has already (repeatable)",
    )


def check_carry(arguments: argparse.Namespace, medium: Credential | None) -> None:
    """Raises ``ConfigError`` for options that do not go together."""
    from gated.central.on_media import check_scheme, chip_named
    from gated.errors import ConfigError

    if arguments.carry is None:
        if arguments.chip is not None or arguments.with_:
            raise ConfigError("--chip and --with are for --carry", hint="name the file: --carry FILE")
        return
    if medium is None:
        raise ConfigError("a message is for a medium", hint="name it: --medium SCHEME:HEX")
    check_scheme(medium.scheme)
    if arguments.out == arguments.carry:
        raise ConfigError("--out and --carry name one file", hint="name two: " + NOTHING_ISSUED)
    if arguments.chip is not None:
        chip_named(arguments.chip)


def message_for(arguments: argparse.Namespace, office: Office, tokens: list[bytes]) -> bytes:
    """The message that carries what was just issued and the rights of ``--with``. Raises ``ConfigError``."""
    from gated.central.on_media import chip_named, message_of
    from gated.errors import ConfigError

    carried = list(tokens)
    for text in dict.fromkeys(arguments.with_):
        right = office.newest(arguments.account, from_hex(text, 8, "--with"))
        if right is None:
            raise ConfigError(f"the account has no right {text} here", hint=NOTHING_ISSUED)
        if right not in carried:
            carried.append(right)
    return message_of(carried, arguments.chip and chip_named(arguments.chip))


@contextmanager
def message_file(path: Path | None) -> Iterator[Callable[[bytes], None]]:
    """Where a message is written before all of it counts, and shows when it does. Raises ``ConfigError``."""
    from gated.central.files import claimed
    from gated.errors import ConfigError

    if path is None:
        yield lambda _message: None
        return
    issued = False
    try:
        with claimed(path) as write:
            yield write
            issued = True
    except FileExistsError:
        raise ConfigError(f"{path} is there already", hint=f"name a new file: {NOTHING_ISSUED}") from None
    except OSError as error:
        hint = IN_THE_LOG if issued else f"check the path: {NOTHING_ISSUED}"
        raise ConfigError(f"{path} cannot be written ({error.strerror})", hint=hint) from None


def tell_carried(
    arguments: argparse.Namespace, tokens: list[bytes], more: dict[str, Any], message: bytes
) -> None:
    """Say what was issued, and of a message how large it is and where it fits."""
    from gated.central.on_media import fitting_chips

    if arguments.carry is None:
        tell(arguments, tokens, more)
        return
    path, size, fits = str(arguments.carry), len(message), fitting_chips(len(message))
    if arguments.json:
        tell(arguments, tokens, {**more, "carry": path, "bytes": size, "fits": fits})
        return
    tell(arguments, tokens, more)
    print(f"{path}: a message of {size} bytes, which fits {', '.join(fits)}")

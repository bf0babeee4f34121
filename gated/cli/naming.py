"""Options that name a medium, wherever one can be named."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from gated.cli.central_common import from_hex

if TYPE_CHECKING:
    from gated.model.credential import Credential


def add_medium(made: Any, which: str = "", *, required: bool = False) -> None:
    """The ways to name a medium, of which one may stand; ``which`` comes before: ``old-``."""
    add_names(made.add_mutually_exclusive_group(required=required), which)


def add_names(group: Any, which: str = "") -> None:
    """They, in a group that may have more."""
    group.add_argument(
        f"--{which}medium",
        metavar="SCHEME:HEX",
        help="a medium of any scheme: ev2:04a1… or signed:04a1…, by its UID; see the docs",
    )
    group.add_argument(f"--{which}public-key", metavar="HEX", help="a PKOC medium, by its 65-byte public key")
    group.add_argument(
        f"--{which}uid", metavar="HEX", help="a medium by its UID: proves nothing, see the docs"
    )


def medium_of(arguments: argparse.Namespace, which: str = "") -> Credential | None:
    """The credential that the arguments name, if they name one. Raises ``ConfigError``."""
    import hashlib

    from gated.card.named import named
    from gated.card.uid import credential_of
    from gated.errors import ConfigError
    from gated.model.credential import Assurance, Credential

    text, public_key, uid = (
        getattr(arguments, f"{which}{name}".replace("-", "_")) for name in ("medium", "public-key", "uid")
    )
    if text is not None:
        try:
            return named(text)
        except ValueError as error:
            raise ConfigError(f"--{which}medium: {error}", hint="copy it as a whole") from None
    if public_key is not None:
        public = from_hex(public_key, 65, f"--{which}public-key")
        return Credential("pkoc", hashlib.sha256(public).digest(), Assurance.ASYMMETRIC)
    if uid is not None:
        found = credential_of(from_hex(uid, None, f"--{which}uid"))
        if found is None:
            raise ConfigError(
                f"--{which}uid names no medium", hint="4, 7 or 10 bytes, and not a random one (08…)"
            )
        return found
    return None

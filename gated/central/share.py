"""The name under which all workers of an office share what gates send: a secret (docs/reference/sync.md)."""

from __future__ import annotations

import re
from pathlib import Path

from gated.central.files import make_once
from gated.central.pki import Random
from gated.errors import ConfigError

#: In ``secret/``.
SHARE = "share"
_BYTES = 8
_GROUP = re.compile(rf"[0-9a-f]{{{2 * _BYTES}}}")


def share_group(directory: Path, random: Random) -> str:
    """The name, 16 hex digits; made on first use. Raises ``ConfigError``."""
    path = directory / "secret" / SHARE
    try:
        if not path.exists():
            make_once(path, random(_BYTES).hex().encode() + b"\n")
        group = path.read_bytes().strip().decode(errors="replace")
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be made or read ({error.strerror})",
            hint="its owner makes it, with gated central broker-config; who serves must be able to read it",
        ) from None
    if _GROUP.fullmatch(group) is None:
        raise ConfigError(f"{path} is damaged", hint="remove it, and restart every gated central serve")
    return group

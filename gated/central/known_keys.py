"""The keys of an office, as its gates know them."""

from __future__ import annotations

import json
from pathlib import Path

from gated.credential.keys import read_keys
from gated.errors import ConfigError
from gated.model.trust import KeySet


def known_keys(path: Path) -> KeySet:
    """What keys.json lists. Raises ``ConfigError``."""
    try:
        return read_keys(json.loads(path.read_bytes()))
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be read ({error.strerror})", hint="who serves or exports must be able to read it"
        ) from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is damaged ({error})", hint="put it back from a backup") from None

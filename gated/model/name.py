"""The one form of a name: of a sector, a venue, a product, a gate, a lane, a concession."""

from __future__ import annotations

import re

NAME_FORM = "1 to 32 of a-z 0-9 . _ -, beginning and ending with a letter or digit"
#: The same, to stand within a larger pattern.
NAME_PATTERN = r"[a-z0-9](?:[a-z0-9._-]{0,30}[a-z0-9])?"
_NAME = re.compile(NAME_PATTERN + r"\Z")


def is_name(text: object) -> bool:
    """Whether ``text`` is a name: 1 to 32 of ``a-z 0-9 . _ -``."""
    return isinstance(text, str) and _NAME.match(text) is not None

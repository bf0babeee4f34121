"""The files of a trust repository, by their names (docs/reference/trust.md).

All of them lie in one folder: metadata as TUF names it with consistent snapshots, targets behind their hash.
"""

from __future__ import annotations

import re

from gated.model.name import NAME_PATTERN

#: No other name is asked for, answered, copied or opened: a name leads to no other folder.
FILE_NAME = re.compile(
    r"(?:timestamp|targets|[1-9][0-9]{0,9}\.(?:root|snapshot|targets)"
    rf"|[0-9a-f]{{64}}\.(?:keys|profile-{NAME_PATTERN}))\.json\Z"
)
ROOT_NAME = re.compile(r"[1-9][0-9]{0,9}\.root\.json\Z")
KEYS = "keys.json"
TIMESTAMP = "timestamp.json"


def profile_name(venue: str) -> str:
    """The target that a venue's gates want."""
    return f"profile-{venue}.json"

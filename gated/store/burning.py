"""Which lanes burn, read from a journal that nobody writes, by whoever is in a hurry: it opens no schema."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from gated.errors import StoreError

_BUSY_S = 0.2


def burning(journal: Path) -> frozenset[str]:
    """The lanes that nobody has re-armed after a fire; of a gate that never ran, none.

    Raises ``StoreError`` where nobody can tell.
    """
    if not journal.exists():
        return frozenset()
    try:
        uri = f"{journal.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(uri, uri=True, timeout=_BUSY_S)) as connection:
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'standing'").fetchone():
                return frozenset()  # of an earlier release
            found = connection.execute("SELECT lane FROM standing WHERE burning").fetchall()
    except sqlite3.Error as error:
        raise StoreError(f"{journal} does not tell which lanes burn ({error})") from error
    return frozenset(str(lane) for (lane,) in found)

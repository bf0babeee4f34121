"""How often a right was used here, recalled at a tap."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from gated.store.connection import errors_of, open_reader, store_error

_USED = (
    "SELECT (SELECT coalesce(sum(taken), 0) FROM counter WHERE cti = ?1)"
    " + (SELECT coalesce(sum(uses), 0) FROM reservation WHERE cti = ?1)"
)


class UsesReader:
    """Reads the journal beside its writer. One per lane: used by one thread. Raises ``StoreError``."""

    def __init__(self, journal: Path) -> None:
        self._path = journal
        with errors_of(journal, "read"):
            self._connection = open_reader(journal)

    def used(self, cti: bytes) -> int:
        """Uses taken and reserved, over all days."""
        try:
            return int(self._connection.execute(_USED, (cti,)).fetchone()[0])
        except sqlite3.Error as error:
            raise store_error(self._path, error, "read") from error

    def close(self) -> None:
        """Close the file."""
        with errors_of(self._path, "read"):
            self._connection.close()

"""Values that never go back: time, versions, counters. Kept twice, and the higher one wins.

A floor that could be lowered by deleting one file would be no floor. Each stands in the journal and in
a small file of its own; erasing both takes a person who enrols the gate anew.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gated.errors import StoreError
from gated.store.directory import write_durably
from gated.store.journal import Journal

log = logging.getLogger(__name__)

_MAX_FILE_BYTES = 65536
#: No time, version or counter of ours comes near; a larger value is damage, and would spoil every event.
MAX_FLOOR = 1 << 40
#: Seconds since 1970: the newest signed time, carried on.
TIME = "time"
#: Seconds since 1970: when a head that was applied was signed. A gate that has none any more has lost it.
HEAD_AT = "head_at"


class Floors:
    """Floors by name. Any thread may raise one."""

    def __init__(self, journal: Journal, file: Path) -> None:
        self._journal = journal
        self._file = file
        self._lock = threading.Lock()
        self._values = _sane(journal.floors())
        for name, value in floors_file(file).items():
            self._values[name] = max(value, self._values.get(name, 0))

    def get(self, name: str) -> int:
        """The floor; 0 where none was ever set."""
        return self._values.get(name, 0)

    def raise_to(self, name: str, value: int) -> None:
        """Raise a floor in both places. A lower value changes nothing. Raises ``StoreError``.

        The file is durable on return; the journal's half follows in its thread, however slow the disk.
        """
        self.raise_all({name: value})

    def raise_all(self, values: Mapping[str, int]) -> None:
        """Raise several floors with one flush, as ``raise_to`` does."""
        with self._lock:
            higher = {name: value for name, value in values.items() if value > self.get(name)}
            if not higher:
                return
            self._values |= higher
            self._journal.raise_floors(self._values)
            try:
                write_durably(self._file, json.dumps(self._values, sort_keys=True).encode())
            except OSError as error:
                raise StoreError(f"{self._file} cannot be written ({error.strerror})") from error


def floors_file(file: Path) -> dict[str, int]:
    """The small file's floors. A damaged one counts as empty: the journal has them too."""
    try:
        with file.open("rb") as handle:
            values = json.loads(handle.read(_MAX_FILE_BYTES))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        log.warning("%s is damaged (%s); the journal's floors count", file, error)
        return {}
    return _sane(values) if isinstance(values, dict) else {}


def _sane(values: Mapping[str, Any]) -> dict[str, int]:
    return {name: value for name, value in values.items() if type(value) is int and 0 <= value < MAX_FLOOR}

"""What a daemon holds of the time, for the one that is started after it: a small file beside the journal.

The floor itself stands in ``floors``. This file says in which boot it was so, and what central answered
since: without it a daemon that is started again knows as little as one that is switched on.
"""

from __future__ import annotations

import json
import logging
import math
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from gated.errors import StoreError
from gated.model.time import END_OF_TIME, BoundsNote
from gated.store.directory import write_durably

log = logging.getLogger(__name__)

TIME_NOTE = "time.json"
_MAX_BYTES = 4096


def write_time_note(path: Path, note: BoundsNote) -> None:
    """Replace the note, durably. Raises ``StoreError``."""
    try:
        write_durably(path, json.dumps(asdict(note)).encode())
    except OSError as error:
        raise StoreError(f"{path} cannot be written ({error.strerror})") from error


def read_time_note(path: Path) -> BoundsNote | None:
    """The note; None where there is none, or one that nobody can read: then nothing is held."""
    try:
        with path.open("rb") as handle:
            read = json.loads(handle.read(_MAX_BYTES))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, RecursionError) as error:
        log.warning("%s cannot be read (%s); the gate holds the floor of time alone", path, error)
        return None
    note = _note(read)
    if note is None:
        log.warning("%s is damaged; the gate holds the floor of time alone", path)
    return note


def _note(read: Any) -> BoundsNote | None:
    if not isinstance(read, dict) or read.keys() != {field.name for field in fields(BoundsNote)}:
        return None
    boot, ceiling, start = read["boot"], read["ceiling"], read["start"]
    sane = (
        isinstance(boot, str)
        and all(map(_is_time, (read["floor"], read["wall"])))
        and _is_age(read["boottime"])
        and (ceiling is None or _is_time(ceiling))
        and (start is None or _is_start(start))
    )
    if not sane:
        return None
    return BoundsNote(**read | {"start": None if start is None else tuple(start)})


def _is_start(value: Any) -> bool:
    if not isinstance(value, list) or len(value) != 4:
        return False
    at, boottime, seen, signed = value
    return _is_time(at) and _is_age(boottime) and _is_time(seen) and type(signed) is bool


def _is_time(value: Any) -> bool:
    return type(value) is int and 0 <= value <= END_OF_TIME


def _is_age(value: Any) -> bool:
    return type(value) is float and math.isfinite(value) and value >= 0.0

"""How the link is, for ``gated status``: a small file beside the journal, of which nothing depends."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

SYNC_NOTE = "sync.json"
#: How the trust repository stands; written and read alike.
TRUST_NOTE = "trust.json"
_MAX_BYTES = 65_536
_FORMS: dict[str, type] = {
    "up": bool,
    "since": int,
    "why": str,
    "forked": bool,
    "resent": int,
    "quarantined": int,
    "statements": int,
    "refused": dict,
}
#: Of ``TRUST_NOTE``.
_TRUST: dict[str, type] = {
    "root": int,
    "timestamp": int,
    "targets": int,
    "profile": int,
    "waits": list,
}


def write_sync_note(path: Path, note: Mapping[str, Any]) -> None:
    """Replace the note. Not flushed: after a power cut nobody misses it, and the card is spared."""
    new = path.with_name(path.name + ".new")
    try:
        new.write_text(json.dumps(note), encoding="utf-8")
        new.rename(path)
    except OSError as error:
        log.warning("%s cannot be written (%s)", path, error.strerror)


def read_sync_note(path: Path) -> dict[str, Any]:
    """What of the note is as we write it; nothing where there is none, or one that nobody can read."""
    return read_note(path, _FORMS)


def read_trust_note(path: Path) -> dict[str, Any]:
    """The same of ``TRUST_NOTE``."""
    return read_note(path, _TRUST)


def read_note(path: Path, forms: Mapping[str, type]) -> dict[str, Any]:
    """The members of a small file that have the form they should have."""
    try:
        with path.open("rb") as handle:
            note = json.loads(handle.read(_MAX_BYTES))
    except (OSError, ValueError, RecursionError):
        return {}
    if not isinstance(note, dict):
        return {}
    return {name: note[name] for name, form in forms.items() if type(note.get(name)) is form}

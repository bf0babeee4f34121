"""How the feed is, for ``gated status``: a small file of which nothing depends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gated.store.sync_note import read_note, write_sync_note

FEED_NOTE = "feed.json"
#: In place of a percentage.
NO_TRANSFER = -1
_FORMS: dict[str, type] = {
    "version": int,  # of the applied head
    "position": int,
    "behind": int,  # statements of the newest head that are not applied
    "head_at": int,
    "percent": int,  # of a long transfer, or NO_TRANSFER
    "why": str,  # what keeps it; empty = nothing
}


def write_feed_note(directory: Path, note: dict[str, Any]) -> None:
    """Replace the note."""
    write_sync_note(directory / FEED_NOTE, note)


def read_feed_note(directory: Path) -> dict[str, Any]:
    """What of the note is as we write it."""
    return read_note(directory / FEED_NOTE, _FORMS)

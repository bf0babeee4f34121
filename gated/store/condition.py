"""How a gate is, from its files: for ``gated status``, beside a running gate or after it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any

from gated.store.chain import JournalReader
from gated.store.directory import FLOORS, JOURNAL
from gated.store.feed_note import read_feed_note
from gated.store.floors import TIME, floors_file
from gated.store.intake import cache_status
from gated.store.sync_note import SYNC_NOTE, TRUST_NOTE, read_sync_note, read_trust_note

#: In place of the newest event's kind: that row is no event any more.
CHANGED = "changed"


def condition(directory: Path, now: int, shift: int | None = None) -> dict[str, Any]:
    """All that the files tell, as ``gated status --json`` has it. Raises ``StoreError``.

    Args:
        directory: the state directory.
        now: seconds since 1970 by this machine's clock, for the ages.
        shift: the venue's service day now (yyyymmdd), for ``people``; None = it is not known.

    """
    with closing(JournalReader(directory / JOURNAL)) as reader:
        summary, lanes, last, unsent = (
            reader.summary(),
            reader.lane_changes(),
            reader.last(1),
            reader.unsent(),
        )
        people = None if shift is None else reader.inside(shift)
    event = last[0].event if last else None
    last_at = None if event is None else event["at"]
    return {
        "gate": summary.gate,
        "epoch": summary.epoch,
        "seq": summary.seq,
        "unsettled": summary.unsettled,
        "settled": summary.settled,
        "last_event": event["kind"] if event else CHANGED if last else None,
        "last_event_at": last_at,
        "people": people,
        "lanes": {lane: {"state": state, "cause": cause, "since": at} for lane, state, cause, at in lanes},
        "cache": cache_status(directory),
        "unsent": unsent.rows,
        "last_ack_at": unsent.last_ack_at,
        "ages_s": {
            "last_event": _age(now, last_at),
            "last_ack": _age(now, unsent.last_ack_at),
            "oldest_unsent": _age(now, unsent.oldest_at),
            "feed": _age(now, read_feed_note(directory).get("head_at") or None),
            "signed_time": _age(now, floors_file(directory / FLOORS).get(TIME)),
        },
        "link": read_sync_note(directory / SYNC_NOTE) or None,
        "trust": read_trust_note(directory / TRUST_NOTE) or None,
        "feed": read_feed_note(directory) or None,
    }


def _age(now: int, at: int | None) -> int | None:
    """Seconds since, by this machine's clock; a clock that is behind tells 0."""
    return None if at is None else max(0, now - at)

"""What the demo's day came to, by its journal and by central's ledger."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from gated.cli.demo_central import compare
from gated.cli.demo_people import count_people
from gated.store.chain import JournalReader
from gated.store.directory import JOURNAL


def summary_of(
    directory: Path, taps: list[dict[str, Any]], end: dict[str, Any]
) -> tuple[dict[str, Any], list[str]]:
    """The demo's last line, and the defects of its journal."""
    sent = compare(directory / "state", directory / "central")
    people = count_people(directory / "state", directory / "central")
    reader = JournalReader(directory / "state" / JOURNAL)
    try:
        defects = list(reader.verify())
        journal = reader.summary()
        starts = sum(json.loads(row.body)["kind"] == "started" for row in reader.rows())
    finally:
        reader.close()
    judged = sorted(tap["judged_ms"] for tap in taps if tap["judged_ms"])
    granted = sum(tap["granted"] for tap in taps)
    return {
        "taps": len(taps),
        "granted": granted,
        "denied": len(taps) - granted,
        "reasons": dict(Counter(tap["reason"] for tap in taps if not tap["granted"]).most_common()),
        **people,
        "journaled": journal.rows,
        "acknowledged": sent.acknowledged,
        "at_central": sent.at_central,
        "lost": sent.lost,
        "duplicates": sent.duplicates,
        "outages": end.get("outages", 0),
        "unsettled": journal.unsettled,
        "restarts": starts - 1,
        "decide_ms": {"p50": judged[len(judged) // 2], "p99": judged[int(len(judged) * 0.99)]},
        "rss_mb": end.get("rss_mb", 0.0),
    }, defects

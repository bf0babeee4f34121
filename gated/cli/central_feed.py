"""``gated central feed``: how far the feed of each sector goes; and make its next head by hand."""

from __future__ import annotations

import argparse
import json
from contextlib import closing
from typing import TYPE_CHECKING, Any

from gated.cli.central_common import add_directory, feeds_of, ledger_of
from gated.cli.common import add_json, command, progress_of, utc

if TYPE_CHECKING:
    from collections.abc import Callable

    from gated.central.ack_keys import AckKeys
    from gated.central.feed import Feed
    from gated.central.ledger import Ledger

_FEED = """\
  gated central feed ./city
  gated central feed ./city --sector pools --json
  gated central feed ./city --now          an office that nothing serves: then export by stick
  gated central feed ./city --snapshot     write all pages anew, as after one was lost

run it as the user that serves: the pages belong to it
"""


def add(below: Any) -> None:
    """Add the command to those of ``gated central``."""
    made = command(below, "feed", "say how far the feed of each sector goes, or make its next head", _FEED)
    add_directory(made)
    made.add_argument("--sector", metavar="NAME", help="this one alone")
    made.add_argument(
        "--now", action="store_true", help="make a head, and a snapshot where one is due, as serve does"
    )
    made.add_argument("--snapshot", action="store_true", help="make a snapshot, due or not, and a head")
    add_json(made)
    made.set_defaults(run=run_feed)


def run_feed(arguments: argparse.Namespace) -> int:
    """Print the state of each feed, after making what was asked for."""
    from gated.central.ack_keys import AckKeys

    keys = AckKeys.load(arguments.directory)
    with closing(ledger_of(arguments)) as ledger:
        for feed in _feeds(arguments, keys, ledger):
            if arguments.now or arguments.snapshot:
                make_head(feed, progress_of(arguments, "statements"), snapshot=arguments.snapshot)
            told = _told(feed, ledger)
            print(json.dumps(told) if arguments.json else _line(told))
    return 0


def _feeds(arguments: argparse.Namespace, keys: AckKeys, ledger: Ledger) -> list[Feed]:
    from gated.errors import ConfigError

    wanted = sorted(keys.sectors) if arguments.sector is None else [arguments.sector]
    if not keys.sectors.issuperset(wanted):
        raise ConfigError(
            f"{arguments.directory} has no sector {arguments.sector!r}",
            hint=f"it has {', '.join(sorted(keys.sectors))}",
        )
    return feeds_of(arguments.directory, ledger, keys, wanted)


def make_head(feed: Feed, progress: Callable[[int], None], *, snapshot: bool = False) -> None:
    """Make the next head of a feed, with a snapshot where one is due or asked for. Raises ``StoreError``."""
    from gated.errors import StoreError

    if not snapshot:
        snapshot = feed.make_head() is None or feed.wants_snapshot()
    if snapshot and feed.make_snapshot(progress) is None:
        raise StoreError(
            f"another process makes a snapshot of sector {feed.sector!r} now", hint="wait until it is done"
        )


def _told(feed: Feed, ledger: Ledger) -> dict[str, Any]:
    from gated.central.ledger_feed import newest_number
    from gated.wire.head import LIFE_S

    head, manifest = feed.head, feed.manifest
    blobs, size = feed.blobs.size()
    return {
        "sector": feed.sector,
        "version": head and head.version,
        "at": head and head.at,
        "expires": head and head.at + LIFE_S,
        "position": head and head.position,
        "issued": newest_number(ledger, feed.sector),
        "rows": head and head.rows,
        "snapshot": manifest and manifest.snapshot.position,
        "deltas": manifest and len(manifest.deltas),
        "blobs": blobs,
        "bytes": size,
    }


def _line(told: dict[str, Any]) -> str:
    if told["version"] is None:
        return f"{told['sector']}: no head yet, {told['issued']} statements issued; make one: --now"
    snapshot = (
        "its manifest is lost: --snapshot makes another"
        if told["snapshot"] is None
        else f"a snapshot at {told['snapshot']} and {told['deltas']} deltas"
    )
    return (
        f"{told['sector']}: head {told['version']} of {utc(told['at'])}, position {told['position']} of"
        f" {told['issued']}, {told['rows']} rows; {snapshot}; {told['blobs']} blobs, {told['bytes']} bytes"
    )

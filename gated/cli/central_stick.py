"""``gated central stick export | import``: the office's side of a stick."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gated.cli.central_common import add_office, feeds_of, ledger_of, open_ledger
from gated.cli.common import command, group, progress_of
from gated.errors import one_line

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gated.central.ack_keys import AckKeys
    from gated.central.feed import Feed
    from gated.central.ledger import Ledger

_IMPORT = """\
  gated central stick import ./city /media/usb

takes in the events that gates wrote, and writes the receipts back: carry the stick to the gates again
exit code 3: something was refused; the rest was taken in
"""
_EXPORT = """\
  gated central stick export ./city --to /media/usb
  gated central stick export ./city --to /media/usb --gate bron-1
  gated central stick export ./city --to /media/usb --sector pools

one stick may serve any number of gates; run it again onto the same stick: what is there is not copied again
"""


def add(below: Any) -> None:
    """Add the commands to those of ``gated central``."""
    commands = group(below, "stick", "carry by stick what a network would")
    bring = command(commands, "import", "take in the events that gates wrote onto a stick", _IMPORT)
    add_office(bring)
    bring.add_argument("path", type=Path, metavar="PATH", help="the stick, as it is mounted")
    bring.set_defaults(run=run_import)
    take = command(commands, "export", "write onto a stick what is for gates", _EXPORT)
    add_office(take)
    take.add_argument("--to", type=Path, required=True, metavar="PATH", help="the stick, as it is mounted")
    take.add_argument("--sector", metavar="NAME", help="only of this sector")
    take.add_argument("--gate", metavar="NAME", help="only what is for this gate, its sector's feed included")
    take.set_defaults(run=run_export)


def run_import(arguments: argparse.Namespace) -> int:
    """Take in a stick."""
    from gated.central.ack_keys import AckKeys
    from gated.central.carrying import take_in_stick
    from gated.devices.clock import SystemClock
    from gated.links.stick import StickReader, StickWriter, stick_folder

    keys, now = AckKeys.load(arguments.directory), SystemClock().sample().wall
    keys.check(now)
    root = stick_folder(arguments.path)
    with closing(ledger_of(arguments)) as ledger:
        taken = take_in_stick(
            StickReader(root), StickWriter(root), ledger, keys, now, progress_of(arguments, "batches")
        )
    refused = taken.refused.total()
    if arguments.json:
        told = {
            "path": str(arguments.path),
            "batches": taken.batches,
            "events": taken.events,
            "receipts": taken.receipts,
            "refused": dict(taken.refused),
            "examples": [{"file": name, "code": code} for name, code in taken.examples],
        }
        print(json.dumps(told))
    else:
        print(
            f"{arguments.path}: {taken.batches} batches, {taken.events} new events, {taken.receipts} receipts"
            f" written, {refused} files refused"
        )
        for name, code in taken.examples:
            print(one_line(f"  {name}: {code}"), file=sys.stderr)
    return 3 if refused else 0


def run_export(arguments: argparse.Namespace) -> int:
    """Write a stick."""
    gates, written = write_stick(
        arguments.directory,
        arguments.to,
        sector=arguments.sector,
        gate=arguments.gate,
        progress=lambda what: progress_of(arguments, what),
    )
    if arguments.json:
        print(json.dumps({"path": str(arguments.to), "gates": gates, "files": dict(written)}))
    else:
        print(f"{arguments.to}: {files_words(written)}, for {gates} gates")
    return 0


def files_words(written: Counter[str]) -> str:
    """How many files of what, for people."""
    return ", ".join(f"{count} {what}" for what, count in sorted(written.items())) or "nothing"


def write_stick(
    directory: Path,
    to: Path,
    *,
    sector: str | None,
    gate: str | None,
    progress: Callable[[str], Callable[[int], None]],
) -> tuple[int, Counter[str]]:
    """Write what is for gates; for how many, and how many files of what. Raises ``GatedError``."""
    from gated.central.ack_keys import AckKeys
    from gated.central.carrying import enrolled, put_feed, put_receipts_and_commands, put_trust, put_uses
    from gated.devices.clock import SystemClock
    from gated.links.stick import StickWriter, stick_folder

    keys, now = AckKeys.load(directory), SystemClock().sample().wall
    keys.check(now)
    writer = StickWriter(stick_folder(to))
    with closing(open_ledger(directory)) as ledger:
        gates = enrolled(ledger, sector=sector, gate=gate)
        written = put_trust(writer, directory)
        written += put_receipts_and_commands(writer, ledger, keys, gates, now)
        sectors = {one.sector for one in gates} | (set() if sector is None else {sector})
        for feed in _feeds(directory, keys, ledger, sectors, progress("statements")):
            written += put_uses(writer, ledger, keys, feed.sector, now)
            written += put_feed(writer, feed, progress(f"pages of {feed.sector}"))
    writer.flush()
    return len(gates), written


def _feeds(
    directory: Path, keys: AckKeys, ledger: Ledger, sectors: set[str], progress: Callable[[int], None]
) -> Iterator[Feed]:
    """The feeds of some sectors, each with a head that says all that was issued."""
    from gated.cli.central_feed import make_head

    for feed in feeds_of(directory, ledger, keys, sectors & keys.sectors):
        make_head(feed, progress)
        yield feed

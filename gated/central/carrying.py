"""The office's side of a stick (docs/reference/stick.md): events come off it, what is for gates goes on.

The judges are those of the link: the same signatures, the same ledger, the same receipts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from gated.central.ack_keys import AckKeys
from gated.central.feed import Feed
from gated.central.intake import take_in
from gated.central.ledger import Ledger
from gated.central.ledger_commands import waiting_tokens
from gated.central.ledger_events import chains_of
from gated.central.ledger_gates import EnrolledGate, gate_keys, gates, note_refused
from gated.central.opening import NOBODY, Unbelieved, open_letter
from gated.central.told import Told
from gated.errors import ConfigError, StoreError
from gated.links.stick import StickReader, StickWriter
from gated.model.letter import Received
from gated.wire import stick, topics
from gated.wire.ack import Ack
from gated.wire.manifest import Manifest, read_index, read_manifest
from gated.wire.stick import Place, What

#: Batches taken in with one commit.
BUNCH = 64

Progress = Callable[[int], None]


@dataclass(slots=True)
class TakenIn:
    """What a stick brought. ``refused`` counts by code, ``examples`` names some of the files."""

    batches: int = 0
    events: int = 0
    receipts: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    examples: list[tuple[str, str]] = field(default_factory=list)


def take_in_stick(
    reader: StickReader, writer: StickWriter, ledger: Ledger, keys: AckKeys, now: int, progress: Progress
) -> TakenIn:
    """Take in the batches on a stick, and write receipts back onto it. Raises ``StoreError``, ``StickError``.

    Nothing is acknowledged that is not durable here; nothing on the stick is removed.
    """
    taken = TakenIn()
    found = [place for place in reader.places(lambda kind, _: kind == "gate") if place.what is What.BATCH]
    for first in range(0, len(found), BUNCH):
        told = _open(reader, found[first : first + BUNCH], ledger, keys.sectors, now)
        result = take_in(ledger, told, now)
        taken.batches += len(told)
        taken.events += result.stored
        for (_, code), times in result.refused.items():
            taken.refused[code] += times
        for sector, ack in result.acks:
            taken.receipts += _write_ack(writer, keys, sector, ack)
        progress(taken.batches)
    taken.refused += reader.refused
    taken.examples = reader.examples
    return taken


def _open(
    reader: StickReader, bunch: Sequence[Place], ledger: Ledger, sectors: AbstractSet[str], now: int
) -> list[Told]:
    believed: list[Told] = []
    refused: Counter[tuple[str, str]] = Counter()
    for place in bunch:
        token = reader.read(place)
        if token is None:
            continue
        letter = Received(topics.events(place.whose), token, 0)
        opened = open_letter(letter, lambda gate: gate_keys(ledger, gate), sectors, now)
        if isinstance(opened, Unbelieved):
            refused[opened.gate or NOBODY, opened.code] += 1
            reader.refuse(place.path, opened.code)
        elif isinstance(opened, Told):
            believed.append(opened)
    if refused:
        with ledger.transaction():
            note_refused(ledger, refused, now)
    return believed


def _write_ack(writer: StickWriter, keys: AckKeys, sector: str, ack: Ack) -> int:
    sealed = keys.seal(sector, ack)
    if sealed is None:  # its key does not count at this time, and the gate would not believe it
        return 0
    writer.write(stick.ack(ack.gate, ack.epoch, ack.upto), sealed)
    return 1


def enrolled(ledger: Ledger, *, sector: str | None = None, gate: str | None = None) -> list[EnrolledGate]:
    """The gates that are enrolled at present, of a sector or of a name. Raises ``ConfigError`` for none."""
    found = [
        one
        for one in gates(ledger)
        if one.ended_at is None and sector in (None, one.sector) and gate in (None, one.gate)
    ]
    if not found and (sector, gate) != (None, None):
        raise ConfigError(
            f"no such gate is enrolled ({gate or sector})", hint="look at the names: gated central gates DIR"
        )
    return found


def put_receipts_and_commands(
    writer: StickWriter, ledger: Ledger, keys: AckKeys, to: Sequence[EnrolledGate], now: int
) -> Counter[str]:
    """How far the ledger has each history of each gate, and the commands that wait for it; how many files."""
    written: Counter[str] = Counter()
    for one in to:
        chains = chains_of(ledger, one.gate)
        epochs = Counter(chain.epoch for chain in chains)
        for chain in chains:
            forked = epochs[chain.epoch] > 1
            ack = Ack(one.gate, chain.epoch, chain.upto, chain.head, now, forked=forked)
            if one.sector in keys.sectors:
                written["acks"] += _write_ack(writer, keys, one.sector, ack)
        for counter, token in waiting_tokens(ledger, one.gate, now):
            writer.write(stick.command(one.gate, counter), token)
            written["commands"] += 1
    return written


def put_feed(writer: StickWriter, feed: Feed, progress: Progress) -> Counter[str]:
    """The newest head of a sector, after everything that it binds; how many files.

    What is named by its own content is copied once, and is on the stick before the head that names it. What
    the head names no longer is removed last. Raises ``StoreError`` where a part is lost, and ``StickError``.
    """
    head = feed.head
    if head is None:
        return Counter()
    names = [head.manifest, *_bound(feed, read_manifest(_part(feed, head.manifest)))]
    for done, name in enumerate(names, 1):
        content = _part(feed, name)
        place = stick.blob(feed.sector, name)
        if not writer.has(place, len(content)):
            writer.write(place, content, durably=False)
        progress(done)
    writer.flush()
    writer.write(stick.head(feed.sector), head.token)
    kept = {stick.blob(feed.sector, name).path for name in names}
    for place in StickReader(writer.root).places(
        lambda kind, whose: (kind, whose) == ("sector", feed.sector)
    ):
        if place.what is What.BLOB and place.path not in kept:
            writer.remove(place)
    return Counter(heads=1, blobs=len(names))


def _bound(feed: Feed, manifest: Manifest) -> Iterator[bytes]:
    for index in (*manifest.snapshot.denials, *manifest.snapshot.pages):
        yield index
        yield from read_index(_part(feed, index))
    for delta in manifest.deltas:
        yield from (name for name in (delta.denials, delta.others) if name is not None)


def _part(feed: Feed, name: bytes) -> bytes:
    try:
        content = feed.blobs.get(name)
    except OSError as error:
        raise StoreError(f"a page of sector {feed.sector!r} cannot be read ({error.strerror})") from error
    if content is None:
        raise StoreError(
            f"a page of sector {feed.sector!r} is lost",
            hint="gated central feed DIR --snapshot writes all anew",
        )
    return content

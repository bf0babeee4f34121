"""What a worker does for the feed: it publishes heads, and answers gates that ask for head or blobs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from gated.central.answering import Answerer, Asker
from gated.central.blobs import Blobs
from gated.central.ledger import Ledger
from gated.central.ledger_feed import head_version, newest_head
from gated.model.letter import Letter
from gated.wire import topics
from gated.wire.request import BlobWanted, HeadWanted


class Heads:
    """Publishes each new head of some sectors. Several workers may publish one: gates know it then."""

    def __init__(self, ledger: Ledger, sectors: Iterable[str]) -> None:
        self._ledger = ledger
        self._told = dict.fromkeys(sectors, 0)

    def begin(self) -> None:
        """A link was opened: the broker may have forgotten what it kept."""
        self._told = dict.fromkeys(self._told, 0)

    def due(self, *, changed: bool) -> list[Letter]:  # noqa: ARG002  # events make no head
        """Heads that were not published yet. Raises ``StoreError``."""
        letters = []
        for sector, told in self._told.items():
            if head_version(self._ledger, sector) == told:
                continue
            head = newest_head(self._ledger, sector)
            if head is not None:
                self._told[sector] = head.version
                letters.append(Letter(topics.head(sector), head.token, retain=True))
        return letters


def feed_answers(directory: Path, ledger: Ledger, sectors: Iterable[str]) -> Mapping[type, Answerer]:
    """Answers to questions for head and blobs. A gate gets those of its own sector."""
    folders = {sector: Blobs(directory, sector) for sector in sectors}

    def head(asker: Asker, _want: HeadWanted) -> bytes | None:
        found = newest_head(ledger, asker.sector)
        return found.token if found is not None else None

    def blob(asker: Asker, want: BlobWanted) -> bytes | None:
        folder = folders.get(asker.sector)
        try:
            return folder.get(want.name) if folder is not None else None
        except OSError:  # whoever makes heads tells it
            return None

    return {HeadWanted: head, BlobWanted: blob}

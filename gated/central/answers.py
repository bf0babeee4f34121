"""What every worker of central answers: how far central has come, parts of the feed, use records, trust."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from gated.central.ack_keys import AckKeys
from gated.central.answering import Answering
from gated.central.feed_serving import feed_answers
from gated.central.ledger import Ledger
from gated.central.ledger_feed import head_version
from gated.central.ledger_uses import newest
from gated.central.pulse import Pulses
from gated.central.trust_shelf import TrustShelf
from gated.central.uses import UsesTeller
from gated.wire.request import PulseWanted, TrustWanted, UsesWanted


def answers(ledger: Ledger, keys: AckKeys, now: Callable[[], int], uses: UsesTeller) -> Answering:
    """The answers of one worker. The ledger stands in the office's directory, as all else does."""
    directory = ledger.path.parent
    shelf = TrustShelf(directory)
    pulses = Pulses(
        keys,
        now,
        head=partial(head_version, ledger),
        uses=partial(newest, ledger),
        trust=lambda _sector: shelf.version,
    )
    return Answering(
        {
            **feed_answers(directory, ledger, keys.sectors),
            PulseWanted: pulses.answer,
            UsesWanted: uses.answer,
            TrustWanted: shelf.answer,
        }
    )

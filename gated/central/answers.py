"""What every worker of central answers: how far central has come, and what follows a gate's numbers."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from gated.central.ack_keys import AckKeys
from gated.central.answering import Answering
from gated.central.ledger import Ledger
from gated.central.ledger_uses import newest
from gated.central.pulse import Pulses
from gated.central.uses import UsesTeller
from gated.wire.request import PulseWanted, UsesWanted


def answers(ledger: Ledger, keys: AckKeys, now: Callable[[], int], uses: UsesTeller) -> Answering:
    """The answers of one worker."""
    pulses = Pulses(keys, now, uses=partial(newest, ledger))
    return Answering({PulseWanted: pulses.answer, UsesWanted: uses.answer})

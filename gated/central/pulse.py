"""Central's pulse: what time it is here, and how far head, uses and trust have come, over a gate's number."""

from __future__ import annotations

from collections.abc import Callable

from gated.central.ack_keys import AckKeys
from gated.central.answering import Asker, Later
from gated.model.statement import Kind
from gated.wire.pulse import PulseAnswer, encode_pulse
from gated.wire.request import PulseWanted


def _none(_sector: str) -> int:
    return 0


class Pulses:
    """Answers ``PulseWanted``.

    Args:
        keys: of the sectors that are served.
        now: the time, seconds since 1970.
        head: version of a sector's newest head; 0 = there is none, here and below.
        uses: number of a sector's newest use record.
        trust: version of the newest timestamp of the trust repository, as a sector's gates see it.

    """

    def __init__(
        self,
        keys: AckKeys,
        now: Callable[[], int],
        *,
        head: Callable[[str], int] = _none,
        uses: Callable[[str], int] = _none,
        trust: Callable[[str], int] = _none,
    ) -> None:
        self._keys = keys
        self._now = now
        self._head = head
        self._uses = uses
        self._trust = trust

    def answer(self, asker: Asker, want: PulseWanted) -> bytes:
        """A signed pulse. Raises ``Later`` while the key does not count: nobody would believe its time.

        The time is looked at last: what it may have waited for before counts as the gate's way and back.
        """
        sector = asker.sector
        head, uses, trust = self._head(sector), self._uses(sector), self._trust(sector)
        at = self._now()
        pulse = PulseAnswer(sector, asker.gate, want.nonce, at, head, uses, trust)
        token = self._keys.sign(sector, Kind.TIME, encode_pulse(pulse), at)
        if token is None:
            raise Later
        return token

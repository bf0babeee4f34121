"""Use records on their way to gates: those that a commit changed at once, and what a gate asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

from gated.central import ledger_uses as uses
from gated.central.ack_keys import AckKeys
from gated.central.answering import Asker, Later
from gated.central.ledger import Ledger
from gated.model.letter import Letter
from gated.model.statement import Kind
from gated.wire import topics
from gated.wire.request import UsesWanted
from gated.wire.uses import Uses, encode_uses

#: Messages of one turn: what a week's backlog of a gate changed goes out beside receipts, not before them.
AT_ONCE = 8
#: Who was inside on older service days than this is erased; looked at so often; days and seconds.
PRESENCE_DAYS, FORGET_S = 3, 3600.0
_DAY_S = 86_400


class UsesTeller:
    """A ``Publisher`` of one worker, and the answer to ``UsesWanted``.

    It tells what its own worker counted: of several workers none tells a thing twice. What one of them takes
    with it when it dies, gates miss by the pulse, and ask for.
    """

    def __init__(
        self, ledger: Ledger, keys: AckKeys, now: Callable[[], int], monotonic: Callable[[], float]
    ) -> None:
        self._ledger = ledger
        self._keys = keys
        self._now = now
        self._monotonic = monotonic
        self._forgot = -FORGET_S
        self._due: dict[str, list[tuple[int, int]]] = {}  # by sector: numbers after which and up to which

    def counted(self, told: Mapping[str, tuple[int, int]]) -> None:
        """A commit changed records: of each sector the numbers before and after."""
        for sector, (after, upto) in told.items():
            due = self._due.setdefault(sector, [])
            joins = bool(due) and due[-1][1] == after
            due.append((due.pop()[0] if joins else after, upto))

    def begin(self) -> None:
        """A link was opened."""

    def due(self, *, changed: bool) -> Sequence[Letter]:
        """Messages about what was counted. Raises ``StoreError``."""
        if not changed and self._monotonic() - self._forgot >= FORGET_S:
            self._forgot = self._monotonic()
            uses.forget_presence(self._ledger, _day(self._now() - PRESENCE_DAYS * _DAY_S))
        letters: list[Letter] = []
        for sector in list(self._due):
            while self._due.get(sector) and len(letters) < AT_ONCE:
                letters += self._next(sector)
        return letters

    def answer(self, asker: Asker, want: UsesWanted) -> bytes | None:
        """What follows a number; None = nothing does. Raises ``Later``."""
        newest = uses.newest(self._ledger, asker.sector)
        if newest <= want.after:
            return None
        sealed = self._seal(uses.since(self._ledger, asker.sector, want.after, newest, self._now()))
        if sealed is None:
            raise Later
        return sealed

    def _next(self, sector: str) -> list[Letter]:
        (after, upto), *rest = self._due.pop(sector)
        told = uses.since(self._ledger, sector, after, upto, self._now())
        if told.upto < upto:
            rest = [(told.upto, upto), *rest]
        if rest:
            self._due[sector] = rest
        sealed = self._seal(told)
        return [] if sealed is None else [Letter(topics.uses(sector), sealed)]

    def _seal(self, told: Uses) -> bytes | None:
        """None = the sector's key may not sign such a message (an older office's), or not now."""
        return self._keys.sign(told.sector, Kind.USES, encode_uses(told), told.at)


def _day(at: int) -> int:
    """The day of a time in UTC, as yyyymmdd."""
    day = datetime.fromtimestamp(max(0, at), UTC)
    return day.year * 10000 + day.month * 100 + day.day

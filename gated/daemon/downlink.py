"""Statements that arrive over the link: opened first, taken in at once, and nothing else is believed."""

from __future__ import annotations

import hashlib
from collections import Counter, OrderedDict, deque

from gated.credential.statement import moves_time, open_statement
from gated.daemon.tap import Trust
from gated.daemon.timekeeper import TimeKeeper
from gated.errors import StoreError
from gated.model.refusal import Refusal
from gated.store.intake import StatementStore

#: Statements seen lately are not opened again: a broker that repeats itself costs a hash each.
REMEMBERED = 4096
#: What could not be written (an import beside us, a full disk) is tried again after so many seconds, and so
#: much of it is remembered; what comes on top is counted.
AGAIN_S, MOST_WAITING = 1.0, 1000
#: Codes counted apart; a hostile broker invents no more of them.
_DOUBLED = "doubled"


class Downlink:
    """Takes in what the sector's topic brings. Used by the sync thread.

    A refusal is counted and never journaled: whoever can send can send a million, and a row for each
    would fill the disk.
    """

    def __init__(self, *, statements: StatementStore, trust: Trust, time: TimeKeeper) -> None:
        self._statements = statements
        self._trust = trust
        self._time = time
        self._waiting: deque[bytes] = deque()
        self._again_at = 0.0
        self._seen: OrderedDict[bytes, None] = OrderedDict()
        self.refused: Counter[str] = Counter()
        self.accepted = 0

    def take_in(self, token: bytes, now: float) -> None:
        """Open one statement and put it in force. Raises ``StoreError``: then it waits to be tried again."""
        try:
            self._take_in(token)
        except StoreError:
            self._wait(token, now)
            raise

    def try_again(self, now: float) -> None:
        """Take in what waits since the cache could not be written. Raises ``StoreError``."""
        if not self._waiting or now < self._again_at:
            return
        self._again_at = now + AGAIN_S
        while self._waiting:
            self._take_in(self._waiting[0])
            self._waiting.popleft()

    def _wait(self, token: bytes, now: float) -> None:
        if len(self._waiting) == MOST_WAITING:
            self._waiting.popleft()
            self.refused["not_stored"] += 1
        self._waiting.append(token)
        self._again_at = now + AGAIN_S

    def _take_in(self, token: bytes) -> None:
        name = hashlib.sha256(token).digest()
        if name in self._seen:
            self._seen.move_to_end(name)
            self.refused[_DOUBLED] += 1
            return
        floor = self._time.read().floor
        statement = open_statement(token, self._trust.keys, floor)
        if isinstance(statement, Refusal):
            self.refused[str(statement.reason)] += 1
        else:
            keys = self._trust.keys
            result = self._statements.take_in(
                [token],
                lambda other: statement if other == token else open_statement(other, keys, floor),
                lambda known: moves_time(known, keys),
                only_new=True,
            )
            self.accepted += result.accepted
            self.refused.update(result.refused)
        self._seen[name] = None
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)

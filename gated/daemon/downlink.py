"""Statements that arrive over the link: opened first, taken in at once, and nothing else is believed."""

from __future__ import annotations

import hashlib
from collections import Counter, OrderedDict, deque
from collections.abc import Sequence
from itertools import islice

from gated.credential.statement import moves_time, open_statement
from gated.daemon.beliefs import Trust
from gated.daemon.timekeeper import TimeKeeper
from gated.errors import StoreError
from gated.model.refusal import Refusal
from gated.model.statement import Statement
from gated.policy.terms import usable
from gated.store.intake import StatementStore

#: Statements seen lately are not opened again: a broker that repeats itself costs a hash each.
REMEMBERED = 4096
#: What could not be written (an import beside us, a full disk) is tried again after so many seconds, and so
#: much of it is remembered; what comes on top is counted.
AGAIN_S, MOST_WAITING, AT_ONCE = 1.0, 1000, 50


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

    def take_in(self, tokens: Sequence[bytes], now: float) -> None:
        """Open statements and put them in force. Raises ``StoreError``: then they wait to be tried again."""
        new = [token for token in tokens if self._is_new(token)]
        if not new:
            return
        if self._waiting:  # behind what waits, or each would wait for the disk anew
            self._wait(new)
            return
        try:
            self._put_in_force(new)
        except StoreError:
            self._again_at = now + AGAIN_S
            self._wait(new)
            raise

    def try_again(self, now: float) -> None:
        """Take in some of what waits since the cache could not be written. Raises ``StoreError``."""
        if not self._waiting or now < self._again_at:
            return
        self._again_at = now + AGAIN_S
        some = list(islice(self._waiting, AT_ONCE))
        self._put_in_force(some)
        for _ in some:
            self._waiting.popleft()
        self._again_at = 0.0

    def _wait(self, tokens: Sequence[bytes]) -> None:
        for token in tokens:
            if len(self._waiting) == MOST_WAITING:
                given_up = self._waiting.popleft()
                self._seen.pop(hashlib.sha256(given_up).digest(), None)  # sent again, it is new
                self.refused["not_stored"] += 1
            self._waiting.append(token)

    def _is_new(self, token: bytes) -> bool:
        name = hashlib.sha256(token).digest()
        if name in self._seen:
            self._seen.move_to_end(name)
            self.refused["doubled"] += 1
            return False
        self._seen[name] = None
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        return True

    def _put_in_force(self, tokens: Sequence[bytes]) -> None:
        floor, keys = self._time.read().floor, self._trust.keys
        opened: dict[bytes, Statement] = {}
        refused = Counter[str]()
        for token in tokens:
            statement = open_statement(token, keys, floor)
            if not isinstance(statement, Refusal):
                statement = usable(statement, self._trust.profile)
            if isinstance(statement, Refusal):
                refused[str(statement.reason)] += 1
            else:
                opened[token] = statement
        if opened:
            result = self._statements.take_in(
                opened,
                lambda token: opened.get(token) or open_statement(token, keys, floor),
                lambda token: moves_time(token, keys),
                only_new=True,
            )
            self.accepted += result.accepted
            refused += result.refused
        self.refused += refused  # not before: what is tried again is counted once

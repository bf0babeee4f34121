"""Rows that central has are erased when their time is over: their bytes are gone from the files."""

from __future__ import annotations

from functools import partial

from gated.daemon.timekeeper import TimeKeeper
from gated.store.journal import Journal
from gated.store.outbox import Outbox, empty_log, erase
from gated.store.ticket import Ticket

#: Rows erased in one transaction: it stands before the next tap's row for some milliseconds.
ERASED_AT_ONCE = 100


class Retention:
    """Erases a little at each tick. Used by the housekeeping thread."""

    def __init__(self, *, outbox: Outbox, journal: Journal, time: TimeKeeper, retention_s: float) -> None:
        self._outbox = outbox
        self._journal = journal
        self._time = time
        self._retention_s = retention_s
        self._log_due = True  # what the last run erased may still stand in the log
        self._doing: Ticket | None = None

    def tick(self) -> None:
        """Erase what is due, then empty the log. Raises ``StoreError``."""
        if self._doing is not None:
            doing, self._doing = self._doing, None
            if not doing.look(0.0):
                self._doing = doing  # a slow disk is not given more to do
                return
        due = self._outbox.erasable(self._time.read().floor, self._retention_s)
        if due:
            upto = min(due, self._outbox.oldest() + ERASED_AT_ONCE - 1)
            self._log_due = True
            self._doing = self._journal.do(partial(erase, upto=upto))
        elif self._log_due:
            self._doing = self._journal.do(partial(empty_log, done=self._emptied), in_transaction=False)

    def _emptied(self) -> None:
        self._log_due = False

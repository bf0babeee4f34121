"""What must be done now and then, away from every tap."""

from __future__ import annotations

import logging

from gated.credential.statement import moves_time, open_statement
from gated.daemon.tap import Trust
from gated.daemon.timekeeper import TimeKeeper
from gated.errors import StoreError
from gated.model.event import Imported
from gated.model.refusal import Refusal
from gated.ports import Clock
from gated.store.intake import StatementStore
from gated.store.journal import Journal
from gated.wire.event import Stamp

log = logging.getLogger(__name__)

FORGET_S = 86400.0
_ROW_WAIT_S = 1.0


class Housekeeping:
    """Tells imports to the journal, moves time, forgets what may be forgotten. One thread calls it."""

    def __init__(
        self, *, statements: StatementStore, journal: Journal, time: TimeKeeper, clock: Clock, trust: Trust
    ) -> None:
        self._statements = statements
        self._journal = journal
        self._time = time
        self._clock = clock
        self._trust = trust
        self._forgot: float | None = None

    def tick(self) -> None:
        """Do what is due. Breakages are logged: none of this stands before a tap."""
        try:
            self._tell_imports()
            self._time.persist_if_due()
            self._forget()
        except StoreError as error:
            log.error("housekeeping: %s", error)

    def _tell_imports(self) -> None:
        for row_id, intake in self._statements.pending_intakes():
            if intake.time_token is not None:
                self._learn(intake.time_token)
            event = Imported(intake.accepted, intake.known, dict(intake.refused))
            ticket = self._journal.append(event, Stamp.of(self._time.read()))
            if ticket.wait(_ROW_WAIT_S):
                self._statements.told(row_id)

    def _learn(self, token: bytes) -> None:
        """Opened again: a file that anybody can edit moves no time."""
        statement = open_statement(token, self._trust.keys, self._time.read().floor)
        if not isinstance(statement, Refusal) and moves_time(token, self._trust.keys):
            self._time.learn(statement.issued_at)

    def _forget(self) -> None:
        now = self._clock.monotonic()
        if self._forgot is None or now - self._forgot >= FORGET_S:
            self._forgot = now
            self._journal.forget_counters(self._time.read().floor)

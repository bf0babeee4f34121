"""What must be done now and then, away from every tap."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence

from gated.credential.statement import moves_time, open_statement
from gated.daemon.beliefs import Trust
from gated.daemon.timekeeper import TimeKeeper
from gated.errors import StoreError
from gated.model.event import Imported
from gated.model.refusal import Refusal
from gated.policy.calendar import shift_of
from gated.ports import Clock
from gated.store.intake import StatementStore
from gated.store.journal import Journal
from gated.store.ticket import Ticket
from gated.wire.event import Stamp

log = logging.getLogger(__name__)

FORGET_S = 86400.0
#: Use records of other gates do not say when their right ends: none is sold for so long.
KEEP_USES_S = 3 * 366 * 86400
#: Signed time moves the floor when it is this much newer: each step costs a flush of two files.
LEARN_S = 30
_ROW_WAIT_S = 1.0
_DAY_S = 86400


class Housekeeping:
    """Tells imports to the journal, moves time, forgets what may be forgotten. One thread calls it."""

    def __init__(
        self,
        *,
        statements: StatementStore,
        journal: Journal,
        time: TimeKeeper,
        clock: Clock,
        trust: Trust,
        signed_time: Callable[[], int] = lambda: 0,
        more: Sequence[Callable[[], None]] = (),
        forget: Sequence[Callable[[int, int], None]] = (),
    ) -> None:
        self._statements = statements
        self._journal = journal
        self._time = time
        self._clock = clock
        self._trust = trust
        self._signed_time = signed_time  # the newest that arrived over the link, verified
        self._more = more
        self._forget_too = forget  # told a day and a service day (yyyymmdd): what is older may go
        self._forgot: float | None = None
        self._telling: tuple[int, Ticket] | None = None  # id of the last intake told, and its row
        self._troubles: list[str] = []

    def tick(self) -> None:
        """Do what is due. Breakages are logged, and none keeps the rest: nothing here stands before a tap."""
        troubles = []
        for duty in (
            self._tell_imports,
            self._learn_from_link,
            self._time.persist_if_due,
            self._forget,
            *self._more,
        ):
            try:
                duty()
            except StoreError as error:
                troubles.append(str(error))
        for trouble in troubles:
            if trouble not in self._troubles:  # once, not at every tick
                log.error("housekeeping: %s", trouble)
        self._troubles = troubles

    def _tell_imports(self) -> None:
        """One row at a time: while the journal stalls, the same row is waited for, not written again."""
        if self._telling is None:
            self._telling = self._tell()
        if self._telling is None:
            return
        upto, ticket = self._telling
        try:
            landed = ticket.look(_ROW_WAIT_S)
        except StoreError:
            self._telling = None  # the row does not stand: the next tick writes it anew
            raise
        if landed:
            self._statements.told(upto)
            self._telling = None

    def _tell(self) -> tuple[int, Ticket] | None:
        pending = self._statements.pending_intakes()
        if not pending:
            return None
        intakes = [intake for _, intake in pending]
        self._learn([intake.time_token for intake in intakes if intake.time_token is not None])
        refused = Counter[str]()
        for intake in intakes:
            refused.update(intake.refused)
        event = Imported(
            sum(intake.accepted for intake in intakes), sum(intake.known for intake in intakes), dict(refused)
        )
        return pending[-1][0], self._journal.append(event, Stamp.of(self._time.read()))

    def _learn(self, tokens: Sequence[bytes]) -> None:
        """Opened again: a file that anybody can edit moves no time."""
        keys, floor = self._trust.keys, self._time.read().floor
        opened = [(open_statement(token, keys, floor), token) for token in tokens]
        signed = [
            statement.issued_at
            for statement, token in opened
            if not isinstance(statement, Refusal) and moves_time(token, keys)
        ]
        if signed:
            self._time.learn(max(signed))

    def _learn_from_link(self) -> None:
        signed = self._signed_time()
        if signed - self._time.read().floor >= LEARN_S:
            self._time.learn(signed)

    def _forget(self) -> None:
        now = self._clock.monotonic()
        if self._forgot is None or now - self._forgot >= FORGET_S:
            self._forgot = now
            profile, floor = self._trust.profile, self._time.read().floor
            # By the floor: a clock that is ahead must not forget who is inside.
            self._journal.forget_counters(floor, shift_of(floor, profile.timezone, profile.day_end_min))
            day = profile.day_of(max(0, floor - KEEP_USES_S))
            shift = shift_of(floor - _DAY_S, profile.timezone, profile.day_end_min)
            for forget in self._forget_too:
                forget(day, shift)

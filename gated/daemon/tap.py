"""Hops 3 to 6 of a tap: recalled, opened, judged, written."""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass
from typing import NamedTuple

from gated.credential.index import index_of
from gated.credential.statement import open_statement
from gated.daemon.timekeeper import TimeKeeper
from gated.errors import StoreError
from gated.model.credential import Credential
from gated.model.decision import Candidate, Decision, Denied, Granted, Question, Uses
from gated.model.event import Decided, Outcome
from gated.model.refusal import Reason, Refusal
from gated.model.statement import Binding, Denial, Entitlement, Kind, Statement, place_of
from gated.model.time import TimeReading
from gated.model.trust import KeySet
from gated.model.venue import Lane, Profile
from gated.policy.decide import decide
from gated.ports import Clock
from gated.store.cache import Cache, Token
from gated.store.journal import Journal
from gated.store.ticket import COUNTER_GRACE_S, Reservation
from gated.store.uses import UsesReader
from gated.wire.event import Stamp

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Trust:
    """What the gate believes: whose signatures, which sector, whose rules."""

    keys: KeySet
    sector_key: bytes
    profile: Profile

    def __repr__(self) -> str:
        return f"Trust({len(self.keys)} keys, {self.profile.venue})"


class Written(NamedTuple):
    """A decision and its durable row."""

    decision: Decision
    seq: int


class TapWay:
    """One lane's way from a credential to a durable decision. Used by the lane's thread.

    ``turn`` is shared by all lanes: from recalling a right's uses to reserving one, a lane is alone, or
    two lanes could spend the last use of one right.
    """

    def __init__(
        self,
        *,
        lane: Lane,
        trust: Trust,
        cache: Cache,
        uses: UsesReader,
        journal: Journal,
        time: TimeKeeper,
        clock: Clock,
        turn: threading.Lock,
    ) -> None:
        self._lane = lane
        self._trust = trust
        self._cache = cache
        self._uses = uses
        self._journal = journal
        self._time = time
        self._clock = clock
        self._turn = turn

    def judge(self, credential: Credential, reading: TimeReading) -> Decision:
        """Recall, open, judge. Raises ``StoreError``."""
        with self._cache:
            question = self._question(credential, reading)
        return decide(question)

    def take(self, credential: Credential, deadline: float) -> Written | Refusal:
        """Judge a tap and write it down. A ``Refusal`` says that the gate could not by ``deadline``.

        Denials are written by ``write_denial``, for a repeated one needs no row.
        """
        if not self._turn.acquire(timeout=max(0.0, deadline - self._clock.monotonic())):
            return Refusal(Reason.OUT_OF_SERVICE, {"cause": "journal_slow"})
        try:
            reading = self._time.read()
            try:
                decision = self.judge(credential, reading)
            except StoreError as error:
                log.error("lane %s: %s", self._lane.id, error)
                return Refusal(Reason.OUT_OF_SERVICE, {"cause": "cache_failed"})
            if isinstance(decision, Denied):
                return Written(decision, 0)
            event = self._granted(credential, decision, reading)
            reserve = self._reservation(decision, event.day)
            return self._write(event, Stamp(reading, decision.clock), reserve, decision, deadline)
        finally:
            self._turn.release()

    def write_denial(
        self, scheme: str | None, denied: Denied, assurance: str | None, deadline: float
    ) -> Written | Refusal:
        """Write a denial down; the lane waits for it as for a grant."""
        reading = self._time.read()
        right = denied.entitlement
        event = Decided(
            lane=self._lane.id,
            outcome=Outcome.DENIED,
            day=self._trust.profile.day_of(reading.estimate),
            reason=denied.refusal.reason,
            params=denied.refusal.params or None,
            scheme=scheme,
            assurance=assurance,
            pass_=denied.pass_,
            cti=None if right is None else right.id,
            product=None if right is None else right.product,
        )
        return self._write(event, Stamp(reading, denied.clock), None, denied, deadline)

    # -------------------------------------------------------------- recalled and opened

    def _question(self, credential: Credential, reading: TimeReading) -> Question:
        bound, denials = self._recall(index_of(credential, self._trust.sector_key), reading)
        binding = next((found for found in bound if isinstance(found, (Binding, Refusal))), None)
        candidates: list[Candidate] = []
        refused: list[Refusal] = []
        if isinstance(binding, Binding):
            rights, of_pass = self._recall(binding.pass_, reading)
            denials += of_pass
            for right in rights:
                if isinstance(right, Entitlement):
                    candidates.append(self._candidate(right, reading, denials))
                elif isinstance(right, Refusal):
                    refused.append(right)
        return Question(
            credential=credential,
            binding=binding,
            candidates=tuple(candidates),
            refused=tuple(refused),
            denials=tuple(denials),
            lane=self._lane,
            profile=self._trust.profile,
            now=reading,
        )

    def _candidate(
        self, right: Entitlement, reading: TimeReading, denials: list[Denial | Refusal]
    ) -> Candidate:
        _, own = self._recall(right.id, reading)
        # One that does not verify refuses the tap as a whole: it cannot be told what it spoke of.
        denials += [found for found in own if isinstance(found, Refusal)]
        denial = next((found for found in own if isinstance(found, Denial)), None)
        return Candidate(right, used=Uses(self._uses.used(right.id)), denial=denial)

    def _recall(
        self, key: bytes, reading: TimeReading
    ) -> tuple[list[Statement | Refusal], list[Denial | Refusal]]:
        """(bindings and rights, denials) under a key, opened."""
        others: list[Statement | Refusal] = []
        denials: list[Denial | Refusal] = []
        for row in self._cache.recall(key):
            statement = open_statement(row.token, self._trust.keys, reading.floor)
            if not isinstance(statement, Refusal):
                statement = self._in_place(statement, key, row)
            if row.kind is Kind.DENIAL:
                assert isinstance(statement, Denial | Refusal)
                denials.append(statement)
            else:
                others.append(statement)
        return others, denials

    def _in_place(self, statement: Statement, key: bytes, row: Token) -> Statement | Refusal:
        """A genuine statement in a row or a sector that is not its own is a forgery.

        The row's columns say which statement counts, so one that bears an older rank than its row, or
        stands beside its successor under another id, would bring back what was taken away.
        """
        if statement.sector != self._trust.profile.sector:
            return Refusal(Reason.FOREIGN_SECTOR, {"sector": statement.sector})
        stands = key, (row.kind, row.id), row.rank
        return statement if (statement.key, place_of(statement), statement.rank) == stands else _MISPLACED

    # -------------------------------------------------------------- written

    def _granted(self, credential: Credential, granted: Granted, reading: TimeReading) -> Decided:
        right = granted.entitlement
        return Decided(
            lane=self._lane.id,
            outcome=Outcome.GRANTED,
            day=self._trust.profile.day_of(reading.estimate),
            scheme=credential.scheme,
            assurance=credential.assurance.label,
            pass_=right.pass_,
            cti=right.id,
            product=right.product,
            persons=granted.persons,
            cost=granted.cost,
            left=granted.left,
        )

    def _reservation(self, granted: Granted, day: int) -> Reservation:
        expires = granted.entitlement.expires
        return Reservation(
            lane=self._lane.id,
            cti=granted.entitlement.id,
            venue=self._trust.profile.venue,
            day=day,
            uses=granted.cost,
            persons=granted.persons,
            keep_until=None if expires is None else expires + COUNTER_GRACE_S,
        )

    def _write(
        self, event: Decided, stamp: Stamp, reserve: Reservation | None, decision: Decision, deadline: float
    ) -> Written | Refusal:
        ticket = self._journal.append(event, stamp, reserve)
        try:
            seq = ticket.wait(deadline - self._clock.monotonic())
        except StoreError:
            return Refusal(Reason.OUT_OF_SERVICE, {"cause": "journal_failed"})
        return Written(decision, seq) if seq else Refusal(Reason.OUT_OF_SERVICE, {"cause": "journal_slow"})


_MISPLACED = Refusal(Reason.MISPLACED)

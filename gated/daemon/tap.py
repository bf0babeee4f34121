"""Hops 3 to 6 of a tap: recalled, opened, judged, written."""

from __future__ import annotations

import logging
import threading
from typing import NamedTuple

from gated.daemon.messages import NO_HOPS, Hops
from gated.daemon.recall import Recall
from gated.daemon.timekeeper import TimeKeeper
from gated.errors import StoreError
from gated.model.credential import Credential, Proof
from gated.model.decision import Decision, Denied, Granted, Leaving
from gated.model.event import Decided, Outcome
from gated.model.refusal import Reason, Refusal
from gated.model.time import TimeReading
from gated.model.venue import Direction, Freshness, Lane, Profile
from gated.policy.decide import decide
from gated.policy.terms import watches
from gated.ports import Clock
from gated.store.journal import Journal
from gated.store.rolling import RollingFloors
from gated.store.ticket import COUNTER_GRACE_S, Move, Reservation
from gated.wire.event import Stamp

log = logging.getLogger(__name__)


class Written(NamedTuple):
    """A decision and its durable row."""

    decision: Granted | Denied
    seq: int
    hops: Hops = NO_HOPS


class TapWay:
    """One lane's way from a credential to a durable decision. Used by the lane's thread.

    ``turn`` is shared by all lanes: from recalling a right's uses to reserving one, a lane is alone, or
    two lanes could spend the last use of one right.
    """

    def __init__(
        self,
        *,
        lane: Lane,
        profile: Profile,
        recall: Recall,
        journal: Journal,
        time: TimeKeeper,
        clock: Clock,
        turn: threading.Lock,
        rolling: RollingFloors,
    ) -> None:
        self._lane = lane
        self._profile = profile
        self._recall = recall
        self._journal = journal
        self._time = time
        self._clock = clock
        self._turn = turn
        self._rolling = rolling
        self._opened_at = 0.0  # when the last question was put together

    def judge(self, proof: Proof, reading: TimeReading) -> Decision:
        """Recall, open, judge. Raises ``StoreError``."""
        question = self._recall.of_medium(proof, reading)
        self._opened_at = self._clock.monotonic()
        return decide(question)

    def spend(self, proof: Proof, deadline: float) -> Refusal | None:
        """Let a rolling proof count once, whatever it is shown for: also what is refused may not be shown
        again. None = it counts.
        """
        if proof.counter is None:
            return None
        left_s = deadline - self._clock.monotonic()
        try:
            risen = self._rolling.rise(self._recall.index(proof.credential), proof.counter, left_s)
        except StoreError:
            return Refusal(Reason.OUT_OF_SERVICE, {"cause": "journal_failed"})
        if risen is None:
            return Refusal(Reason.OUT_OF_SERVICE, {"cause": "journal_slow"})
        return None if risen else Refusal(Reason.REPLAYED, {"scheme": proof.credential.scheme})

    def leave(self, proof: Proof | None) -> Leaving:
        """Who may go out. It waits for nothing: what cannot be recalled keeps nobody inside.

        Of a rolling proof that was shown before it is not known who leaves: anybody may have a copy of it.
        """
        reading = self._time.read()
        try:
            if proof is not None and not self._recall.was_shown(proof):
                decision = self.judge(proof, reading)
                assert isinstance(decision, Leaving)
                return decision
        except StoreError as error:
            log.error("lane %s: %s", self._lane.id, error)
        except Exception:  # nor does a bug
            log.exception("lane %s: unexpected", self._lane.id)
        return Leaving(None, 1, reading.quality)

    def take(self, proof: Proof, deadline: float) -> Written | Refusal:
        """Judge an entry and write a grant down. A ``Refusal`` says that the gate could not by ``deadline``.

        Denials are written by ``write_denial``, for a repeated one needs no row.
        """
        if not self._turn.acquire(timeout=max(0.0, deadline - self._clock.monotonic())):
            return Refusal(Reason.OUT_OF_SERVICE, {"cause": "journal_slow"})
        try:
            began, reading = self._clock.monotonic(), self._time.read()
            try:
                decision = self.judge(proof, reading)
            except StoreError as error:
                log.error("lane %s: %s", self._lane.id, error)
                return Refusal(Reason.OUT_OF_SERVICE, {"cause": "cache_failed"})
            assert not isinstance(decision, Leaving)
            judged = self._clock.monotonic()
            if isinstance(decision, Denied):
                return Written(decision, 0)
            event = self._granted(proof.credential, decision, reading)
            reserve = self._reservation(decision, event.day, reading)
            written = self._write(event, Stamp(reading, decision.clock), reserve, decision, deadline)
            if isinstance(written, Refusal):
                return written
            opened, now = self._opened_at, self._clock.monotonic()
            return written._replace(hops=Hops(opened - began, judged - opened, now - judged))
        finally:
            self._turn.release()

    def write_denial(
        self, scheme: str | None, assurance: str | None, denied: Denied, deadline: float
    ) -> Written | Refusal:
        """Write a denial down; the lane waits for it as for a grant."""
        reading = self._time.read()
        right = denied.entitlement
        event = Decided(
            lane=self._lane.id,
            outcome=Outcome.DENIED,
            day=self._recall.day(reading),
            reason=denied.refusal.reason,
            params=denied.refusal.params or None,
            scheme=scheme,
            assurance=assurance,
            pass_=denied.pass_,
            cti=None if right is None else right.id,
            product=None if right is None else right.product,
            next_at=denied.next_at,
            knowledge=self._unfresh(reading),
        )
        return self._write(event, Stamp(reading, denied.clock), None, denied, deadline)

    # -------------------------------------------------------------- written

    def move(self, persons: int, pass_: bytes | None) -> Move:
        """``persons`` went in (or out, below 0): where that counts."""
        zone, shift = self._profile.zone(self._lane).id, self._recall.shift(self._time.read())
        return Move(shift, zone, pass_, persons, self._watches())

    def by_hand(self, persons: int, reading: TimeReading) -> Reservation:
        """What staff's opening of this lane reserves: nobody's use, and the people to be counted."""
        return Reservation(
            lane=self._lane.id,
            cti=b"",
            venue=self._profile.venue,
            day=self._recall.day(reading),
            uses=0,
            persons=persons,
            keep_until=None,
            zone=self._profile.zone(self._lane).id,
            shift=self._recall.shift(reading),
            leads_out=self._lane.direction is Direction.EXIT,
        )

    def _granted(self, credential: Credential, granted: Granted, reading: TimeReading) -> Decided:
        right, watched = granted.entitlement, self._watches()
        return Decided(
            lane=self._lane.id,
            outcome=Outcome.GRANTED,
            day=self._recall.day(reading),
            scheme=credential.scheme,
            assurance=credential.assurance.label,
            pass_=right.pass_,
            cti=right.id,
            product=right.product,
            persons=granted.persons,
            cost=granted.cost,
            left=granted.left,
            warnings=tuple(warned.notice for warned in granted.warnings) or None,
            zone=self._profile.zone(self._lane).id if watched else None,
            shift=self._recall.shift(reading) if watched else None,
            knowledge=self._unfresh(reading),
        )

    def _watches(self) -> bool:
        """Whether the venue watches who is inside here: then rows tell where and when."""
        return watches(self._profile, self._lane)

    def _unfresh(self, reading: TimeReading) -> Freshness | None:
        state = self._recall.freshness(reading)
        return None if state is Freshness.FRESH else state

    def _reservation(self, granted: Granted, day: int, reading: TimeReading) -> Reservation:
        right = granted.entitlement
        return Reservation(
            lane=self._lane.id,
            cti=right.id,
            venue=self._profile.venue,
            day=day,
            uses=granted.cost,
            persons=granted.persons,
            keep_until=None if right.expires is None else right.expires + COUNTER_GRACE_S,
            pass_=right.pass_,
            zone=self._profile.zone(self._lane).id,
            shift=self._recall.shift(reading),
            at=reading.estimate,
        )

    def _write(
        self,
        event: Decided,
        stamp: Stamp,
        reserve: Reservation | None,
        decision: Granted | Denied,
        deadline: float,
    ) -> Written | Refusal:
        ticket = self._journal.append(event, stamp, reserve)
        try:
            seq = ticket.wait(deadline - self._clock.monotonic())
        except StoreError:
            return Refusal(Reason.OUT_OF_SERVICE, {"cause": "journal_failed"})
        return Written(decision, seq) if seq else Refusal(Reason.OUT_OF_SERVICE, {"cause": "journal_slow"})

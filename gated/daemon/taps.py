"""A tap at one lane, from what the medium proved to what is told: written down first, then acted upon."""

from __future__ import annotations

from collections.abc import Hashable

from gated.daemon.front import Front
from gated.daemon.messages import NO_HOPS, Hops, Told
from gated.daemon.passage import Passage
from gated.daemon.tally import Tally
from gated.daemon.tap import TapWay, Written
from gated.daemon.timekeeper import TimeKeeper
from gated.model.credential import Credential, Proof
from gated.model.decision import Decision, Denied, Granted, Leaving
from gated.model.refusal import Reason, Refusal
from gated.policy.happening import Leave, Let
from gated.policy.standing import Stage
from gated.policy.storm import is_foreign
from gated.ports import Clock

#: Scheme and assurance, as far as a medium told them.
_Proof = tuple[str | None, str | None]


class Taps:
    """Used by the lane's thread. ``since``: when a tap was sensed, in monotonic seconds."""

    def __init__(
        self,
        *,
        way: TapWay,
        passage: Passage,
        front: Front,
        tally: Tally,
        time: TimeKeeper,
        clock: Clock,
        journal_wait_s: float,
    ) -> None:
        self._way = way
        self._passage = passage
        self._front = front
        self._tally = tally
        self._time = time
        self._clock = clock
        self._journal_wait_s = journal_wait_s
        self._judged_s, self._hops = 0.0, NO_HOPS

    def answer(self, result: Proof | Refusal | None, since: float, hops: Hops) -> None:
        """Answer a tap by what its medium proved; None = it is none of ours."""
        self._judged_s, self._hops = 0.0, hops
        match result:
            case _ if self._passage.standing.leads_out:
                self.let_out(result, since)
            case None:
                self._tally.foreign()
                self.refuse(Refusal(Reason.UNKNOWN_MEDIUM), None, 0, since)
            case Refusal():
                self._disproved(result, since, self._clock.monotonic() + self._journal_wait_s)
            case Proof():
                self._take(result, since)

    def _disproved(self, refusal: Refusal, since: float, deadline: float) -> None:
        scheme = str(refusal.params.get("scheme", "")) or None
        denied = Denied(refusal, None, None, self._time.read().quality)
        self._deny((scheme, refusal.reason), (scheme, None), denied, since, deadline)

    def _take(self, proof: Proof, since: float) -> None:
        began = self._clock.monotonic()
        deadline = began + self._journal_wait_s
        spent = self._way.spend(proof, deadline)
        if spent is not None:
            if spent.reason is Reason.REPLAYED:
                self._disproved(spent, since, deadline)
            else:
                self.refuse(spent, None, 0, since)
            return
        taken = self._way.take(proof, deadline)
        self._judged_s = self._clock.monotonic() - began
        if isinstance(taken, Refusal):
            self.refuse(taken, None, 0, since)
        elif isinstance(taken.decision, Denied):
            self._denied(proof.credential, taken.decision, since, deadline)
        else:
            self._open(taken, taken.decision, since)

    def _denied(self, credential: Credential, denied: Denied, since: float, deadline: float) -> None:
        if is_foreign(credential, denied.refusal):
            self._tally.foreign()
            self.refuse(denied.refusal, denied, 0, since)
            return
        # Contents can be shown under another UID at each tap: a row for each would fill the disk.
        is_own = denied.pass_ is not None or denied.refusal.reason is Reason.UNKNOWN_MEDIUM
        name = credential.text if is_own else credential.scheme
        proof = credential.scheme, credential.assurance.label
        self._deny((name, denied.refusal.reason), proof, denied, since, deadline)

    def _deny(self, key: Hashable, proof: _Proof, denied: Denied, since: float, deadline: float) -> None:
        seq = 0
        if not self._tally.repeats(key):
            written = self._way.write_denial(*proof, denied, deadline)
            if isinstance(written, Written):
                seq = written.seq
                self._tally.wrote(key, seq)
        self.refuse(denied.refusal, denied, seq, since)

    def _open(self, written: Written, granted: Granted, since: float) -> None:
        """The row is durable: only now may anything move."""
        obeyed = self._release(Let(written.seq, granted.persons, granted.cost))
        opened, judged, stood, *_ = written.hops
        self._hops = self._hops._replace(opened=opened, judged=judged, written=stood)
        self._opened(granted if obeyed else None, written.seq, since)

    def _release(self, event: Let | Leave) -> bool:
        """Let somebody through. False = the barrier did not obey, or a fire has opened it meanwhile."""
        began = self._clock.monotonic()
        self._passage.feed(event)
        self._hops = self._hops._replace(acted=self._clock.monotonic() - began)
        return self._passage.standing.stage is Stage.RELEASED

    def spend_unused(self, result: Proof | Refusal | None) -> None:
        """What was shown while nobody could be let in is spent all the same. It waits for no disk."""
        if isinstance(result, Proof):
            self._way.spend(result, self._clock.monotonic())

    def let_out(self, result: Proof | Refusal | None, since: float) -> None:
        """Whatever the medium is, or is not: nobody is kept inside."""
        began = self._clock.monotonic()
        leaving = self._way.leave(result if isinstance(result, Proof) else None)
        self._judged_s = self._clock.monotonic() - began
        obeyed = self._release(Leave(leaving.persons, leaving.pass_))
        self._opened(leaving if obeyed else None, 0, since)
        self.spend_unused(result)  # afterwards: nobody waits inside for a disk

    def _opened(self, decision: Granted | Leaving | None, seq: int, since: float) -> None:
        """The way is free; None = the barrier did not obey."""
        if decision is None:
            self.refuse(Refusal(Reason.OUT_OF_SERVICE, {"cause": "barrier_fault"}), None, seq, since)
        else:
            self._front.grant(decision)
            self.tell(None, decision, seq, since)

    def refuse(self, refusal: Refusal, denied: Denied | None, seq: int, since: float) -> None:
        """Show and tell a refusal."""
        self._front.refuse(refusal, None if denied is None else denied.next_at)
        self.tell(refusal, denied, seq, since)

    def tell(self, refusal: Refusal | None, decision: Decision | None, seq: int, since: float) -> None:
        """Tell what a tap came to."""
        took = self._clock.monotonic() - since
        hops, self._hops = self._hops, NO_HOPS
        lane = self._passage.standing.lane
        self._front.tell(Told(lane, refusal is None, refusal, decision, seq, took, self._judged_s, hops))

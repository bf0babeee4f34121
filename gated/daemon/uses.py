"""Follows what central knows of uses and of who is inside: told as it changes, asked for where missed."""

from __future__ import annotations

import logging

from gated.credential.message import open_message
from gated.daemon.asking import Asking
from gated.daemon.beliefs import Trust
from gated.daemon.knowledge import Knowledge
from gated.daemon.timekeeper import TimeKeeper
from gated.daemon.unbelieved import UnbelievedCounter
from gated.model.document import DocumentError
from gated.model.refusal import Refusal
from gated.model.statement import Kind
from gated.policy.reckoning import is_leap
from gated.store.elsewhere_store import ElsewhereStore
from gated.store.journal import Journal
from gated.wire import topics
from gated.wire.request import HERE, LATER, Answer, UsesWanted
from gated.wire.seal import ENVELOPE_BYTES
from gated.wire.uses import MAX_USES_BYTES, Uses, read_uses

log = logging.getLogger(__name__)

#: What is missed before a message is waited for so long: workers of central overtake each other; seconds.
GAP_S = 1.0
#: After a question that was not answered, or that central cannot answer now; seconds.
AGAIN_S = 2.0
#: A pulse of central that is behind what was here so long ago is no answer that was on its way; seconds.
BEHIND_S = 15.0
#: Stretches that came early and are remembered.
MOST_EARLY = 64
_WHAT = "uses"


class UsesFollower:
    """A ``Follower``. Used by the sync thread; made before a lane serves. Raises ``StoreError``."""

    def __init__(
        self,
        *,
        trust: Trust,
        time: TimeKeeper,
        store: ElsewhereStore,
        journal: Journal,
        asking: Asking,
        knowledge: Knowledge,
        unbelieved: UnbelievedCounter,
    ) -> None:
        self._trust = trust
        self._time = time
        self._store = store
        self._asking = asking
        self._knowledge = knowledge
        self._unbelieved = unbelieved
        self._early: dict[int, int] = {}  # stretches beyond a gap: after which number, up to which
        self._highest = store.seq()  # of all that was merged
        self._gap_since: float | None = None
        self._moved_at = 0.0  # when the number last changed
        self._ask_at: float | None = None  # when to ask next; None = nothing is missed
        self._asked = False
        self._now = 0.0
        store.compare(journal.epoch)
        knowledge.uses = self._highest

    @property
    def topics(self) -> tuple[str, ...]:
        """Where changes are told."""
        return (topics.uses(self._trust.profile.sector),)

    def begin(self, now: float) -> None:
        """A link was opened: what was told meanwhile is asked for."""
        self._now = self._moved_at = self._ask_at = now

    def turn(self, now: float) -> None:
        """Ask for what is missed. Raises ``StoreError``."""
        self._now = now
        self._look_at_pulse()
        if self._gap_since is not None and now - self._gap_since >= GAP_S:
            self._gap_since = None
            self._unbelieved.note(_WHAT, "gap")
            self._ask_at = now
        if self._ask_at is not None and now >= self._ask_at and not self._asked:
            self._ask_at, self._asked = None, True
            self._asking.ask(UsesWanted(self._knowledge.uses), self._told)

    def heard(self, topic: str, payload: bytes, now: float) -> None:
        """A change, perhaps. Raises ``StoreError``."""
        del topic
        self._now = now
        told = self._open(payload)
        if told is None:
            return
        self._take(told)

    def ended(self) -> None:
        """The link is lost; what was asked is answered by nobody."""
        self._asked, self._ask_at, self._gap_since = False, None, None
        self._early.clear()

    # -------------------------------------------------------------- answers and pulses

    def _told(self, answer: Answer | None) -> None:
        self._asked = False
        if answer is None or answer.code == LATER:
            self._ask_at = self._now + AGAIN_S
        elif answer.code == HERE:
            told = self._open(answer.body)
            if told is None or told.after > self._knowledge.uses:
                self._ask_at = self._now + AGAIN_S
                return
            known = self._knowledge.uses
            self._take(told)
            if self._knowledge.uses > known:
                self._ask_at = self._now  # until nothing follows

    def _look_at_pulse(self) -> None:
        """Central signed over our question how far it has come."""
        pulse = self._knowledge.pulse
        if pulse is None:
            return
        if pulse.uses > self._knowledge.uses and self._ask_at is None and not self._asked:
            self._ask_at = self._now
        if pulse.uses < self._knowledge.uses and pulse.heard_at - self._moved_at >= BEHIND_S:
            log.warning("uses: central has lost records that it had: all it has is asked for again")
            self._store.start_again()
            self._knowledge.uses, self._highest = 0, 0
            self._moved_at = self._ask_at = self._now

    # -------------------------------------------------------------- believing and merging

    def _open(self, token: bytes) -> Uses | None:
        """None = it is not believed, and noted."""
        sector, reading = self._trust.profile.sector, self._time.read()
        payload = open_message(
            token, Kind.USES, self._trust.keys, sector, reading.floor, MAX_USES_BYTES + ENVELOPE_BYTES
        )
        if isinstance(payload, Refusal):
            code = str(payload.reason)
        else:
            try:
                told = read_uses(payload)
            except DocumentError:
                code = "malformed"
            else:
                if told.sector == sector and not is_leap(told.at, reading):
                    return told
                code = "future" if told.sector == sector else "foreign"
        self._unbelieved.note(_WHAT, code)
        return None

    def _take(self, told: Uses) -> None:
        """Merge at once, whatever is missed before: each record says how it stands. Raises ``StoreError``."""
        known = self._knowledge.uses
        newer, self._highest = told.upto > self._highest, max(self._highest, told.upto)
        self._early[told.after] = max(told.upto, self._early.get(told.after, 0))
        seq = known
        for after in sorted(self._early):
            if after <= seq:
                seq = max(seq, self._early.pop(after))
        while len(self._early) > MOST_EARLY:  # they are asked for, with what is missed before them
            del self._early[max(self._early)]
        merged = self._store.merge(told, seq)
        if merged.shrunk and newer:  # one that was overtaken may well say less
            self._unbelieved.note(_WHAT, "shrunken")
        if told.upto <= known and not merged.new:
            self._unbelieved.note(_WHAT, "stale")
        if seq != known:
            self._knowledge.uses, self._moved_at = seq, self._now
        if not self._early:
            self._gap_since = None
        elif self._gap_since is None:
            self._gap_since = self._now

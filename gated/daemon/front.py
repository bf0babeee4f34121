"""A lane's face: what it shows, whether it serves, the one log line of each tap."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from gated.daemon.messages import Told
from gated.daemon.timekeeper import TimeKeeper
from gated.model.decision import Granted, Leaving
from gated.model.event import LaneCause, LaneChanged, LaneState
from gated.model.refusal import Reason, Refusal
from gated.ports import Indicator, Signal
from gated.store.journal import Journal
from gated.texts.sentences import Texts
from gated.wire.event import Stamp

log = logging.getLogger(__name__)


#: What a lane needs, and what tells that it is missing or back.
_PARTS = {
    LaneCause.READER_LOST: "reader",
    LaneCause.READER_HUNG: "reader",
    LaneCause.READER_BACK: "reader",
    LaneCause.BARRIER_FAULT: "barrier",
    LaneCause.BARRIER_BACK: "barrier",
}


class Front:
    """One lane's face. Used by the lane's thread."""

    def __init__(
        self,
        lane_id: str,
        journal: Journal,
        time: TimeKeeper,
        indicator: Indicator,
        texts: Sequence[Texts],
        watch: Callable[[Told], None],
    ) -> None:
        self._id = lane_id
        self._journal = journal
        self._time = time
        self._indicator = indicator
        self._texts = texts
        for one in texts:
            one.ready()  # read now: the first visitor waits for no catalogue
        self._watch = watch
        self._missing = {"reader"}
        self._served = False
        self._state: LaneState | None = None  # not told yet

    def serve(self, cause: LaneCause) -> None:
        """What ``cause`` tells is back: the lane is in service, if nothing else is missing."""
        self._missing.discard(_PARTS[cause])
        if not self._missing:
            self._change(LaneState.IN_SERVICE, cause if self._served else LaneCause.STARTED)
            self._served = True
            self._indicator.show(Signal.READY, None, self._say(Texts.ready))

    def fail(self, cause: LaneCause) -> None:
        """The lane is out of service, and says so."""
        self._missing.add(_PARTS[cause])
        self._change(LaneState.OUT_OF_SERVICE, cause)
        self.refuse(Refusal(Reason.OUT_OF_SERVICE, {"cause": str(cause)}))

    def grant(self, decision: Granted | Leaving) -> None:
        """Show that the way is free."""
        now = self._time.read().estimate
        self._indicator.show(Signal.GRANTED, None, self._say(lambda texts: texts.told(decision, now)))

    def refuse(self, refusal: Refusal, next_at: int | None = None) -> None:
        """Show a refusal, and when to come back."""
        out, now = refusal.reason is Reason.OUT_OF_SERVICE, self._time.read().estimate
        self._indicator.show(
            Signal.OUT_OF_SERVICE if out else Signal.REFUSED,
            refusal,
            self._say(lambda texts: texts.refused(refusal, next_at, now)),
        )

    def tell(self, told: Told) -> None:
        """One log line, and a word to whoever watches."""
        log.info(
            "lane %s: %s%s row %s %.0f ms",
            self._id,
            "granted" if told.granted else "refused",
            "" if told.refusal is None else f" {told.refusal}",
            told.seq or "-",
            told.took_s * 1000,
        )
        self._watch(told)

    def _say(self, tell: Callable[[Texts], str]) -> tuple[str, ...]:
        return tuple(tell(texts) for texts in self._texts)

    def _change(self, state: LaneState, cause: LaneCause) -> None:
        if state is self._state:
            return
        self._state = state
        log.info("lane %s: %s (%s)", self._id, state, cause)
        self._journal.append(LaneChanged(self._id, state, cause), Stamp.of(self._time.read()))

"""A lane's face: what it shows at rest and at a tap, and the one log line of each tap."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence

from gated.daemon.messages import Told
from gated.daemon.timekeeper import TimeKeeper
from gated.model.decision import Granted, Leaving, Notice
from gated.model.event import LaneCause
from gated.model.refusal import Reason, Refusal
from gated.policy.standing import Part, Stage, Standing
from gated.ports import Clock, Indicator, Signal
from gated.texts.sentences import Texts

log = logging.getLogger(__name__)

#: Long enough to read four lines; whoever taps next is answered at once all the same.
REFUSAL_S = 5.0

#: What is told of several things that are missing: what takes a person longest to mend.
_WHY = {
    Part.COMMAND: LaneCause.BARRIER_FAULT,
    Part.BARRIER: LaneCause.BARRIER_FAULT,
    Part.FAULT_INPUT: LaneCause.FAULT_INPUT,
    Part.CONTACT: LaneCause.CONTACT_STUCK,
    Part.READER: LaneCause.READER_LOST,
}
#: What staff is asked to have a look for.
_LOOK = (Notice.CONCESSION, Notice.PASSBACK)
_SIGNALS = {Stage.FIRE: Signal.FIRE, Stage.FREE: Signal.FREE, Stage.READY: Signal.READY}
_Rest = tuple[Signal, Refusal | None]


def rest_of(lane: Standing, *, hung: bool = False) -> _Rest | None:
    """What a lane shows while nobody taps; None: leave what is shown, that of the release that is open."""
    if lane.stage is Stage.SHUT:
        if not lane.told and not lane.closed:
            return None  # it has just begun: whether anything is missing is not known yet
        cause = {"cause": str(_why(lane, hung=hung))}
        return Signal.OUT_OF_SERVICE, Refusal(Reason.OUT_OF_SERVICE, cause)
    signal = _SIGNALS.get(lane.stage)
    return None if signal is None else (signal, None)


def _why(lane: Standing, *, hung: bool) -> LaneCause:
    if lane.closed:
        return LaneCause.ORDERED
    cause = next((cause for part, cause in _WHY.items() if part in lane.missing), LaneCause.READER_LOST)
    return LaneCause.READER_HUNG if hung and cause is LaneCause.READER_LOST else cause


class Front:
    """One lane's face. Used by the lane's thread."""

    def __init__(
        self,
        lane_id: str,
        time: TimeKeeper,
        clock: Clock,
        indicator: Indicator,
        texts: Sequence[Texts],
        watch: Callable[[Told], None],
    ) -> None:
        self._id = lane_id
        self._time = time
        self._clock = clock
        self._indicator = indicator
        self._texts = texts
        for one in texts:
            one.ready()  # read now: the first visitor waits for no catalogue
        self._watch = watch
        self.on_reader: Callable[[Signal], None] = lambda _signal: None  # its own light and sound
        self._rest: _Rest | None = None
        self._until = math.inf  # when a refusal has been shown long enough
        self._alarmed_until = -math.inf

    def stand(self, rest: _Rest | None) -> None:
        """Show how the lane stands, if that is news; None = leave what is shown."""
        now = self._clock.monotonic()
        if rest is None or (rest == self._rest and now < self._until):
            return
        if rest[0] is Signal.READY and now < self._alarmed_until:
            return
        self._rest, self._until = rest, math.inf
        signal, refusal = rest
        if refusal is not None:
            self._show_refusal(signal, refusal, None)
        else:
            self._show(signal, None, self._say(_AT_REST[signal]))

    def alarm(self) -> None:
        """Somebody went in without a release: say so for a while."""
        self._rest, self._until = None, math.inf
        self._alarmed_until = self._clock.monotonic() + REFUSAL_S
        self._show(Signal.ALARM, None, self._say(Texts.alarm))

    def grant(self, decision: Granted | Leaving) -> None:
        """Show that the way is free."""
        self._rest, self._until, self._alarmed_until = None, math.inf, -math.inf
        now = self._time.read().estimate
        warnings = decision.warnings if isinstance(decision, Granted) else ()
        look = any(warned.notice in _LOOK for warned in warnings)
        signal = Signal.LOOK if look else Signal.GRANTED
        self._show(signal, None, self._say(lambda texts: texts.told(decision, now)))

    def refuse(self, refusal: Refusal, next_at: int | None = None) -> None:
        """Show a refusal for a while, and when to come back."""
        self._alarmed_until = -math.inf
        out = refusal.reason is Reason.OUT_OF_SERVICE
        signal = Signal.OUT_OF_SERVICE if out else Signal.REFUSED
        # What is shown at rest anyway is not shown once more when its time is over: it would beep again.
        self._until = math.inf if (signal, refusal) == self._rest else self._clock.monotonic() + REFUSAL_S
        self._show_refusal(signal, refusal, next_at)

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

    def _show_refusal(self, signal: Signal, refusal: Refusal, next_at: int | None) -> None:
        now = self._time.read().estimate
        self._show(signal, refusal, self._say(lambda texts: texts.refused(refusal, next_at, now)))

    def _show(self, signal: Signal, refusal: Refusal | None, texts: tuple[str, ...]) -> None:
        self._indicator.show(signal, refusal, texts)
        self.on_reader(signal)

    def _say(self, tell: Callable[[Texts], str]) -> tuple[str, ...]:
        return tuple(tell(texts) for texts in self._texts)


_AT_REST: dict[Signal, Callable[[Texts], str]] = {
    Signal.READY: Texts.ready,
    Signal.FREE: Texts.free,
    Signal.FIRE: Texts.fire,
}

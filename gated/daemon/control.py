"""The porter: says to people how the gate is, takes their orders to the lanes, and tells what lanes show.

The control socket's thread asks it (``gated.links.control.Desk``). It decides nothing, waits for nobody, and
tells neither pass nor medium.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from gated.daemon.clerk import Clerk
from gated.daemon.lane import LaneWorker
from gated.daemon.messages import Answer, Ordering
from gated.daemon.outcomes import Outcomes, Shown
from gated.model.order import Operator
from gated.policy.orders import WhyNot
from gated.ports import Clock
from gated.wire.control import (
    AskOrder,
    Kind,
    Request,
    RequestError,
    Why,
    answer_line,
    orders_line,
)

Reply = Callable[[bytes], None]


class Porter:
    """Used by the control socket's thread; lanes and clerk answer from theirs.

    Args:
        lanes: in the order of the configuration.
        outcomes: what they show.
        clerk: knows the files.
        clock: for deadlines.
        now: what time it is, in seconds since 1970.
        answer_wait_s: how long a lane may take to answer an order; past it nobody knows whether it will obey.

    """

    def __init__(
        self,
        *,
        lanes: Sequence[LaneWorker],
        outcomes: Outcomes,
        clerk: Clerk,
        clock: Clock,
        now: Callable[[], int],
        answer_wait_s: float,
    ) -> None:
        self._lanes = {lane.id: lane for lane in lanes}
        self._outcomes = outcomes
        self._clerk = clerk
        self._clock = clock
        self._now = now
        self._answer_wait_s = answer_wait_s
        self._errands: list[_Errand] = []
        self._silent: set[str] = set()
        self._told: dict[str, dict[str, Any]] = {}

    # -------------------------------------------------------------- questions and orders

    def ask(self, request: Request, user: int, reply: Reply) -> None:
        """Answer a request of a Unix user, later. Raises ``RequestError``."""
        if isinstance(request, AskOrder):
            self._order(request, user, reply)
        else:
            self._clerk.ask(lambda files: reply(answer_line(Kind.STATUS, self._status(files))))

    def tick(self) -> None:
        """Answer for lanes that do not."""
        now = self._clock.monotonic()
        for errand in self._errands:
            if now >= errand.until:
                errand.give_up()
        self._errands = [errand for errand in self._errands if not errand.over]

    def _order(self, request: AskOrder, user: int, reply: Reply) -> None:
        if request.lane is not None and request.lane not in self._lanes:
            known = ", ".join(self._lanes)
            raise RequestError(Why.UNKNOWN_LANE, f"there is no lane {request.lane}; name one of: {known}")
        named = list(self._lanes) if request.lane is None else [request.lane]
        # A lane that still owes an answer gets no second order: it would obey them all when it comes back.
        silent = [lane for lane in named if lane in self._silent]
        errand = _Errand(named, silent, self._silent, self._clock.monotonic() + self._answer_wait_s, reply)
        self._errands.append(errand)
        operator = Operator(request.operator, user, request.reason)
        for lane in named:
            if lane not in silent:
                self._lanes[lane].post(Ordering(request.order, operator, errand.answered, errand.until))

    def _status(self, files: dict[str, Any]) -> dict[str, Any]:
        told = files.get("lanes") or {}
        lanes = {}
        for lane, worker in self._lanes.items():
            stands = _standing(worker)
            noted = told.get(lane, {})
            same = noted.get("state") == stands["state"]  # else the row is not there yet
            lanes[lane] = stands | {
                "cause": noted.get("cause") if same else None,
                "since": noted.get("since") if same else None,
                "outcomes": [_outcome(shown) for shown in self._outcomes.last(lane)],
            }
        return files | {"running": True, "at": self._now(), "lanes": lanes}

    # -------------------------------------------------------------- the stream

    def listen(self, wake: Callable[[], None] | None) -> None:
        """Somebody watches from now on; None = nobody any more."""
        self._told = {}
        self._outcomes.listen(wake)

    def picture(self) -> Sequence[bytes]:
        """How each lane stands, and what it shows."""
        shows = self._outcomes.shows()
        lines = []
        for lane, worker in self._lanes.items():
            lines.append(answer_line(Kind.STANDS, {"lane": lane, **_standing(worker)}))
            if lane in shows:
                lines.append(_shown(shows[lane]))
        return lines

    def news(self) -> Sequence[bytes] | None:
        """What was shown since the last call, and which lanes stand otherwise now; None = some is lost."""
        taken = self._outcomes.take()
        if taken is None:
            return None
        lines = [_shown(shown) for shown in taken]
        for lane, worker in self._lanes.items():
            stands = _standing(worker)
            if self._told.get(lane, stands) != stands:
                lines.append(answer_line(Kind.STANDS, {"lane": lane, **stands}))
            self._told[lane] = stands
        return lines

    def alive(self) -> bytes:
        """Nothing happened, and the gate is there."""
        return answer_line(Kind.ALIVE, {"at": self._now()})


class _Errand:
    """One order on its way to some lanes. Ended once: by the last answer, or by its deadline."""

    def __init__(
        self, lanes: Sequence[str], silent: Sequence[str], owing: set[str], until: float, reply: Reply
    ) -> None:
        self.until = until
        self.over = False
        self._lanes = lanes
        self._owing = owing
        self._reply = reply
        self._lock = threading.Lock()
        self._answers: dict[str, WhyNot | None] = dict.fromkeys(silent, WhyNot.NO_ANSWER)
        self._end_if_done()

    def answered(self, answer: Answer) -> None:
        """From a lane's thread."""
        with self._lock:
            self._owing.discard(answer.lane)
            if self.over:
                return
            self._answers[answer.lane] = answer.refused
            self._end_if_done()

    def give_up(self) -> None:
        """Its deadline is over."""
        with self._lock:
            for lane in self._lanes:
                if not self.over and lane not in self._answers:
                    self._owing.add(lane)
                    self._answers[lane] = WhyNot.NO_ANSWER
            if not self.over:
                self._end_if_done()

    def _end_if_done(self) -> None:
        if len(self._answers) == len(self._lanes):
            self.over = True
            self._reply(orders_line((lane, self._answers[lane]) for lane in self._lanes))


def _standing(worker: LaneWorker) -> dict[str, Any]:
    lane = worker.standing
    release = lane.release
    return {
        "direction": "exit" if lane.leads_out else "entry",
        "state": lane.state,
        "stage": lane.stage,
        "mode": lane.mode,
        "missing": sorted(lane.lacks),
        "alarm": lane.alarm,
        "release": None if release is None else {"persons": release.persons, "passed": release.passed},
        "hung": worker.hung(),
    }


def _outcome(shown: Shown) -> dict[str, Any]:
    refusal = shown.refusal
    return {
        "at": shown.at,
        "signal": shown.signal,
        "reason": None if refusal is None else refusal.reason,
        "params": {} if refusal is None else dict(refusal.params),
    }


def _shown(shown: Shown) -> bytes:
    return answer_line(Kind.SHOWN, {"lane": shown.lane, **_outcome(shown), "texts": shown.texts})

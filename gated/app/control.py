"""The gate's door for people, put together: porter, clerk and control socket."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from gated.config.settings import Settings
from gated.daemon.beliefs import Trust
from gated.daemon.clerk import Clerk
from gated.daemon.control import Porter
from gated.daemon.knowledge import Knowledge
from gated.daemon.lane import LaneWorker
from gated.daemon.outcomes import Outcomes
from gated.daemon.timekeeper import TimeKeeper
from gated.errors import LinkError
from gated.links.control import ControlServer
from gated.ports import Clock, Indicator

log = logging.getLogger(__name__)

#: A lane may be in the middle of a tap, which waits for its row once, and then waits for that of the order.
_WAITS = 2
_MORE_S = 2.0
_STOP_S = 2.0


class Control:
    """Made before the lanes, started after them, stopped before them."""

    def __init__(
        self, settings: Settings, trust: Trust, time: TimeKeeper, clock: Clock, knowledge: Knowledge
    ) -> None:
        self._settings = settings
        self._trust = trust
        self._time = time
        self._clock = clock
        self._knowledge = knowledge
        self._outcomes = Outcomes([lane.lane.id for lane in settings.lanes], self._now)
        self._clerk: Clerk | None = None
        self._server: ControlServer | None = None

    def beside(self, lane: str, indicator: Indicator) -> Indicator:
        """A lane's indicator that whoever watches the socket sees too."""
        return self._outcomes.beside(lane, indicator)

    def start(self, lanes: Sequence[LaneWorker]) -> None:
        """Answer at the socket. A gate that cannot have one serves without: no visitor needs it."""
        settings = self._settings
        self._clerk = Clerk(
            settings.state_dir,
            self._trust.profile,
            exits_counted=settings.exits_counted,
            time=self._time,
            clock=self._clock,
            knowledge=self._knowledge,
        )
        porter = Porter(
            lanes=lanes,
            outcomes=self._outcomes,
            clerk=self._clerk,
            clock=self._clock,
            now=self._now,
            answer_wait_s=_WAITS * settings.journal_wait_s + _MORE_S,
        )
        self._server = ControlServer(settings.control, porter, self._clock.monotonic)
        try:
            self._server.open()
        except LinkError as error:
            log.error("serving without the control socket: %s", error)
            self.stop()
            return
        self._clerk.start()
        self._server.start()

    def stop(self) -> None:
        """Answer nobody any more."""
        if self._server is not None:
            self._server.stop(_STOP_S)
            self._server = None
        if self._clerk is not None:
            self._clerk.stop(_STOP_S)
            self._clerk = None

    def _now(self) -> int:
        return self._time.read().estimate

"""The thread of one lane: it takes messages from one inbox, in order, and looks at its deadlines."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial

from gated.daemon.messages import Message
from gated.daemon.reader_worker import ReaderWorker
from gated.daemon.walkway import Walkway
from gated.model.barrier import BarrierEvent, FireAlarm, FireQuiet
from gated.policy.happening import FireElsewhere
from gated.policy.standing import Standing

log = logging.getLogger(__name__)


class LaneWorker:
    """The thread of one lane.

    Args:
        walkway: what the lane does.
        monotonic: seconds that never go back, for the heartbeat.

    """

    def __init__(self, walkway: Walkway, monotonic: Callable[[], float]) -> None:
        self._walkway = walkway
        self._monotonic = monotonic
        self._inbox: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._reader: ReaderWorker | None = None
        self._thread = threading.Thread(target=self._run, name=f"lane {walkway.id}", daemon=True)
        self.on_fire: Callable[[LaneWorker], None] = lambda _lane: None
        self.on_quiet: Callable[[LaneWorker], None] = lambda _lane: None
        self.beat = monotonic()

    def post(self, message: Message) -> None:
        """Tell the lane; from any thread."""
        self._inbox.put(message)

    def open_at_once(self) -> None:
        """Open for a fire that was told by ``alarm``, without waiting for the lane; from any thread."""
        self._walkway.open_at_once()

    @property
    def id(self) -> str:
        """As in the configuration."""
        return self._walkway.id

    @property
    def standing(self) -> Standing:
        """How it stands now; from any thread."""
        return self._walkway.standing

    def start(self, reader: ReaderWorker) -> None:
        """Start serving with this reader."""
        self._reader = reader
        self._thread.start()
        reader.start()

    def stop(self, timeout_s: float) -> None:
        """Stop serving. A release still open is settled; a fire stays open."""
        self._inbox.put(None)
        self._thread.join(timeout_s)
        if self._reader is not None:
            self._reader.stop(timeout_s)

    def hung(self) -> bool:
        """Whether a medium holds the reader past its deadline."""
        return self._walkway.hung()

    def hung_too_long(self) -> bool:
        """Whether a medium has held the reader past all patience."""
        return self._walkway.hung_too_long()

    # -------------------------------------------------------------- the thread

    def _run(self) -> None:
        assert self._reader is not None
        self._do(partial(self._walkway.begin, self._reader, self._heard))
        while True:
            self.beat = self._monotonic()
            try:
                message = self._inbox.get(timeout=self._walkway.patience())
            except queue.Empty:
                self._do(self._walkway.tick)
                continue
            if message is None:
                self._hear_alarms()
                self._do(self._walkway.end)
                return
            self._do(partial(self._walkway.handle, message))
            self._do(self._walkway.tick)

    def _heard(self, event: BarrierEvent) -> None:
        """From any thread. A fire waits for nothing that a lane may be waiting for."""
        if isinstance(event, FireAlarm):
            self.alarm(event)
            self.on_fire(self)
            return
        self._inbox.put(event)
        if isinstance(event, FireQuiet):
            self.on_quiet(self)

    def alarm(self, event: FireAlarm | FireElsewhere) -> None:
        """Hear of a fire; from any thread, and at once."""
        self._walkway.expect_alarm()
        self._inbox.put(event)

    def _do(self, step: Callable[[], None]) -> None:
        try:
            step()
        except Exception:  # a bug must not close the lane for good, nor open it
            log.exception("lane %s: unexpected", self._walkway.id)
            with suppress(Exception):
                self._walkway.fail()

    def _hear_alarms(self) -> None:
        """A fire that was told as the lane stopped must be known at the next start."""
        while True:
            try:
                message = self._inbox.get_nowait()
            except queue.Empty:
                return
            if isinstance(message, FireAlarm | FireElsewhere):
                self._do(partial(self._walkway.handle, message))

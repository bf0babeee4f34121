"""A lane's reader, in a thread of its own: open, sense, converse, wait for removal, reopen.

This thread may hang for ever in a card that answers nothing: PC/SC has no deadline (measured: 23 s and
more, and a cancel does not help). So the deadline is the lane's, outside, and there is never a second
thread on a reader that hangs.
"""

from __future__ import annotations

import logging
import math
import threading
from collections import deque
from collections.abc import Callable, Mapping

from gated.card.talk import Conversation, Result
from gated.daemon.conversing import Timed, converse
from gated.daemon.messages import Conversed, Conversing, Message, ReaderLost, ReaderReady
from gated.errors import CardError, ReaderError
from gated.policy.round_trip import in_time
from gated.ports import Reader, Signal

log = logging.getLogger(__name__)

#: One wait; between two of them the thread looks whether it shall stop.
WAIT_S = 1.0
#: While a medium lies there a light may be due at any moment, and an interrupt that comes just before a wait
#: is lost: so these waits are short.
REMOVAL_WAIT_S = 0.1
#: Reopening a lost reader: first at once, then ever slower, for a plug may take a second or a day.
BACKOFF_S = (0.05, 2.0)
#: One that served for so long before it was lost is tried at once again.
STEADY_S = 5.0


class ReaderWorker:
    """The thread of one reader.

    Args:
        converse: begins a conversation with a medium, given its UID.
        post: tells the lane.
        monotonic: seconds that never go back, for the heartbeat and for how long a medium took.
        round_trips_s: by scheme, how long its fresh answer may take at most.
        patience_s: after this no further command is sent to a medium.

    """

    def __init__(
        self,
        reader: Reader,
        converse: Callable[[bytes | None], Conversation],
        post: Callable[[Message], None],
        monotonic: Callable[[], float],
        round_trips_s: Mapping[str, float] | None = None,
        patience_s: float = math.inf,
    ) -> None:
        self._reader = reader
        self._converse = converse
        self._post = post
        self._round_trips_s = round_trips_s or {}
        self._patience_s = patience_s
        self._stopping = threading.Event()
        self._called = threading.Event()  # something is to be done other than sensing
        self._signals: deque[Signal] = deque(maxlen=1)  # not shown yet: the latest wins
        self._shown: Signal | None = None
        self._again: Signal | None = None  # to a reader that was away
        self._dark = False  # its light failed: told once
        self._tap = 0
        self._go_on_after = -1  # the tap after which the lane lets us sense
        self._told = ""  # the last trouble with a medium: told once, not at every tap
        self._monotonic = monotonic
        self.beat = monotonic()  # when the reader last came back to us
        self._thread = threading.Thread(target=self._run, name=f"reader {reader.name}", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def go_on(self, tap: int) -> None:
        """The lane is ready for the next medium; ``tap`` is the last that it knows of.

        It may not know yet that another has begun: then this says nothing about that one.
        """
        self._go_on_after = tap
        self._called.set()

    def show(self, signal: Signal) -> None:
        """Have the reader's own light and sound say it, soon: between two waits of the reader's thread.

        Any thread may call; never blocks, never raises. Of several the latest is shown. A reader that was
        away shows it again when it is back.
        """
        self._signals.append(signal)
        self._called.set()
        self._reader.interrupt()

    def nudge(self) -> None:
        """Ask a hung reader to let go. Best effort."""
        self._reader.interrupt()

    def stop(self, timeout_s: float) -> bool:
        """Stop the thread. False = it hangs in the reader; it dies with the process."""
        self._stopping.set()
        self._called.set()
        # A cancel only hits a wait that is already pending: repeat it.
        for _ in range(max(1, int(timeout_s / 0.05))):
            self._reader.interrupt()
            self._thread.join(0.05)
            if not self._thread.is_alive():
                return True
        return False

    def _run(self) -> None:
        delay, lost, ready_at = BACKOFF_S[0], False, math.inf
        while not self._stopping.is_set():
            self.beat = self._monotonic()
            try:
                self._reader.open()
                self._reader.wait_card(0.0)  # one that opens and cannot sense is lost all the same
                lost, ready_at = False, self._monotonic()
                self._again = self._shown
                self._post(ReaderReady())
                while not self._stopping.is_set():
                    self._one_tap()
            except Exception as error:  # whatever a driver raises, the thread lives on
                if not isinstance(error, ReaderError):
                    log.exception("reader %s: unexpected", self._reader.name)
                if not lost:  # told once per loss, not at every attempt
                    self._post(ReaderLost(str(error)))
                # Each loss and return is a row: one that comes and goes must not fill the journal.
                if self._monotonic() - ready_at >= STEADY_S:
                    delay = BACKOFF_S[0]
                lost, ready_at = True, math.inf
                self._reader.close()
                self._stopping.wait(delay)
                delay = min(delay * 2, BACKOFF_S[1])
        self._reader.close()

    def _one_tap(self) -> None:
        self.beat = self._monotonic()
        self._show()
        if self._go_on_after != self._tap:
            self._called.wait(WAIT_S)
            self._called.clear()
            return
        if not self._reader.wait_card(WAIT_S):
            return
        self._tap += 1
        # Before the first byte is exchanged: from here on the medium can hold this thread.
        self._post(Conversing(self._tap, self._monotonic()))
        proved = self._prove()
        self._post(Conversed(self._tap, proved, self._monotonic()))
        self._show()
        while not self._stopping.is_set() and not self._reader.wait_removed(REMOVAL_WAIT_S):
            self.beat = self._monotonic()
            self._show()

    def _show(self) -> None:
        signal = self._signals.pop() if self._signals else self._again  # nobody else pops
        self._again = None
        if signal is None:
            return
        self._shown = signal
        try:
            self._reader.show(signal)
        except Exception:  # a lamp ends no thread, whatever its driver thinks of
            if not self._dark:
                log.exception("reader %s: its light cannot be used", self._reader.name)
            self._dark = True

    def _prove(self) -> Result:
        try:
            session = self._reader.connect()
        except CardError as error:
            # It left before we could tell whose it was, or another program holds it: none of ours.
            if str(error) != self._told:
                log.warning("%s", error)
            self._told = str(error)
            return None
        self._told = ""
        try:
            timed = Timed(session, self._monotonic, self._patience_s)
            result = converse(self._converse(session.uid), timed)
            return in_time(result, timed.trips_s, self._round_trips_s)
        finally:
            session.close()

"""What lanes show, remembered and passed on: the stream behind the control socket.

A lane's thread only puts down what it shows; it wakes nobody unless somebody watches, and never waits.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from gated.model.refusal import Refusal
from gated.ports import Indicator, Signal

#: Of each lane; a status of 16 lanes must fit into one line.
REMEMBERED = 8
#: That nobody fetched yet. A lane shows two things at a tap: more than these, and who watches sleeps.
MAX_UNTOLD = 512


class Shown(NamedTuple):
    """What a lane shows from ``at`` on (seconds since 1970, as this gate believes). It names nobody."""

    lane: str
    at: int
    signal: Signal
    refusal: Refusal | None
    texts: tuple[str, ...]


class Outcomes:
    """Lanes put in, from their threads; one thread takes out.

    Args:
        lanes: their ids.
        now: what time it is.

    """

    def __init__(self, lanes: Iterable[str], now: Callable[[], int]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._last: dict[str, deque[Shown]] = {lane: deque(maxlen=REMEMBERED) for lane in lanes}
        self._shows: dict[str, Shown] = {}
        self._untold: deque[Shown] = deque()
        self._lost = False
        self._wake: Callable[[], None] | None = None

    def beside(self, lane: str, indicator: Indicator) -> Indicator:
        """An indicator that shows by another one, and puts down what it showed."""
        return _Noted(lane, indicator, self._put)

    def listen(self, wake: Callable[[], None] | None) -> None:
        """Somebody watches from now on; None = nobody any more."""
        with self._lock:
            self._wake = wake
            self._untold.clear()
            self._lost = False

    def take(self) -> Sequence[Shown] | None:
        """What was shown since the last call; None = more than is kept."""
        with self._lock:
            taken, lost = list(self._untold), self._lost
            self._untold.clear()
            self._lost = False
        return None if lost else taken

    def shows(self) -> Mapping[str, Shown]:
        """What each lane shows now; a lane that has not begun shows nothing."""
        with self._lock:
            return dict(self._shows)

    def last(self, lane: str) -> Sequence[Shown]:
        """The last things that a lane showed, the oldest first, but for its waiting."""
        with self._lock:
            return tuple(self._last[lane])

    def _put(self, lane: str, signal: Signal, refusal: Refusal | None, texts: Sequence[str]) -> None:
        shown = Shown(lane, self._now(), signal, refusal, tuple(texts))
        with self._lock:
            self._shows[lane] = shown
            if signal is not Signal.READY:
                self._last[lane].append(shown)
            wake = self._wake
            if wake is None:
                return
            self._lost |= len(self._untold) >= MAX_UNTOLD
            if not self._lost:
                self._untold.append(shown)
        wake()


class _Noted:
    def __init__(
        self,
        lane: str,
        beside: Indicator,
        put: Callable[[str, Signal, Refusal | None, Sequence[str]], None],
    ) -> None:
        self._lane = lane
        self._beside = beside
        self._put = put

    def show(self, signal: Signal, refusal: Refusal | None = None, texts: Sequence[str] = ()) -> None:
        """Show a signal until the next one: people first, then whoever watches."""
        self._beside.show(signal, refusal, texts)
        self._put(self._lane, signal, refusal, texts)

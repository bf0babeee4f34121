"""Go-back-N: what was sent and not yet acknowledged (docs/reference/sync.md).

Pure bookkeeping over row numbers that only grow. The journal is the queue, so this forgets freely: going
back costs a resend, and central takes the same row twice without counting it twice.
"""

from __future__ import annotations

from collections import deque


class Window:
    """Rows up to ``acked`` are central's; those up to ``sent`` are on their way, in ``outstanding`` batches.

    Until the first receipt of a connection one batch is out at a time: after an outage of the whole city
    every gate begins with one.
    """

    def __init__(self, acked: int, *, most: int = 4) -> None:
        self.acked = self.sent = acked
        self._most = most
        self._open = 1
        self._ends: deque[int] = deque()  # newest row of each outstanding batch
        self._progress: float | None = None  # when something last moved while something was out

    @property
    def outstanding(self) -> int:
        """Batches on their way."""
        return len(self._ends)

    def has_room(self) -> bool:
        """Whether another batch may be sent."""
        return len(self._ends) < self._open

    def note_sent(self, last: int, now: float) -> None:
        """A batch that ends with row ``last`` was handed over."""
        if not self._ends:
            self._progress = now
        self.sent = last
        self._ends.append(last)

    def note_acked(self, upto: int, now: float) -> bool:
        """Central has everything up to this row. False = it was known."""
        if upto <= self.acked:
            return False
        self.acked = upto
        self.sent = max(self.sent, upto)
        while self._ends and self._ends[0] <= upto:
            self._ends.popleft()
        self._open = self._most
        self._progress = now
        return True

    def rewind(self, acked: int | None = None) -> None:
        """Begin again after what is acknowledged, or further back, where central has lost it."""
        if acked is not None:
            self.acked = acked
        self.sent = self.acked
        self._ends.clear()
        self._open = 1

    def waited(self, now: float) -> float:
        """How long nothing has moved although something is out, in seconds."""
        return 0.0 if self._progress is None or not self._ends else now - self._progress

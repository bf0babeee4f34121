"""What a barrier has to tell, in order: each trouble once until it is over."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from gated.model.barrier import BarrierEvent, Cleared, Faulted, Trouble


class Report:
    """Filled under the barrier's lock, told without it: whoever hears may command barriers at once."""

    def __init__(self) -> None:
        self._due: deque[BarrierEvent] = deque()
        self._troubles: set[Trouble] = set()

    def put(self, event: BarrierEvent) -> None:
        """Something else than a trouble."""
        self._due.append(event)

    def fault(self, trouble: Trouble, detail: str) -> None:
        """A trouble begins, unless it was told already."""
        if trouble not in self._troubles:
            self._troubles.add(trouble)
            self._due.append(Faulted(trouble, detail))

    def clear(self, trouble: Trouble) -> None:
        """A trouble is over, if there was one."""
        if trouble in self._troubles:
            self._troubles.remove(trouble)
            self._due.append(Cleared(trouble))

    def tell(self, tell: Callable[[BarrierEvent], None], until: Callable[[], bool]) -> None:
        """Tell all that is due; nothing more once ``until`` says so."""
        while self._due and not until():
            tell(self._due.popleft())

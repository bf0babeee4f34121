"""What lanes and the journal's thread hand each other."""

from __future__ import annotations

import threading
from typing import NamedTuple

from gated.errors import StoreError
from gated.model.order import Mode

#: Counters are kept this long after their entitlement ended, for complaints and late reports.
COUNTER_GRACE_S = 90 * 86400


class Reservation(NamedTuple):
    """Uses and people to be counted tentatively with a grant."""

    lane: str
    cti: bytes
    venue: str
    day: int  # yyyymmdd in the venue's time zone
    uses: int  # 0 where the entry is free: its people are counted all the same
    persons: int
    keep_until: int | None  # when the counter may be forgotten; None = with the journal
    pass_: bytes | None = None  # whose presence it is; None = nobody's
    zone: str = ""
    shift: int = 0  # the venue's service day: yyyymmdd of the day that it began on
    at: int = 0  # when it was granted, in seconds since 1970; 0 = not known
    leads_out: bool = False  # its people are let out, and counted as gone


class Move(NamedTuple):
    """People who went in or out beside the releases, to be counted with the row that says so."""

    shift: int
    zone: str
    pass_: bytes | None  # None: they count in the venue's occupancy, and in nobody's presence
    persons: int  # in; below zero: out
    watched: bool = False  # whether the venue watches who is inside there: then rows tell zone and shift


class Kept(NamedTuple):
    """How a lane stands by order, restarts included: see ``gated.policy.lane``."""

    lane: str
    mode: Mode
    burning: bool  # nobody has re-armed it


class Unsettled(NamedTuple):
    """A release that nobody settled."""

    row_id: int
    decision: int  # seq of the row that granted it
    epoch: str
    lane: str
    persons: int


class Ticket:
    """A place in the writer's queue. The lane waits on it; either side may be first to end it."""

    __slots__ = ("_ended", "_lock", "_pending", "error", "seq")

    def __init__(self) -> None:
        self._pending = threading.Lock()
        self._pending.acquire()
        self._lock = threading.Lock()
        self._ended = False
        self.seq = 0
        self.error: StoreError | None = None

    def wait(self, timeout_s: float) -> int:
        """The row's seq, once it is durable. 0 = not in time: the row was given up.

        Raises ``StoreError`` when the row could not be written.
        """
        if self._pending.acquire(timeout=max(0.0, timeout_s)):
            return self._result()
        with self._lock:
            if self._ended:
                return self._result()
            self._ended = True
        return 0

    def look(self, timeout_s: float) -> int:
        """As ``wait``, but the row is not given up: 0 = not yet. Raises ``StoreError``."""
        if not self._pending.acquire(timeout=timeout_s):
            return 0
        self._pending.release()  # whoever looks again finds it so
        return self._result()

    def _result(self) -> int:
        if self.error is not None:
            raise self.error
        return self.seq

    def land(self, seq: int) -> bool:
        """The row is durable. False = nobody waits any more."""
        return self._end(seq, None)

    def fail(self, error: StoreError) -> bool:
        """The row is not there. False = nobody waits any more."""
        return self._end(0, error)

    def _end(self, seq: int, error: StoreError | None) -> bool:
        with self._lock:
            if self._ended:
                return False
            self._ended, self.seq, self.error = True, seq, error
        self._pending.release()
        return True

"""The gate's time: clocks read against a floor that only signed time moves."""

from __future__ import annotations

import threading

from gated.model.time import TimeReading
from gated.policy.reckoning import EARLIEST, Floor, raised, reckon
from gated.ports import Clock
from gated.store.floors import TIME, Floors

#: How often the carried floor is made durable: what a power cut can cost of it.
PERSIST_S = 900.0


class TimeKeeper:
    """Read by every lane; moved by housekeeping alone."""

    def __init__(self, clock: Clock, floors: Floors) -> None:
        self._clock = clock
        self._floors = floors
        self._lock = threading.Lock()
        sample = clock.sample()
        self._floor = Floor(max(EARLIEST, floors.get(TIME)), sample.boottime, sample.boot)
        self._persisted = clock.monotonic()

    def read(self) -> TimeReading:
        """What time it is, as honestly as we know."""
        sample = self._clock.sample()
        with self._lock:
            floor = self._floor
        return reckon(floor, sample)

    def learn(self, signed: int) -> None:
        """A signed time was verified."""
        with self._lock:
            self._floor = raised(self._floor, signed, self._clock.sample())
        self.persist()

    def persist(self) -> None:
        """Make the floor durable. Raises ``StoreError``."""
        self._persisted = self._clock.monotonic()
        self._floors.raise_to(TIME, self.read().floor)

    def persist_if_due(self) -> None:
        """Make the floor durable now and then. Raises ``StoreError``."""
        if self._clock.monotonic() - self._persisted >= PERSIST_S:
            self.persist()

"""The gate's time: clocks read against bounds that only signed time moves."""

from __future__ import annotations

import threading
from pathlib import Path

from gated.model.time import TimeReading
from gated.policy.reckoning import begun, learnt, pulsed
from gated.ports import Clock
from gated.store.floors import TIME, Floors
from gated.store.time_note import read_time_note, write_time_note

#: How often the carried floor is made durable: what a power cut can cost of it.
PERSIST_S = 900.0
#: Where central's answer tells more than the floor that is durable, it is made so at most this often; and a
#: floor that it moves by less can wait: each step costs a flush of two files.
LEAP_S = 30.0


class TimeKeeper:
    """Read by every lane; moved by housekeeping, and in memory alone by the sync thread."""

    def __init__(self, clock: Clock, floors: Floors, note: Path | None = None) -> None:
        self._clock = clock
        self._floors = floors
        self._note = note
        self._lock = threading.Lock()
        left = None if note is None else read_time_note(note)
        self._bounds = begun(floors.get(TIME), left, clock.sample())
        self._persisted = clock.monotonic()
        self._leapt = False  # since it was made durable

    def read(self) -> TimeReading:
        """What time it is, as honestly as we know."""
        sample = self._clock.sample()
        with self._lock:
            bounds = self._bounds
        return bounds.reckon(sample)

    def learn(self, signed: int) -> None:
        """A signed time was verified. Raises ``StoreError``."""
        with self._lock:
            self._bounds = learnt(self._bounds, signed, self._clock.sample())
        self.persist()

    def answered(self, signed: int, rtt_s: float | None) -> None:
        """Central answered a fresh question; None = so late that it says no more than a signed time does.

        From any thread: it is in force at once, and durable when housekeeping comes to it.
        """
        with self._lock:
            bounds, sample = self._bounds, self._clock.sample()
            leap = signed - bounds.floor.carried_to(sample)
            moved = learnt(bounds, signed, sample) if rtt_s is None else pulsed(bounds, signed, rtt_s, sample)
            self._leapt |= leap >= LEAP_S or (bounds.ceiling is None) is not (moved.ceiling is None)
            self._bounds = moved

    def persist(self) -> None:
        """Make the floor durable. Raises ``StoreError``."""
        self._persisted = self._clock.monotonic()
        with self._lock:
            bounds, self._leapt = self._bounds, False
        sample = self._clock.sample()
        self._floors.raise_to(TIME, bounds.reckon(sample).floor)
        if self._note is not None:
            write_time_note(self._note, bounds.note(sample))

    def persist_if_due(self) -> None:
        """Make the floor durable now and then. Raises ``StoreError``."""
        since = self._clock.monotonic() - self._persisted
        if since >= PERSIST_S or (self._leapt and since >= LEAP_S):
            self.persist()

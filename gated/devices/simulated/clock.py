"""A clock that stands still until it is told to go."""

from __future__ import annotations

from gated.model.time import ClockSample


class SimulatedClock:
    """Wall clock, boot clock and boot number, each to be set."""

    def __init__(self, wall: int, boottime: float = 60.0, boot: str = "00000000000000b1") -> None:
        self.wall = float(wall)
        self.boottime = boottime
        self.boot = boot
        self._monotonic = 1000.0

    def sample(self) -> ClockSample:
        """What the clocks say now."""
        return ClockSample(wall=int(self.wall), boottime=self.boottime, boot=self.boot)

    def monotonic(self) -> float:
        """Seconds that never go back, reboots included."""
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.wall += seconds
        self.boottime += seconds
        self._monotonic += seconds

    def reboot(self, wall: int, off_s: float = 0.0) -> None:
        """Boot again with the wall clock at ``wall``, after ``off_s`` seconds without power."""
        self.wall = float(wall)
        self.boottime = 0.0
        self.boot = f"{int(self.boot, 16) + 1:016x}"
        self._monotonic += off_s

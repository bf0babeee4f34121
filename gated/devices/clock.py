"""The machine's clocks. The only place that reads them."""

from __future__ import annotations

import time
from pathlib import Path

from gated.model.time import ClockSample


class SystemClock:
    """CLOCK_REALTIME, CLOCK_BOOTTIME and the kernel's boot id (Linux)."""

    def __init__(self) -> None:
        boot_id = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")
        self._boot = boot_id.strip().replace("-", "")[:16]

    def sample(self) -> ClockSample:
        """What the clocks say now."""
        return ClockSample(
            wall=int(time.time()),  # noqa: TID251  # this is the place
            boottime=time.clock_gettime(time.CLOCK_BOOTTIME),
            boot=self._boot,
        )

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()  # noqa: TID251  # this is the place

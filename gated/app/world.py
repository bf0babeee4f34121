"""What stands around a gate: its clock, its devices, its link, its randomness."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from gated.daemon.messages import Told
from gated.devices.clock import SystemClock
from gated.ports import Barrier, Clock, Indicator, Link, Reader


@dataclass(slots=True)
class World:
    """What stands around a gate. Left out, a part is made from the configuration."""

    clock: Clock = field(default_factory=SystemClock)
    readers: Mapping[str, Reader] = field(default_factory=dict)  # by lane
    barriers: Mapping[str, Barrier] = field(default_factory=dict)  # by lane
    indicators: Mapping[str, Indicator] = field(default_factory=dict)  # by lane
    link: Link | None = None
    random: Callable[[int], bytes] = secrets.token_bytes
    jitter: Callable[[], float] = secrets.SystemRandom().random  # 0 ≤ x < 1
    watch: Callable[[Told], None] = lambda _told: None

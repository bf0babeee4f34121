"""How old what the gate knows is, and whether it knows what others do.

Written by the sync thread, read by lanes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from gated.model.venue import Staleness
from gated.policy.freshness import LOST, freshness

#: A signed pulse of central says that nothing is kept from us, for so long; seconds.
PULSE_COUNTS_S = 40.0


class Pulse(NamedTuple):
    """How far central has come, as it signed over our nonce: versions and numbers, 0 = there is none."""

    at: int  # central's time, seconds since 1970
    head: int  # version of the sector's newest head
    uses: int  # number of the sector's newest use record
    trust: int  # version of the newest timestamp of the trust repository
    heard_at: float  # monotonic seconds


class Knowledge:
    """One per gate. Each attribute is replaced as a whole, so readers need no lock."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        #: ``at`` of the newest head that is applied, seconds since 1970; None = there never was one.
        self.head_at: int | None = None
        #: Whether a head is to be there: it was once, and without one all is lost.
        self.expected = False
        #: Number of the newest use record that was applied without a gap.
        self.uses = 0
        #: The newest verified answer; None = none on this link.
        self.pulse: Pulse | None = None

    @property
    def known_at(self) -> int | None:
        """When what is known here was signed; None = it is not judged."""
        known_at = self.head_at
        return LOST if known_at is None and self.expected else known_at

    def told(self, floor: int, limits: Staleness) -> dict[str, Any] | None:
        """``knowledge`` of ``gated status --json``; None = it is not judged."""
        known_at = self.known_at
        state = freshness(known_at, floor, limits)
        if state is None:
            return None
        age_s = max(0, floor - known_at) if known_at else None
        return {"state": state, "known_at": known_at or None, "age_s": age_s}

    def pulse_that_counts(self, now: float) -> Pulse | None:
        """The newest, at ``now`` in monotonic seconds; None = there is none so young."""
        pulse = self.pulse
        return None if pulse is None or now - pulse.heard_at > PULSE_COUNTS_S else pulse

    def link_lost(self) -> None:
        """What others do is not known from now on."""
        self.pulse = None

    def uses_known(self) -> bool:
        """Whether all uses that central knows of are known here."""
        pulse = self.pulse_that_counts(self._monotonic())
        return pulse is not None and self.uses >= pulse.uses

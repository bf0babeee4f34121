"""How old what the gate knows is, and whether it knows what others do.

Written by the sync thread, read by lanes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

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
        #: Number of the newest use record that was applied without a gap.
        self.uses = 0
        #: The newest verified answer; None = none on this link.
        self.pulse: Pulse | None = None

    def link_lost(self) -> None:
        """What others do is not known from now on."""
        self.pulse = None

    def uses_known(self) -> bool:
        """Whether all uses that central knows of are known here."""
        pulse = self.pulse
        if pulse is None or self._monotonic() - pulse.heard_at > PULSE_COUNTS_S:
            return False
        return self.uses >= pulse.uses

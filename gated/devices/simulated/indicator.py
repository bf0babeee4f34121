"""A lamp one can read back."""

from __future__ import annotations

from gated.model.refusal import Refusal
from gated.ports import Signal


class SimulatedIndicator:
    """Remembers the last signal."""

    def __init__(self) -> None:
        self.signal = Signal.READY
        self.refusal: Refusal | None = None

    def show(self, signal: Signal, refusal: Refusal | None = None) -> None:
        """Show a signal until the next one."""
        self.signal, self.refusal = signal, refusal

"""A lamp one can read back."""

from __future__ import annotations

from collections.abc import Sequence

from gated.model.refusal import Refusal
from gated.ports import Signal


class SimulatedIndicator:
    """Remembers the last signal."""

    def __init__(self) -> None:
        self.signal = Signal.READY
        self.refusal: Refusal | None = None
        self.texts: tuple[str, ...] = ()

    def show(self, signal: Signal, refusal: Refusal | None = None, texts: Sequence[str] = ()) -> None:
        """Show a signal until the next one."""
        self.signal, self.refusal, self.texts = signal, refusal, tuple(texts)

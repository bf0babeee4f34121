"""A lamp one can read back."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from gated.model.refusal import Refusal
from gated.ports import Signal


class Shown(NamedTuple):
    """What was shown once."""

    signal: Signal
    refusal: Refusal | None
    texts: tuple[str, ...]


class SimulatedIndicator:
    """Remembers the last signal, and in ``history`` some before it, the last one last."""

    def __init__(self, *, remembers: int = 100) -> None:
        self.signal = Signal.READY
        self.refusal: Refusal | None = None
        self.texts: tuple[str, ...] = ()
        self.history: deque[Shown] = deque(maxlen=remembers)

    def show(self, signal: Signal, refusal: Refusal | None = None, texts: Sequence[str] = ()) -> None:
        """Show a signal until the next one."""
        self.signal, self.refusal, self.texts = signal, refusal, tuple(texts)
        self.history.append(Shown(signal, refusal, self.texts))

"""Several indicators of one lane as one."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol, runtime_checkable

from gated.model.refusal import Refusal
from gated.ports import Indicator, Signal

log = logging.getLogger(__name__)


@runtime_checkable
class Closing(Protocol):
    """An indicator that has something to give back."""

    def close(self) -> None:
        """Show nothing more. Never raises; a second time does nothing."""


class Chorus:
    """Shows the same on all, in their order.

    One that raises, against its contract, keeps no other from showing, and is told of once.
    """

    def __init__(self, *indicators: Indicator) -> None:
        self.indicators = indicators
        self._broken: set[Indicator] = set()

    def show(self, signal: Signal, refusal: Refusal | None = None, texts: Sequence[str] = ()) -> None:
        """Show a signal on each until the next one."""
        for indicator in self.indicators:
            with self._guarded(indicator):
                indicator.show(signal, refusal, texts)

    def close(self) -> None:
        """Close each that can be closed. Never raises."""
        for indicator in self.indicators:
            with self._guarded(indicator):
                if isinstance(indicator, Closing):
                    indicator.close()

    @contextmanager
    def _guarded(self, indicator: Indicator) -> Iterator[None]:
        try:
            yield
        except Exception:
            if indicator not in self._broken:
                log.exception("indicator %s fails, the lane goes on", type(indicator).__name__)
            self._broken.add(indicator)

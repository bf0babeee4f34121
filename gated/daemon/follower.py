"""What the sync thread carries beside events and statements: heads and pages, uses, time, trust, commands."""

from __future__ import annotations

from typing import Protocol


class Follower(Protocol):
    """Follows something that central tells. Used by the sync thread.

    What it raises as ``StoreError`` is told once, and the link stays: what comes over it may be a denial.
    """

    @property
    def topics(self) -> tuple[str, ...]:
        """Where it listens, beside the answers to what it asks."""

    def begin(self, now: float) -> None:
        """A link was opened; ``now`` in monotonic seconds, here and below."""

    def turn(self, now: float) -> None:
        """Do what is due: called every 0.2 s or sooner while the link is open."""

    def heard(self, topic: str, payload: bytes, now: float) -> None:
        """Something arrived under one of its topics. Nobody may believe it yet."""

    def ended(self) -> None:
        """The link is lost. Never raises."""

"""What a gate believes: whose signatures, which sector, whose rules."""

from __future__ import annotations

from dataclasses import dataclass

from gated.model.trust import KeySet
from gated.model.venue import Profile


@dataclass(frozen=True, slots=True)
class Beliefs:
    """One picture of what the gate believes: whose signatures, which sector, whose rules."""

    keys: KeySet
    sector_key: bytes
    profile: Profile

    def __repr__(self) -> str:
        return f"Beliefs({len(self.keys)} keys, {self.profile.venue})"


class Trust:
    """What the gate believes now. Replaced as a whole: who needs several parts of it takes one picture."""

    def __init__(self, keys: KeySet, sector_key: bytes, profile: Profile) -> None:
        self._now = Beliefs(keys, sector_key, profile)

    @property
    def now(self) -> Beliefs:
        """The picture of this moment."""
        return self._now

    @property
    def keys(self) -> KeySet:
        """Whose signatures count now."""
        return self._now.keys

    @property
    def sector_key(self) -> bytes:
        """Under which credentials are indexed."""
        return self._now.sector_key

    @property
    def profile(self) -> Profile:
        """The venue's rules now. Sector and venue never change."""
        return self._now.profile

    def replace(self, keys: KeySet, profile: Profile) -> None:
        """Believe these from now on. Raises ``ValueError`` for rules of another venue or sector."""
        before = self._now
        if (profile.sector, profile.venue) != (before.profile.sector, before.profile.venue):
            raise ValueError("a gate stays where it is")
        self._now = Beliefs(keys, before.sector_key, profile)

    def __repr__(self) -> str:
        return f"Trust({len(self.keys)} keys, {self.profile.venue})"

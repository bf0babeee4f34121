"""The trust repository stays fresh: its timestamp is signed anew each day, by whoever serves."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from gated.central.trust_repository import TrustRepository
from gated.errors import ConfigError
from gated.model.letter import Letter

log = logging.getLogger(__name__)

#: How often it is looked at; seconds.
LOOK_S = 600.0
#: The end of what a person must sign is told so long before, and once a day.
ENDS_SOON_S, TELL_S = 30 * 86_400, 86_400.0
_OFFLINE = ("root", "targets")


class Freshness:
    """A publisher (``gated.central.publishing``) that sends nothing: gates learn of it by their pulse."""

    def __init__(
        self, repository: TrustRepository, now: Callable[[], int], monotonic: Callable[[], float]
    ) -> None:
        self._repository = repository
        self._now = now
        self._monotonic = monotonic
        self._look_at = monotonic()
        self._tell_at = self._look_at
        self._trouble = ""

    def begin(self) -> None:
        """A link was opened: nothing depends on it."""

    def due(self, *, changed: bool) -> Sequence[Letter]:  # noqa: ARG002  # events change nothing here
        """Sign what is due. What cannot be signed is told once, and tried again."""
        if self._monotonic() < self._look_at:
            return ()
        self._look_at = self._monotonic() + LOOK_S
        try:
            if self._repository.is_there:
                with self._repository.alone():
                    self._repository.sign_online(self._now())
                self._tell_ends()
            self._trouble = ""
        except ConfigError as error:
            if str(error) != self._trouble:
                self._trouble = str(error)
                log.error("the trust repository cannot be kept fresh: %s", error)
        return ()

    def _tell_ends(self) -> None:
        if self._monotonic() < self._tell_at:
            return
        self._tell_at = self._monotonic() + TELL_S
        now, ends = self._now(), self._repository.ends()
        for role in _OFFLINE:
            if role in ends and (left := ends[role].ends - now) <= ENDS_SOON_S:
                log.warning(
                    "trust repository: %s ends in %d days: sign it anew (docs/how-to/rotate-keys.md)",
                    role,
                    left // 86_400,
                )

"""The office's trust repository at this gate, put together: keeper, follower, what a stick brought."""

from __future__ import annotations

import logging

from gated.config.files import load_root, zone
from gated.config.settings import Settings
from gated.credential.metadata import Untrusted
from gated.daemon.asking import Asking
from gated.daemon.beliefs import Trust
from gated.daemon.knowledge import Knowledge
from gated.daemon.timekeeper import TimeKeeper
from gated.daemon.trust import TrustKeeper
from gated.daemon.trust_follower import TrustDesk, TrustFollower
from gated.daemon.unbelieved import UnbelievedCounter
from gated.errors import ConfigError
from gated.store.directory import StateDirectory
from gated.store.floors import Floors
from gated.store.journal import Journal
from gated.store.sync_note import TRUST_NOTE, write_sync_note
from gated.store.trust_files import HANDED_OVER, TRUST, TrustFiles

log = logging.getLogger(__name__)


class TrustRepository:
    """Made before anything is built upon what the gate believes."""

    def __init__(
        self,
        root: bytes,
        settings: Settings,
        trust: Trust,
        directory: StateDirectory,
        floors: Floors,
        time: TimeKeeper,
    ) -> None:
        self._directory = directory
        self._trust = trust
        self._lanes = settings.lanes
        self._time = time
        files = TrustFiles(directory.file(TRUST))
        self._keeper = TrustKeeper(root, trust=trust, files=files, floors=floors, zone=zone)

    @classmethod
    def of(
        cls, settings: Settings, trust: Trust, directory: StateDirectory, floors: Floors, time: TimeKeeper
    ) -> TrustRepository | None:
        """None = this gate has none, or cannot: a spoilt file of the identity must close no door."""
        if settings.trust_root is None:
            return None
        try:
            return cls(load_root(settings.trust_root), settings, trust, directory, floors, time)
        except (ConfigError, Untrusted) as error:
            log.error("serving without the trust repository: %s", error)
            return None

    def restore(self, at: int) -> list[str]:
        """Believe what was verified before. Returns the names of what was set aside."""
        damaged = []
        if not self._keeper.restore():
            log.critical("%s was set aside as %s", TRUST, self._directory.set_aside(TRUST, at))
            damaged = [TRUST]
        self._keeper.begin()
        self._check_lanes()
        return damaged

    def _check_lanes(self) -> None:
        zones = self._trust.profile.zones
        for lane in self._lanes:
            if lane.lane.zone and zones and lane.lane.zone not in zones:
                log.error(
                    "lane %s leads to %r, no zone of its profile: nobody is watched there",
                    lane.lane.id,
                    lane.lane.zone,
                )

    def follower(self, asking: Asking, knowledge: Knowledge, unbelieved: UnbelievedCounter) -> TrustFollower:
        """For the link."""
        return TrustFollower(
            keeper=self._keeper, asking=asking, knowledge=knowledge, unbelieved=unbelieved, time=self._time
        )

    def desk(self, journal: Journal) -> TrustDesk:
        """For housekeeping."""
        return TrustDesk(
            keeper=self._keeper,
            incoming=TrustFiles(self._directory.file(HANDED_OVER)),
            journal=journal,
            time=self._time,
            note=lambda note: write_sync_note(self._directory.file(TRUST_NOTE), note),
        )

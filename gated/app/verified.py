"""What a gate believes, for a command beside it: the enrolment's files, or what was verified since."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from gated.config.files import load_root, zone
from gated.config.settings import Settings
from gated.daemon.beliefs import Trust
from gated.errors import ConfigError
from gated.store.directory import FLOORS
from gated.store.floors import floors_file
from gated.store.trust_files import TRUST, TrustFiles

log = logging.getLogger(__name__)


class _NoFloors:
    """Floors for a look beside a gate: the small file's, and none is raised."""

    def __init__(self, values: Mapping[str, int]) -> None:
        self._values = values

    def get(self, name: str) -> int:
        return self._values.get(name, 0)

    def raise_all(self, values: Mapping[str, int]) -> None:
        pass


def believe_verified(settings: Settings, trust: Trust) -> None:
    """Let ``trust`` be what the gate of these settings believes: for a command beside it. Changes no file."""
    files = TrustFiles(settings.state_dir / TRUST)
    if settings.trust_root is None or not files.is_there:
        return
    from gated.credential.metadata import Untrusted  # noqa: PLC0415  # brings python-tuf
    from gated.daemon.trust import TrustKeeper  # noqa: PLC0415  # likewise

    floors = _NoFloors(floors_file(settings.state_dir / FLOORS))
    try:
        TrustKeeper(
            load_root(settings.trust_root), trust=trust, files=files, floors=floors, zone=zone
        ).restore()
    except (ConfigError, Untrusted) as error:
        log.error("without what the trust repository said: %s", error)

"""Who this machine is: to its journal by a name, to central by a key."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

from gated.config.files import load_signing_key
from gated.config.settings import Settings, SyncSettings
from gated.errors import ConfigError
from gated.store.sync_note import SYNC_NOTE, write_sync_note
from gated.wire.seal import SigningKey

log = logging.getLogger(__name__)


def machine_name(sync: SyncSettings | None, key: SigningKey | None) -> str | None:
    """Names this machine without telling its machine-id (machine-id(5) asks for a keyed hash).

    An enrolment is part of the name: a gate that is enrolled again begins a new epoch, so that a copied
    disk cannot go on under the numbers of its original. None where the enrolment cannot be read.
    """
    if sync is not None and key is None:
        return None
    try:
        machine_id = Path("/etc/machine-id").read_text(encoding="ascii").strip()
    except OSError:
        machine_id = ""
    enrolment = b"" if key is None else key.public
    return hashlib.sha256(b"gated machine\0" + machine_id.encode() + enrolment).hexdigest()[:32]


def signing_key(settings: Settings) -> SigningKey | None:
    """None = this gate does not sync, or cannot: a spoilt file of the identity must close no door."""
    if settings.sync is None:
        return None
    try:
        return load_signing_key(settings.sync.identity)
    except ConfigError as error:
        log.error("serving without the way to central: %s", error)
        note = {"up": False, "since": 0, "why": error.message}
        write_sync_note(settings.state_dir / SYNC_NOTE, note)
        return None

"""Under which name a journal knows the machine that it is written on."""

from __future__ import annotations

import hashlib
from pathlib import Path

from gated.config.settings import SyncSettings
from gated.wire.seal import SigningKey


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

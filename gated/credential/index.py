"""The name under which a sector knows a credential."""

from __future__ import annotations

import hmac

from gated.credential.statement import INDEX_BYTES
from gated.model.credential import Credential

SECTOR_KEY_BYTES = 32


def index_of(credential: Credential, sector_key: bytes) -> bytes:
    """HMAC-SHA256 of ``scheme:hex`` under the sector's key, cut to 16 bytes.

    Two sectors cannot join their files on it, and the scheme is part of it: a UID can never be
    looked up as a public key's hash. 16 bytes leave a forger 2^128 keys to try for one victim.
    """
    return hmac.digest(sector_key, credential.text.encode("ascii"), "sha256")[:INDEX_BYTES]

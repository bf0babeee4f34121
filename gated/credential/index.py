"""The name under which a sector knows a credential."""

from __future__ import annotations

import hmac
from functools import lru_cache

from gated.credential.claims import INDEX_BYTES
from gated.model.credential import Credential

SECTOR_KEY_BYTES = 32


def index_of(credential: Credential, sector_key: bytes) -> bytes:
    """HMAC-SHA256 of ``scheme:hex`` under the sector's key, cut to 16 bytes.

    Two sectors cannot join their files on it, and the scheme is part of it: a UID can never be
    looked up as a public key's hash. 16 bytes leave a forger 2^128 keys to try for one victim.
    """
    keyed = _keyed(sector_key).copy()
    keyed.update(credential.text.encode("ascii"))
    return keyed.digest()[:INDEX_BYTES]


@lru_cache(maxsize=4)  # setting up a key costs more than the rest
def _keyed(sector_key: bytes) -> hmac.HMAC:
    return hmac.new(sector_key, digestmod="sha256")

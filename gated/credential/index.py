"""The name under which a sector knows a credential."""

from __future__ import annotations

import hmac
from functools import lru_cache

from gated.credential.claims import INDEX_BYTES
from gated.model.credential import Assurance, Credential
from gated.model.statement import Binding

SECTOR_KEY_BYTES = 32


def index_of(credential: Credential, sector_key: bytes) -> bytes:
    """HMAC-SHA256 of ``scheme:hex`` under the sector's key, cut to 16 bytes.

    Two sectors cannot join their files on it, and the scheme is part of it: a UID can never be
    looked up as a public key's hash. 16 bytes leave a forger 2^128 keys to try for one victim.
    """
    keyed = _keyed(sector_key).copy()
    keyed.update(credential.text.encode("ascii"))
    return keyed.digest()[:INDEX_BYTES]


def is_bound(binding: Binding, credential: Credential, sector_key: bytes) -> bool:
    """Whether a binding was issued for this medium, and where that proves a key, for that key (RFC 8747)."""
    if binding.index != index_of(credential, sector_key):
        return False
    if credential.assurance is Assurance.ASYMMETRIC:
        return binding.confirmed_by == credential.value
    return binding.confirmed_by is None


@lru_cache(maxsize=4)  # setting up a key costs more than the rest
def _keyed(sector_key: bytes) -> hmac.HMAC:
    return hmac.new(sector_key, digestmod="sha256")

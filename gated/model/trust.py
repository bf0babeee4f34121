"""Keys that a gate believes, and how far."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from gated.model.statement import Kind


class Algorithm(StrEnum):
    """Bound to a key. A message's own header never chooses it (RFC 9053 section 2)."""

    EDDSA = "EdDSA"
    ES256 = "ES256"


#: COSE algorithm identifiers (RFC 9053 table 1, section 2.2).
COSE_IDS = {Algorithm.EDDSA: -8, Algorithm.ES256: -7}
#: The most bytes of a file of the trust repository: of a root, and of any other.
MAX_ROOT_BYTES, MAX_TRUST_FILE_BYTES = 65_536, 262_144
KID_BYTES = 4  # tells keys apart; trust rests on the key, and a file with two of one kid is refused


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A public key with its scope. ``public`` is what the credential room verifies with.

    ``public`` is 32 bytes for Ed25519 (RFC 8032) and 65 bytes, uncompressed, for P-256 (SEC 1
    section 2.3.3).
    """

    kid: bytes
    algorithm: Algorithm
    public: bytes
    sectors: frozenset[str]
    kinds: frozenset[Kind]
    not_before: int
    expires: int

    def holds(self, at: int) -> bool:
        """Whether what it signs at this time, in seconds since 1970, counts."""
        return self.not_before <= at < self.expires


KeySet = Mapping[bytes, TrustedKey]

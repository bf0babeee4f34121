"""Sealing what one box alone can read, with a key that is used once (docs/reference/enrolment.md).

X25519 (RFC 7748) between a fresh key of the sealer's and the box's, HKDF-SHA256 (RFC 5869), AES-256-GCM.
Who sealed is not known from it: a signature around it says that.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_LABEL = b"gated/enrolment 1"
_KEY_BYTES, _NONCE_BYTES = 32, 12


@dataclass(frozen=True)
class BoxKey:
    """A one-time private key. ``repr`` shows nothing of it."""

    private: X25519PrivateKey = field(repr=False)

    @classmethod
    def generate(cls) -> BoxKey:
        """A fresh key."""
        return cls(X25519PrivateKey.generate())

    @classmethod
    def from_pem(cls, pem: bytes) -> BoxKey:
        """Read what ``pem`` wrote. Raises ``ValueError``."""
        key = serialization.load_pem_private_key(pem, password=None)
        if isinstance(key, X25519PrivateKey):
            return cls(key)
        raise ValueError("not an X25519 key")

    def pem(self) -> bytes:
        """PKCS #8, unencrypted: the file's mode protects it."""
        return self.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    @property
    def public(self) -> bytes:
        """32 bytes."""
        return self.private.public_key().public_bytes_raw()

    def open(self, ephemeral: bytes, context: bytes, sealed: bytes) -> bytes:
        """What ``seal`` was given. Raises ``ValueError`` where key, context or a byte differ."""
        shared = self.private.exchange(X25519PublicKey.from_public_bytes(ephemeral))
        key, nonce = _derived(shared, ephemeral, self.public, context)
        try:
            return AESGCM(key).decrypt(nonce, sealed, None)
        except InvalidTag:
            raise ValueError("sealed for another box or request, or changed") from None


def seal(box: bytes, context: bytes, plain: bytes) -> tuple[bytes, bytes]:
    """(ephemeral public key, sealed bytes) for the owner of the public key ``box``.

    It opens only under the same ``context``: name in it all that the content belongs to. Raises
    ``ValueError`` for a public key that would give everybody the same secret.
    """
    ephemeral = BoxKey.generate()
    shared = ephemeral.private.exchange(X25519PublicKey.from_public_bytes(box))
    key, nonce = _derived(shared, ephemeral.public, box, context)
    return ephemeral.public, AESGCM(key).encrypt(nonce, plain, None)


def _derived(shared: bytes, ephemeral: bytes, box: bytes, context: bytes) -> tuple[bytes, bytes]:
    """Key and nonce. Both are of this one message: its sender's key was made for it."""
    info = _LABEL + ephemeral + box + context
    derived = HKDF(hashes.SHA256(), _KEY_BYTES + _NONCE_BYTES, salt=None, info=info).derive(shared)
    return derived[:_KEY_BYTES], derived[_KEY_BYTES:]

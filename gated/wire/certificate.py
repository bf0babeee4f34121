"""A gate's TLS key, and how it asks for its certificate: PKCS #10 and X.509, in PEM.

Of a certificate request two things count: the public key, and the one name in it. Whatever else it asks
for is not given.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

#: Of a certificate or a request for one: ours have 500 to 800.
MAX_PEM_BYTES = 4096


@dataclass(frozen=True)
class TlsKey:
    """A private key of P-256, for TLS alone. ``repr`` shows nothing of it."""

    private: ec.EllipticCurvePrivateKey = field(repr=False)

    @classmethod
    def generate(cls) -> TlsKey:
        """A fresh key."""
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def from_pem(cls, pem: bytes) -> TlsKey:
        """Read what ``pem`` wrote. Raises ``ValueError``."""
        key = serialization.load_pem_private_key(pem, password=None)
        if isinstance(key, ec.EllipticCurvePrivateKey):
            return cls(key)
        raise ValueError("not a P-256 key")

    def pem(self) -> bytes:
        """PKCS #8, unencrypted: the file's mode protects it."""
        return self.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def request(self, gate: str) -> str:
        """A certificate signing request for a gate's name, in PEM."""
        made = x509.CertificateSigningRequestBuilder(name(gate)).sign(self.private, hashes.SHA256())
        return made.public_bytes(serialization.Encoding.PEM).decode()


def name(common: str) -> x509.Name:
    """A distinguished name that holds a common name and nothing else."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def asked_for(pem: str, gate: str) -> ec.EllipticCurvePublicKey:
    """The public key of a request in the name of ``gate``, signed by that key. Raises ``ValueError``."""
    try:
        request = x509.load_pem_x509_csr(pem.encode())
        key, signed = request.public_key(), request.is_signature_valid
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("is no certificate request") from None
    if not signed:
        raise ValueError("is not signed by its own key")
    if request.subject != name(gate):
        raise ValueError(f"must be for the common name {gate!r} alone")
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return key
    raise ValueError("must be of a P-256 key")


def check_certificate(pem: str, gate: str, key: TlsKey) -> None:
    """Refuse a certificate that is not for this gate's name and key. Raises ``ValueError``."""
    certificate = read_certificate(pem)
    if certificate.public_key() != key.private.public_key():
        raise ValueError("is for another key")
    if certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME) != list(name(gate)):
        raise ValueError(f"is not for {gate!r}")


def read_certificate(pem: str) -> x509.Certificate:
    """One certificate. Raises ``ValueError``."""
    try:
        certificate = x509.load_pem_x509_certificate(pem.encode())
        certificate.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ValueError("is no certificate") from None
    return certificate

"""keys.json: the key set as the trust repository delivers it (docs/reference/keys.md)."""

from __future__ import annotations

from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gated.model.document import DocumentError, Table
from gated.model.name import is_name
from gated.model.statement import Kind
from gated.model.time import END_OF_TIME
from gated.model.trust import KID_BYTES, Algorithm, KeySet, TrustedKey

KEYS_VERSION = 1
MAX_KEYS = 256


def read_keys(document: Any) -> KeySet:
    """Read a parsed keys.json. Raises ``DocumentError``."""
    top = Table(document)
    top.whole("v", least=KEYS_VERSION, most=KEYS_VERSION)
    keys: dict[bytes, TrustedKey] = {}
    for table in top.tables("keys", most=MAX_KEYS):
        key = _key(table)
        if key.kid in keys:
            raise DocumentError(table.path("kid"), f"{key.kid.hex()} stands twice")
        keys[key.kid] = key
    top.done()
    return keys


def _key(table: Table) -> TrustedKey:
    algorithm = table.checked("alg", Algorithm)
    public = table.checked("public", bytes.fromhex)
    _loads(table.path("public"), algorithm, public)
    sectors = table.texts("sectors")
    for sector in sectors:
        if not is_name(sector):
            raise DocumentError(table.path("sectors"), f"{sector!r} is not a name")
    key = TrustedKey(
        kid=_kid(table),
        algorithm=algorithm,
        public=public,
        sectors=frozenset(sectors),
        kinds=frozenset(_kind(table, text) for text in table.texts("kinds")),
        not_before=table.whole("not_before", most=END_OF_TIME),
        expires=table.whole("expires", most=END_OF_TIME),
    )
    table.done()
    return key


def _kid(table: Table) -> bytes:
    kid = table.checked("kid", bytes.fromhex)
    if len(kid) != KID_BYTES:
        raise DocumentError(table.path("kid"), f"must be {KID_BYTES} bytes in hex")
    return kid


def _kind(table: Table, text: str) -> Kind:
    try:
        return Kind(text)
    except ValueError:
        known = ", ".join(Kind)
        raise DocumentError(table.path("kinds"), f"{text!r} is none of: {known}") from None


def _loads(where: str, algorithm: Algorithm, public: bytes) -> None:
    """A key that cannot be loaded is found when the file is read, not at somebody's tap."""
    try:
        if algorithm is Algorithm.EDDSA:
            Ed25519PublicKey.from_public_bytes(public)
        else:
            if len(public) != 65:
                raise ValueError
            ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)
    except (ValueError, UnsupportedAlgorithm):
        form = "32 bytes" if algorithm is Algorithm.EDDSA else "an uncompressed point of P-256, 65 bytes"
        raise DocumentError(where, f"is no {algorithm} key: it must be {form}, in hex") from None

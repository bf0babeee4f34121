"""Media by name, ``scheme:hex``: for people who have the number of a medium, and not the medium.

What a gate could never find on a medium is refused: a right bound to it would be nobody's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

from gated.card import calypso, carried, ev2, pkoc, pkoc2, record, sun, uid
from gated.model.credential import Assurance, Credential

_DIGEST_BYTES = 32
_UID = "a UID of 4, 7 or 10 bytes, and not a random one (08…)"
_DIGEST = f"{_DIGEST_BYTES} bytes, the SHA-256 of the public key"


class _Naming(NamedTuple):
    assurance: Assurance  # that a conversation of this scheme reaches
    due: str
    fits: Callable[[bytes], bool]


def _is_digest(value: bytes) -> bool:
    return len(value) == _DIGEST_BYTES


def _is_written(value: bytes) -> bool:
    """Whether somebody wrote it: a card that nobody has written yet would be everybody's."""
    least, most = record.LEAST_BYTES, record.MOST_BYTES
    return least <= len(value) <= most and bool(value.strip(b"\x00") and value.strip(b"\xff"))


#: By scheme: how strong its proof is, and what names one of its media.
_NAMINGS: Mapping[str, _Naming] = MappingProxyType(
    {
        pkoc2.SCHEME: _Naming(Assurance.ASYMMETRIC, _DIGEST, _is_digest),
        pkoc.SCHEME: _Naming(Assurance.ASYMMETRIC, _DIGEST, _is_digest),
        ev2.SCHEME: _Naming(Assurance.SYMMETRIC_MUTUAL, _UID, uid.names_somebody),
        sun.SCHEME: _Naming(
            Assurance.SYMMETRIC_ROLLING,
            f"a UID of {sun.UID_BYTES} bytes",
            lambda value: len(value) == sun.UID_BYTES,
        ),
        carried.SCHEME: _Naming(Assurance.STATIC_SIGNED, _UID, uid.names_somebody),
        calypso.SCHEME: _Naming(
            Assurance.UID_ONLY,
            f"a serial number of {calypso.SERIAL_BYTES} bytes",
            lambda value: len(value) == calypso.SERIAL_BYTES and any(value),
        ),
        record.SCHEME: _Naming(
            Assurance.UID_ONLY,
            f"{record.LEAST_BYTES} to {record.MOST_BYTES} bytes, not all 00 or FF",
            _is_written,
        ),
        uid.SCHEME: _Naming(Assurance.UID_ONLY, _UID, uid.names_somebody),
    }
)
#: All that can be named, the strongest first.
SCHEMES = tuple(_NAMINGS)


def named(text: str) -> Credential:
    """The credential that a medium of this name proves. Raises ``ValueError``."""
    scheme, separator, digits = text.partition(":")
    naming = _NAMINGS.get(scheme)
    if naming is None or not separator:
        raise ValueError(f"must be SCHEME:HEX, with one of {', '.join(SCHEMES)}")
    try:
        value = bytes.fromhex(digits)
    except ValueError:
        value = b""
    if not naming.fits(value):
        raise ValueError(f"{scheme} is followed by {naming.due}, in hex")
    return Credential(scheme, value, naming.assurance)

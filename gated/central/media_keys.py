"""Keys of media: one for each venue, from one secret of the sector. A thief of one gate opens no other venue.

The secret is 32 random bytes in ``secret/<sector>.media-key``. A venue's key is HKDF-SHA256 of it (RFC 5869),
16 bytes, without a salt, with the info

    "gated media " ‖ field(purpose) ‖ field(sector) ‖ field(venue) ‖ version

where field is a length of one byte and then so many ASCII bytes; the venue of a key for the whole sector is
empty, which no venue's name is; and the version is one byte. A medium's own key follows from the venue's by
AN10922 (gated/card/diversify.py).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gated.card import ev2, sun
from gated.card.diversify import KEY_BYTES, Diversification, diversified
from gated.central.files import make_new, make_once
from gated.central.pki import Random
from gated.central.sector_files import check_names, read_secret
from gated.errors import ConfigError

#: ``secret/<sector>.media-key``.
MASTER_SUFFIX = ".media-key"
MASTER_BYTES = 32
#: A medium that nobody has encoded yet tells 0.
LEAST_VERSION, MOST_VERSION = 1, 255

_LABEL = b"gated media "


class Purpose(StrEnum):
    """What a key is for. Those with a suffix are the same on all media: they open no gate."""

    EV2 = ev2.SCHEME
    EV2_UID = f"{ev2.SCHEME}-uid"
    SUN = sun.SCHEME
    SUN_META = f"{sun.SCHEME}-meta"


@dataclass(frozen=True, slots=True)
class Use:
    """Which key. ``venue``: None = for all venues of the sector."""

    purpose: Purpose
    sector: str
    venue: str | None
    version: int

    def info(self) -> bytes:
        """What tells this key from all others of the sector."""
        fields = (self.purpose, self.sector, self.venue or "")
        return _LABEL + b"".join(map(_field, fields)) + bytes([self.version])


def check_use(directory: Path, use: Use) -> None:
    """Raises ``ConfigError`` for a sector that is not here, or a venue that is not one of its."""
    check_names(use.sector)
    if not (directory / "secret" / f"{use.sector}.pem").is_file():
        raise ConfigError(
            f"{directory} has no sector {use.sector!r}",
            hint=f"make it: gated central init {directory} --sector {use.sector} --venue NAME",
        )
    if use.venue is not None:
        check_names(use.venue)
        if _sector_of(directory / "gate" / f"profile-{use.venue}.json") != use.sector:
            raise ConfigError(
                f"{use.venue!r} is no venue of sector {use.sector!r}", hint="no key was made: check the name"
            )


def master(directory: Path, sector: str, random: Random) -> bytes:
    """The secret of a sector, made at first use. Raises ``ConfigError``."""
    path = directory / "secret" / f"{sector}{MASTER_SUFFIX}"
    try:
        if not path.exists():
            make_once(path, random(MASTER_BYTES).hex().encode() + b"\n")
        return read_secret(path)
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be made or read ({error.strerror})", hint="run this as the office's owner"
        ) from None
    except ValueError:
        raise ConfigError(
            f"{path} is damaged",
            hint="bring it back from a copy: with another, all media must be encoded anew",
        ) from None


def key_of(secret: bytes, use: Use) -> bytes:
    """The key that gates have, 16 bytes."""
    return HKDF(SHA256(), KEY_BYTES, None, use.info()).derive(secret)


def own_key(key: bytes, diversification: Diversification, uid: bytes, aid: bytes) -> bytes:
    """The key that one medium has."""
    return diversified(key, diversification.input(uid, aid))


def write_key(path: Path, key: bytes) -> None:
    """Write a key into a new file that its owner alone may read. Raises ``ConfigError``."""
    try:
        make_new(path, key.hex().encode() + b"\n", 0o400)
    except FileExistsError:
        raise ConfigError(f"{path} is there already", hint="name a new file: no key was written") from None
    except OSError as error:
        raise ConfigError(
            f"{path} cannot be written ({error.strerror})", hint="check the path: no key was written"
        ) from None


def _field(text: str) -> bytes:
    return bytes([len(text)]) + text.encode("ascii")


def _sector_of(profile: Path) -> str | None:
    try:
        document = json.loads(profile.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    found = document.get("sector") if isinstance(document, dict) else None
    return found if isinstance(found, str) else None

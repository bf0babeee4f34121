"""The files that gate.toml names: keys, profile, secrets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gated.config.reading import read, shaped
from gated.credential.index import SECTOR_KEY_BYTES
from gated.credential.keys import read_keys
from gated.errors import ConfigError
from gated.model.trust import MAX_ROOT_BYTES, KeySet
from gated.model.venue import Profile
from gated.policy.profile import read_profile
from gated.wire.forms import read_json
from gated.wire.seal import SigningKey

T = TypeVar("T")


def load_keys(path: Path) -> KeySet:
    """Read keys.json. Raises ``ConfigError``."""
    return _json(path, read_keys)


def load_profile(path: Path) -> Profile:
    """Read a venue's profile. Raises ``ConfigError``."""
    return _json(path, lambda document: read_profile(document, zone))


def load_root(path: Path) -> bytes:
    """The root of the office's trust repository, not looked at yet. Raises ``ConfigError``."""
    return read(path, "trust.root", MAX_ROOT_BYTES)


def load_sector_key(path: Path) -> bytes:
    """Read the sector's secret: 64 hex digits. Raises ``ConfigError``, which never shows it."""
    raw = read(path, "sector_key")
    if path.stat().st_mode & 0o007:
        raise ConfigError(f"{path} can be read by everybody", hint=f"chmod 0400 {path}")
    try:
        key = bytes.fromhex(raw.decode("ascii").strip())
    except ValueError:
        key = b""
    if len(key) != SECTOR_KEY_BYTES:
        raise ConfigError(
            f"{path} holds no sector key", hint="it is made by `gated central init` and copied unchanged"
        )
    return key


def load_signing_key(identity: Path) -> SigningKey:
    """The key with which this gate signs its events. Raises ``ConfigError``, which never shows it."""
    path = identity / "signing.key"
    raw = read(path, "the identity of this gate")
    if path.stat().st_mode & 0o007:
        raise ConfigError(f"{path} can be read by everybody", hint=f"chmod 0400 {path}")
    try:
        return SigningKey.from_pem(raw)
    except ValueError:
        raise ConfigError(
            f"{path} holds no signing key", hint="gated enrol request makes one: docs/how-to/set-up-a-gate.md"
        ) from None


def zone(name: str) -> ZoneInfo:
    """A time zone by name. Raises ``ValueError``."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r} is no time zone; use a name such as Europe/Paris") from None


def _json(path: Path, what: Callable[[Any], T]) -> T:
    raw = read(path, "trust")
    try:
        document = read_json(raw)
    except ValueError as error:
        raise ConfigError(
            f"{path} is not JSON: {error}", hint="copy it again from where it was made"
        ) from None
    return shaped(path, document, what)

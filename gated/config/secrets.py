"""Keys that media share with this gate: where they lie, and how they are brought for a moment.

``credential:NAME`` is a systemd credential (LoadCredential= or LoadCredentialEncrypted= of the unit): it lies
in memory that only this service sees. Anything else is a file that nobody but its owner can read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gated.card.apdu import CardFault
from gated.card.diversify import KEY_BYTES
from gated.config.reading import read
from gated.errors import ConfigError

#: Set by systemd for a service that has credentials.
DIRECTORY = "CREDENTIALS_DIRECTORY"
CREDENTIAL = "credential:"
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}\Z")
_HEX_DIGITS = 2 * KEY_BYTES


@dataclass(frozen=True, slots=True)
class MediaKey:
    """A key of 16 bytes, in hex in its file. Nothing of it stays here: it is read each time it is needed."""

    path: Path
    name: str  # as the configuration says it

    @property
    def is_credential(self) -> bool:
        """Whether systemd brings it, to the service alone."""
        return self.name.startswith(CREDENTIAL)

    def __call__(self) -> bytes:
        """Bring it. Raises ``CardFault``: the medium in front of the gate is not to blame, and is refused."""
        try:
            return self.checked()
        except ConfigError:
            raise CardFault("key_missing") from None

    def checked(self) -> bytes:
        """Bring it. Raises ``ConfigError``, which never shows it."""
        raw = read(self.path, self.name, 4096)
        # Only the service gets into the directory of its credentials. Since systemd 254 they have an ACL for
        # its user, and show as 0440.
        if not self.is_credential and self._mode() & 0o077:
            raise ConfigError(
                f"{self.path} can be read by others than its owner", hint=f"chmod 0400 {self.path}"
            )
        text = raw.strip()
        try:
            key = bytes.fromhex(text.decode("ascii")) if len(text) == _HEX_DIGITS else b""
        except ValueError:
            key = b""
        if len(key) != KEY_BYTES:
            raise ConfigError(
                f"{self.path} holds no key: {_HEX_DIGITS} hex digits are due ({self.name})",
                hint="gated central media-key makes one: docs/how-to/keys-for-media.md",
            )
        return key

    def _mode(self) -> int:
        try:
            return self.path.stat().st_mode
        except OSError as error:  # it was exchanged just now
            raise ConfigError(f"{self.path} has gone ({error.strerror})", hint="try again") from None


def media_key(text: str, base: Path, environment: Mapping[str, str]) -> MediaKey:
    """Where a key lies that a configuration names. Raises ``ValueError``."""
    if not text.startswith(CREDENTIAL):
        return MediaKey(base / text, text)
    name = text.removeprefix(CREDENTIAL)
    if not _NAME.match(name):
        raise ValueError("a credential is named by letters, digits, . _ and -")
    # Outside of the service, as for `gated config check`, the directory is not told: its usual place is.
    directory = environment.get(DIRECTORY, "/run/credentials/gated.service")
    return MediaKey(Path(directory) / name, text)

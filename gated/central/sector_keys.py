"""A sector's keys, replaced while gates go on: the new one is known before it is used.

A key that was compromised ends at once instead: it leaves keys.json, and the new one signs from that moment,
before the gates know it (docs/how-to/rotate-keys.md).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from gated.central.ack_keys import ACK_KINDS, ACK_SUFFIX
from gated.central.files import make_once, replace_file, sync_folder
from gated.central.known_keys import known_keys
from gated.central.sector_files import (
    COMMAND_KINDS,
    COMMAND_SUFFIX,
    NEXT_SUFFIX,
    OFFICE_KINDS,
    as_json,
    keys_with,
)
from gated.errors import ConfigError
from gated.model.trust import TrustedKey
from gated.wire.seal import SigningKey

_DAY_S = 86_400
#: What the online key signs is over after this: a head counts eight days, and nothing counts longer.
_ONLINE_LEFT_S = 30 * _DAY_S


class KeyRole(StrEnum):
    """What a key of a sector is for."""

    ISSUING = "issuing"  # statements
    ONLINE = "online"  # receipts, heads, uses, time
    COMMAND = "command"  # orders to gates


_FILES = {KeyRole.ISSUING: "", KeyRole.ONLINE: ACK_SUFFIX, KeyRole.COMMAND: COMMAND_SUFFIX}
_KINDS = {KeyRole.ISSUING: OFFICE_KINDS, KeyRole.ONLINE: ACK_KINDS, KeyRole.COMMAND: COMMAND_KINDS}


@dataclass(frozen=True, slots=True)
class SectorKey:
    """One key of one sector in an office."""

    directory: Path
    sector: str
    role: KeyRole

    @property
    def path(self) -> Path:
        """The private key that is used."""
        return self.directory / "secret" / f"{self.sector}{_FILES[self.role]}.pem"

    @property
    def next_path(self) -> Path:
        """The private key that will be."""
        return self.directory / "secret" / f"{self.sector}{_FILES[self.role]}{NEXT_SUFFIX}.pem"

    @property
    def list(self) -> Path:
        """keys.json of the office."""
        return self.directory / "gate" / "keys.json"

    # -------------------------------------------------------------- the three steps

    def prepare(self, *, now: int, days: int) -> SigningKey:
        """Make the next key and list it beside the present one; it is used after ``use``."""
        self._check()
        if self.next_path.exists():
            raise ConfigError(
                f"{self.next_path} waits to be used already",
                hint="publish, give gates time to know it, then use it: --use",
            )
        new = self._fresh(now, days)
        _put(self.next_path, new)
        return new

    def use(self, known: bytes | None, *, now: int) -> SigningKey:
        """Sign with the next key from now on. ``known``: keys.json as gates can have it, None = not known.

        Raises ``ConfigError``, also where gates could not know it.
        """
        next_key = _load(self.next_path, f"gated central trust rotate prepares one: --key {self.role}")
        if known is not None and next_key.kid.hex() not in known.decode("utf-8", "replace"):
            raise ConfigError(
                "the next key was not published: no gate would believe it",
                hint="gated central trust publish, then give gates a day",
            )
        old = _load(self.path, "put it back from a backup") if self.path.exists() else None
        try:
            self.next_path.rename(self.path)
            sync_folder(self.path.parent)
        except OSError as error:
            raise _unwritable(self.path, error) from None
        if old is not None and self.role is KeyRole.ONLINE:
            self._end(old, now + _ONLINE_LEFT_S)
        return next_key

    def replace(self, *, now: int, days: int) -> tuple[SigningKey, bytes]:
        """A compromised key: end it at once and sign with another. Returns that and the old one's id."""
        self._check()
        old = _load(self.path, "nothing is there to be replaced")
        new = self._fresh(now, days)
        self._end(old, None)
        try:
            replace_file(self.path, new.pem(), 0o600)
            self.next_path.unlink(missing_ok=True)
        except OSError as error:
            raise _unwritable(self.path, error) from None
        return new, old.kid

    # -------------------------------------------------------------- keys.json

    def _check(self) -> None:
        if not (self.directory / "secret" / f"{self.sector}.pem").is_file():
            raise ConfigError(
                f"{self.directory} has no sector {self.sector!r}", hint="gated central init makes one"
            )

    def _fresh(self, now: int, days: int) -> SigningKey:
        issuing = _load(self.directory / "secret" / f"{self.sector}.pem", "put it back from a backup")
        new = SigningKey.generate(issuing.algorithm)
        listed = keys_with(self.list, self.sector, {new: _KINDS[self.role]}, now, days)
        self._write(listed)
        return new

    def _end(self, key: SigningKey, at: int | None) -> None:
        """Let a key end earlier; None = take it out."""
        document: dict[str, Any] = json.loads(self.list.read_bytes())
        entries = []
        for entry in document["keys"]:
            if entry["kid"] == key.kid.hex():
                if at is None:
                    continue
                entry["expires"] = min(entry["expires"], at)
            entries.append(entry)
        self._write(as_json({**document, "keys": entries}))

    def _write(self, content: bytes) -> None:
        try:
            replace_file(self.list, content)
        except OSError as error:
            raise _unwritable(self.list, error) from None


def current(directory: Path, now: int) -> bytes:
    """keys.json as it is to be published: without keys that have ended. Raises ``ConfigError``."""
    path = directory / "gate" / "keys.json"
    known: dict[bytes, TrustedKey] = dict(known_keys(path))
    document: dict[str, Any] = json.loads(path.read_bytes())
    kept = [one for one in document["keys"] if known[bytes.fromhex(one["kid"])].expires > now]
    if not kept:
        raise ConfigError(f"all keys of {path} have ended", hint="look at the clock of this machine")
    return as_json({**document, "keys": kept})


def _load(path: Path, hint: str) -> SigningKey:
    try:
        return SigningKey.from_pem(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path} cannot be read ({error.strerror})", hint=hint) from None
    except ValueError:
        raise ConfigError(f"{path} is damaged", hint="put it back from a backup") from None


def _put(path: Path, key: SigningKey) -> None:
    try:
        make_once(path, key.pem())
    except OSError as error:
        raise _unwritable(path, error) from None


def _unwritable(path: Path, error: OSError) -> ConfigError:
    return ConfigError(f"{path} cannot be written ({error.strerror})", hint="run this as the office's owner")

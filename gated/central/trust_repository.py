"""The office's trust repository, written: TUF metadata in ``trust/`` (docs/reference/trust.md, ADR 0022).

Files of a new version come first and the timestamp last, so that a gate finds the old state or the new one.
What signs root and targets is brought for the moment; snapshot and timestamp are signed by keys in
``secret/``, which say how fresh things are and nothing about what they are.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from securesystemslib.signer import Key, Signer
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp
from tuf.api.serialization import DeserializationError

from gated.central.files import make_folder, replace_file
from gated.central.trust_shelf import TRUST, newest_of
from gated.central.trust_signing import load_signer, online_path
from gated.credential.metadata import MAX_BYTES, Untrusted, check_root
from gated.errors import ConfigError
from gated.wire.trust_file import TIMESTAMP

_DAY_S = 86_400
#: A person with the root keys comes once a year; one with the targets key twice.
ROOT_DAYS, TARGETS_DAYS = 365, 200
#: Signed without a person. A gate that hears nothing for eight days is as old as a head may be.
SNAPSHOT_DAYS, TIMESTAMP_DAYS = 30, 8
#: A timestamp is signed anew when it is so old, a snapshot when so much of its life is left; seconds.
RESIGN_S, SNAPSHOT_LEFT_S = _DAY_S, 15 * _DAY_S
_LOCK = "lock"

S = TypeVar("S", Root, Timestamp, Snapshot, Targets)


@dataclass(frozen=True, slots=True)
class Ends:
    """Until when a role's metadata counts, seconds since 1970, and its version."""

    version: int
    ends: int


class TrustRepository:
    """One office's. ``now`` is in seconds since 1970 throughout; whatever fails raises ``ConfigError``."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.folder = directory / TRUST

    @property
    def is_there(self) -> bool:
        """Whether it was begun."""
        return (self.folder / "1.root.json").exists()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Nobody else writes meanwhile: several processes serve one office."""
        try:
            make_folder(self.folder)
            handle = os.open(self.folder / _LOCK, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise _unwritable(self.folder, error) from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    # -------------------------------------------------------------- roots

    def root(self) -> Root:
        """The newest. Raises ``ConfigError`` where there is none."""
        return self._root().signed

    def begin(
        self, keys: Mapping[str, Sequence[Key]], threshold: int, signers: Sequence[Signer], now: int
    ) -> None:
        """The first root: keys by role, how many root keys must sign, and those that do."""
        root = Root(expires=_time(now + ROOT_DAYS * _DAY_S))
        for role, listed in keys.items():
            for key in listed:
                root.add_key(key, role)
        root.roles["root"].threshold = threshold
        self._write_root(root, None, signers)

    def follow(self, change: Callable[[Root], None], signers: Sequence[Signer], now: int, days: int) -> int:
        """The next root: as the newest but for ``change``. Returns its version."""
        before = self.root()
        after = self.root()
        change(after)
        after.version += 1
        after.expires = _time(now + days * _DAY_S)
        self._write_root(after, before, signers)
        return after.version

    def _write_root(self, root: Root, before: Root | None, signers: Sequence[Signer]) -> None:
        metadata = Metadata(root)
        try:
            check_root(root)
        except Untrusted as error:
            raise ConfigError(f"no gate would take this root: {error.detail}", hint="") from None
        for signer in signers:
            metadata.sign(signer, append=True)
        result = root.get_root_verification_result(before, metadata.signed_bytes, metadata.signatures)
        for which, part in (("the root before", result.first), ("the new root", result.second)):
            if not part.verified:
                raise ConfigError(
                    f"{which} asks for {part.threshold} of its keys, and {len(part.signed)} were brought",
                    hint="name more of them with --root-key; nothing was changed",
                )
        self._write(f"{root.version}.root.json", metadata)

    # -------------------------------------------------------------- targets, snapshot, timestamp

    def published(self) -> dict[str, bytes]:
        """The targets of now, by name; empty before the first were published."""
        targets = self._newest("targets", Targets)
        if targets is None:
            return {}
        files = targets.signed.targets.items()
        return {name: self._read(f"{file.hashes['sha256']}.{name}") for name, file in files}

    def publish(self, files: Mapping[str, bytes], signers: Sequence[Signer], now: int, days: int) -> int:
        """Sign these as what counts from now on. Returns the version."""
        before = self._newest("targets", Targets)
        targets = Targets(1 if before is None else before.signed.version + 1)
        targets.expires = _time(now + days * _DAY_S)
        for name, content in files.items():
            targets.targets[name] = TargetFile.from_data(name, content, ["sha256"])
        metadata = self._signed(targets, signers)
        for name, content in files.items():
            self._put(f"{targets.targets[name].hashes['sha256']}.{name}", content)
        self._write(f"{targets.version}.targets.json", metadata)
        self.sign_online(now, anew=True)
        return targets.version

    def sign_online(self, now: int, *, anew: bool = False) -> bool:
        """Sign snapshot and timestamp where it is due, or ``anew``. True = something was signed."""
        timestamp = self._timestamp()
        if not anew and timestamp is not None:
            made = _seconds(timestamp.signed.expires) - TIMESTAMP_DAYS * _DAY_S
            if made <= now < made + RESIGN_S:
                return False
        targets = self._newest("targets", Targets)
        if targets is None:
            return False
        snapshot = self._snapshot(targets, now, anew=anew)
        new = Timestamp(
            1 if timestamp is None else timestamp.signed.version + 1,
            expires=_time(now + TIMESTAMP_DAYS * _DAY_S),
            snapshot_meta=_meta(snapshot, self._read(f"{snapshot.signed.version}.snapshot.json")),
        )
        self._write(TIMESTAMP, self._signed(new, [load_signer(online_path(self._directory, "timestamp"))]))
        return True

    def _snapshot(self, targets: Metadata[Targets], now: int, *, anew: bool) -> Metadata[Snapshot]:
        before = self._newest("snapshot", Snapshot)
        if before is not None and not anew and _seconds(before.signed.expires) - now > SNAPSHOT_LEFT_S:
            return before
        meta = _meta(targets, self._read(f"{targets.signed.version}.targets.json"))
        new = Snapshot(
            1 if before is None else before.signed.version + 1,
            expires=_time(now + SNAPSHOT_DAYS * _DAY_S),
            meta={"targets.json": meta},
        )
        signed = self._signed(new, [load_signer(online_path(self._directory, "snapshot"))])
        self._write(f"{new.version}.snapshot.json", signed)
        return signed

    def ends(self) -> dict[str, Ends]:
        """Of each role that has metadata."""
        found: dict[str, Metadata[Any] | None] = {
            "root": self._root(),
            "targets": self._newest("targets", Targets),
            "snapshot": self._newest("snapshot", Snapshot),
            "timestamp": self._timestamp(),
        }
        return {
            role: Ends(one.signed.version, _seconds(one.signed.expires))
            for role, one in found.items()
            if one is not None
        }

    # -------------------------------------------------------------- files

    def _signed(self, signed: S, signers: Sequence[Signer]) -> Metadata[S]:
        metadata = Metadata(signed)
        for signer in signers:
            metadata.sign(signer, append=True)
        root, role = self.root(), signed.type
        result = root.get_verification_result(role, metadata.signed_bytes, metadata.signatures)
        if not result.verified:
            raise ConfigError(
                f"the root names other keys for {role} than the one that was brought",
                hint="gated central trust show lists them; nothing was changed",
            )
        return metadata

    def _root(self) -> Metadata[Root]:
        found = self._newest("root", Root)
        if found is None:
            raise ConfigError(
                f"{self._directory} has no trust repository", hint="gated central trust init begins one"
            )
        return found

    def _timestamp(self) -> Metadata[Timestamp] | None:
        return self._load(TIMESTAMP, Timestamp) if (self.folder / TIMESTAMP).exists() else None

    def _newest(self, role: str, kind: type[S]) -> Metadata[S] | None:
        name = newest_of(self.folder, role)
        return None if name is None else self._load(name, kind)

    def _load(self, name: str, kind: type[S]) -> Metadata[S]:
        metadata: Metadata[S] | None = None
        with suppress(DeserializationError):
            metadata = Metadata.from_bytes(self._read(name))
        if metadata is None or not isinstance(metadata.signed, kind):
            raise ConfigError(f"{self.folder / name} is damaged", hint="put the folder back from a backup")
        return metadata

    def _read(self, name: str) -> bytes:
        try:
            return (self.folder / name).read_bytes()
        except OSError as error:
            raise ConfigError(
                f"{self.folder / name} cannot be read ({error.strerror})",
                hint="put the folder back from a backup",
            ) from None

    def _write(self, name: str, metadata: Metadata[S]) -> None:
        content = metadata.to_bytes()
        if len(content) > MAX_BYTES[metadata.signed.type]:
            raise ConfigError(f"{name} would be too large for a gate", hint="remove keys or venues")
        self._put(name, content)

    def _put(self, name: str, content: bytes) -> None:
        try:
            replace_file(self.folder / name, content)
        except OSError as error:
            raise _unwritable(self.folder / name, error) from None


def _meta(metadata: Metadata[S], content: bytes) -> MetaFile:
    return MetaFile.from_data(metadata.signed.version, content, ["sha256"])


def _time(at: int) -> datetime:
    try:
        return datetime.fromtimestamp(at, UTC)
    except (ValueError, OverflowError):
        raise ConfigError("it would end beyond the calendar", hint="give it fewer days") from None


def _seconds(at: datetime) -> int:
    return int(at.timestamp())


def _unwritable(path: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"{path} cannot be written ({error.strerror})",
        hint="who publishes and who serves must both be able to write there",
    )

"""The identity of a gate on its disk, and beside it a request that waits for its answer.

``identity`` is a link to the folder that counts, ``identity.installed-<n>``; keys.json, profile and sector
key are links through it. So an enrolment takes effect with one rename, all of it or nothing, and a power cut
at any moment leaves the old one or the new one whole (docs/reference/enrolment.md).
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gated.errors import ConfigError, StoreError
from gated.model.document import DocumentError
from gated.store.directory import sync_directory
from gated.wire.box import BoxKey
from gated.wire.certificate import TlsKey
from gated.wire.enrolment import Record, read_record
from gated.wire.seal import SigningKey

GATE_KEY = "gate.key"
SIGNING_KEY = "signing.key"
ENROLMENT_KEY = "enrolment.key"
REQUEST = "request"
RECORD = "enrolment.json"
ROOT = "root.json"

SECRET = 0o600
PUBLIC = 0o644


@dataclass(frozen=True, slots=True)
class Owner:
    """Whom secrets are given to where root installs them: the daemon's user."""

    uid: int
    gid: int


@dataclass(frozen=True, slots=True)
class Part:
    """A file of an identity. What only its owner may read belongs to the daemon's user."""

    content: bytes = field(repr=False)
    mode: int = PUBLIC


@dataclass(frozen=True, slots=True)
class Waiting:
    """A request without an answer, and its keys."""

    request: bytes
    tls: TlsKey
    signing: SigningKey
    box: BoxKey


class Identity:
    """The files of a gate's identity. ``StoreError`` tells what the disk refuses."""

    def __init__(self, path: Path, owner: Owner | None = None) -> None:
        self.path = path
        self.owner = owner
        self._waits = path.with_name(path.name + ".request")
        self._installed = re.compile(re.escape(path.name) + r"\.installed-([0-9]{1,9})\Z")

    # -------------------------------------------------------------- what is there

    @property
    def is_enrolled(self) -> bool:
        """Whether an enrolment was installed."""
        return (self.path / RECORD).exists()

    def record(self) -> Record | None:
        """What was installed last; None where nothing is. Raises ``StoreError`` for a spoilt record."""
        if not self.is_enrolled:
            return None
        try:
            return read_record((self.path / RECORD).read_bytes())
        except (OSError, DocumentError) as error:
            raise StoreError(
                f"{self.path / RECORD} cannot be read ({error})", hint="enrol this box anew: --again"
            ) from error

    @property
    def waiting_request(self) -> Path | None:
        """The file of the request that waits for its answer; None where none does."""
        return self._waits / REQUEST if (self._waits / ENROLMENT_KEY).exists() else None

    def waiting(self) -> Waiting | None:
        """The request that waits for its answer. Raises ``StoreError`` where its files cannot be used."""
        if self.waiting_request is None:
            return None
        try:
            return Waiting(
                request=(self._waits / REQUEST).read_bytes(),
                tls=TlsKey.from_pem((self._waits / GATE_KEY).read_bytes()),
                signing=SigningKey.from_pem((self._waits / SIGNING_KEY).read_bytes()),
                box=BoxKey.from_pem((self._waits / ENROLMENT_KEY).read_bytes()),
            )
        except (OSError, ValueError) as error:
            why = error.strerror if isinstance(error, OSError) else "it is damaged"
            raise StoreError(
                f"the request in {self._waits} cannot be used ({why})",
                hint="run this as the user who made it, or make another: gated enrol request --again",
            ) from error

    # -------------------------------------------------------------- a request

    def keep_request(self, waiting: Waiting) -> None:
        """Keep a request and its keys until the answer comes; one that waited is given up."""
        new = self._waits.with_name(self._waits.name + ".new")
        try:
            self._make_parent()
            _remove(new)
            new.mkdir(mode=0o700)
            for name, content, mode in (
                (GATE_KEY, waiting.tls.pem(), SECRET),
                (SIGNING_KEY, waiting.signing.pem(), SECRET),
                (ENROLMENT_KEY, waiting.box.pem(), SECRET),
                (REQUEST, waiting.request, PUBLIC),
            ):
                _write(new / name, Part(content, mode), None)
            sync_directory(new)
            self._forget()
            new.rename(self._waits)
            sync_directory(new.parent)
        except OSError as error:
            raise _unusable(new, error) from error

    # -------------------------------------------------------------- an enrolment

    def install(self, parts: Mapping[str, Part], links: Mapping[str, Path]) -> None:
        """Make ``parts`` the identity, in one step.

        Args:
            parts: the files of the new identity, by name.
            links: of some of them, the path outside under which the daemon reads them.

        """
        try:
            present = self._present()
            self._tidy(present)
            for name, path in links.items():
                present = self._lead(path, name, present)
            self._point(self._make(parts))
        except OSError as error:
            raise _unusable(self.path, error) from error

    def finish(self) -> None:
        """Forget the request, so that its answer cannot be used again, and the identity before."""
        try:
            self._forget()
            self._tidy(self._present())
        except OSError as error:
            raise _unusable(self._waits, error) from error

    def check(self) -> None:
        """Raise ``ConfigError`` where something stands in the place of the identity that is not ours."""
        self._present()

    def _forget(self) -> None:
        """The one-time key goes first, and durably: without it the answer opens nowhere."""
        if self._waits.exists():
            (self._waits / ENROLMENT_KEY).unlink(missing_ok=True)
            sync_directory(self._waits)
            _remove(self._waits)
            sync_directory(self._waits.parent)

    def _present(self) -> Path | None:
        """The folder that counts now."""
        if self.path.is_symlink():
            target = self.path.readlink()
            if self._installed.match(str(target)):
                folder = self.path.with_name(target.name)
                return folder if folder.is_dir() else None
        elif not self.path.exists():
            return None
        raise ConfigError(
            f"{self.path} was not made by `gated enrol`",
            hint=f"move it away: mv {self.path} {self.path}.by-hand",
        )

    def _lead(self, path: Path, name: str, present: Path | None) -> Path | None:
        """Make ``path`` a link through the identity, to the very content that it has. Returns the present."""
        target = os.path.relpath(self.path.parent.resolve() / self.path.name / name, path.parent.resolve())
        beside = path.with_name(path.name + ".new")
        beside.unlink(missing_ok=True)  # of an attempt that was cut off
        if path.is_symlink() and str(path.readlink()) == target:
            return present
        if path.exists():
            if present is None:
                present = self._make({})
                self._point(present)
            before = path.stat()
            kept = Part(path.read_bytes(), before.st_mode & 0o777)
            _replace(present / name, kept, Owner(before.st_uid, before.st_gid))
        beside.symlink_to(target)
        beside.rename(path)
        sync_directory(path.parent)
        return present

    def _make(self, parts: Mapping[str, Part]) -> Path:
        """A new folder with these files, durable, which nobody looks at yet."""
        names = (self._installed.match(path.name) for path in self.path.parent.iterdir())
        used = [int(found[1]) for found in names if found]
        new = self.path.with_name(f"{self.path.name}.installed-{max(used, default=0) + 1}")
        new.mkdir(mode=0o700)
        for name, part in parts.items():
            _write(new / name, part, self.owner if part.mode & 0o077 == 0 else None)
        if self.owner is not None:
            os.chown(new, -1, self.owner.gid)
            new.chmod(0o750)
        sync_directory(new)
        return new

    def _point(self, folder: Path) -> None:
        """Let this folder be the identity: the one step that changes anything."""
        beside = self.path.with_name(self.path.name + ".new")
        beside.unlink(missing_ok=True)
        beside.symlink_to(folder.name)
        sync_directory(self.path.parent)
        beside.rename(self.path)
        sync_directory(self.path.parent)

    def _make_parent(self) -> None:
        for folder in reversed([folder for folder in self.path.parents if not folder.exists()]):
            folder.mkdir(mode=0o750)
            if self.owner is not None:
                os.chown(folder, -1, self.owner.gid)
            folder.chmod(0o750)  # whatever the umask

    def _tidy(self, present: Path | None) -> None:
        """Remove folders that do not count: the identity before, or what a power cut left."""
        for path in self.path.parent.iterdir():
            if self._installed.match(path.name) and path != present:
                _remove(path)
        sync_directory(self.path.parent)


def _replace(path: Path, part: Part, owner: Owner) -> None:
    beside = path.with_name(path.name + ".new")
    beside.unlink(missing_ok=True)
    _write(beside, part, owner)
    beside.rename(path)
    sync_directory(path.parent)


def _write(path: Path, part: Part, owner: Owner | None) -> None:
    """A new file with its mode and owner from the first moment, and durable."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, SECRET)
    with os.fdopen(handle, "wb") as file:
        if owner is not None and os.geteuid() == 0:  # nobody else can give a file away
            os.fchown(handle, owner.uid, owner.gid)
        os.fchmod(handle, part.mode)
        file.write(part.content)
        file.flush()
        os.fsync(handle)


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder)


def _unusable(path: Path, error: OSError) -> StoreError:
    return StoreError(
        f"{error.filename or path} cannot be written ({error.strerror})",
        hint="run it as root, and look whether the disk is full; then run it again, which is safe",
    )

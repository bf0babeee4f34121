"""A trust repository that a test bends: every file is signed by hand, honestly or not."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path

from securesystemslib.signer import CryptoSigner, Signer
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp

from venue import DAY, NOW

ROLES = ("root", "targets", "snapshot", "timestamp")


def fresh() -> Signer:
    return CryptoSigner.generate_ed25519()


def signed(content, signers: Iterable[Signer]) -> bytes:
    metadata = Metadata(content)
    for signer in signers:
        metadata.sign(signer, append=True)
    return metadata.to_bytes()


class Simulator:
    """What an office would publish. ``files`` is the public folder; nothing stops a test from changing it.

    Three root keys, two of which must sign; one key for each other role.
    """

    def __init__(self, keys: bytes, profile: bytes, venue: str = "bron", now: int = NOW) -> None:
        self.now = now
        self.contents = {"keys.json": keys, f"profile-{venue}.json": profile}
        self.signers = {role: [fresh() for _ in range(3 if role == "root" else 1)] for role in ROLES}
        self.files: dict[str, bytes] = {}
        self.made: dict[str, bytes] = {}  # whatever was signed, by its name; of one name the newest
        self.versions = dict.fromkeys(ROLES, 0)
        self.root = Root(1, expires=self.at(365))
        for role, signers in self.signers.items():
            for signer in signers:
                self.root.add_key(signer.public_key, role)
        self.root.roles["root"].threshold = 2
        self.put_root(self.signers["root"])
        self.publish()

    def at(self, days: float) -> datetime:
        return datetime.fromtimestamp(self.now + round(days * DAY), UTC)

    # -------------------------------------------------------------- one role after the other

    def put_root(self, signers: Iterable[Signer]) -> bytes:
        """Publish ``root`` as it stands."""
        self.versions["root"] = self.root.version
        self.files[f"{self.root.version}.root.json"] = raw = signed(self.root, signers)
        return raw

    def next_root(self) -> Root:
        """A copy of the root with the next number, to be changed and put."""
        self.root = deepcopy(self.root)
        self.root.version += 1
        return self.root

    def rotate(self, role: str, signers: Iterable[Signer] | None = None) -> Signer:
        """The next root names one other key for a role; all present root keys sign it."""
        old, new = self.signers[role], fresh()
        root = self.next_root()
        for key in list(root.roles[role].keyids):
            root.revoke_key(key, role)
        root.add_key(new.public_key, role)
        self.signers[role] = [new]
        self.put_root(signers or self.signers["root"] if role != "root" else [*old, new])
        return new

    def put_targets(self, version: int | None = None, *, days: float = 200, signers=None) -> bytes:
        self.versions["targets"] = version or self.versions["targets"] + 1
        targets = Targets(self.versions["targets"], expires=self.at(days))
        for name, content in self.contents.items():
            targets.targets[name] = TargetFile.from_data(name, content, ["sha256"])
            self.files[f"{hashlib.sha256(content).hexdigest()}.{name}"] = content
        raw = signed(targets, signers or self.signers["targets"])
        self.files[f"{targets.version}.targets.json"] = self.made[f"{targets.version}.targets.json"] = raw
        return raw

    def put_snapshot(self, version=None, *, days: float = 30, listed=None, raw=None, signers=None) -> bytes:
        self.versions["snapshot"] = version or self.versions["snapshot"] + 1
        listed = listed or self.versions["targets"]
        raw = raw or self.made[f"{listed}.targets.json"]
        snapshot = Snapshot(
            self.versions["snapshot"],
            expires=self.at(days),
            meta={"targets.json": MetaFile.from_data(listed, raw, ["sha256"])},
        )
        self.files[f"{snapshot.version}.snapshot.json"] = made = signed(
            snapshot, signers or self.signers["snapshot"]
        )
        self.made[f"{snapshot.version}.snapshot.json"] = made
        return made

    def put_timestamp(self, version=None, *, days: float = 8, named=None, raw=None, signers=None) -> bytes:
        self.versions["timestamp"] = version or self.versions["timestamp"] + 1
        named = named or self.versions["snapshot"]
        raw = raw or self.made[f"{named}.snapshot.json"]
        timestamp = Timestamp(
            self.versions["timestamp"],
            expires=self.at(days),
            snapshot_meta=MetaFile.from_data(named, raw, ["sha256"]),
        )
        self.files["timestamp.json"] = made = signed(timestamp, signers or self.signers["timestamp"])
        return made

    def publish(self) -> None:
        """All three, each with the next number."""
        self.put_targets()
        self.put_snapshot()
        self.put_timestamp()

    # -------------------------------------------------------------- given out

    def saved(self) -> dict:
        """All of this moment."""
        parts = {name: dict(getattr(self, name)) for name in ("contents", "signers", "files", "versions")}
        return {**parts, "root": deepcopy(self.root)}

    def restore(self, saved: dict) -> None:
        """As it was: what was done since was an attacker's doing."""
        for name, part in saved.items():
            setattr(self, name, part)

    def write(self, folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        for path in folder.iterdir():
            path.unlink()
        for name, content in self.files.items():
            (folder / name).write_bytes(content)
        return folder

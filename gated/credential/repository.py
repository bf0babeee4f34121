"""A trust repository as a gate reads it: TUF metadata, verified file by file (docs/reference/trust.md).

The client workflow of the TUF specification (section 5), on python-tuf's metadata API, as a conversation:
it yields the file that it wants and is sent its bytes, or None where there is no such file. So it works
alike over a link, over a directory and in a test; time and floors are handed in (ADR 0022).

A floor is kept for each role and key: the highest version that the key was seen to sign. A role's floor is
that of its threshold: as many of its present keys must have signed it. So what a stolen key signed counts
until the root names other keys, and no longer (section 5.3.11).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias

from tuf.api.metadata import Root, Snapshot, Targets, Timestamp

from gated.credential.metadata import (
    MAX_BYTES,
    Untrusted,
    check_current,
    check_root,
    check_that,
    is_that,
    most_bytes,
    parsed,
    signers,
)
from gated.model.time import END_OF_DAYS
from gated.model.trust import MAX_TRUST_FILE_BYTES

#: New roots taken in one reading (TUF section 5.3.2 asks for a limit).
MAX_ROOT_STEPS = 1024
_KEY_DIGITS = 16


@dataclass(frozen=True, slots=True)
class Wanted:
    """A file of the repository by its name there, and the most bytes that it may have."""

    name: str
    limit: int


@dataclass(frozen=True, slots=True)
class Content:
    """A target: the name under which the repository has it, and its bytes."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Verified:
    """What a reading found, all of it signed, current and complete."""

    root: int
    timestamp: int
    targets: int
    metadata: bytes  # of targets
    files: Mapping[str, Content]  # by target
    seen: Mapping[str, int]  # floors of targets: they count once it is in force here


#: The floor of a name: 0 where none was ever set.
FloorOf = Callable[[str], int]
Reading: TypeAlias = Generator[Wanted, bytes | None, Verified | None]


def open_root(raw: bytes) -> Root:
    """The root that an enrolment brought, verified by itself. Raises ``Untrusted``."""
    metadata = parsed(raw, Root, "root")
    check_root(metadata.signed)
    signers(metadata.signed, metadata, "root_new_threshold")
    return metadata.signed


class Repository:
    """What of a repository is believed, from a root on.

    Args:
        root: believed already.
        floor: what was seen before.
        keep: is told each new root (name and bytes) before anything that rests on it is asked for.

    """

    def __init__(
        self, root: Root, floor: FloorOf, keep: Callable[[str, bytes], None] = lambda _name, _raw: None
    ) -> None:
        self.root = root
        self._before: list[Root] = []  # roots that were followed, the oldest first
        self._floor = floor
        self._keep = keep
        #: Floors to be raised: what was verified counts as seen, however a reading ends.
        self.seen: dict[str, int] = {}

    @property
    def newest(self) -> int:
        """The version of the newest timestamp that was believed; 0 = none."""
        return self._floor_of("timestamp", "timestamp", self.root)

    # -------------------------------------------------------------- conversations

    def read(
        self, at: int, targets: Iterable[str], held: Callable[[str], bytes | None], done: int
    ) -> Reading:
        """Read the repository. Returns None where it is as it was at timestamp ``done``.

        Args:
            at: a time, in seconds since 1970, that is certainly over; expiry is judged by it.
            targets: the files wanted.
            held: a file that is here already, by its name; None = it is not.
            done: the version of the timestamp up to which everything is here.

        """
        yield from self.read_roots()
        now = datetime.fromtimestamp(min(at, END_OF_DAYS), UTC)
        check_current(self.root, now, "root_expired")
        timestamp = yield from self._timestamp(now)
        if timestamp.version == done:
            return None
        snapshot = yield from self._snapshot(timestamp, now)
        metadata, raw, seen = yield from self._targets(snapshot, now, held)
        files = {}
        for name in targets:
            files[name] = yield from _target(metadata, name, held)
        return Verified(self.root.version, timestamp.version, metadata.version, raw, files, seen)

    def read_roots(self) -> Generator[Wanted, bytes | None, None]:
        """Follow the chain of roots to its end (section 5.3)."""
        for _ in range(MAX_ROOT_STEPS):
            name = f"{self.root.version + 1}.root.json"
            raw = yield Wanted(name, MAX_BYTES["root"])
            if raw is None:
                break
            self._next_root(name, raw)
        else:
            raise Untrusted("root_steps", f"more than {MAX_ROOT_STEPS} new roots")
        self._not_below("root", "root", self.root.version, "root_older")

    def restore(self, raw: bytes, targets: Iterable[str], held: Callable[[str], bytes | None]) -> Verified:
        """What was believed before and lies here: it may have expired since, and never be older.

        A root that names other keys for targets may have been kept before the targets that these signed: then
        those of the root before count on, as they did.
        """
        metadata, seen = self._restored(raw)
        files = {}
        for name in targets:
            files[name] = _answered(_target(metadata, name, held))
        return Verified(self.root.version, self.newest, metadata.version, raw, files, seen)

    def _restored(self, raw: bytes) -> tuple[Targets, dict[str, int]]:
        for root in (self.root, *reversed(self._before)):
            try:
                return self._believed_targets(raw, root)
            except Untrusted as untrusted:
                if untrusted.code != "targets_signature" or self._floor_of("targets", "targets", root):
                    raise  # what the keys of this root signed was in force already
        raise Untrusted("targets_signature", "no root that was followed names the keys that signed it")

    # -------------------------------------------------------------- roles, in order

    def _next_root(self, name: str, raw: bytes) -> None:
        new = parsed(raw, Root, "root")
        before = signers(self.root, new, "root_old_threshold")
        after = signers(new.signed, new, "root_new_threshold")
        if new.signed.version != self.root.version + 1:
            raise Untrusted("root_version", f"{name} has version {new.signed.version}")
        check_root(new.signed)
        self._keep(name, raw)
        self._before.append(self.root)
        self.root = new.signed
        self._see("root", {*before, *after}, self.root.version)

    def _timestamp(self, now: datetime) -> Generator[Wanted, bytes | None, Timestamp]:
        raw = yield from _asked("timestamp.json", MAX_BYTES["timestamp"])
        new = parsed(raw, Timestamp, "timestamp")
        signed_by = signers(self.root, new, "timestamp_signature")
        signed, announced = new.signed, new.signed.snapshot_meta.version
        self._not_below("timestamp", "timestamp", signed.version, "timestamp_older")
        self._not_below("announced", "timestamp", announced, "snapshot_older")
        self._see("timestamp", signed_by, signed.version)
        self._see("announced", signed_by, announced)
        check_current(signed, now, "timestamp_expired")
        return signed

    def _snapshot(self, timestamp: Timestamp, now: datetime) -> Generator[Wanted, bytes | None, Snapshot]:
        meta = timestamp.snapshot_meta
        raw = yield from _asked(f"{meta.version}.snapshot.json", most_bytes(meta, MAX_BYTES["snapshot"]))
        check_that(meta, raw, "snapshot_mismatch")
        new = parsed(raw, Snapshot, "snapshot")
        signed_by = signers(self.root, new, "snapshot_signature")
        signed = new.signed
        if signed.version != meta.version:
            raise Untrusted("snapshot_mismatch", f"version {signed.version}, announced {meta.version}")
        listed = signed.meta.get("targets.json")
        if listed is None:
            raise Untrusted("snapshot_malformed", "it does not list targets.json")
        self._not_below("snapshot", "snapshot", signed.version, "snapshot_older")
        self._not_below("listed", "snapshot", listed.version, "targets_older")
        self._see("snapshot", signed_by, signed.version)
        self._see("listed", signed_by, listed.version)
        check_current(signed, now, "snapshot_expired")
        return signed

    def _targets(
        self, snapshot: Snapshot, now: datetime, held: Callable[[str], bytes | None]
    ) -> Generator[Wanted, bytes | None, tuple[Targets, bytes, dict[str, int]]]:
        meta = snapshot.meta["targets.json"]
        raw = held("targets.json")
        if raw is None or not is_that(meta, raw):
            raw = yield from _asked(f"{meta.version}.targets.json", most_bytes(meta, MAX_BYTES["targets"]))
        check_that(meta, raw, "targets_mismatch")
        signed, seen = self._believed_targets(raw, self.root)
        if signed.version != meta.version:
            raise Untrusted("targets_mismatch", f"version {signed.version}, listed {meta.version}")
        check_current(signed, now, "targets_expired")
        return signed, raw, seen

    def _believed_targets(self, raw: bytes, root: Root) -> tuple[Targets, dict[str, int]]:
        new = parsed(raw, Targets, "targets")
        signed_by = signers(root, new, "targets_signature")
        self._not_below("targets", "targets", new.signed.version, "targets_older", root)
        return new.signed, {_name("targets", key): new.signed.version for key in signed_by}

    # -------------------------------------------------------------- floors

    def _see(self, what: str, signed_by: Iterable[str], version: int) -> None:
        for key in signed_by:
            name = _name(what, key)
            self.seen[name] = max(version, self.seen.get(name, 0))

    def _not_below(self, what: str, role: str, version: int, code: str, root: Root | None = None) -> None:
        floor = self._floor_of(what, role, root or self.root)
        if version < floor:
            raise Untrusted(code, f"version {version}, and {floor} was seen")

    def _floor_of(self, what: str, role: str, root: Root) -> int:
        """The highest version that a threshold of the role's keys was seen to sign."""
        names = [_name(what, key) for key in root.roles[role].keyids]
        seen = sorted((max(self._floor(name), self.seen.get(name, 0)) for name in names), reverse=True)
        return seen[root.roles[role].threshold - 1]


def _name(what: str, key: str) -> str:
    return f"trust.{what}.{key[:_KEY_DIGITS]}"


# ------------------------------------------------------------------ one file


def _asked(name: str, limit: int) -> Generator[Wanted, bytes | None, bytes]:
    raw = yield Wanted(name, limit)
    if raw is None:
        raise Untrusted("missing", f"there is no {name}")
    if len(raw) > limit:
        raise Untrusted("oversize", f"{name} has more than {limit} bytes")
    return raw


def _target(
    targets: Targets, target: str, held: Callable[[str], bytes | None]
) -> Generator[Wanted, bytes | None, Content]:
    meta = targets.targets.get(target)
    if meta is None:
        raise Untrusted("missing", f"the repository has no {target}")
    digest = meta.hashes.get("sha256", "")
    if type(meta.length) is not int or not 0 < meta.length <= MAX_TRUST_FILE_BYTES or len(digest) != 64:
        raise Untrusted("targets_malformed", f"{target} has no length and hash that count")
    name = f"{digest}.{target}"
    raw = held(name)
    if raw is None or not is_that(meta, raw):
        raw = yield from _asked(name, meta.length)
    check_that(meta, raw, "target_mismatch")
    return Content(name, raw)


def _answered(asking: Generator[Wanted, bytes | None, Content]) -> Content:
    """What lies here, or nothing."""
    try:
        wanted = next(asking)
    except StopIteration as ended:
        content: Content = ended.value
        return content
    raise Untrusted("missing", f"there is no {wanted.name}")

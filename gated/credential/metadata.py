"""One file of a trust repository: TUF metadata in the form that gated accepts, and whether it is signed.

python-tuf reads it and checks its signatures; what TUF leaves open (which kinds of keys, how many, how large
a version) is settled here (docs/reference/trust.md).
"""

from __future__ import annotations

from datetime import datetime
from typing import TypeAlias, TypeVar

from tuf.api.exceptions import LengthOrHashMismatchError
from tuf.api.metadata import Metadata, MetaFile, Root, Signed, Snapshot, TargetFile, Targets, Timestamp
from tuf.api.serialization import DeserializationError

from gated.model.trust import MAX_ROOT_BYTES, MAX_TRUST_FILE_BYTES

#: The most bytes that a file may have, by role.
MAX_BYTES = {"root": MAX_ROOT_BYTES, "timestamp": 16_384, "snapshot": 16_384, "targets": MAX_TRUST_FILE_BYTES}
#: A version stays far below what a floor may hold: a stolen key can reach the end, and no further.
MAX_VERSION = (1 << 31) - 1
_KEY_TYPES = {("ed25519", "ed25519"), ("ecdsa", "ecdsa-sha2-nistp256")}
MAX_KEYS = 16  # of one role

S = TypeVar("S", Root, Timestamp, Snapshot, Targets)
_Hashed: TypeAlias = MetaFile | TargetFile


class Untrusted(Exception):  # noqa: N818  # a refusal with its code; the daemon counts it
    """A file is not believed. ``code`` is stable (docs/reference/trust.md); ``detail`` is for the log."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


def parsed(raw: bytes, kind: type[S], what: str) -> Metadata[S]:
    """Metadata of a role, in the one form that we accept. Nothing in it is believed yet."""
    if len(raw) > MAX_BYTES[kind.type]:
        raise Untrusted("oversize", f"{kind.type} has more than {MAX_BYTES[kind.type]} bytes")
    try:
        metadata: Metadata[S] = Metadata.from_bytes(raw)
    except DeserializationError as error:
        raise Untrusted(f"{what}_malformed", str(error.__cause__ or error)) from None
    signed = metadata.signed
    if not isinstance(signed, kind) or type(signed.version) is not int or signed.version > MAX_VERSION:
        raise Untrusted(f"{what}_malformed", f"no {kind.type} with a version up to {MAX_VERSION}")
    if isinstance(signed, Timestamp):
        _check_meta(signed.snapshot_meta, what)
    if isinstance(signed, Snapshot):
        for meta in signed.meta.values():
            _check_meta(meta, what)
    return metadata


def _check_meta(meta: MetaFile, what: str) -> None:
    if type(meta.version) is not int or not 1 <= meta.version <= MAX_VERSION:
        raise Untrusted(f"{what}_malformed", f"a version must be a whole number up to {MAX_VERSION}")
    if meta.length is not None and type(meta.length) is not int:
        raise Untrusted(f"{what}_malformed", "a length must be a whole number")


def check_root(root: Root) -> None:
    """What TUF leaves open and gated does not: kinds of keys, one id for each, their number."""
    publics = set()
    for id_, key in root.keys.items():
        if (key.keytype, key.scheme) not in _KEY_TYPES:
            raise Untrusted("root_malformed", f"a key of type {key.keytype} {key.scheme}")
        if len(id_) != 64 or set(id_) - set("0123456789abcdef"):
            raise Untrusted("root_malformed", "a key id must be 64 hex digits")
        publics.add(str(key.keyval.get("public")))
    if len(publics) < len(root.keys):
        raise Untrusted("root_malformed", "one key stands under two ids: it would count twice")
    for name, role in root.roles.items():
        if type(role.threshold) is not int or not role.threshold <= len(role.keyids) <= MAX_KEYS:
            raise Untrusted("root_malformed", f"{name} must have as many keys as its threshold asks")
        if not set(role.keyids) <= root.keys.keys():
            raise Untrusted("root_malformed", f"{name} names a key that is not there")
    if root.consistent_snapshot is not True:
        raise Untrusted("root_malformed", "it must have consistent snapshots")


def signers(root: Root, metadata: Metadata[S], code: str) -> set[str]:
    """The keys of a role that signed it. Raises ``Untrusted`` where they are too few."""
    role = metadata.signed.type
    result = root.get_verification_result(role, metadata.signed_bytes, metadata.signatures)
    if not result.verified:
        raise Untrusted(code, f"{role} has {len(result.signed)} of {result.threshold} signatures")
    return set(result.signed)


def check_current(signed: Signed, now: datetime, code: str) -> None:
    """Raises ``Untrusted`` for what has ended by a time that is handed in."""
    if signed.is_expired(now):
        raise Untrusted(code, f"{signed.type} ended {signed.expires.isoformat()}")


def most_bytes(meta: MetaFile, most: int) -> int:
    """How large a file may be: as it was announced, and no larger than its role allows."""
    return most if meta.length is None else min(most, meta.length)


def is_that(meta: _Hashed, raw: bytes) -> bool:
    """Whether a file is the one that was announced."""
    try:
        meta.verify_length_and_hashes(raw)
    except LengthOrHashMismatchError:
        return False
    return True


def check_that(meta: _Hashed, raw: bytes, code: str) -> None:
    """Raises ``Untrusted`` for a file that is not the one that was announced."""
    try:
        meta.verify_length_and_hashes(raw)
    except LengthOrHashMismatchError as error:
        raise Untrusted(code, str(error)) from None

"""The secrets on this box: where they lie, who can read them, what each would allow a thief.

Nothing of a secret is read here: a file is asked for its owner and its mode.
"""

from __future__ import annotations

import grp
import pwd
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from gated.card import type4
from gated.card.identify import Scheme
from gated.config.media import MediaSettings
from gated.config.secrets import MediaKey
from gated.config.settings import Settings, SyncSettings
from gated.store.identity import ENROLMENT_KEY, GATE_KEY, SIGNING_KEY, Identity

#: By scheme, what a thief of a gate gets for its media. docs/reference/custody.md has the same sentences.
THIEF: Mapping[Scheme, str] = MappingProxyType(
    {
        Scheme.PKOC2: "nothing: the keys of issuers are public",
        Scheme.PKOC: "nothing: the gate holds no secret of these media",
        Scheme.EV2: "the venue's key: with it a copy of every medium whose UID they know",
        Scheme.SUN: "the venue's key: with it any address of every medium whose UID they know",
        Scheme.SIGNED: "nothing: the gate verifies statements and cannot sign them",
        Scheme.CALYPSO: "nothing: the number is told to anybody",
        Scheme.RECORD: "nothing: the identifier is told to anybody",
        Scheme.UID: "nothing: the UID is told to anybody",
    }
)

_STOLEN = "docs/how-to/respond-to-a-stolen-box.md"
_KEYS = "new keys at every gate and on every medium that has this one: docs/how-to/keys-for-media.md"


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret that the configuration names. ``credential``: systemd brings it, while the service runs."""

    what: str
    path: Path
    thief: str
    then: str
    credential: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """A secret as it lies there. ``trouble`` empty = its owner alone can read it."""

    secret: Secret
    mode: int | None  # None = it is not there, or cannot be looked at
    owner: str
    group: str
    trouble: str = ""
    mend: str = ""


@dataclass(frozen=True, slots=True)
class Absent:
    """A secret that no thief finds here."""

    what: str
    why: str


def custody(settings: Settings) -> tuple[Kept, ...]:
    """Every secret that these settings name, as it lies there."""
    return tuple(map(_looked_at, _secrets(settings)))


def absent(settings: Settings) -> tuple[Absent, ...]:
    """What is not there, though somebody may fear for it."""
    found = [
        Absent(
            "a key that makes statements",
            "a gate verifies what central signs, and holds no key that signs it",
        ),
        Absent("a secret of PKOC media", "they prove keys of their own: the gate needs none"),
    ]
    if not settings.media.keys:
        found.append(Absent("a key of media", "no table of [media] names one"))
    return tuple(found)


def _secrets(settings: Settings) -> Iterator[Secret]:
    yield Secret(
        "sector key",
        settings.sector_key,
        "tell which pass a medium stands for, having the medium or guessing its UID; makes no statement",
        f"it cannot be changed in one step; retire the box: {_STOLEN}",
    )
    yield from _of_media(settings.media)
    if settings.sync is not None:
        yield from _of_identity(settings.sync)


def _of_media(media: MediaSettings) -> Iterator[Secret]:
    for application in media.ev2:
        where = f"ev2, application {application.aid.hex()}, key {application.key_number}"
        yield from _media_key(application.key, where, THIEF[Scheme.EV2])
        if (uid_key := application.uid_key) is not None:
            where = f"ev2, application {application.aid.hex()}, key {uid_key.number} (tells the UID)"
            yield from _media_key(uid_key.key, where, "ask media with a random UID nearby for their real one")
    if media.sun is not None:
        yield from _media_key(media.sun.file_key, f"sun, application {type4.AID.hex()}", THIEF[Scheme.SUN])
        if media.sun.meta_key is not None:
            where = f"sun, application {type4.AID.hex()} (hides UID and number)"
            yield from _media_key(media.sun.meta_key, where, "read UID and number of an address; forges none")


def _media_key(key: object, where: str, thief: str) -> Iterator[Secret]:
    if isinstance(key, MediaKey):
        yield Secret(f"media key: {where}", key.path, thief, _KEYS, credential=key.is_credential)


def _of_identity(sync: SyncSettings) -> Iterator[Secret]:
    retire = f"retire the box: {_STOLEN}"
    identity = Identity(sync.identity)
    yield Secret(
        "signing key of this gate",
        sync.identity / SIGNING_KEY,
        "sign events as this gate, until it is retired",
        retire,
    )
    if sync.broker.tls:
        yield Secret(
            "TLS key of this gate",
            sync.identity / GATE_KEY,
            "reach the broker as this gate, until it is retired",
            retire,
        )
    if (request := identity.waiting_request) is not None:
        for name in (SIGNING_KEY, GATE_KEY, ENROLMENT_KEY):
            yield Secret(
                f"{name} of a request that waits",
                request.with_name(name),
                "become this gate, if the office answers the request",
                "make another: gated enrol request --again, and let the office answer that one alone",
            )


def _looked_at(secret: Secret) -> Kept:
    try:
        found = secret.path.stat()
    except FileNotFoundError:
        mend = (
            "systemd brings it while the service runs: systemctl cat gated"
            if secret.credential
            else "check the path in gate.toml, or bring the file"
        )
        return Kept(secret, None, "", "", "it is not there", mend)
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "no path"
        return Kept(secret, None, "", "", f"it cannot be looked at ({why})", "run this as root")
    owner, group = _user(found.st_uid), _group(found.st_gid)
    mode = stat.S_IMODE(found.st_mode)
    readers = _others(mode, group, credential=secret.credential)
    if not readers:
        return Kept(secret, mode, owner, group)
    mend = f"chown gated {secret.path} && chmod 0400 {secret.path}"
    return Kept(secret, mode, owner, group, f"{readers} can read it", mend)


def _others(mode: int, group: str, *, credential: bool) -> str:
    """Who beside the owner has a right to the file; empty = nobody."""
    if mode & 0o007:
        return "everybody"
    # systemd lets its service read a credential by an ACL: then these bits are its mask, and no group's.
    return f"the group {group}" if mode & 0o070 and not credential else ""


def _user(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"#{uid}"


def _group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return f"#{gid}"

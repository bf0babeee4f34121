"""gate.toml after an enrolment: a new one for a bare box, or the present one with ``[sync]``."""

from __future__ import annotations

import json
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gated.config.reading import load_toml, read
from gated.config.settings import read_settings
from gated.errors import ConfigError
from gated.model.document import DocumentError
from gated.store.identity import ROOT
from gated.wire.enrolment import read_broker

_NEW = """\
# gate.toml of this box, written by `gated enrol install`. Every key has its default; change what you like.
# An unknown key is an error: `gated config check` tells. Reference: docs/reference/configuration.md
# Relative paths are taken from the folder in which this file stands.
# Durations carry a unit: ms, s, min, h, d. Sizes carry a unit: kB, MB, GB.

[gate]
# The name under which this box is enrolled. To change it, enrol the box anew.
id = {gate}
# In which languages a visitor is spoken to, the first one first: de, en, es, fr, it.
languages = ["en"]
# Where the gate keeps what it knows and what it did. Owned by the daemon's user, mode 0700.
state_dir = "/var/lib/gated"

[trust]
# All came with the enrolment.
keys = "keys.json"
profile = "profile.json"
sector_key = "sector.key"
{root}
[journal]
# How long a lane waits for its row to be durable before it refuses. 0.05 s to 30 s.
wait = "1.5s"
# Room on the disk that is held in reserve and given up when the disk is full.
ballast = "16MB"

[control]
# The socket at which the running gate answers `gated lane` and `gated status`; for the group gated.
socket = "/run/gated/control"

# One table for each walkway: 1 to 16 of them.
[[lane]]
# Names the lane in the journal.
id = "in-1"
# "simulated", or "pcsc:" and the reader's name as `pcsc_scan -r` tells it.
reader = {reader}
# "simulated", "gpio" or "modbus:…": see docs/how-to/wire-a-turnstile.md.
barrier = {barrier}
# "entry" or "exit". An exit is always released.
direction = "entry"
# Where the lane leads: a zone of the profile. Left out: the venue as a whole.
#zone = "pools"
# The weakest proof accepted in this lane:
# uid-only, static-signed, symmetric-rolling, symmetric-mutual, asymmetric.
minimum_assurance = "uid-only"
# Which media the lane tries: see docs/reference/media.md. Strongest first, whatever their order here.
schemes = ["pkoc"]
# A wide lane for wheelchairs and prams: it waits longer.
accessible = false
# How long a release waits for somebody to pass. 0.01 s to 120 s. Left out, an accessible lane waits 20 s.
hold = "8s"
# How many persons one release of the barrier lets through; 0 = the whole party. 0 to 200.
persons_per_release = 1
# How long a medium may take to prove itself. 0.05 s to 10 s.
conversation = "1.5s"
# How long a hung reader is borne before the daemon gives up and is started anew. 1 s to 600 s.
hung_limit = "20s"
"""
_SYNC = """
# The way to the central system; from the enrolment.
[sync]
broker = {broker}
identity = {identity}
"""
_ROOT = """\
# Of the office's trust repository: newer keys and profiles come by it.
root = {root}
"""
_TRUST = {"keys": "keys.json", "profile": "profile.json", "sector_key": "sector.key"}


@dataclass(frozen=True, slots=True)
class Plan:
    """What becomes of gate.toml. ``text`` is None where it stays as it is; ``differs`` is for a person."""

    path: Path
    trust: dict[str, Path]  # keys, profile, sector_key: where the daemon reads them
    text: str | None
    is_new: bool
    differs: tuple[str, ...]

    def write(self) -> None:
        """Put the new text in place, as a whole, with the mode and owner of the old one."""
        if self.text is None:
            return
        from gated.store.directory import sync_directory

        path = self.path.resolve()
        beside = path.with_name(path.name + ".new")
        beside.unlink(missing_ok=True)
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        with os.fdopen(handle, "wb") as file:
            if self.is_new:
                os.fchmod(handle, 0o644)  # whatever the umask: root writes it, and the daemon reads it
            else:
                before = path.stat()
                os.fchmod(handle, before.st_mode & 0o777)
                if os.geteuid() == 0:
                    os.fchown(handle, before.st_uid, before.st_gid)
            file.write(self.text.encode())
            file.flush()
            os.fsync(handle)
        beside.rename(path)
        sync_directory(path.parent)


def plan(
    path: Path, *, gate: str, broker: str, identity: Path, reader: str, barrier: str, rooted: bool = False
) -> Plan:
    """What gate.toml must become for this enrolment, which brought a root or not.

    Raises ``ConfigError``; writes nothing.
    """
    base = path.absolute().parent
    if not base.is_dir():
        raise ConfigError(f"{base} is not there", hint=f"sudo install -d -o root -g gated -m 0750 {base}")
    named = _from(base, identity)
    table = _SYNC.format(broker=_quoted(broker), identity=_quoted(named))
    is_new = not path.exists()
    if is_new:
        root = _ROOT.format(root=_quoted(f"{named}/{ROOT}")) if rooted else ""
        text = (
            _NEW.format(gate=_quoted(gate), reader=_quoted(reader), barrier=_quoted(barrier), root=root)
            + table
        )
        document = tomllib.loads(text)
        present: dict[str, Any] | None = {"broker": broker, "identity": named}
    else:
        text = read(path, "configuration").decode("utf-8", "replace")
        document = load_toml(path, dict)
        present = document.get("sync")
        if present is None:
            text = text + "\n" * (not text.endswith("\n")) + table
    _check(path, document, base, gate)
    trust = {key: base / document.get("trust", {}).get(key, usual) for key, usual in _TRUST.items()}
    if len(set(trust.values())) < len(trust):
        raise ConfigError(
            f"{path}: trust names one file twice", hint="keys, profile and sector_key are three"
        )
    differs = () if present is None else _differences(path, present, base, broker, identity)
    differs += _root_differs(path, document, base, identity, rooted=rooted)
    return Plan(path, trust, text if is_new or present is None else None, is_new, differs)


def _check(path: Path, document: dict[str, Any], base: Path, gate: str) -> None:
    """Whether the daemon would take it, and is this gate by it."""
    try:
        settings = read_settings({key: value for key, value in document.items() if key != "sync"}, base)
    except DocumentError as error:
        raise ConfigError(
            f"{path}: {error}", hint="mend it, then run this again; nothing was changed"
        ) from None
    if settings.gate != gate:
        raise ConfigError(
            f"{path}: gate.id is {settings.gate!r}, and the enrolment is for {gate!r}",
            hint=f'if it is for this box, write id = "{gate}" there and run this again; nothing was changed',
        )


def _differences(path: Path, present: Any, base: Path, broker: str, identity: Path) -> tuple[str, ...]:
    """What a person must change in a [sync] table that is there."""
    table = present if isinstance(present, dict) else {}
    told = []
    if _full(table.get("broker")) != broker:
        told.append(f"{path}: write sync.broker = {_quoted(broker)} (now {table.get('broker')!r})")
    where = table.get("identity", "identity")
    if not isinstance(where, str) or (base / where).absolute() != identity.absolute():
        told.append(f"{path}: write sync.identity = {_quoted(_from(base, identity))} (now {where!r})")
    return tuple(told)


def _root_differs(
    path: Path, document: dict[str, Any], base: Path, identity: Path, *, rooted: bool
) -> tuple[str, ...]:
    """What a person must change in ``[trust]``: where the enrolment brought a root, the gate must use it."""
    named = document.get("trust", {}).get("root")
    if not rooted:
        return () if named is None else (f"{path}: remove trust.root: this office has no trust repository",)
    if named is not None and (base / named).absolute() == (identity / ROOT).absolute():
        return ()
    said = "left out" if named is None else repr(named)
    return (f"{path}: write trust.root = {_quoted(f'{_from(base, identity)}/{ROOT}')} (now {said})",)


def _full(broker: Any) -> str | None:
    """An address with its port; None for what is none."""
    try:
        return read_broker(broker.removesuffix("/")) if isinstance(broker, str) else None
    except ValueError:
        return None


def _from(base: Path, identity: Path) -> str:
    """The identity as gate.toml names it."""
    whole = identity.absolute()
    return str(whole.relative_to(base)) if whole.is_relative_to(base) else str(whole)


def _quoted(text: str) -> str:
    """A TOML text. Printable JSON is written the same way."""
    if not text.isprintable():
        raise ConfigError(f"{text!r} cannot stand in gate.toml", hint="use printable characters")
    return json.dumps(text, ensure_ascii=False)

"""The gate's side of a stick (docs/reference/stick.md): its events go onto it, what is for it comes off."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from gated.config.files import load_signing_key
from gated.config.settings import Settings, SyncSettings
from gated.credential.message import MESSAGE_TYPES
from gated.daemon.beliefs import Trust
from gated.errors import ConfigError, StickError
from gated.links.stick import StickReader, StickWriter, stick_folder
from gated.links.stick_inbox import for_gate, hand_over, is_down, is_free, read_note, waits
from gated.model.statement import Kind
from gated.store import trust_files
from gated.store.directory import JOURNAL, StateDirectory
from gated.store.outbox import Outbox
from gated.wire import stick
from gated.wire.batch import encode_batch
from gated.wire.stick import What

#: How long a running gate is waited for: what takes longer, such as a snapshot, goes on without us.
PATIENCE_S, LOOK_S = 20.0, 0.2

Progress = Callable[[int], None]


@dataclass(slots=True)
class Exported:
    """What lies on a stick now."""

    batches: int = 0
    events: int = 0


@dataclass(slots=True)
class Brought:
    """What a stick brought. ``waits``: the gate has not taken all of it in yet."""

    files: int = 0
    waits: bool = False
    running: bool = False
    refused: Counter[str] = field(default_factory=Counter)
    examples: list[tuple[str, str]] = field(default_factory=list)


def export(settings: Settings, path: Path, progress: Progress) -> Exported:
    """Write what central has not acknowledged onto a stick, signed. Works beside a running gate.

    Batches of an earlier export are removed when all that is new is there: these hold what they held, unless
    central has it. Raises ``ConfigError``, ``StoreError`` and ``StickError``.
    """
    key = load_signing_key(_sync(settings).identity)
    root, made, written = stick_folder(path), Exported(), set()
    writer = StickWriter(root)
    with closing(Outbox(settings.state_dir / JOURNAL, settings.gate)) as outbox:
        after, newest = outbox.acknowledged()[0], outbox.newest()
        while after < newest and (told := outbox.batch(after)) is not None:
            place = stick.batch(settings.gate, told.batch.epoch, told.batch.first)
            writer.write(place, key.sign(MESSAGE_TYPES[Kind.EVENTS], encode_batch(told.batch)))
            written.add(place.path)
            made.batches, made.events, after = (
                made.batches + 1,
                made.events + len(told.batch.bodies),
                told.last_id,
            )
            progress(made.events)
    if root.is_dir():
        own = for_gate(settings.gate, "")
        for place in StickReader(root).places(own):
            if place.what is What.BATCH and place.path not in written:
                writer.remove(place)
    return made


def bring(settings: Settings, trust: Trust, path: Path, progress: Progress) -> Brought:
    """Hand what a stick has for this gate to the daemon, and see what becomes of it.

    A gate that does not run takes it in when it starts. Raises ``ConfigError`` and ``StickError``.
    """
    _sync(settings)
    directory = StateDirectory(settings.state_dir)
    directory.prepare(f"stick import {path}")
    _make_room(settings.state_dir, running=directory.is_locked())
    reader = StickReader(stick_folder(path))
    wanted = for_gate(settings.gate, trust.profile.sector)
    places = [place for place in reader.places(wanted) if is_down(place)]
    handed = hand_over(reader, places, settings.state_dir, progress)
    brought = Brought(handed + _trust_files(reader, settings))
    brought.running = directory.is_locked()
    if brought.files:
        if brought.running:
            _watch(lambda: not _waits(settings.state_dir))
        brought.waits = _waits(settings.state_dir)
        if not brought.waits:
            brought.refused.update(read_note(settings.state_dir))
    brought.refused.update({f"stick_{code}": count for code, count in reader.refused.items()})
    brought.examples = reader.examples
    return brought


def _trust_files(reader: StickReader, settings: Settings) -> int:
    """Hand the trust repository over, where this gate was enrolled with a root; how many files."""
    folder = reader.root / stick.TRUST
    there = reader.places(lambda kind, _: kind == stick.TRUST)
    if settings.trust_root is None or not there:
        return 0
    return trust_files.hand_over(folder, settings.state_dir)


def _waits(state_dir: Path) -> bool:
    return waits(state_dir) or (state_dir / trust_files.HANDED_OVER).exists()


def _make_room(state_dir: Path, *, running: bool) -> None:
    """What another stick brought is never replaced: it may be newer. Raises ``StickError``."""

    def is_taken_in() -> bool:
        return is_free(state_dir) and not (state_dir / trust_files.HANDED_OVER).exists()

    if running:
        _watch(is_taken_in)
    # A gate that runs and leaves a repository there has no use for it: its own root is spoilt, or gone.
    if not (is_free(state_dir) if running else is_taken_in()):
        raise StickError(
            f"what a stick brought before has not been taken in yet ({state_dir})",
            hint="wait until it is, then import again" if running else "start the gate, then import again",
        )


def _watch(done: Callable[[], bool]) -> None:
    pause = threading.Event()
    for _ in range(round(PATIENCE_S / LOOK_S)):
        if done():
            return
        pause.wait(LOOK_S)


def _sync(settings: Settings) -> SyncSettings:
    if settings.sync is None:
        raise ConfigError(
            "gate.toml has no [sync] table: this box was not enrolled",
            hint="enrol it first (docs/how-to/enrol-a-gate.md); a file of statements needs no enrolment",
        )
    return settings.sync

"""What a stick brought, on its way from whoever imports it to the daemon: a folder beside the journal.

It is handed over whole, with one rename, and taken with another: a power cut leaves it where it was.
"""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from gated.errors import StickError
from gated.links.stick import TORN, StickReader, StickWriter
from gated.wire.blob import name_of
from gated.wire.stick import Place, What

#: Below the state directory: as it is made, as it waits, as it is taken in; and what became of the last.
MAKING, WAITING, TAKING = "stick.making", "stick.incoming", "stick.taking"
NOTE = "stick.json"
_MAX_NOTE_BYTES = 65_536


def hand_over(
    reader: StickReader, places: Sequence[Place], state_dir: Path, progress: Callable[[int], None]
) -> int:
    """Copy files from a stick to where the daemon looks for them. Returns how many. Raises ``StickError``.

    Nothing is believed here, but that a blob bears its own name: a torn one is not copied.
    """
    making = StickWriter(state_dir / MAKING)
    _remove(making.root)
    copied = 0
    for place in places:
        content = reader.read(place)
        if content is None:
            continue
        if place.what is What.BLOB and name_of(content).hex() != place.name:
            reader.refuse(place.path, TORN)
            continue
        making.write(place, content, durably=False)
        copied += 1
        progress(copied)
    if not copied:
        return 0
    try:
        _sync(making.root)
        making.root.rename(state_dir / WAITING)  # fails where another import was faster: nothing is replaced
        _sync_folder(state_dir)
    except OSError as error:
        raise _unusable(state_dir / WAITING, error) from error
    return copied


def is_free(state_dir: Path) -> bool:
    """Whether something can be handed over: what was before has been taken in, or is being so."""
    return not (state_dir / WAITING).exists()


def waits(state_dir: Path) -> bool:
    """Whether something is still to be taken in."""
    return any((state_dir / name).exists() for name in (WAITING, TAKING))


def read_note(state_dir: Path) -> dict[str, int]:
    """What was refused of the last delivery that was taken in, by code."""
    with suppress(OSError, ValueError, RecursionError), (state_dir / NOTE).open("rb") as file:
        note = json.loads(file.read(_MAX_NOTE_BYTES))
        if isinstance(note, dict):
            return {code: count for code, count in note.items() if type(count) is int}
    return {}


class CarriedDelivery:
    """A delivery that is being taken in."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir
        self._reader = StickReader(state_dir / TAKING)
        self.places = self._reader.places()
        self._blobs = {place.name: place for place in self.places if place.what is What.BLOB}

    @property
    def refused(self) -> Counter[str]:
        """What could not be read, by code."""
        return self._reader.refused

    def read(self, place: Place) -> bytes | None:
        """The content of a file; None where it cannot be read."""
        return self._reader.read(place)

    def blob(self, name: bytes) -> bytes | None:
        """A part of the feed, compared with its name."""
        place = self._blobs.get(name.hex())
        content = None if place is None else self._reader.read(place)
        if place is None or content is None or name_of(content) == name:
            return content
        self._reader.refuse(place.path, TORN)
        return None

    def finish(self, refused: Mapping[str, int]) -> None:
        """Remove it, and leave word of what was refused."""
        try:
            new = self._state_dir / f"{NOTE}.new"
            new.write_text(json.dumps(dict(refused)), encoding="utf-8")
            new.rename(self._state_dir / NOTE)
            _remove(self._state_dir / TAKING)
        except OSError as error:
            raise _unusable(self._state_dir / TAKING, error) from error


def next_delivery(state_dir: Path) -> CarriedDelivery | None:
    """What is to be taken in next: first what was begun, then what waits. Raises ``StickError``."""
    taking = state_dir / TAKING
    try:
        if not taking.exists():
            if not (state_dir / WAITING).exists():
                return None
            (state_dir / WAITING).rename(taking)
        return CarriedDelivery(state_dir)
    except OSError as error:
        raise _unusable(taking, error) from error


def for_gate(gate: str, sector: str) -> Callable[[str, str], bool]:
    """Which folders of a stick are for a gate."""
    return lambda kind, whose: (kind, whose) in (("sector", sector), ("gate", gate))


def _sync(root: Path) -> None:
    for folder, _, files in os.walk(root):
        for name in files:
            handle = os.open(Path(folder) / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
        _sync_folder(Path(folder))


def _sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _remove(folder: Path) -> None:
    try:
        if folder.is_symlink():
            folder.unlink()
        elif folder.exists():
            shutil.rmtree(folder)
    except OSError as error:
        raise _unusable(folder, error) from error


def _unusable(path: Path, error: OSError) -> StickError:
    return StickError(
        f"{path} cannot be used ({error.strerror})",
        hint="run it as the daemon's user, and see docs/how-to/recover-a-full-disk.md",
    )


def is_down(place: Place) -> bool:
    """Whether a gate takes a file in, rather than writes it."""
    return place.what not in (What.BATCH, What.TRUST)

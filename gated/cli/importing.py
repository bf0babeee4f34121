"""Taking a file of statements in: used by ``gated stick import`` and the demo."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

from gated.credential.statement import moves_time, open_statement
from gated.daemon.beliefs import Trust
from gated.errors import ConfigError, GatedError, StoreError
from gated.model.refusal import Refusal
from gated.model.statement import Statement
from gated.policy.reckoning import EARLIEST
from gated.policy.terms import usable
from gated.store.directory import DELTA, FLOORS, StateDirectory, is_sound
from gated.store.floors import TIME, floors_file
from gated.store.intake import FOLD_AT, Intake, StatementStore
from gated.store.snapshot import fold
from gated.wire.statement_file import tokens


def import_file(
    file: Path,
    state_dir: Path,
    trust: Trust,
    *,
    complete: bool = False,
    progress: Callable[[int], None] | None = None,
) -> Intake:
    """Take a file in.

    Raises ``ConfigError`` when it cannot be opened or, as a complete one, is empty; ``StoreError`` for our
    own files. What breaks once its statements are in force stands in the ``trouble`` of the result.
    """
    directory = StateDirectory(state_dir)
    directory.prepare(f"stick import {file}")
    if not is_sound(directory.file(DELTA)):
        raise StoreError(
            f"{directory.file(DELTA)} is damaged",
            hint="restart the gate, which sets it aside; then import a full file with --complete",
        )
    floor = max(EARLIEST, floors_file(directory.file(FLOORS)).get(TIME, 0))

    def open_token(token: bytes) -> Statement | Refusal:
        opened = open_statement(token, trust.keys, floor)
        return opened if isinstance(opened, Refusal) else usable(opened, trust.profile)

    try:
        handle = file.open("rb")
    except OSError as error:
        raise ConfigError(f"{file} cannot be read ({error.strerror})", hint="check the path") from None
    stick = _Stick(file, handle)
    with handle, closing(StatementStore(state_dir, trust.profile.sector)) as store:
        result = store.take_in(
            tokens(stick.read),
            open_token,
            lambda token: moves_time(token, trust.keys),
            progress or (lambda _count: None),
        )
        result.trouble = result.trouble or stick.trouble
        if complete:
            _complete(store, result, file)
        _fold_if_grown(store, state_dir, result)
    return result


class _Stick:
    """A file on a medium that may be pulled out or worn out: reading then ends, and says why."""

    def __init__(self, file: Path, handle: BinaryIO) -> None:
        self._file = file
        self._handle = handle
        self.trouble: GatedError | None = None

    def read(self, size: int) -> bytes:
        try:
            return self._handle.read(size)
        except OSError as error:
            self.trouble = GatedError(
                f"{self._file} cannot be read to its end ({error.strerror}); what came before is in force",
                hint="copy the file anew and import it again",
            )
            return b""


def _complete(store: StatementStore, result: Intake, file: Path) -> None:
    if not (result.accepted or result.known or result.refused or result.trouble):
        raise ConfigError(
            f"{file} holds no statement", hint="an empty file ends no damage: bring all that is in force"
        )
    if result.refused or result.trouble:
        return
    try:
        store.mark(complete=True)
    except StoreError as error:
        result.trouble = _in_force("the cache was not marked complete", error)


def _fold_if_grown(store: StatementStore, state_dir: Path, result: Intake) -> None:
    try:
        if store.delta_rows() > FOLD_AT:
            fold(state_dir)
    except StoreError as error:
        result.trouble = result.trouble or _in_force("they were not folded into a snapshot", error)


def _in_force(but: str, error: StoreError) -> StoreError:
    return StoreError(f"the statements are in force, but {but}: {error.message}", hint=error.hint)

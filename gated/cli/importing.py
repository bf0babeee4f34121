"""Taking a file of statements in: used by ``gated stick import`` and the demo."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from gated.credential.statement import moves_time, open_statement
from gated.daemon.tap import Trust
from gated.errors import ConfigError, StoreError
from gated.model.refusal import Refusal
from gated.model.statement import Statement
from gated.policy.reckoning import EARLIEST
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
    """Take a file in. Raises ``ConfigError`` when it cannot be opened, ``StoreError`` for our own files."""
    directory = StateDirectory(state_dir)
    directory.prepare(f"stick import {file}")
    if not is_sound(directory.file(DELTA)):
        raise StoreError(
            f"{directory.file(DELTA)} is damaged",
            hint="restart the gate, which sets it aside; then import a full file with --complete",
        )
    floor = max(EARLIEST, floors_file(directory.file(FLOORS)).get(TIME, 0))

    def open_token(token: bytes) -> Statement | Refusal:
        return open_statement(token, trust.keys, floor)

    try:
        handle = file.open("rb")
    except OSError as error:
        raise ConfigError(f"{file} cannot be read ({error.strerror})", hint="check the path") from None
    store = StatementStore(state_dir, trust.profile.sector)
    try:
        with handle:
            result = store.take_in(
                tokens(handle.read),
                open_token,
                lambda token: moves_time(token, trust.keys),
                progress or (lambda _count: None),
            )
        if complete and not result.refused:
            store.mark(complete=True)
        grown = store.delta_rows() > FOLD_AT
    finally:
        store.close()
    if grown:
        fold(state_dir)
    return result

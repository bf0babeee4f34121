"""What is looked at before a gate serves: nothing damaged is used, deleted or replaced by an empty list.

The order: 1 damaged databases are set aside; 2 ``delta.db`` is opened, before the journal, because one that
is made beside traces of an earlier life begins incomplete (``schema``); 3 the snapshot that the pointer
names is looked at; 4 the journal is opened. A power cut between any two of them leaves the cache
incomplete or with a pointer to a file that is gone: either way it admits nobody until a full file came.
"""

from __future__ import annotations

import logging

from gated.errors import StoreError
from gated.store.directory import DELTA, FOLDING, JOURNAL, StateDirectory, held, is_sound
from gated.store.intake import StatementStore
from gated.store.snapshot import remove_unnamed

log = logging.getLogger(__name__)


def set_aside_damaged(directory: StateDirectory, at: int) -> list[str]:
    """Set damaged databases aside. Returns the names they had.

    Raises ``StoreError`` where nobody can tell whether one is damaged.
    """
    damaged = [name for name in (JOURNAL, DELTA) if not is_sound(directory.file(name))]
    for name in damaged:
        _set_aside(directory, name, at)
    return damaged


def check_snapshot(directory: StateDirectory, statements: StatementStore, at: int) -> list[str]:
    """Set the snapshot aside if it is damaged; else remove what a fold left behind. Returns as above.

    A ``delta.db`` that cannot be written just now keeps no gate from serving: it is logged.
    """
    name = statements.snapshot()
    path = directory.file(name)
    lost = bool(name) and not (path.exists() and is_sound(path))
    if lost:
        _set_aside(directory, name, at)
    try:
        if lost:
            statements.forget_snapshot(name)
        else:
            _tidy(directory, statements)
    except StoreError as error:
        log.error("at start: %s", error)
    return [name] if lost else []


def _tidy(directory: StateDirectory, statements: StatementStore) -> None:
    with held(directory.file(FOLDING)) as alone:
        if alone and statements.is_complete():
            remove_unnamed(directory.path, statements.snapshot())


def _set_aside(directory: StateDirectory, name: str, at: int) -> None:
    log.critical("%s is damaged and was set aside as %s", name, directory.set_aside(name, at))

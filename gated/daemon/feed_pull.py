"""The feed from a place that answers at once: a stick, an enrolment file, a directory."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

from gated.daemon.feed_gathering import RefusedError
from gated.daemon.feed_heads import Believed
from gated.daemon.feed_state import FeedState
from gated.daemon.feed_transfer import MOST_DIRECT, Transfer
from gated.model.trust import KeySet
from gated.store.snapshot import Step

#: Between two looks at the process that builds; seconds.
_LOOK_S = 0.02
_AT_ONCE = 16


class Source(Protocol):
    """Where blobs are. What it gives is compared with its name."""

    def blob(self, name: bytes) -> bytes | None:
        """A blob, or None where it is not there."""


def pull(
    target: Believed,
    state: FeedState,
    source: Source,
    keys: KeySet,
    floor: int,
    progress: Callable[[int], None] = lambda _percent: None,
    *,
    most_direct: int = MOST_DIRECT,
    after_step: Step = lambda _step: None,
) -> bool:
    """Let the cache agree with a believed head; False: it did already. Beside a running gate too.

    Raises ``RefusedError`` for what is not believed or not there, and ``StoreError``.
    """
    state.acquire()
    try:
        if state.applied is not None and state.applied.head == target.head:
            state.tidy()
            return False
        if state.agrees_already(target):
            state.advance(target)
            return True
        transfer = Transfer(
            target,
            state.applied,
            state.store,
            keys,
            floor,
            thorough=True,
            most_direct=most_direct,
            after_step=after_step,
        )
        try:
            _carry_on(transfer, source, progress)
            state.came_to(transfer)
        finally:
            transfer.close()
        return True
    finally:
        state.release()


def _carry_on(transfer: Transfer, source: Source, progress: Callable[[int], None]) -> None:
    pause = threading.Event()
    while not transfer.turn():
        names = transfer.blobs.wants(_AT_ONCE)
        for name in names:
            blob = source.blob(name)
            if blob is None:
                raise RefusedError(transfer.blobs.claims(name), "missing")
            transfer.take(name, blob)
        progress(transfer.percent)
        if not names and transfer.is_long:
            pause.wait(_LOOK_S)

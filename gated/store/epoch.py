"""Where a journal stands: its epochs and its newest row."""

from __future__ import annotations

import sqlite3

from gated.store.connection import in_transaction
from gated.wire.event import genesis

EPOCH_BYTES = 8


def begin_epoch_if_needed(
    connection: sqlite3.Connection, gate: str, machine: str | None, epoch: str, began_at: int
) -> None:
    """Begin ``epoch`` in a new journal, or where the newest one belongs to another gate or machine.

    A copied disk must not go on in the epoch of its original: two rows would bear one number. ``machine``
    None = nobody can tell at present: the epoch goes on.
    """
    newest = connection.execute("SELECT gate, machine FROM epoch ORDER BY no DESC LIMIT 1").fetchone()
    if newest is not None and newest[0] == gate and machine in (None, newest[1]):
        return
    head = connection.execute("SELECT id FROM head").fetchone()
    base = 0 if head is None else head[0]
    link = genesis(gate, epoch)

    def work() -> None:
        connection.execute(
            "INSERT INTO epoch (epoch, gate, machine, base, genesis, began_at) VALUES (?, ?, ?, ?, ?, ?)",
            (epoch, gate, machine or "", base, link, began_at),
        )
        connection.execute("INSERT OR REPLACE INTO head VALUES (1, ?, ?)", (base, link))

    in_transaction(connection, work)


def read_head(connection: sqlite3.Connection) -> tuple[int, bytes, int, str]:
    """(id and digest of the newest row, base and name of the newest epoch)."""
    row_id, link = connection.execute("SELECT id, digest FROM head").fetchone()
    base, epoch = connection.execute("SELECT base, epoch FROM epoch ORDER BY no DESC LIMIT 1").fetchone()
    return row_id, link, base, epoch

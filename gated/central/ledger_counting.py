"""What counting asks of the ledger: grants, settlements that wait for one, what is still looked through."""

from __future__ import annotations

from typing import Any

from gated.central.ledger import Ledger


def grant(ledger: Ledger, chain: int, seq: int) -> str | None:
    """The row of a history that a settlement names, if it is here and counts."""
    found = ledger.rows("SELECT body FROM event WHERE chain = ? AND seq = ? AND code IS NULL", (chain, seq))
    return str(found[0][0]) if found else None


def first_settlement(ledger: Ledger, chain: int, decision: int) -> bool:
    """Note that the grant in a row is settled. False = it was."""
    return bool(
        ledger.rows("INSERT INTO settled VALUES (?, ?) ON CONFLICT DO NOTHING RETURNING 1", (chain, decision))
    )


def chain_of(ledger: Ledger, gate: str, epoch: str) -> int | None:
    """The id of the history of an epoch that counts."""
    found = ledger.rows("SELECT id FROM chain WHERE gate = ? AND epoch = ? AND branch = 0", (gate, epoch))
    return int(found[0][0]) if found else None


def venue_of(ledger: Ledger, gate: str) -> str | None:
    """Where a gate stands, by its newest enrolment."""
    found = ledger.rows("SELECT venue FROM gate WHERE gate = ? ORDER BY enrolment DESC LIMIT 1", (gate,))
    return str(found[0][0]) if found else None


# ------------------------------------------------------------------ settlements of grants that are not here


def let_wait(ledger: Ledger, gate: str, epoch: str, decision: int, body: str) -> None:
    """Keep a settlement until its grant is here."""
    ledger.execute("INSERT OR IGNORE INTO unmatched VALUES (?, ?, ?, ?)", (gate, epoch, decision, body))


def any_waits(ledger: Ledger) -> bool:
    """Whether one does."""
    return bool(ledger.rows("SELECT 1 FROM unmatched LIMIT 1"))


def waited_for(ledger: Ledger, gate: str, epoch: str, seq: int) -> list[str]:
    """The settlement that waits for this row, if one does. It waits no longer."""
    sql = "DELETE FROM unmatched WHERE gate = ? AND epoch = ? AND decision = ? RETURNING body"
    return [body for (body,) in ledger.rows(sql, (gate, epoch, seq))]


# ------------------------------------------------------------------ what an earlier release took in


def left(ledger: Ledger) -> dict[str, int]:
    """How much is still to be looked through, of what."""
    return dict(ledger.rows("SELECT what, until - done FROM filling"))


def progress(ledger: Ledger, what: str) -> tuple[int, int] | None:
    """(how far, up to where); None = it is done."""
    rows = ledger.rows("SELECT done, until FROM filling WHERE what = ?", (what,))
    return (rows[0][0], rows[0][1]) if rows else None


def go_on(ledger: Ledger, what: str, done: int, *, more: bool) -> bool:
    """Note how far it is; ``more`` is to come."""
    if more:
        ledger.execute("UPDATE filling SET done = ? WHERE what = ?", (done, what))
    else:
        ledger.execute("DELETE FROM filling WHERE what = ?", (what,))
    return more


def tokens(ledger: Ledger, after: int, limit: int) -> list[bytes]:
    """Statements in the order of sector and number, behind so many."""
    sql = "SELECT token FROM statement ORDER BY sector, number LIMIT ? OFFSET ?"
    return [token for (token,) in ledger.rows(sql, (limit, after))]


def counted(ledger: Ledger, after: int, until: int, limit: int) -> list[tuple[Any, ...]]:
    """Rows that count, in the order of arrival: id, sector, gate, epoch, chain, seq, body."""
    return ledger.rows(
        "SELECT event.id, chain.sector, chain.gate, chain.epoch, chain.id, event.seq, event.body"
        " FROM event JOIN chain ON chain.id = event.chain WHERE event.id > ? AND event.id <= ?"
        " AND event.code IS NULL AND chain.branch = 0 ORDER BY event.id LIMIT ?",
        (after, until, limit),
    )

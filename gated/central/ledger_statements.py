"""Everything issued, numbered without a gap within its sector, and which medium took another's place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from gated.central.ledger import Ledger
from gated.central.ledger_feed import note_place
from gated.model.statement import KIND_NUMBERS, Kind, Statement


@dataclass(frozen=True, slots=True)
class Logged:
    """A statement of the log; ``number`` is from 1."""

    sector: str
    number: int
    token: bytes


@dataclass(frozen=True, slots=True)
class Replacement:
    """``new`` took the place of another credential (indexes, 16 bytes); numbers of the two statements."""

    new: bytes
    pass_: bytes
    denial: int
    binding: int


def log(ledger: Ledger, sector: str, statement: Statement, token: bytes, now: int) -> int:
    """Add a statement and its token; its number."""
    with ledger.transaction():
        rows = ledger.rows(
            "INSERT INTO statement (sector, number, at, token)"
            " SELECT ?1, coalesce(max(number), 0) + 1, ?2, ?3"
            " FROM statement WHERE sector = ?1 RETURNING number",
            (sector, now, token),
        )
        number = int(rows[0][0])
        note_place(ledger, sector, statement, number)
    return number


def logged(ledger: Ledger, sector: str, number: int) -> bytes:
    """The token of a number that was handed out."""
    rows = ledger.rows("SELECT token FROM statement WHERE sector = ? AND number = ?", (sector, number))
    return bytes(rows[0][0])


def unpublished(ledger: Ledger, limit: int) -> list[Logged]:
    """The oldest statements that no broker has taken yet."""
    rows = ledger.rows(
        "SELECT sector, number, token FROM statement WHERE published_at IS NULL"
        " ORDER BY sector, number LIMIT ?",
        (limit,),
    )
    return [Logged(*row) for row in rows]


def mark_published(ledger: Ledger, numbers: Iterable[tuple[str, int]], now: int) -> None:
    """A broker took these (sector, number)."""
    with ledger.transaction():
        ledger.executemany(
            "UPDATE statement SET published_at = ? WHERE sector = ? AND number = ? AND published_at IS NULL",
            [(now, sector, number) for sector, number in numbers],
        )


def all_logged(ledger: Ledger, sector: str, after: int, limit: int) -> list[Logged]:
    """The next statements of a sector after a number, in order."""
    rows = ledger.rows(
        "SELECT sector, number, token FROM statement WHERE sector = ? AND number > ? ORDER BY number LIMIT ?",
        (sector, after, limit),
    )
    return [Logged(*row) for row in rows]


def newest_right(ledger: Ledger, sector: str, pass_: bytes, right: bytes) -> bytes | None:
    """The token of the highest revision of a right, if the pass has it."""
    rows = ledger.rows(
        "SELECT statement.token FROM place JOIN statement"
        " ON statement.sector = place.sector AND statement.number = place.number"
        " WHERE place.sector = ? AND place.key = ? AND place.kind = ? AND place.id = ?",
        (sector, pass_, KIND_NUMBERS[Kind.ENTITLEMENT], right),
    )
    return bytes(rows[0][0]) if rows else None


def replacement(ledger: Ledger, sector: str, old: bytes) -> Replacement | None:
    """What took the place of a credential, by its index."""
    rows = ledger.rows(
        "SELECT new, pass, denial, binding FROM replacement WHERE sector = ? AND old = ?", (sector, old)
    )
    return Replacement(*rows[0]) if rows else None


def note_replacement(ledger: Ledger, sector: str, old: bytes, made: Replacement) -> None:
    """Remember what took the place of a credential."""
    ledger.execute(
        "INSERT INTO replacement VALUES (?, ?, ?, ?, ?, ?)",
        (sector, old, made.new, made.pass_, made.denial, made.binding),
    )

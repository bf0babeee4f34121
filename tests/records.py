"""What a journal and a ledger hold, read from their files without gated; and a gate let in by hand."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from gated.central.ledger import Ledger
from gated.central.ledger_gates import end_gate, enrol_gate
from gated.model.trust import Algorithm
from gated.store.directory import JOURNAL
from gated.wire.seal import SigningKey

Rows = dict[tuple[str, int], bytes]  # digest by (epoch, seq)


def journaled(state: Path) -> Rows:
    """Every row that a journal holds."""
    return _rows(
        state / JOURNAL,
        "SELECT epoch.epoch, event.id - epoch.base, digest FROM event JOIN epoch ON epoch.no ="
        " (SELECT max(no) FROM epoch WHERE base < event.id)",
    )


def kept(ledger: Path, gate: str, *, branch: int = 0, quarantined: bool = False) -> Rows:
    """What of a gate's rows counts at central, or of another history, or was kept aside."""
    return _rows(
        ledger,
        "SELECT chain.epoch, event.seq, event.digest FROM event JOIN chain ON chain.id = event.chain"
        " WHERE chain.gate = ? AND chain.branch = ? AND (event.code IS NOT NULL) = ?",
        gate,
        branch,
        quarantined,
    )


def _rows(file: Path, sql: str, *values: object) -> Rows:
    with closing(sqlite3.connect(file)) as connection:
        found = connection.execute(sql, values).fetchall()
    rows = {(epoch, seq): link for epoch, seq, link in found}
    assert len(rows) == len(found), "a row stands twice"
    return rows


def total(ledger: Path, gate: str) -> int:
    """Rows of a gate, of whatever history and worth: what is there twice is in this number twice."""
    with closing(sqlite3.connect(ledger)) as connection:
        (count,) = connection.execute(
            "SELECT count(*) FROM event JOIN chain ON chain.id = event.chain WHERE chain.gate = ?", (gate,)
        ).fetchone()
    return count


def let_in(ledger: Path, gate: str, identity: Path, now: int) -> None:
    """A new signing key that central believes, as an enrolment file brings it; an old one counts no more."""
    key = SigningKey.generate(Algorithm.EDDSA)
    path = identity / "signing.key"
    identity.mkdir(parents=True, exist_ok=True)
    path.write_bytes(key.pem())
    path.chmod(0o600)
    with closing(Ledger(ledger)) as opened:
        end_gate(opened, gate, now)
        enrol_gate(
            opened, gate, sector="pools", venue="bron", kid=key.kid, public=key.public, serial="1", now=now
        )

"""The tables of central.db (docs/reference/central.md), each change of them a migration."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from gated.credential.statement import claimed
from gated.model.refusal import Refusal
from gated.model.statement import KIND_NUMBERS, place_of
from gated.wire.setdigest import bucket_of

migrations = Migrations("gated.central")


def _create(db: Database, *statements: str) -> None:
    for statement in statements:
        db.execute(statement)


@migrations(name="0001_numbers")
def _numbers(db: Database) -> None:
    # The highest number handed out for a key: a binding's index, a right's id, a denial's target.
    db.execute(
        "CREATE TABLE number (sector TEXT NOT NULL, what TEXT NOT NULL, key BLOB NOT NULL,"
        " number INTEGER NOT NULL, PRIMARY KEY (sector, what, key)) WITHOUT ROWID"
    )


@migrations(name="0002_revoked")
def _revoked(db: Database) -> None:
    # Targets refused for good.
    db.execute(
        "CREATE TABLE revoked (sector TEXT NOT NULL, what TEXT NOT NULL, key BLOB NOT NULL,"
        " PRIMARY KEY (sector, what, key)) WITHOUT ROWID"
    )


@migrations(name="0003_statements")
def _statements(db: Database) -> None:
    _create(
        db,
        # Everything issued, numbered without a gap within its sector.
        "CREATE TABLE statement (sector TEXT NOT NULL, number INTEGER NOT NULL, at INTEGER NOT NULL,"
        " token BLOB NOT NULL, published_at INTEGER, PRIMARY KEY (sector, number)) WITHOUT ROWID",
        "CREATE INDEX statement_waiting ON statement (sector, number) WHERE published_at IS NULL",
        # Which medium took another's place: the indexes of both, and the numbers of the two statements.
        "CREATE TABLE replacement (sector TEXT NOT NULL, old BLOB NOT NULL, new BLOB NOT NULL,"
        " pass BLOB NOT NULL, denial INTEGER NOT NULL, binding INTEGER NOT NULL,"
        " PRIMARY KEY (sector, old)) WITHOUT ROWID",
    )


@migrations(name="0004_gates")
def _gates(db: Database) -> None:
    _create(
        db,
        # A row per enrolment, kept for good: old events are verified with old keys.
        "CREATE TABLE gate (gate TEXT NOT NULL, enrolment INTEGER NOT NULL, sector TEXT NOT NULL,"
        " venue TEXT NOT NULL, kid BLOB NOT NULL, algorithm TEXT NOT NULL, public BLOB NOT NULL,"
        " serial TEXT NOT NULL, enrolled_at INTEGER NOT NULL, ended_at INTEGER,"
        " PRIMARY KEY (gate, enrolment)) WITHOUT ROWID",
        "CREATE UNIQUE INDEX gate_present ON gate (gate) WHERE ended_at IS NULL",
        "CREATE INDEX gate_public ON gate (public)",
        # What a gate last said of itself, and when anything of it was last believed.
        "CREATE TABLE state (gate TEXT PRIMARY KEY, heard_at INTEGER NOT NULL, session TEXT,"
        " online INTEGER, told TEXT) WITHOUT ROWID",
        # What arrived and was not believed. Gates that nobody enrolled share the empty name.
        "CREATE TABLE refused (gate TEXT NOT NULL, code TEXT NOT NULL, times INTEGER NOT NULL,"
        " latest INTEGER NOT NULL, PRIMARY KEY (gate, code)) WITHOUT ROWID",
        "CREATE TABLE alarm (gate TEXT NOT NULL, epoch TEXT NOT NULL, code TEXT NOT NULL,"
        " since INTEGER NOT NULL, latest INTEGER NOT NULL, times INTEGER NOT NULL,"
        " PRIMARY KEY (gate, epoch, code)) WITHOUT ROWID",
    )


@migrations(name="0005_events")
def _events(db: Database) -> None:
    _create(
        db,
        # Branch 0 is what was told first. A branch shares the rows up to `base` with its `parent`.
        # `missing` counts the rows that its gaps lack.
        "CREATE TABLE chain (id INTEGER PRIMARY KEY, gate TEXT NOT NULL, epoch TEXT NOT NULL,"
        " branch INTEGER NOT NULL, sector TEXT NOT NULL, parent INTEGER REFERENCES chain (id),"
        " base INTEGER NOT NULL, upto INTEGER NOT NULL, head BLOB NOT NULL, missing INTEGER NOT NULL,"
        " begun_at INTEGER NOT NULL, UNIQUE (gate, epoch, branch))",
        # Bodies are appended in the order of arrival: only the small index is written all over the place.
        "CREATE TABLE event (id INTEGER PRIMARY KEY, chain INTEGER NOT NULL REFERENCES chain (id),"
        " seq INTEGER NOT NULL, digest BLOB NOT NULL, code TEXT, body TEXT NOT NULL)",
        "CREATE UNIQUE INDEX event_place ON event (chain, seq)",
        "CREATE INDEX event_aside ON event (chain, seq) WHERE code IS NOT NULL",
        # What the gate signed: with the rows' bodies the very message can be made again.
        "CREATE TABLE batch (id INTEGER PRIMARY KEY, chain INTEGER NOT NULL REFERENCES chain (id),"
        " first INTEGER NOT NULL, last INTEGER NOT NULL, prev BLOB NOT NULL, erased INTEGER NOT NULL,"
        " kid BLOB NOT NULL, signature BLOB NOT NULL)",
        "CREATE INDEX batch_place ON batch (chain, first)",
        # Rows that the gate has no more and central never had; `digest` is that of row `last`.
        "CREATE TABLE missing (chain INTEGER NOT NULL REFERENCES chain (id), first INTEGER NOT NULL,"
        " last INTEGER NOT NULL, digest BLOB NOT NULL, PRIMARY KEY (chain, last)) WITHOUT ROWID",
        # Batches ahead of what came before them. `head` is the digest of their last row.
        "CREATE TABLE pending (id INTEGER PRIMARY KEY, gate TEXT NOT NULL, epoch TEXT NOT NULL,"
        " first INTEGER NOT NULL, head BLOB NOT NULL, kid BLOB NOT NULL, signature BLOB NOT NULL,"
        " payload BLOB NOT NULL, UNIQUE (gate, epoch, first, head))",
        # What counts: nothing that was kept aside, and of a copied journal only what was told first.
        "CREATE VIEW counted AS SELECT event.id, chain.sector, chain.gate, chain.epoch, event.seq, event.body"
        " FROM event JOIN chain ON chain.id = event.chain WHERE event.code IS NULL AND chain.branch = 0",
    )


@migrations(name="0006_feed")
def _feed(db: Database) -> None:
    _create(
        db,
        # Of each place (key, kind, id) the highest rank, and the number of the statement that has it.
        "CREATE TABLE place (sector TEXT NOT NULL, key BLOB NOT NULL, kind INTEGER NOT NULL,"
        " id BLOB NOT NULL, rank INTEGER NOT NULL, number INTEGER NOT NULL,"
        " PRIMARY KEY (sector, key, kind, id)) WITHOUT ROWID",
        # `changed` is the number of the last statement in a bucket, `counted` how far its digest goes.
        "CREATE TABLE bucket (sector TEXT NOT NULL, bucket INTEGER NOT NULL, changed INTEGER NOT NULL,"
        " counted INTEGER NOT NULL DEFAULT 0, rows INTEGER NOT NULL DEFAULT 0,"
        " digest BLOB NOT NULL DEFAULT x'', PRIMARY KEY (sector, bucket)) WITHOUT ROWID",
        "CREATE INDEX bucket_changed ON bucket (sector, bucket) WHERE changed > counted",
        # The newest head of each sector.
        "CREATE TABLE head (sector TEXT PRIMARY KEY, version INTEGER NOT NULL, position INTEGER NOT NULL,"
        " rows INTEGER NOT NULL, digest BLOB NOT NULL, manifest BLOB NOT NULL, at INTEGER NOT NULL,"
        " token BLOB NOT NULL) WITHOUT ROWID",
        # What an older ledger holds, to be sorted: rows one by one would be written all over the file.
        "CREATE TEMP TABLE claim (sector TEXT, number INTEGER, key BLOB, kind INTEGER, id BLOB, rank INTEGER,"
        " bucket INTEGER)",
    )
    db.conn.executemany("INSERT INTO claim VALUES (?, ?, ?, ?, ?, ?, ?)", _claims(db))
    _create(
        db,
        "INSERT INTO place SELECT sector, key, kind, id, max(rank), number FROM claim"
        " GROUP BY sector, key, kind, id",
        "INSERT INTO bucket (sector, bucket, changed) SELECT sector, bucket, max(number) FROM claim"
        " GROUP BY sector, bucket",
        "DROP TABLE temp.claim",
    )


def _claims(db: Database) -> Iterator[tuple[Any, ...]]:
    """What stands in the log, which central wrote itself: so no signature is verified."""
    for sector, number, token in db.execute("SELECT sector, number, token FROM statement"):
        statement = claimed(token)
        if not isinstance(statement, Refusal):
            kind, row_id = place_of(statement)
            key = statement.key
            yield sector, number, key, KIND_NUMBERS[kind], row_id, statement.rank, bucket_of(key)


@migrations(name="0007_uses")
def _uses(db: Database) -> None:
    _create(
        db,
        # How it stands, per right, gate and day; numbered within the sector by the last change of a row.
        "CREATE TABLE used (sector TEXT NOT NULL, cti BLOB NOT NULL, gate TEXT NOT NULL,"
        " day INTEGER NOT NULL, venue TEXT NOT NULL,"
        " taken INTEGER NOT NULL CHECK (taken > 0), last_at INTEGER NOT NULL, seq INTEGER NOT NULL,"
        " PRIMARY KEY (sector, cti, gate, day, venue)) WITHOUT ROWID",
        "CREATE UNIQUE INDEX used_seq ON used (sector, seq)",
        "CREATE TABLE presence (sector TEXT NOT NULL, pass BLOB NOT NULL, venue TEXT NOT NULL,"
        " zone TEXT NOT NULL, shift INTEGER NOT NULL, gate TEXT NOT NULL, come INTEGER NOT NULL,"
        " gone INTEGER NOT NULL, last_in INTEGER, seq INTEGER NOT NULL,"
        " PRIMARY KEY (sector, pass, venue, zone, shift, gate)) WITHOUT ROWID",
        "CREATE UNIQUE INDEX presence_seq ON presence (sector, seq)",
        "CREATE TABLE use_seq (sector TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID",
        # Grants whose settlement was counted: whatever says so a second time counts nothing.
        "CREATE TABLE settled (chain INTEGER NOT NULL REFERENCES chain (id), decision INTEGER NOT NULL,"
        " PRIMARY KEY (chain, decision)) WITHOUT ROWID",
        # Settlements of grants that are not here (yet).
        "CREATE TABLE unmatched (gate TEXT NOT NULL, epoch TEXT NOT NULL, decision INTEGER NOT NULL,"
        " body TEXT NOT NULL, PRIMARY KEY (gate, epoch, decision)) WITHOUT ROWID",
        # What each right says itself of its uses, in its newest revision; NULL = as its product.
        "CREATE TABLE entitled (sector TEXT NOT NULL, cti BLOB NOT NULL, product TEXT NOT NULL,"
        " total INTEGER, per_day INTEGER, shares TEXT, reentry INTEGER, revision INTEGER NOT NULL,"
        " PRIMARY KEY (sector, cti)) WITHOUT ROWID",
        # Limits that were passed: of what stands for the day or the venue.
        "CREATE TABLE overspent (sector TEXT NOT NULL, cti BLOB NOT NULL, per TEXT NOT NULL,"
        " of TEXT NOT NULL, allowed INTEGER NOT NULL, used INTEGER NOT NULL, since INTEGER NOT NULL,"
        " latest INTEGER NOT NULL, PRIMARY KEY (sector, cti, per, of)) WITHOUT ROWID",
        # What an earlier release took in: events up to `until` and statements are looked through once.
        "CREATE TABLE filling (what TEXT PRIMARY KEY, done INTEGER NOT NULL, until INTEGER NOT NULL)"
        " WITHOUT ROWID",
        "INSERT INTO filling SELECT 'events', 0, max(id) FROM event HAVING max(id)",
        "INSERT INTO filling SELECT 'statements', 0, count(*) FROM statement HAVING count(*)",
    )


@migrations(name="0008_commands")
def _commands(db: Database) -> None:
    _create(
        db,
        # Kept for good: a counter is never handed out twice. `seen` is the newest event that was looked at.
        "CREATE TABLE command (id INTEGER PRIMARY KEY, sector TEXT NOT NULL, gate TEXT NOT NULL,"
        " kid BLOB NOT NULL, counter INTEGER NOT NULL, at INTEGER NOT NULL, expires INTEGER NOT NULL,"
        " operator TEXT NOT NULL, reason TEXT NOT NULL, what TEXT NOT NULL, lane TEXT, persons INTEGER,"
        " mode TEXT, token BLOB NOT NULL, published_at INTEGER, seen INTEGER NOT NULL, outcome TEXT,"
        " outcome_at INTEGER, doubt TEXT, UNIQUE (kid, counter))",
        "CREATE INDEX command_waiting ON command (expires) WHERE outcome IS NULL",
        "CREATE INDEX command_gate ON command (gate, id)",
    )

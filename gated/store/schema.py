"""The tables, as migrations: a file of any earlier release is brought up to date when it is opened."""

from __future__ import annotations

from pathlib import Path

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from gated.store.directory import has_served
from gated.store.tables import STATEMENT_TABLE

journal_migrations = Migrations("gated.journal")
cache_migrations = Migrations("gated.cache")


@journal_migrations(name="0001_journal")
def _journal(db: Database) -> None:
    """Retention classes: event, anchor (until acknowledged and erased); counter, reservation; floor."""
    # An event's id counts through all epochs of the file; its seq is id - epoch.base.
    db.execute(
        "CREATE TABLE epoch (no INTEGER PRIMARY KEY, epoch TEXT NOT NULL UNIQUE, gate TEXT NOT NULL,"
        " machine TEXT NOT NULL, base INTEGER NOT NULL, genesis BLOB NOT NULL,"
        " began_at INTEGER NOT NULL)"
    )
    db.execute("CREATE TABLE event (id INTEGER PRIMARY KEY, body TEXT NOT NULL, digest BLOB NOT NULL)")
    # The newest row is noted apart: without it, a deleted last row would leave a perfect chain.
    db.execute(
        "CREATE TABLE head (one INTEGER PRIMARY KEY CHECK (one = 1),"
        " id INTEGER NOT NULL, digest BLOB NOT NULL)"
    )
    # The newest erased row: where the chain of the rows that are left begins.
    db.execute(
        "CREATE TABLE anchor (one INTEGER PRIMARY KEY CHECK (one = 1),"
        " id INTEGER NOT NULL, digest BLOB NOT NULL)"
    )
    # Uses that are final. What is reserved stands in the other table until it is settled, so that a grant
    # touches no counter: one page less to write before the barrier opens.
    db.execute(
        "CREATE TABLE counter (cti BLOB NOT NULL, venue TEXT NOT NULL, day INTEGER NOT NULL,"
        " taken INTEGER NOT NULL CHECK (taken > 0), keep_until INTEGER,"
        " PRIMARY KEY (cti, venue, day)) WITHOUT ROWID"
    )
    # Releases not yet settled: a handful of rows, one for each lane at most, so a scan of it is nothing.
    db.execute(
        "CREATE TABLE reservation (id INTEGER PRIMARY KEY, lane TEXT NOT NULL, cti BLOB NOT NULL,"
        " venue TEXT NOT NULL, day INTEGER NOT NULL, uses INTEGER NOT NULL, persons INTEGER NOT NULL,"
        " keep_until INTEGER)"
    )
    db.execute("CREATE TABLE floor (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID")
    # For people with a shell: what the body says, as columns.
    db.execute(
        "CREATE VIEW events AS SELECT epoch.epoch, event.id - epoch.base AS seq,"
        " json_extract(body, '$.kind') AS kind, datetime(json_extract(body, '$.at'), 'unixepoch') AS at_utc,"
        " json_extract(body, '$.lane') AS lane, json_extract(body, '$.outcome') AS outcome,"
        " json_extract(body, '$.reason') AS reason, json_extract(body, '$.decision') AS decision, body"
        " FROM event JOIN epoch ON epoch.no = (SELECT max(no) FROM epoch WHERE base < event.id)"
    )


@journal_migrations(name="0002_acknowledged")
def _acknowledged(db: Database) -> None:
    """Central's receipts: up to which row, by the hour of the floor in which they came (ADR 0006).

    The highest id is the cursor. By the hour, because rows are erased some time after their receipt, and a
    row for each receipt would be one more to erase. ``at`` is the best estimate of the newest, for people.
    """
    db.execute(
        "CREATE TABLE acknowledged (hour INTEGER PRIMARY KEY, id INTEGER NOT NULL, at INTEGER NOT NULL)"
    )


@journal_migrations(name="0003_inside")
def _inside(db: Database) -> None:
    """Who is inside, by the venue's service day (yyyymmdd of the day it began on): a new one finds nobody.

    Retention class: presence, occupancy (until the service day after theirs is over). A release that was
    open when the file came from an earlier release tells neither pass nor time.
    """
    db.execute("ALTER TABLE counter ADD COLUMN last_at INTEGER")  # the newest entry that cost a use
    for column in (
        "pass BLOB",
        "zone TEXT NOT NULL DEFAULT ''",
        "shift INTEGER NOT NULL DEFAULT 0",
        "at INTEGER NOT NULL DEFAULT 0",
    ):
        db.execute(f"ALTER TABLE reservation ADD COLUMN {column}")
    db.execute(
        "CREATE TABLE presence (pass BLOB NOT NULL, zone TEXT NOT NULL, shift INTEGER NOT NULL,"
        " inside INTEGER NOT NULL CHECK (inside >= 0), last_in INTEGER,"
        " PRIMARY KEY (pass, zone, shift)) WITHOUT ROWID"
    )
    db.execute(
        "CREATE TABLE occupancy (shift INTEGER PRIMARY KEY, inside INTEGER NOT NULL CHECK (inside >= 0))"
    )


@journal_migrations(name="0004_standing")
def _standing(db: Database) -> None:
    """How lanes stand by order, and which of them burn. Retention class: floor (never erased)."""
    db.execute(
        "CREATE TABLE standing (lane TEXT PRIMARY KEY, mode TEXT NOT NULL, burning INTEGER NOT NULL)"
        " WITHOUT ROWID"
    )
    # Somebody whom staff lets out is counted as gone when the release is settled.
    db.execute("ALTER TABLE reservation ADD COLUMN leads_out INTEGER NOT NULL DEFAULT 0")


@journal_migrations(name="0005_come_and_gone")
def _come_and_gone(db: Database) -> None:
    """Who came and who went, apart: with what other gates of the venue counted they add up (ADR 0021)."""
    for table in ("presence", "occupancy"):
        for column in ("come", "gone"):
            db.execute(f"ALTER TABLE {table} ADD COLUMN {column} INTEGER NOT NULL DEFAULT 0")
    db.execute("UPDATE presence SET come = inside")
    db.execute("UPDATE occupancy SET come = inside")


@journal_migrations(name="0006_rolling")
def _rolling(db: Database) -> None:
    """The highest number that each medium with a rolling proof has shown. Retention class: floor."""
    db.execute("CREATE TABLE rolling (id BLOB PRIMARY KEY, counter INTEGER NOT NULL) WITHOUT ROWID")


@cache_migrations(name="0001_cache")
def _cache(db: Database) -> None:
    db.execute(STATEMENT_TABLE.format(more=""))
    db.execute("CREATE INDEX statement_position ON statement (position)")
    # Which snapshot counts ('' = none yet). complete = 0: a file was damaged or lost, denials may be gone.
    db.execute(
        "CREATE TABLE pointer (one INTEGER PRIMARY KEY CHECK (one = 1), snapshot TEXT NOT NULL,"
        " covers INTEGER NOT NULL, position INTEGER NOT NULL, complete INTEGER NOT NULL)"
    )
    # Born incomplete where a gate has served: no crash between setting a file aside and saying so can turn
    # a lost list of denials into an empty one.
    (_, _, place), *_ = db.execute("PRAGMA database_list").fetchall()
    db.execute("INSERT INTO pointer VALUES (1, '', 0, 0, ?)", (not has_served(Path(place).parent),))
    # What was imported; the daemon tells the journal of it and deletes the row.
    db.execute(
        "CREATE TABLE intake (id INTEGER PRIMARY KEY, accepted INTEGER NOT NULL, known INTEGER NOT NULL,"
        " refused TEXT NOT NULL, time_token BLOB)"
    )


@cache_migrations(name="0002_feed")
def _feed(db: Database) -> None:
    """What the feed has said, so that the set of a head can be computed at any time (store/feed_set.py).

    A mark (``fed`` the rank, ``fed_at`` its generation and position, see ``store/feed_marks.py``) counts once
    the applied head has come to its position; ``was`` and ``was_at`` are the mark before it. So marks are
    made few at a time, and count all at once.
    """
    for column in ("fed", "fed_at", "was", "was_at"):
        db.execute(f"ALTER TABLE statement ADD COLUMN {column} INTEGER")
    # What came as live statements and the feed has not confirmed: few rows.
    db.execute("CREATE INDEX statement_unfed ON statement (position) WHERE fed IS NULL OR fed < rank")
    # The applied head ('' = none, or one that its set does not agree with); ``generation`` grows with each
    # snapshot of the feed, ``seen`` is the cache's own position when the head was applied.
    db.execute(
        "CREATE TABLE feed (one INTEGER PRIMARY KEY CHECK (one = 1), head BLOB NOT NULL,"
        " version INTEGER NOT NULL, position INTEGER NOT NULL, at INTEGER NOT NULL,"
        " generation INTEGER NOT NULL, seen INTEGER NOT NULL)"
    )
    db.execute("INSERT INTO feed VALUES (1, x'', 0, 0, 0, 0, 0)")


@cache_migrations(name="0003_elsewhere")
def _elsewhere(db: Database) -> None:
    """What central has of uses and of who is inside, per gate; retention class: counters, presence.

    Of other gates all of it counts. Of this gate only what its own journal lacks does (it was lost), and
    `confirmed` is what both have. People of a whole day stand under the empty pass and zone.
    """
    db.execute(
        "CREATE TABLE used (cti BLOB NOT NULL, venue TEXT NOT NULL, gate TEXT NOT NULL, day INTEGER NOT NULL,"
        " taken INTEGER NOT NULL, last_at INTEGER NOT NULL, counts INTEGER NOT NULL,"
        " confirmed INTEGER NOT NULL, PRIMARY KEY (cti, venue, gate, day)) WITHOUT ROWID"
    )
    db.execute(
        "CREATE TABLE people (pass BLOB NOT NULL, zone TEXT NOT NULL, shift INTEGER NOT NULL,"
        " gate TEXT NOT NULL, come INTEGER NOT NULL, gone INTEGER NOT NULL, last_in INTEGER,"
        " came INTEGER NOT NULL, went INTEGER NOT NULL, PRIMARY KEY (pass, zone, shift, gate)) WITHOUT ROWID"
    )
    # seq: every change up to it is here. epoch: of the journal that rows of this gate were compared with.
    db.execute(
        "CREATE TABLE elsewhere (one INTEGER PRIMARY KEY CHECK (one = 1), seq INTEGER NOT NULL,"
        " epoch TEXT NOT NULL)"
    )
    db.execute("INSERT INTO elsewhere VALUES (1, 0, '')")

"""The table of statements, as delta and snapshots have it."""

from __future__ import annotations

#: ``more`` is what only snapshots have.
STATEMENT_TABLE = (
    # With a rowid: the index is narrow, and most look-ups (is this right denied?) end in it.
    # One lookup by key finds everything about it: a credential's binding and denial, a pass's rights
    # and denial, an entitlement's denial. id tells rights of one pass apart and is empty elsewhere.
    "CREATE TABLE statement (key BLOB NOT NULL, kind INTEGER NOT NULL, id BLOB NOT NULL,"
    " rank INTEGER NOT NULL, token BLOB NOT NULL, position INTEGER NOT NULL,"
    "{more} PRIMARY KEY (key, kind, id))"
)
#: The table of a snapshot. ``fed`` is the rank that the feed has said for this place; NULL = it said none,
#: and the row came as a live statement or in a file. Snapshots of earlier releases have no such column.
SNAPSHOT_TABLE = STATEMENT_TABLE.format(more=" fed INTEGER,")

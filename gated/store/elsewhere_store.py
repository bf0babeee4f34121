"""Taking in what central tells of ``elsewhere``: of each number of uses and people the larger stays."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from gated.store.connection import errors_of, in_transaction, open_reader, open_writer
from gated.store.directory import DELTA
from gated.store.schema import cache_migrations
from gated.store.uses import later
from gated.wire.uses import NOBODYS, PresenceRecord, UseRecord
from gated.wire.uses import Uses as Told

_TAKE = (
    "INSERT INTO used (cti, venue, gate, day, taken, last_at, counts, confirmed)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET taken = excluded.taken,"
    " last_at = excluded.last_at, counts = excluded.counts, confirmed = excluded.confirmed"
)
_MOVE = (
    "INSERT INTO people (pass, zone, shift, gate, come, gone, last_in, came, went)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET come = excluded.come,"
    " gone = excluded.gone, last_in = excluded.last_in, came = excluded.came, went = excluded.went"
)
_CROWD = (
    "INSERT INTO people (pass, zone, shift, gate, come, gone, last_in, came, went)"
    " VALUES (x'', '', ?1, ?2, 0, 0, NULL, ?3, ?4)"
    " ON CONFLICT DO UPDATE SET came = came + excluded.came, went = went + excluded.went"
)


class Merged(NamedTuple):
    """Whether anything was new, and how many records had shrunk."""

    new: bool
    shrunk: int


class ElsewhereStore:
    """The writer. Used by one thread; others read and write the file. All it raises is ``StoreError``.

    Args:
        directory: the state directory.
        gate: this gate.
        venue: its venue: of others it need not know who is inside.
        journal: ``journal.db``, to compare what central has of this gate with.

    """

    def __init__(self, directory: Path, gate: str, venue: str, journal: Path) -> None:
        self._path = directory / DELTA
        self._gate = gate
        self._venue = venue
        self._journal = journal
        with errors_of(self._path, "written"):
            self._connection = open_writer(self._path, cache_migrations)
            # A power cut may take the newest of it, records and number together: they are asked for again.
            self._connection.execute("PRAGMA synchronous=NORMAL")

    def close(self) -> None:
        """Close the file."""
        with errors_of(self._path, "written"):
            self._connection.close()

    def seq(self) -> int:
        """The number up to which every change is here."""
        with errors_of(self._path, "read"):
            return int(self._connection.execute("SELECT seq FROM elsewhere").fetchone()[0])

    def merge(self, told: Told, seq: int) -> Merged:
        """Merge records, field by field the larger, and note ``seq``.

        What changes nothing writes nothing: whoever repeats what central said wears out no card.
        """
        people = [one for one in told.people if one.venue == self._venue]
        shrunk = 0

        def work() -> None:
            nonlocal shrunk
            with closing(_Journal(self._journal)) as journal:
                shrunk = sum(self._take(one, journal) for one in told.used)
                shrunk += sum(self._move(one, journal) for one in people)
            self._connection.execute("UPDATE elsewhere SET seq = ?", (seq,))

        with errors_of(self._path, "read"):
            known = [self._known(one) for one in told.used] + [self._known_people(one) for one in people]
        records: list[UseRecord | PresenceRecord] = [*told.used, *people]
        fresh = [_is_new(one, row) for one, row in zip(records, known, strict=True)]
        if any(fresh) or seq != self.seq():
            self._write(work)
        return Merged(any(fresh), shrunk)

    def start_again(self) -> None:
        """Central has lost what it had: everything it has is asked for again. Nothing here is forgotten."""
        self._write(lambda: self._connection.execute("UPDATE elsewhere SET seq = 0"))

    def compare(self, epoch: str) -> None:
        """Once for each epoch of the journal: look what it lacks of what central has of this gate."""
        with errors_of(self._path, "read"):
            (known,) = self._connection.execute("SELECT epoch FROM elsewhere").fetchone()
        if known == epoch:
            return

        def work() -> None:
            execute = self._connection.execute
            used = execute(
                "SELECT cti, gate, day, venue, taken, last_at FROM used WHERE gate = ?", (self._gate,)
            )
            rows = [UseRecord(*row) for row in used.fetchall()]
            people = execute(
                "SELECT pass, ?, zone, shift, gate, come, gone, last_in FROM people"
                " WHERE gate = ? AND pass <> x''",
                (self._venue, self._gate),
            )
            present = [PresenceRecord(*row) for row in people.fetchall()]
            with closing(_Journal(self._journal)) as journal:
                for one in rows:
                    self._take(one, journal)
                for person in present:
                    self._move(person, journal)
            execute("UPDATE elsewhere SET epoch = ?", (epoch,))

        self._write(work)

    def forget(self, day: int, shift: int) -> None:
        """Erase uses on days before ``day`` and people of service days before ``shift`` (yyyymmdd)."""

        def work() -> None:
            self._connection.execute("DELETE FROM used WHERE day < ?", (day,))
            self._connection.execute("DELETE FROM people WHERE shift < ?", (shift,))

        self._write(work)

    def _write(self, work: Callable[[], object]) -> None:
        with errors_of(self._path, "written"):
            in_transaction(self._connection, work)

    # -------------------------------------------------------------- one record

    def _take(self, told: UseRecord, journal: _Journal) -> bool:
        """Whether it had shrunk: of a record that only grows somebody holds an older one, or forged it."""
        had_taken, had_last, counted = self._known(told) or (0, 0, 0)
        taken, last_at = max(told.taken, had_taken), max(told.last_at, had_last)
        own = told.gate == self._gate
        counts = max(counted, taken - journal.taken(told)) if own else taken
        key = told.cti, told.venue, told.gate, told.day
        self._connection.execute(_TAKE, (*key, taken, last_at, counts, taken - counts if own else 0))
        return told.taken < had_taken or told.last_at < had_last

    def _move(self, told: PresenceRecord, journal: _Journal) -> bool:
        own = told.gate == self._gate
        if own and told.pass_ == NOBODYS:
            return False  # the journal counts them in the venue alone
        had_come, had_gone, had_last, had_came, had_went = self._known_people(told) or (0, 0, None, 0, 0)
        come, gone = max(told.come, had_come), max(told.gone, had_gone)
        came, went = come, gone
        if own:
            own_come, own_gone = journal.moved(told)
            came, went = max(had_came, come - own_come), max(had_went, gone - own_gone)
        key = told.pass_, told.zone, told.shift, told.gate
        self._connection.execute(_MOVE, (*key, come, gone, later(told.last_in, had_last), came, went))
        self._connection.execute(_CROWD, (told.shift, told.gate, came - had_came, went - had_went))
        return told.come < had_come or told.gone < had_gone or (told.last_in or 0) < (had_last or 0)

    def _known(self, told: UseRecord) -> tuple[int, int, int] | None:
        row: tuple[int, int, int] | None = self._connection.execute(
            "SELECT taken, last_at, counts FROM used WHERE cti = ? AND venue = ? AND gate = ? AND day = ?",
            (told.cti, told.venue, told.gate, told.day),
        ).fetchone()
        return row

    def _known_people(self, told: PresenceRecord) -> tuple[int, int, int | None, int, int] | None:
        row: tuple[int, int, int | None, int, int] | None = self._connection.execute(
            "SELECT come, gone, last_in, came, went FROM people"
            " WHERE pass = ? AND zone = ? AND shift = ? AND gate = ?",
            (told.pass_, told.zone, told.shift, told.gate),
        ).fetchone()
        return row


def _is_new(told: UseRecord | PresenceRecord, known: tuple[int | None, ...] | None) -> bool:
    """Whether any number in a record is larger than what is here."""
    if known is None:
        return True
    if isinstance(told, UseRecord):
        numbers: tuple[int | None, ...] = (told.taken, told.last_at)
    else:
        numbers = (told.come, told.gone, told.last_in)
    return any((one or 0) > (had or 0) for one, had in zip(numbers, known, strict=False))


class _Journal:
    """What this gate's own journal counts, opened where it is asked for the first time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None

    def taken(self, told: UseRecord) -> int:
        """Its uses of a right on a day."""
        return self._one(
            "SELECT taken, 0 FROM counter WHERE cti = ? AND venue = ? AND day = ?",
            (told.cti, told.venue, told.day),
        )[0]

    def moved(self, told: PresenceRecord) -> tuple[int, int]:
        """How many came and went."""
        return self._one(
            "SELECT come, gone FROM presence WHERE pass = ? AND zone = ? AND shift = ?",
            (told.pass_, told.zone, told.shift),
        )

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()

    def _one(self, sql: str, values: tuple[bytes | str | int, ...]) -> tuple[int, int]:
        with errors_of(self._path, "read"):
            if self._connection is None:
                self._connection = open_reader(self._path)
            row = self._connection.execute(sql, values).fetchone()
        return (0, 0) if row is None else (row[0], row[1])

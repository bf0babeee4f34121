"""Reading the journal: for people, for the lanes, for verification. Never writes."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gated.errors import StoreError
from gated.store.connection import open_reader
from gated.wire.event import digest, genesis

_USED = (
    "SELECT (SELECT coalesce(sum(taken), 0) FROM counter WHERE cti = ?1)"
    " + (SELECT coalesce(sum(uses), 0) FROM reservation WHERE cti = ?1)"
)
_EPOCHS = "SELECT no, epoch, gate, base, genesis FROM epoch ORDER BY no"


class UsesReader:
    """How often a right was used here, reservations included. One per lane: used by one thread."""

    def __init__(self, journal: Path) -> None:
        self._connection = open_reader(journal)

    def used(self, cti: bytes) -> int:
        """Uses taken and reserved, over all days."""
        return int(self._connection.execute(_USED, (cti,)).fetchone()[0])

    def close(self) -> None:
        """Close the file."""
        self._connection.close()


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it stands. ``body`` is its canonical JSON."""

    epoch: str
    seq: int
    body: str


@dataclass(slots=True)
class Summary:
    """The journal in numbers. ``unsettled`` releases are open now or were left by a crash."""

    epoch: str = ""
    gate: str = ""
    seq: int = 0
    rows: int = 0
    unsettled: int = 0
    settled: dict[str, int] = field(default_factory=dict)


class JournalReader:
    """A journal opened for reading, beside a running gate or after it."""

    def __init__(self, journal: Path) -> None:
        if not journal.exists():
            raise StoreError(f"{journal} is not there", hint="has this gate ever run? see --state-dir")
        try:
            self._connection = open_reader(journal)
            begun = self._connection.execute("SELECT 1 FROM head").fetchone()
        except sqlite3.Error as error:
            raise StoreError(f"{journal} cannot be read ({error})") from error
        if begun is None:
            self._connection.close()
            raise StoreError(f"{journal} has not begun yet", hint="is this gate just starting? try again")

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def rows(self, *, after: int = 0, limit: int = 1 << 62) -> Iterator[Row]:
        """Rows of the newest epoch with a seq above ``after``, in order."""
        epoch, base = self._connection.execute(
            "SELECT epoch, base FROM epoch ORDER BY no DESC LIMIT 1"
        ).fetchone()
        # Rows not yet told to central are those above its cursor: the primary key is their index (ADR 0006).
        found = self._connection.execute(
            "SELECT id, body FROM event WHERE id > ? ORDER BY id LIMIT ?", (base + after, limit)
        )
        for row_id, body in found:
            yield Row(epoch, row_id - base, body)

    def last(self, count: int) -> list[Row]:
        """The newest rows, oldest first."""
        summary = self.summary()
        return list(self.rows(after=max(0, summary.seq - count)))

    def summary(self) -> Summary:
        """The journal in numbers."""
        one = self._connection.execute
        epoch, gate, base = one("SELECT epoch, gate, base FROM epoch ORDER BY no DESC LIMIT 1").fetchone()
        settled = one(
            "SELECT outcome, count(*) FROM events WHERE kind = 'settled' GROUP BY outcome"
        ).fetchall()
        return Summary(
            epoch=epoch,
            gate=gate,
            seq=one("SELECT id FROM head").fetchone()[0] - base,
            rows=one("SELECT count(*) FROM event").fetchone()[0],
            unsettled=one("SELECT count(*) FROM reservation").fetchone()[0],
            settled=dict(settled),
        )

    def lane_changes(self) -> list[tuple[str, str, str, int]]:
        """(lane, state, cause, at) of the newest change of each lane."""
        rows = self._connection.execute(
            "SELECT lane, json_extract(body, '$.state'), json_extract(body, '$.cause'),"
            " json_extract(body, '$.at'), max(seq) FROM events WHERE kind = 'lane'"
            " GROUP BY lane ORDER BY lane"
        )
        return [row[:4] for row in rows]

    def verify(self) -> Iterator[str]:
        """What is wrong with the journal, a line for each defect; nothing if it is whole.

        Checked: no number missing, every digest, the newest row, every settlement against the grant
        it names, and the counters against the rows (where none were erased yet).
        """
        self._connection.execute("BEGIN")  # one picture of the file, while a gate goes on writing
        try:
            yield from _Verification(self._connection).run()
        finally:
            self._connection.execute("ROLLBACK")


class _Verification:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._execute = connection.execute
        self._epochs = self._execute(_EPOCHS).fetchall()
        anchor = self._execute("SELECT id, digest FROM anchor").fetchone()
        self._whole = anchor is None
        self._at: int = 0
        self._digest: bytes = b""
        if anchor is not None:
            self._at, self._digest = anchor
        self._grants: dict[tuple[str, int], dict[str, Any]] = {}
        self._settled: set[tuple[str, int]] = set()
        self._taken: Counter[tuple[str, int]] = Counter()

    def run(self) -> Iterator[str]:
        if not self._epochs:
            yield "no epoch: this journal never began"
            return
        for number, name, gate, base, link in self._epochs:
            if link != genesis(gate, name):
                yield f"epoch {number}: its beginning was changed"
            end = next((later[3] for later in self._epochs if later[3] >= base and later[0] > number), None)
            if base >= self._at:
                self._at, self._digest = base, link
            yield from self._rows(name, base, end)
        head_id, head_digest = self._execute("SELECT id, digest FROM head").fetchone()
        _, name, _, base, _ = self._epochs[-1]
        if head_id > self._at:
            yield f"epoch {name}: {_missing(self._at - base + 1, head_id - base)} at the end"
        elif (head_id, head_digest) != (self._at, self._digest):
            yield f"epoch {name}: row {self._at - base} is not the one that the journal's head names"
        yield from self._open_releases()
        if self._whole:
            yield from self._counters()

    def _rows(self, epoch: str, base: int, end: int | None) -> Iterator[str]:
        rows = self._execute(
            "SELECT id, body, digest FROM event WHERE id > ? AND id <= ? ORDER BY id",
            (self._at, 1 << 62 if end is None else end),
        )
        for row_id, body, link in rows:
            seq = row_id - base
            if row_id != self._at + 1:
                yield f"epoch {epoch}: {_missing(self._at - base + 1, seq - 1)}"
            elif link != digest(self._digest, body):
                yield f"epoch {epoch}: row {seq} was changed"
            # Each row is judged by its neighbour's stored link, so that one defect is named once.
            self._at, self._digest = row_id, link
            try:
                event = json.loads(body)
            except ValueError:
                event = {}
            if event.get("seq") != seq:
                yield f"epoch {epoch}: row {seq} does not bear its number"
            yield from self._settlement(epoch, seq, event)
        if end is not None and self._at != end:
            yield f"epoch {epoch}: {_missing(self._at - base + 1, end - base)} at its end"

    def _settlement(self, epoch: str, seq: int, event: dict[str, Any]) -> Iterator[str]:
        if event.get("outcome") == "granted":
            self._grants[epoch, seq] = event
        elif event.get("kind") == "settled":
            key = event.get("epoch", epoch), event["decision"]
            grant = self._grants.get(key)
            if key in self._settled:
                yield f"epoch {epoch}: row {seq} settles row {key[1]} a second time"
            elif grant is None:
                if self._whole:
                    yield f"epoch {epoch}: row {seq} settles row {key[1]}, which granted nothing"
            elif event["outcome"] != "not_taken":
                self._taken[grant["cti"], grant["day"]] += grant["cost"]
            self._settled.add(key)

    def _open_releases(self) -> Iterator[str]:
        bases = [(base, name) for _, name, _, base, _ in self._epochs]
        noted = set()
        for (row_id,) in self._execute("SELECT id FROM reservation"):
            base, name = max(entry for entry in bases if entry[0] < row_id)
            noted.add((name, row_id - base))
        opened = self._grants.keys() - self._settled
        for epoch, seq in sorted(opened - noted):
            yield f"epoch {epoch}: the grant in row {seq} is neither settled nor open"
        if self._whole:
            for epoch, seq in sorted(noted - opened):
                yield f"epoch {epoch}: row {seq} is noted as open and is not"

    def _counters(self) -> Iterator[str]:
        rows = self._execute("SELECT hex(cti), day, sum(taken) FROM counter GROUP BY cti, day")
        for cti, day, taken in rows:
            # What is unknown counts or not by profile: no more than the rows say is what can be checked.
            if taken > self._taken[cti.lower(), day]:
                yield f"counter {cti.lower()} of {day}: {taken} taken do not follow from the rows"


def _missing(first: int, last: int) -> str:
    return f"row {first} is missing" if first == last else f"rows {first} to {last} are missing"

"""Whether a journal is whole: its chain, its settlements, its counters (docs/reference/events.md)."""

from __future__ import annotations

import re
import sqlite3
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from gated.model.event import Decided, Ordered, Outcome, Settled, Settlement
from gated.model.order import Order
from gated.model.time import ClockQuality
from gated.store.floors import TIME
from gated.store.ticket import COUNTER_GRACE_S
from gated.wire.event import digest, genesis, read_body

#: A venue's day may begin 14 h before that of UTC, and the floor that counters were forgotten by may be some
#: minutes newer than the one noted.
_SLACK_S = 86400

_EPOCHS = "SELECT no, epoch, gate, base, genesis FROM epoch ORDER BY no"
_NEXT = "SELECT id, body, digest FROM event WHERE id > ? AND id <= ? ORDER BY id LIMIT 1"
_NAME = re.compile(r"[0-9a-f]{16}\Z")
_CTI = re.compile(r"(?:[0-9a-f]{2})+\Z")
_TOP = (1 << 63) - 1

#: A right on a day (yyyymmdd): what a counter counts.
_Key = tuple[str, int]
_BY_HAND: _Key = ("", 0)


class Verification:
    """One walk through a journal, from within one transaction. ``run`` yields a line for each defect."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._execute = connection.execute
        self._epochs = self._execute(_EPOCHS).fetchall()
        self._bases = [(name, base) for _, name, _, base, _ in self._epochs]
        self._anchor = 0  # id of the newest erased row
        self._at, self._digest = 0, b""
        self._reading = ""  # the table, where it is not the chain
        self._open: dict[int, tuple[_Key, int]] = {}  # by row: grants and what they cost, until settled
        self._settled_erased: set[int] = set()
        self._taken: Counter[_Key] = Counter()
        self._unknown: Counter[_Key] = Counter()
        self._unsure: set[_Key] = set()

    def run(self) -> Iterator[str]:
        """Verify. A part that cannot be read ends the walk, and the last line says where."""
        try:
            yield from self._steps()
        except sqlite3.Error as error:
            where = f"table {self._reading}" if self._reading else self._row(self._at + 1)
            yield f"{where} cannot be read ({error}), and nothing after it was verified"

    def _steps(self) -> Iterator[str]:
        unusable = self._beginning()
        if unusable:
            yield unusable
            return
        for place, (number, name, gate, base, link) in enumerate(self._epochs):
            if link != genesis(gate, name):
                yield f"epoch {number}: its beginning was changed"
            if base >= self._at:
                self._at, self._digest = base, link
            later = self._epochs[place + 1 :]
            yield from self._chain(later[0][3] if later else None)
        yield from self._head()
        yield from self._open_releases()
        yield from self._counters()

    def _beginning(self) -> str:
        """Find where the chain begins. Returns what makes that impossible."""
        self._reading = "anchor"
        anchor = self._execute("SELECT id, digest FROM anchor").fetchone()
        if anchor is not None:
            if not _is_link(anchor):
                return "the anchor of the erased rows was changed"
            self._anchor = self._at = anchor[0]
            self._digest = anchor[1]
        if not self._epochs:
            return "no epoch: this journal never began"
        most = _TOP if self._anchor else 0  # the first epoch begins the file, unless that was erased
        least = 0
        for number, name, gate, base, link in self._epochs:
            named = isinstance(name, str) and _NAME.match(name) and isinstance(gate, str)
            if not named or not gate.isprintable() or not _is_link((base, link)) or not least <= base <= most:
                return f"epoch {number}: its beginning was changed"
            least, most = base, _TOP
        return ""

    # -------------------------------------------------------------- the chain

    def _chain(self, end: int | None) -> Iterator[str]:
        self._reading = ""
        # One by one: a cursor over many reads ahead, and would place a damaged page a row too early.
        while row := self._execute(_NEXT, (self._at, _TOP if end is None else end)).fetchone():
            yield from self._link(*row)
        if end is not None and self._at < end:
            yield f"{self._missing(end)} at its end"

    def _link(self, row_id: int, body: Any, link: object) -> Iterator[str]:
        event = _read(body)
        due = b"" if event is None else digest(self._digest, body)
        gap = row_id != self._at + 1
        if gap:
            yield self._missing(row_id - 1)
        if event is None or not isinstance(link, bytes) or (link != due and not gap):
            yield f"{self._row(row_id)} was changed"
        elif event["seq"] != self._place(row_id)[1]:
            yield f"{self._row(row_id)} does not bear its number"
        # Each row is judged by its neighbour's stored link, so that one defect is named once.
        self._at, self._digest = row_id, link if isinstance(link, bytes) else due
        if event is not None:
            yield from self._use(row_id, event)

    def _head(self) -> Iterator[str]:
        self._reading = "head"
        head = self._execute("SELECT id, digest FROM head").fetchone()
        if head is None:
            yield "the journal's head is missing"
        elif not _is_link(head):
            yield "the journal's head was changed"
        elif head[0] > self._at:
            yield f"{self._missing(head[0])} at the end"
        elif head != (self._at, self._digest):
            yield f"{self._row(self._at)} is not the one that the journal's head names"

    # -------------------------------------------------------------- uses

    def _use(self, row_id: int, event: dict[str, Any]) -> Iterator[str]:
        if _opens(event):
            self._open[row_id] = _BY_HAND, 0
        elif _grants(event):
            key = event["cti"], event["day"]
            self._open[row_id] = key, event["cost"]
            if event["clock"] == ClockQuality.UNSURE:
                self._unsure.add(key)
        elif event["kind"] == Settled.kind:
            yield from self._settlement(row_id, event)

    def _settlement(self, row_id: int, event: dict[str, Any]) -> Iterator[str]:
        named = event.get("epoch", self._place(row_id)[0]), event["decision"]
        granted = next((base for name, base in self._bases if name == named[0]), 0) + named[1]
        if self._place(granted) != named:
            granted = 0
        grant = self._open.pop(granted, None)
        if grant is None:
            wrong = self._settles_wrongly(granted, row_id)
            if wrong:
                yield f"{self._row(row_id)} settles row {named[1]}{wrong}"
            return
        key, cost = grant
        if not _keeps(event, cost):
            yield f"{self._row(row_id)} keeps uses that row {named[1]} did not cost"
        elif event["outcome"] == Settlement.TAKEN and event.get("uses", cost):
            self._taken[key] += event.get("uses", cost)
        elif event["outcome"] == Settlement.UNKNOWN:
            self._unknown[key] += cost

    def _settles_wrongly(self, granted: int, row_id: int) -> str:
        """What is wrong with the settlement of a row that is no open grant; nothing if it was erased."""
        if 0 < granted <= self._anchor and granted not in self._settled_erased:
            self._settled_erased.add(granted)
            return ""
        if granted in self._settled_erased:
            return " a second time"
        if 0 < granted < row_id:
            found = self._execute("SELECT body FROM event WHERE id = ?", (granted,)).fetchone()
            event = None if found is None else _read(found[0])
            if event is not None and (_grants(event) or _opens(event)):
                return " a second time"
        return ", which granted nothing"

    def _open_releases(self) -> Iterator[str]:
        self._reading = "reservation"
        noted = {row_id for (row_id,) in self._execute("SELECT id FROM reservation")}
        for row_id in sorted(self._open.keys() - noted):
            name, seq = self._place(row_id)
            yield f"epoch {name}: the grant in row {seq} is neither settled nor open"
        for row_id in sorted(noted - self._open.keys()):
            if not 0 < row_id <= self._anchor:
                yield f"{self._row(row_id)} is noted as open and is not"

    # -------------------------------------------------------------- counters

    def _counters(self) -> Iterator[str]:
        self._reading = "floor"
        noted = self._execute("SELECT value FROM floor WHERE name = ?", (TIME,)).fetchone()
        floor = noted[0] if noted is not None and type(noted[0]) is int else 0
        self._reading = "counter"
        rows = self._execute("SELECT lower(hex(cti)), day, sum(taken) FROM counter GROUP BY cti, day")
        for cti, day, taken in rows:
            if type(day) is not int or type(taken) is not int:
                yield f"a counter of {cti} was changed"
                continue
            least = self._taken.pop((cti, day), 0)
            # What is unknown counts or not by profile; what was erased may have counted too.
            if not self._anchor and taken > least + self._unknown[cti, day]:
                yield f"counter {cti} of {day}: {taken} taken do not follow from the rows"
            elif taken < least and not self._may_be_forgotten((cti, day), floor):
                yield f"counter {cti} of {day}: {taken} taken, but the rows say {least}"
        for (cti, day), least in sorted(self._taken.items()):
            if not self._may_be_forgotten((cti, day), floor):
                yield f"counter {cti} of {day} is missing, but the rows say {least} taken"

    def _may_be_forgotten(self, key: _Key, floor: int) -> bool:
        """Whether a counter's time may be over: it outlives its right by the grace. No row tells when the
        right ends: only that it had not ended at the use, unless the clock was unsure of that too.
        """
        return key in self._unsure or floor >= _midnight(key[1]) + COUNTER_GRACE_S - _SLACK_S

    # -------------------------------------------------------------- words

    def _place(self, row_id: int) -> tuple[str, int]:
        """(epoch, seq) of a row."""
        name, base = next((one for one in reversed(self._bases) if one[1] < row_id), (self._bases[0][0], 0))
        return name, row_id - base

    def _row(self, row_id: int) -> str:
        name, seq = self._place(row_id)
        return f"epoch {name}: row {seq}"

    def _missing(self, last: int) -> str:
        name, first = self._place(self._at + 1)
        seq = last - (self._at + 1 - first)
        return f"epoch {name}: " + (
            f"row {first} is missing" if first == seq else f"rows {first} to {seq} are missing"
        )


def _is_link(pair: tuple[object, object]) -> bool:
    """Whether a place in the chain is a number and a digest, as it was written."""
    return type(pair[0]) is int and isinstance(pair[1], bytes)


def _read(body: object) -> dict[str, Any] | None:
    """The event of a row; None where it is none, or a grant that says not what it cost whom."""
    event = read_body(body)
    if event is None or not _grants(event):
        return event
    cti, cost = event.get("cti"), event.get("cost")
    told = isinstance(cti, str) and _CTI.match(cti) and type(cost) is int and 0 <= cost < _TOP
    return event if told and _midnight(event["day"]) else None


def _keeps(event: dict[str, Any], most: int) -> bool:
    """Whether a settlement keeps as many uses as the grant cost, or says how many fewer."""
    uses = event.get("uses", most)
    return type(uses) is int and 0 <= uses <= most


def _grants(event: dict[str, Any]) -> bool:
    return bool(event["kind"] == Decided.kind and event["outcome"] == Outcome.GRANTED)


def _opens(event: dict[str, Any]) -> bool:
    """Whether staff let somebody through: a release that costs nobody a use."""
    return bool(event["kind"] == Ordered.kind and event["order"] == Order.OPEN)


def _midnight(day: int) -> int:
    """When a calendar day (yyyymmdd) begins in UTC; 0 for a number that is no day."""
    try:
        return int(datetime(day // 10000, day // 100 % 100, day % 100, tzinfo=UTC).timestamp())
    except (ValueError, OverflowError):
        return 0

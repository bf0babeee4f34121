"""From events to use records: what a settlement counts, within the transaction that takes it in.

Only rows that count are looked at (docs/reference/sync.md, Counting). Each settlement counts once, and what
it counts is added to what is there, so no record ever shrinks: repetition adds nothing, a late row its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from gated.central import ledger_counting as asked
from gated.central import ledger_uses as uses
from gated.central.ledger import Ledger
from gated.central.ledger_gates import raise_alarm
from gated.central.ledger_uses import Moved, PresenceKey, UseKey
from gated.central.limits import VenueRules
from gated.central.overspending import OVERSPENT, check
from gated.model.event import Decided, Exited, Outcome, Settled, Settlement
from gated.model.name import is_name
from gated.model.rules import MAX_PARTY
from gated.wire.event import read_body
from gated.wire.uses import FIRST_DAY, LAST_DAY, NOBODYS

_CTI = re.compile(r"[0-9a-f]{16}\Z")
_PASS = re.compile(r"[0-9a-f]{32}\Z")
#: Canonical JSON spells a kind in one way; what this finds is read properly afterwards.
_MARKS = tuple(f'"kind":"{kind.kind}"' for kind in (Settled, Exited))
_GRANT_MARK = f'"kind":"{Decided.kind}"'


class New(NamedTuple):
    """A row that counts and is new. ``chain`` is the id of its history."""

    sector: str
    gate: str
    epoch: str
    chain: int
    seq: int
    body: str


class Counted(NamedTuple):
    """``told``: of each sector the numbers of its records before and after; ``alarms``: gate, epoch, code."""

    told: Mapping[str, tuple[int, int]]
    alarms: list[tuple[str, str, str]]


def count(ledger: Ledger, rows: Iterable[New], rules: VenueRules, now: int) -> Counted:
    """Count what new rows say. Within the transaction that keeps them."""
    counting = _Counting(ledger, rules, now)
    counting.take(rows)
    return counting.finish()


class _Counting:
    def __init__(self, ledger: Ledger, rules: VenueRules, now: int) -> None:
        self._ledger = ledger
        self._rules = rules
        self._now = now
        self._bodies: dict[tuple[int, int], str] = {}
        self._venues: dict[str, str | None] = {}
        self._chains: dict[tuple[str, str], int | None] = {}
        self._taken: dict[UseKey, tuple[int, int]] = {}
        self._moved: dict[PresenceKey, Moved] = {}
        self._by: dict[UseKey, tuple[str, str]] = {}  # the gate and the epoch that told it
        rules.refresh()

    def take(self, rows: Iterable[New]) -> None:
        rows = list(rows)
        self._bodies = {(row.chain, row.seq): row.body for row in rows}
        for row in rows:
            if not any(mark in row.body for mark in _MARKS):
                continue
            event = read_body(row.body)
            if event is not None and event["kind"] == Settled.kind:
                self._settled(row, event)
            elif event is not None and event["kind"] == Exited.kind:
                self._exited(row, event)
        self._match(rows)

    def finish(self) -> Counted:
        told = uses.add(self._ledger, self._taken, self._moved)
        over = {
            by
            for key, by in self._by.items()
            if check(self._ledger, self._rules, key.sector, key.cti, self._now)
        }
        first = [by for by in sorted(over) if raise_alarm(self._ledger, *by, OVERSPENT, self._now)]
        return Counted(told, [(*by, OVERSPENT) for by in first])

    # -------------------------------------------------------------- settlements

    def _settled(self, row: New, event: Mapping[str, Any]) -> None:
        epoch, decision = event.get("epoch", row.epoch), event["decision"]
        chain = row.chain if epoch == row.epoch else self._chain_of(row.gate, epoch)
        body = None if chain is None else self._body(chain, decision)
        if chain is None or body is None:
            asked.let_wait(self._ledger, row.gate, epoch, decision, row.body)
            return
        grant = read_body(body)
        if grant is None or grant["kind"] != Decided.kind or grant["outcome"] != Outcome.GRANTED:
            return
        if asked.first_settlement(self._ledger, chain, decision):
            self._count(row, event, grant)

    def _match(self, rows: list[New]) -> None:
        """Count settlements whose grant came only now: it was missing, or told by another way."""
        if not asked.any_waits(self._ledger):
            return
        for row in rows:
            if _GRANT_MARK not in row.body:
                continue
            for body in asked.waited_for(self._ledger, row.gate, row.epoch, row.seq):
                event = read_body(body)
                assert event is not None
                self._settled(row, event)

    def _count(self, row: New, event: Mapping[str, Any], grant: Mapping[str, Any]) -> None:
        venue = self._venue(row.gate)
        if venue is None:
            return
        at = min(grant["at"], self._now)  # a clock that is ahead must not say for good when the last use was
        stays = self._stays(event, grant, venue)
        cti, day = grant.get("cti"), grant["day"]
        if stays and isinstance(cti, str) and _CTI.match(cti) and FIRST_DAY <= day <= LAST_DAY:
            key = UseKey(row.sector, bytes.fromhex(cti), row.gate, day, venue)
            if self._is_asked(key):
                count, last = self._taken.get(key, (0, 0))
                self._taken[key] = count + stays, max(last, at)
                self._by[key] = row.gate, row.epoch
        if event["outcome"] == Settlement.TAKEN:
            self._move(row, venue, grant, come=_persons(event), last_in=at)

    def _stays(self, event: Mapping[str, Any], grant: Mapping[str, Any], venue: str) -> int:
        """Uses that stay counted, whatever a gate says: none below 0, none beyond what a party can cost."""
        cost = grant.get("cost")
        cost = max(0, min(cost, MAX_PARTY)) if type(cost) is int else 0
        if event["outcome"] == Settlement.TAKEN:
            kept = event.get("uses")
            return max(0, min(kept, cost)) if type(kept) is int else cost
        unknown = event["outcome"] == Settlement.UNKNOWN and self._rules.unknown_counts(venue)
        return cost if unknown else 0

    def _is_asked(self, key: UseKey) -> bool:
        found = uses.entitled(self._ledger, key.sector, key.cti)
        return found is None or self._rules.asks_anywhere(*found)

    # -------------------------------------------------------------- people

    def _exited(self, row: New, event: Mapping[str, Any]) -> None:
        venue = self._venue(row.gate)
        if venue is not None:
            self._move(row, venue, event, gone=_persons(event))

    def _move(
        self,
        row: New,
        venue: str,
        where: Mapping[str, Any],
        *,
        come: int = 0,
        gone: int = 0,
        last_in: int = 0,
    ) -> None:
        zone, shift, pass_ = where.get("zone"), where.get("shift"), where.get("pass")
        if not is_name(zone) or type(shift) is not int or not FIRST_DAY <= shift <= LAST_DAY:
            return  # the venue does not watch who is inside
        whose = bytes.fromhex(pass_) if isinstance(pass_, str) and _PASS.match(pass_) else NOBODYS
        place = PresenceKey(row.sector, whose, venue, str(zone), shift, row.gate)
        before = self._moved.get(place, Moved())
        latest = max(before.last_in or 0, last_in) if come or before.last_in is not None else None
        self._moved[place] = Moved(before.come + come, before.gone + gone, latest)

    # -------------------------------------------------------------- what the ledger knows

    def _body(self, chain: int, seq: int) -> str | None:
        """The row of a history, if it counts."""
        found = self._bodies.get((chain, seq))
        return asked.grant(self._ledger, chain, seq) if found is None else found

    def _chain_of(self, gate: str, epoch: str) -> int | None:
        if (gate, epoch) not in self._chains:
            self._chains[gate, epoch] = asked.chain_of(self._ledger, gate, epoch)
        return self._chains[gate, epoch]

    def _venue(self, gate: str) -> str | None:
        if gate not in self._venues:
            self._venues[gate] = asked.venue_of(self._ledger, gate)
        return self._venues[gate]


def _persons(event: Mapping[str, Any]) -> int:
    persons = event.get("persons")
    return max(0, min(persons, MAX_PARTY)) if type(persons) is int else 0

"""What an earlier release took in, looked through once: rights for their limits, events for their uses."""

from __future__ import annotations

import logging

from gated.central.counting import New, count
from gated.central.known_keys import known_keys
from gated.central.ledger import Ledger
from gated.central.ledger_uses import note_entitled
from gated.central.limits import VenueRules
from gated.credential.statement import open_statement
from gated.errors import ConfigError
from gated.model.statement import Entitlement
from gated.model.trust import KeySet

log = logging.getLogger(__name__)

#: Rows of one transaction: other workers wait for it, some tenths of a second.
CHUNK = 2000


def fill(ledger: Ledger, rules: VenueRules, now: int) -> None:
    """Look through what is left of it; several workers may. Raises ``StoreError``; then it goes on later.

    Nothing of it is published: gates ask for what they lack.
    """
    left = dict(ledger.rows("SELECT what, until - done FROM filling"))
    if not left:
        return
    log.info("use records are made of what an earlier release took in: %s", left)
    while _statements(ledger):
        pass
    while _events(ledger, rules, now):
        pass


def _statements(ledger: Ledger) -> bool:
    """Whether there is more: ``done`` counts statements in the order of sector and number."""
    with ledger.transaction():
        rows = ledger.rows("SELECT done FROM filling WHERE what = 'statements'")
        if not rows:
            return False
        keys, done = _keys(ledger), int(rows[0][0])
        tokens = ledger.rows(
            "SELECT token FROM statement ORDER BY sector, number LIMIT ? OFFSET ?", (CHUNK, done)
        )
        for (token,) in tokens:
            statement = open_statement(token, keys, 0)
            if isinstance(statement, Entitlement):
                note_entitled(ledger, statement)
        return _go_on(ledger, "statements", done + len(tokens), more=len(tokens) == CHUNK)


def _events(ledger: Ledger, rules: VenueRules, now: int) -> bool:
    with ledger.transaction():
        rows = ledger.rows("SELECT done, until FROM filling WHERE what = 'events'")
        if not rows:
            return False
        done, until = rows[0]
        found = ledger.rows(
            "SELECT event.id, chain.sector, chain.gate, chain.epoch, chain.id, event.seq, event.body"
            " FROM event JOIN chain ON chain.id = event.chain WHERE event.id > ? AND event.id <= ?"
            " AND event.code IS NULL AND chain.branch = 0 ORDER BY event.id LIMIT ?",
            (done, until, CHUNK),
        )
        count(ledger, [New(*row[1:]) for row in found], rules, now)
        return _go_on(ledger, "events", found[-1][0] if found else until, more=len(found) == CHUNK)


def _go_on(ledger: Ledger, what: str, done: int, *, more: bool) -> bool:
    if more:
        ledger.execute("UPDATE filling SET done = ? WHERE what = ?", (done, what))
    else:
        ledger.execute("DELETE FROM filling WHERE what = ?", (what,))
    return more


def _keys(ledger: Ledger) -> KeySet:
    """Those that the office's gates know; without them its rights have no limits here."""
    try:
        return known_keys(ledger.path.parent / "gate" / "keys.json")
    except ConfigError as error:
        log.warning("rights of an earlier release are not looked through: %s", error)
        return {}

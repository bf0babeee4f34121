"""What an earlier release took in, looked through once: rights for their limits, events for their uses."""

from __future__ import annotations

import logging

from gated.central import ledger_counting as counting
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
    left = counting.left(ledger)
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
        progress = counting.progress(ledger, "statements")
        if progress is None:
            return False
        keys, done = _keys(ledger), progress[0]
        tokens = counting.tokens(ledger, done, CHUNK)
        for token in tokens:
            statement = open_statement(token, keys, 0)
            if isinstance(statement, Entitlement):
                note_entitled(ledger, statement)
        return counting.go_on(ledger, "statements", done + len(tokens), more=len(tokens) == CHUNK)


def _events(ledger: Ledger, rules: VenueRules, now: int) -> bool:
    with ledger.transaction():
        progress = counting.progress(ledger, "events")
        if progress is None:
            return False
        rows = counting.counted(ledger, *progress, CHUNK)
        count(ledger, [New(*row[1:]) for row in rows], rules, now)
        return counting.go_on(ledger, "events", rows[-1][0] if rows else 0, more=len(rows) == CHUNK)


def _keys(ledger: Ledger) -> KeySet:
    """Those that the office's gates know; without them its rights have no limits here."""
    try:
        return known_keys(ledger.path.parent / "gate" / "keys.json")
    except ConfigError as error:
        log.warning("rights of an earlier release are not looked through: %s", error)
        return {}

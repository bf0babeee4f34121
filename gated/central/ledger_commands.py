"""Commands that were given: their counters, those that wait to be carried out, and what became of each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from gated.central.ledger import Ledger
from gated.model.event import Commanded, Ordered, Reported, Unbelieved
from gated.wire.command import Command

#: What a gate tells of a command: obeyed by a lane, done or not, a report.
_TELLS = (Ordered.kind, Commanded.kind, Reported.kind)
#: Events after which it is noted that they were looked at, though none of them told of a command.
_STRIDE = 1000
_SELECT = (
    "SELECT id, sector, gate, kid, counter, at, expires, operator, reason, what, lane, persons, mode,"
    " published_at, outcome, outcome_at, doubt FROM command "
)
DONE = "done"


@dataclass(frozen=True, slots=True)
class Given:
    """A command in the ledger.

    ``outcome`` is ``done`` or why it was not obeyed, as the gate told at ``outcome_at``; None = it has told
    nothing. ``doubt`` is why the gate last did not believe a command since this one was given.
    """

    id: int
    sector: str
    gate: str
    kid: bytes
    counter: int
    at: int
    expires: int
    operator: str
    reason: str
    what: str
    lane: str | None
    persons: int | None
    mode: str | None
    published_at: int | None
    outcome: str | None
    outcome_at: int | None
    doubt: str | None


def next_counter(ledger: Ledger, kid: bytes, now: int) -> int:
    """The counter of a key's next command; within the transaction that adds it.

    It is no less than the time: a ledger that was put back from a backup counts on above what it has
    forgotten, or every gate would take its commands for replayed ones.
    """
    found = ledger.rows("SELECT coalesce(max(counter), 0) FROM command WHERE kid = ?", (kid,))
    return max(int(found[0][0]) + 1, now)


def add_command(ledger: Ledger, sector: str, kid: bytes, command: Command, token: bytes) -> int:
    """Let a command wait to be sent. Its number."""
    return ledger.execute(
        "INSERT INTO command (sector, gate, kid, counter, at, expires, operator, reason, what, lane, persons,"
        " mode, token, seen) SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, coalesce(max(id), 0) FROM event",
        (
            sector,
            command.gate,
            kid,
            command.counter,
            command.at,
            command.expires,
            command.by,
            command.reason,
            str(command.what),
            command.lane,
            command.persons,
            command.mode and str(command.mode),
            token,
        ),
    )


def waiting_tokens(ledger: Ledger, gate: str, now: int) -> list[tuple[int, bytes]]:
    """(counter, token) of a gate's commands that may still be carried out."""
    rows = ledger.rows(
        "SELECT counter, token FROM command WHERE outcome IS NULL AND gate = ? AND expires > ? ORDER BY id",
        (gate, now),
    )
    return [(counter, token) for counter, token in rows]


def claim(ledger: Ledger, now: int, again_s: int) -> list[tuple[str, bytes]]:
    """(gate, token) of what is to be sent now: not sent yet, or not answered for ``again_s`` seconds.

    Several workers ask; each command is handed to one of them.
    """
    due = ledger.rows(
        "SELECT 1 FROM command WHERE outcome IS NULL AND expires > ?1"
        " AND (published_at IS NULL OR published_at <= ?1 - ?2) LIMIT 1",
        (now, again_s),
    )
    if not due:  # as a rule: and then nobody waits for the right to write
        return []
    claimed = ledger.rows(
        "UPDATE command SET published_at = ?1 WHERE outcome IS NULL AND expires > ?1"
        " AND (published_at IS NULL OR published_at <= ?1 - ?2) RETURNING id, gate, token",
        (now, again_s),
    )
    return [(gate, token) for _, gate, token in sorted(claimed)]


def commands(ledger: Ledger, *, gate: str | None = None, limit: int = 50) -> list[Given]:
    """The newest commands, oldest first."""
    rows = ledger.rows(_SELECT + "WHERE ?1 IS NULL OR gate = ?1 ORDER BY id DESC LIMIT ?2", (gate, limit))
    return [Given(*row) for row in reversed(rows)]


# ------------------------------------------------------------------ what became of them


class _Waiting(NamedTuple):
    id: int
    key: str
    counter: int
    seen: int  # the newest event that was looked at for it


def learn_outcomes(ledger: Ledger, now: int, since: int = 0) -> None:
    """Look in what gates have told for what became of the commands that end after ``since``."""
    waiting: dict[str, list[_Waiting]] = {}
    for gate, number, kid, counter, seen in ledger.rows(
        "SELECT gate, id, kid, counter, seen FROM command WHERE outcome IS NULL AND expires > ?", (since,)
    ):
        waiting.setdefault(gate, []).append(_Waiting(number, kid.hex(), counter, seen))
    if not waiting:
        return
    newest = int(ledger.rows("SELECT coalesce(max(id), 0) FROM event")[0][0])
    for gate, own in waiting.items():
        _learn(ledger, gate, own, newest, now)


def _learn(ledger: Ledger, gate: str, waiting: Sequence[_Waiting], newest: int, now: int) -> None:
    after = min(one.seen for one in waiting)
    rows = ledger.rows(
        "SELECT id, body FROM counted WHERE gate = ?1 AND id > ?2 AND id <= ?3"
        " AND json_extract(body, '$.kind') IN ('ordered', 'commanded', 'reported', 'unbelieved') ORDER BY id",
        (gate, after, newest),
    )
    if not rows and newest - after < _STRIDE:
        return
    told = [(number, json.loads(body)) for number, body in rows]
    with ledger.transaction():
        for one in waiting:
            outcome, doubt = _became(one, told)
            ledger.execute(
                "UPDATE command SET seen = ?2, outcome = ?3, outcome_at = ?4, doubt = coalesce(?5, doubt)"
                " WHERE id = ?1 AND outcome IS NULL",
                (one.id, newest, outcome, outcome and now, doubt),
            )


def _became(one: _Waiting, told: Sequence[tuple[int, dict[str, Any]]]) -> tuple[str | None, str | None]:
    """(what became of it, why the gate last did not believe one)."""
    outcome = doubt = None
    for number, event in told:
        if number <= one.seen:
            continue
        if event["kind"] in _TELLS and (event.get("key"), event.get("counter")) == (one.key, one.counter):
            outcome = outcome or event.get("refused") or DONE
        elif event["kind"] == Unbelieved.kind and event["what"] == "command":
            doubt = event["code"]
    return outcome, doubt

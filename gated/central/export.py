"""All that a sector's statements amount to today: what a gate that is new needs to begin with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gated.central.known_keys import known_keys
from gated.central.ledger import Ledger
from gated.central.ledger_statements import Logged, all_logged
from gated.credential.statement import open_statement
from gated.errors import ConfigError
from gated.model.refusal import Refusal
from gated.model.statement import Kind, place_of

_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class InForce:
    """The newest statement of each thing, by number; how many of the log no gate would believe."""

    tokens: tuple[bytes, ...]
    left_out: int


def in_force(directory: Path, ledger: Ledger, sector: str) -> InForce:
    """What a sector's log amounts to. Raises ``ConfigError`` where nothing was issued."""
    keys = known_keys(directory / "gate" / "keys.json")
    newest: dict[tuple[Kind, bytes, bytes], tuple[int, Logged]] = {}
    left_out = 0
    for one in _log(ledger, sector):
        statement = open_statement(one.token, keys, 0)
        if isinstance(statement, Refusal):
            left_out += 1
            continue
        kind, row_id = place_of(statement)
        place = kind, statement.key, row_id
        if place not in newest or statement.rank > newest[place][0]:
            newest[place] = statement.rank, one
    if not newest:
        raise ConfigError(
            f"sector {sector!r} has issued nothing that gates believe",
            hint="is its name right, and keys.json of the same backup as central.db?",
        )
    chosen = sorted((one for _, one in newest.values()), key=lambda one: one.number)
    return InForce(tuple(one.token for one in chosen), left_out)


def _log(ledger: Ledger, sector: str) -> Iterator[Logged]:
    number = 0
    while some := all_logged(ledger, sector, number, _AT_ONCE):
        yield from some
        number = some[-1].number

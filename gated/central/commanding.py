"""Giving commands to gates, and sending those that wait."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from gated.central.command_keys import CommandKey
from gated.central.ledger import Ledger
from gated.central.ledger_commands import add_command, claim, learn_outcomes, next_counter
from gated.central.ledger_gates import gate_keys
from gated.errors import ConfigError
from gated.model.document import DocumentError
from gated.model.letter import Letter
from gated.model.order import Mode
from gated.wire import topics
from gated.wire.command import Command, What, encode_command, read_command

#: A command that a gate has not answered is sent again after this; seconds.
AGAIN_S = 5


@dataclass(frozen=True, slots=True)
class Wish:
    """What an operator wants of a gate."""

    gate: str
    operator: str
    reason: str
    what: What
    lane: str | None = None
    persons: int | None = None
    mode: Mode | None = None


def sector_of(ledger: Ledger, gate: str) -> str:
    """The sector of a gate that is enrolled at present. Raises ``ConfigError``."""
    found = gate_keys(ledger, gate)
    if found is None:
        raise ConfigError(f"gate {gate!r} is not enrolled", hint="look at the names: gated central gates DIR")
    return found[0]


def give(
    ledger: Ledger, key: CommandKey, sector: str, wish: Wish, *, now: int, valid_s: int
) -> tuple[Command, bytes]:
    """Sign a command and let it wait to be sent; (command, token). Raises ``ConfigError``.

    Durable when it returns. Its counter is never used again, whatever becomes of it.
    """
    key.check(now)
    with ledger.transaction():
        command = Command(
            gate=wish.gate,
            counter=next_counter(ledger, key.listed.kid, now),
            at=now,
            expires=now + valid_s,
            by=wish.operator,
            reason=wish.reason,
            what=wish.what,
            lane=wish.lane,
            persons=wish.persons,
            mode=wish.mode,
        )
        try:
            read_command(encode_command(command))  # what a gate would refuse to read is not given
        except (DocumentError, ValueError) as error:
            raise ConfigError(f"no gate would take this command: {error}", hint="see its --help") from None
        token = key.sign(command)
        add_command(ledger, sector, key.listed.kid, command, token)
    return command, token


class CommandPublisher:
    """Sends what was given until it ends or its gate has told what became of it. Of one worker."""

    def __init__(self, ledger: Ledger, now: Callable[[], int]) -> None:
        self._ledger = ledger
        self._now = now

    def begin(self) -> None:
        """A link was opened: what was lost on another is sent again when its time has come."""

    def due(self, *, changed: bool) -> Sequence[Letter]:
        """What to send now. Raises ``StoreError``."""
        now = self._now()
        if changed:
            learn_outcomes(self._ledger, now, since=now)
        return [Letter(topics.command(gate), token) for gate, token in claim(self._ledger, now, AGAIN_S)]

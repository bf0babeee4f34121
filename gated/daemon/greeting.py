"""What a gate says of itself when it connects, and its will."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from gated.credential.message import MESSAGE_TYPES
from gated.daemon.timekeeper import TimeKeeper
from gated.errors import StoreError
from gated.model.letter import Letter
from gated.model.statement import Kind
from gated.store.intake import StatementStore
from gated.store.outbox import Outbox
from gated.wire import topics
from gated.wire.seal import SigningKey
from gated.wire.state import State, encode_state

_MOST_COUNTERS = 32


@dataclass(frozen=True, slots=True)
class Identity:
    """Who this gate is to central, and in which sector."""

    gate: str
    sector: str
    version: str
    key: SigningKey


class Greeter:
    """Writes greetings and wills. Used by the sync thread."""

    def __init__(
        self, identity: Identity, outbox: Outbox, statements: StatementStore, time: TimeKeeper
    ) -> None:
        self._identity = identity
        self._outbox = outbox
        self._statements = statements
        self._time = time

    def letter(self, session: str, acknowledged: int, refused: Counter[str], *, online: bool) -> Letter:
        """The state of this gate. Raises ``StoreError``."""
        reading = self._time.read()
        state = State(
            gate=self._identity.gate,
            session=session,
            online=online,
            at=reading.estimate,
            boot=reading.sample.boot,
            version=self._identity.version,
            position=self._position(),
            epochs=self._outbox.epochs(acknowledged),
            refused=tuple(sorted(refused.most_common(_MOST_COUNTERS))),
        )
        token = self._identity.key.sign(MESSAGE_TYPES[Kind.STATE], encode_state(state))
        return Letter(topics.state(self._identity.gate), token, retain=True)

    def _position(self) -> int:
        """Of the cache; 0 while it cannot be read: that must not keep events from being told."""
        try:
            return self._statements.position()
        except StoreError:
            return 0

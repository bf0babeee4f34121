"""What central has to say, as fast as the broker takes it and no faster."""

from __future__ import annotations

from collections import deque

from gated.central.ledger_statements import Logged
from gated.errors import LetterTooLargeError
from gated.model.letter import Answered, Letter
from gated.ports import Link
from gated.wire import topics

#: Receipts that may wait for the broker. A lost one costs a gate a resend, and nothing else.
MAX_RECEIPTS = 1000
#: Statements waiting or on their way at once; receipts go first.
MAX_STATEMENTS = 64


class Outbox:
    """Letters to be sent over one connection of a link. Used by the link's thread."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._receipts: deque[Letter] = deque(maxlen=MAX_RECEIPTS)
        self._statements: deque[Logged] = deque()
        self._unanswered: dict[int, Logged | None] = {}
        self._taken: list[tuple[str, int]] = []
        #: The reason code (MQTT 5 section 2.4) with which the broker last refused a letter.
        self.refused: int | None = None
        #: Set where it refused a statement: then none is sent. Whoever clears it tries again.
        self.statements_refused = False

    def put_receipt(self, letter: Letter) -> None:
        """Send this soon."""
        self._receipts.append(letter)

    @property
    def wants_statements(self) -> bool:
        """Whether none is waiting or on its way."""
        return not self._statements and not any(self._unanswered.values()) and not self.statements_refused

    def put_statements(self, statements: list[Logged]) -> None:
        """Send these where receipts leave room."""
        self._statements.extend(statements[:MAX_STATEMENTS])

    def flush(self) -> None:
        """Hand over what the broker allows. Raises ``LinkError``."""
        while len(self._unanswered) < self._link.window:
            if self._receipts:
                self._send(self._receipts.popleft(), None)
            elif self._statements:
                one = self._statements.popleft()
                self._send(Letter(topics.statement(one.sector), one.token), one)
            else:
                return

    def _send(self, letter: Letter, statement: Logged | None) -> None:
        try:
            self._unanswered[self._link.send(letter)] = statement
        except LetterTooLargeError:
            self._note_refused(0x95, statement)  # what the broker would have said

    def note(self, answered: Answered) -> None:
        """The broker answered."""
        statement = self._unanswered.pop(answered.number, None)
        if answered.refused:
            self._note_refused(answered.code, statement)
        elif statement is not None:
            self._taken.append((statement.sector, statement.number))

    def _note_refused(self, code: int, statement: Logged | None) -> None:
        self.refused = code
        self.statements_refused |= statement is not None

    @property
    def has_published(self) -> int:
        """How many ``published`` would name."""
        return len(self._taken)

    def published(self) -> list[tuple[str, int]]:
        """(sector, number) of the statements that the broker has taken since the last question."""
        taken, self._taken = self._taken, []
        return taken

"""What central has to say, as fast as the broker takes it and no faster."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TypeAlias

from gated.central.answering import Answering
from gated.central.ledger_statements import Logged
from gated.central.opening import Asked
from gated.errors import LetterTooLargeError
from gated.model.letter import Answered, Letter
from gated.ports import Link
from gated.wire import topics
from gated.wire.ack import CHAIN_BROKEN, Ack
from gated.wire.request import encode_answer

#: Receipts of one gate that may wait for the broker: of each epoch that it may tell of, in several histories.
#: A lost one costs that gate a resend, and nothing else.
MAX_RECEIPTS = 32
#: Statements waiting or on their way at once; receipts go first.
MAX_STATEMENTS = 64
#: Questions of one gate that may wait: as many as it has on its way. What comes on top is not answered.
MAX_QUESTIONS = 8

#: Signs a receipt for a sector. Done when it is sent: one that a newer one replaces costs nothing.
Seal: TypeAlias = Callable[[str, Ack], bytes | None]


class Outbox:
    """Letters to be sent over one connection of a link. Used by the link's thread."""

    def __init__(self, link: Link, seal: Seal, answering: Answering) -> None:
        self._link = link
        self._seal = seal
        self._answering = answering
        self._letters: deque[Letter] = deque()
        self._questions: dict[str, deque[Asked]] = {}  # by gate: the one whose turn is next first
        self._receipts: dict[str, list[tuple[str, Ack]]] = {}  # by gate: the one whose turn is next first
        self._statements: deque[Logged] = deque()
        self._unanswered: dict[int, Logged | None] = {}
        self._taken: list[tuple[str, int]] = []
        #: The reason code (MQTT 5 section 2.4) with which the broker last refused a letter.
        self.refused: int | None = None
        #: Set where it refused a statement: then none is sent. Whoever clears it tries again.
        self.statements_refused = False

    def put_receipt(self, sector: str, ack: Ack) -> None:
        """Send this soon, in place of those that it makes needless. Gates take turns."""
        waiting = self._receipts.get(ack.gate, [])
        kept = [one for one in waiting if not _replaces(ack, one[1])]
        self._receipts[ack.gate] = [*kept, (sector, ack)][-MAX_RECEIPTS:]

    def put_letter(self, letter: Letter) -> None:
        """Send this behind the receipts: small, and for a whole sector or by order."""
        self._letters.append(letter)

    def put_question(self, asked: Asked) -> bool:
        """Answer this behind all else, for an answer may be large; gates take turns. False = too many."""
        waiting = self._questions.setdefault(asked.asker.gate, deque())
        if len(waiting) == MAX_QUESTIONS:
            return False
        waiting.append(asked)
        return True

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
                receipt = self._next_receipt()
                if receipt is not None:
                    self._send(receipt, None)
            elif self._letters:
                self._send(self._letters.popleft(), None)
            elif self._statements:
                one = self._statements.popleft()
                self._send(Letter(topics.statement(one.sector), one.token), one)
            elif self._questions:
                self._send(self._next_answer(), None)
            else:
                return

    def _next_answer(self) -> Letter:
        gate = next(iter(self._questions))
        waiting = self._questions.pop(gate)
        asked = waiting.popleft()
        if waiting:
            self._questions[gate] = waiting  # behind all others
        answer = self._answering.answer(asked.asker, asked.request)
        return Letter(topics.response(gate), encode_answer(answer))

    def _next_receipt(self) -> Letter | None:
        """None = it cannot be signed: the gate asks again."""
        gate = next(iter(self._receipts))
        (sector, ack), *rest = self._receipts.pop(gate)
        if rest:
            self._receipts[gate] = rest  # behind all others
        sealed = self._seal(sector, ack)
        return None if sealed is None else Letter(topics.ack(gate), sealed)

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


def _replaces(new: Ack, old: Ack) -> bool:
    """Whether a gate that gets the new receipt learns nothing from the old one, which was not sent yet."""
    if new.epoch != old.epoch or bool(new.session) != bool(old.session):
        return False
    if new.session != old.session:
        return True  # an answer to a connection that is over
    if (new.forked or old.forked) and new.digest != old.digest:
        return False  # of different histories, perhaps
    if any(code == CHAIN_BROKEN for _, code in new.quarantined) and new != old:
        return False  # a gate takes it only right behind what was acknowledged before
    return new.upto >= old.upto and set(old.quarantined) <= set(new.quarantined)

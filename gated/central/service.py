"""A worker of central: letters in, one transaction, receipts out.

Nothing is acknowledged before it is durable, and no letter is taken from the broker before that: what a
worker that dies had in its hands comes again, from the broker or from the gate. Several workers serve one
ledger.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Sequence

from gated.central.ack_keys import AckKeys
from gated.central.answering import Answering
from gated.central.answers import answers
from gated.central.filling import fill
from gated.central.intake import take_in
from gated.central.ledger import Ledger
from gated.central.ledger_gates import gate_keys, note_heard, note_refused
from gated.central.limits import VenueRules
from gated.central.opening import (
    NOBODY,
    TOO_MANY_STATES,
    Asked,
    Greeting,
    Unbelieved,
    newest,
    open_letter,
    too_many_states,
)
from gated.central.outbox import Outbox
from gated.central.publishing import PUBLISH_S, Publisher, Publishing
from gated.central.told import Told
from gated.central.uses import UsesTeller
from gated.errors import GatedError
from gated.model.backoff import Backoff
from gated.model.letter import Received
from gated.model.trust import KeySet
from gated.ports import Link
from gated.wire import topics
from gated.wire.ack import Ack
from gated.wire.state import State

log = logging.getLogger(__name__)

#: A gate asked more at once than it may have on its way.
TOO_MANY_QUESTIONS = "too_many_questions"
#: Letters taken in with one commit.
BUNCH = 64
#: A bunch is full when nothing came for so long, or after so long at the latest; seconds.
QUIET_S, BUNCH_S = 0.01, 0.1
#: How often counters are kept. They are lost where a worker dies; no event is.
COUNT_S = 5.0
#: States of one gate that are opened of one bunch, the newest: will and greeting of several connections. What
#: came before them is out of date.
STATES = 16
#: A worker answers a greeting that comes again, of the same connection, at most once in so long; seconds. A
#: gate greets once for each connection: more tell it nothing.
ANSWER_S = 5.0
#: An alarm is told to the log once in so long for each gate and code; seconds. The ledger counts all.
ALARM_S = 3600.0
#: A connection that held so long was good: the next loss begins with a short wait.
SETTLED_S = 5.0
#: Central's workers are few: they come back sooner than a city of gates.
LEAST_WAIT_S, MOST_WAIT_S = 0.5, 10.0


class CentralWorker:
    """Serves gates over one link, in the thread that calls ``run``.

    Args:
        link: to the broker; its own, as the ledger is.
        ledger: central's memory.
        keys: of the sectors it serves.
        now: the time, seconds since 1970.
        monotonic: seconds that never go back.
        random: 0 ≤ x < 1, for the waits before connecting again.
        name: as the log calls it.
        group: under which all workers of the office share what gates send; a secret.
        answering: what gates may ask; None = what every worker answers.
        publishers: what is told to whole sectors, beside statements.

    """

    def __init__(
        self,
        link: Link,
        ledger: Ledger,
        keys: AckKeys,
        *,
        now: Callable[[], int],
        monotonic: Callable[[], float],
        random: Callable[[], float],
        name: str = "central",
        group: str = "central",
        answering: Answering | None = None,
        publishers: Sequence[Publisher] = (),
    ) -> None:
        self._link = link
        self._ledger = ledger
        self._keys = keys
        self._now = now
        self._monotonic = monotonic
        self._name = name
        self._rules = VenueRules(ledger.path.parent / "gate")
        self._uses = UsesTeller(ledger, keys, now, monotonic)
        self._answering = answering or answers(ledger, keys, now, self._uses)
        self._places = topics.shared_events(group), topics.shared_requests(group), topics.ALL_STATES
        self._backoff = Backoff(random, least_s=LEAST_WAIT_S, most_s=MOST_WAIT_S)
        self._outbox, self._told_refused = Outbox(link, self._seal, self._answering), False
        self._told_unsigned: set[str] = set()
        self._stop = threading.Event()
        self._refused: Counter[tuple[str, str]] = Counter()
        self._heard: dict[str, int] = {}
        self._answered: dict[str, tuple[str, float]] = {}  # by gate: the connection last answered, and when
        self._alarmed: dict[tuple[str, str], tuple[float, int]] = {}  # by gate, code: told when, since then
        self._publishing = Publishing(ledger, (*publishers, self._uses), now, monotonic)
        self._counted_at = monotonic()
        #: Set while it is subscribed.
        self.serving = threading.Event()
        #: Rows it has kept.
        self.stored = 0

    def run(self) -> None:
        """Serve until ``stop``. A lost broker or ledger is waited for; anything else is raised."""
        lost = started = False
        while not self._stop.is_set():
            try:
                fill(self._ledger, self._rules, self._now())
                self._link.open(self._places)
                if lost or not started:
                    log.info("%s: %s", self._name, "the broker is back" if started else "serving")
                lost, started = False, True
                self.serving.set()
                self._serve()
            except GatedError as error:
                if not lost and not self._stop.is_set():
                    log.warning("%s: not serving, trying again: %s", self._name, error)
                lost = True
            finally:
                self.serving.clear()
                self._link.close()
            if not self._stop.is_set():
                self._stop.wait(self._backoff.next())

    def stop(self) -> None:
        """Let ``run`` end after what it has in its hands. From any thread."""
        self._stop.set()
        self._link.interrupt()

    def hurry(self) -> None:
        """Something was made that is to be published: do not wait for the next look. From any thread."""
        self._publishing.hurry()
        self._link.interrupt()

    def _serve(self) -> None:
        self._outbox, self._told_refused = Outbox(self._link, self._seal, self._answering), False
        self._answered.clear()  # what was said before may be lost
        self._publishing.begin()
        opened, settled = self._monotonic(), False
        try:
            while not self._stop.is_set():
                letters = self._collect()
                before = self.stored
                if letters:
                    self._take_in(letters)
                self._publishing.turn(self._outbox, changed=self.stored > before)
                if self._monotonic() - self._counted_at >= COUNT_S:
                    self._count()
                if not settled and self._monotonic() - opened >= SETTLED_S:
                    settled = True
                    self._backoff.succeed()
        finally:
            self._count()

    def _collect(self) -> list[Received]:
        """What came, as one bunch; empty after a while in which nothing did."""
        letters: list[Received] = []
        self._outbox.flush()
        came = self._link.receive(PUBLISH_S / 2)
        deadline = self._monotonic() + BUNCH_S
        while came is not None:
            if isinstance(came, Received):
                if topics.gate_of(came.topic)[1] == "request":
                    self._take_in([came])  # no commit is due, and a gate may ask for a thousand pages
                else:
                    letters.append(came)
            else:
                self._outbox.note(came)
                self._outbox.flush()
            if len(letters) == BUNCH or self._monotonic() > deadline:
                break
            came = self._link.receive(QUIET_S if letters else 0.0)
        return letters

    def _take_in(self, letters: list[Received]) -> None:
        now = self._now()
        batches, greetings, questions = self._open(letters, now)
        if batches or greetings:
            states = [(one.sector, one.state) for one in newest(greetings)]
            taken = take_in(self._ledger, batches, now, states, self._answered_lately(states), self._rules)
            self._uses.counted(taken.uses)
            self.stored += taken.stored
            self._refused += taken.refused
            for gate, epoch, code in taken.alarms:
                self._tell_alarm(gate, epoch, code)
            for sector, ack in taken.acks:
                self._outbox.put_receipt(sector, ack)
        for asked in questions:
            if not self._outbox.put_question(asked):
                self._refused[asked.asker.gate, TOO_MANY_QUESTIONS] += 1
        for letter in letters:  # durable, or of no worth: either way it need not come again
            self._link.take(letter)
        self._outbox.flush()

    def _answered_lately(self, states: list[tuple[str, State]]) -> set[str]:
        """Gates whose greeting needs no answer; the others are noted as answered."""
        now, lately = self._monotonic(), set()
        for _, state in states:
            if not state.online:
                continue
            session, at = self._answered.get(state.gate, ("", 0.0))
            if session == state.session and now - at < ANSWER_S:
                lately.add(state.gate)
            else:
                self._answered[state.gate] = state.session, now
        return lately

    def _tell_alarm(self, gate: str, epoch: str, code: str) -> None:
        now = self._monotonic()
        at, since = self._alarmed.get((gate, code), (now - ALARM_S, 0))
        if now - at < ALARM_S:
            self._alarmed[gate, code] = at, since + 1
            return
        more = f", and {since} more since the last line" if since else ""
        log.warning("gate %s, epoch %s: alarm %s%s (docs/reference/central.md)", gate, epoch, code, more)
        self._alarmed[gate, code] = now, 0

    def _seal(self, sector: str, ack: Ack) -> bytes | None:
        sealed = self._keys.seal(sector, ack)
        if sealed is None and sector not in self._told_unsigned:
            self._told_unsigned.add(sector)
            log.error(
                "%s: sector %s gets no receipts: its key does not count at %d s since 1970; look at the"
                " clock, then docs/how-to/run-central.md, When a key for receipts ends",
                self._name,
                sector,
                ack.at,
            )
        return sealed

    def _open(self, letters: list[Received], now: int) -> tuple[list[Told], list[Greeting], list[Asked]]:
        """What is believed of a bunch; the rest is counted, and not told line by line."""
        batches: list[Told] = []
        greetings: list[Greeting] = []
        questions: list[Asked] = []
        asked: dict[str, tuple[str, KeySet] | None] = {}

        def keys_of(gate: str) -> tuple[str, KeySet] | None:
            if gate not in asked:
                asked[gate] = gate_keys(self._ledger, gate)
            return asked[gate]

        late, letters = too_many_states(letters, STATES)
        for gate, times in late.items():
            self._refused[gate if keys_of(gate) else NOBODY, TOO_MANY_STATES] += times
        for letter in letters:
            match open_letter(letter, keys_of, self._keys.sectors, now):
                case Unbelieved(gate, code):
                    self._refused[gate, code] += 1
                case Told() as told:
                    batches.append(told)
                    self._heard[told.batch.gate] = now
                case Greeting() as greeting:
                    greetings.append(greeting)
                case Asked() as question:
                    questions.append(question)
        return batches, greetings, questions

    def _count(self) -> None:
        """Keep the counters."""
        self._counted_at = self._monotonic()
        self._publishing.mark(self._outbox)
        self._outbox.statements_refused = False  # perhaps its access list was mended
        if self._outbox.refused is not None and not self._told_refused:
            self._told_refused = True
            log.warning(
                "%s: the broker refuses letters (reason code 0x%02x): look at its access list",
                self._name,
                self._outbox.refused,
            )
        if not self._refused and not self._heard:
            return
        with self._ledger.transaction():
            note_refused(self._ledger, self._refused, self._now())
            note_heard(self._ledger, self._heard)
        self._refused.clear()
        self._heard.clear()

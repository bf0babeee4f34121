"""One connection's way up: batches out, receipts in, and when to begin again (docs/reference/sync.md)."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

from gated.credential.message import MESSAGE_TYPES, signer
from gated.daemon.beliefs import Trust
from gated.daemon.receipts import open_receipt
from gated.daemon.timekeeper import TimeKeeper
from gated.errors import LinkError
from gated.model.backoff import Backoff
from gated.model.event import Forked
from gated.model.letter import NOBODY_LISTENS, Answered, Letter
from gated.model.statement import Kind
from gated.policy.reckoning import is_leap
from gated.ports import Link
from gated.store.floors import Floors
from gated.store.journal import Journal
from gated.store.outbox import Outbox, note_cursor
from gated.wire import topics
from gated.wire.ack import Ack
from gated.wire.batch import encode_batch
from gated.wire.event import Stamp
from gated.wire.seal import SigningKey
from gated.wire.verdict import Move, judge, matters
from gated.wire.window import Window

log = logging.getLogger(__name__)

#: The cursor is made durable this often: what a power cut costs of it is sent again, and counted once.
CURSOR_S = 5.0
#: A journal that cannot be read is looked at again after this.
PAUSE_S = 10.0
#: Letters of the broker's window that questions leave free.
_FOR_BATCHES = 4
#: The floor of central's time in the newest answer to a greeting.
ANSWERED = "answered"
#: Resends without a receipt after which the link itself is doubted.
STRIKES = 3


class Uplink:
    """What is on its way to central. Used by the sync thread, over one link after the other."""

    def __init__(
        self,
        *,
        gate: str,
        link: Link,
        outbox: Outbox,
        journal: Journal,
        key: SigningKey,
        trust: Trust,
        time: TimeKeeper,
        floors: Floors,
        ack_wait_s: float,
        backoff: Backoff,
    ) -> None:
        self._gate = gate
        self._link = link
        self._outbox = outbox
        self._journal = journal
        self._key = key
        self._trust = trust
        self._time = time
        self._floors = floors
        self._ack_wait_s = ack_wait_s
        self._backoff = backoff
        self._session = ""
        self._window = Window(outbox.acknowledged()[0])
        self._saved = self._window.acked
        self._saved_at = 0.0
        self._paused_until = 0.0
        self._strikes = 0
        self._unanswered: dict[int, bool] = {}  # letters by number, and whether it is a batch
        self._answered_at: dict[str, int] = {}  # by epoch: central's time in its answer to our greeting
        self._went_back: set[str] = set()  # epochs, on this connection
        self._answer_at = 0.0  # when the broker last answered, or had nothing to answer
        self.on_receipt: Callable[[], None] = lambda: None
        self.forked = False  # whether central knows another journal that tells the epoch being written
        self.signed_time = 0  # newest verified time of central, seconds since 1970
        self.resent = 0
        self.quarantined = 0
        self.refused: Counter[str] = Counter()

    @property
    def acknowledged(self) -> int:
        """The id of the newest row that central has."""
        return self._window.acked

    # -------------------------------------------------------------- out

    @property
    def room(self) -> int:
        """How many other letters may be sent now: the broker's window is shared, and batches keep a part."""
        window = self._link.window
        return max(0, window - len(self._unanswered) - (_FOR_BATCHES if window > _FOR_BATCHES else 0))

    def note_sent(self, numbers: Sequence[int]) -> None:
        """Other letters were sent over the link: what the broker answers to them says whether it lives."""
        self._unanswered.update(dict.fromkeys(numbers, False))

    def begin(self, session: str, greeting: Letter, now: float) -> None:
        """A link was opened: greet; whatever was on its way on another is sent again."""
        self._session = session
        self._window.rewind()
        self._went_back.clear()
        self._answered_at.clear()
        self._strikes, self._paused_until = 0, 0.0
        self._unanswered = {self._link.send(greeting): False}
        self._answer_at = now

    def pump(self, now: float) -> None:
        """Send what the window has room for. Raises ``LinkError`` and ``StoreError``."""
        self.save_if_due(now)
        if now < self._paused_until:
            return
        if not self._unanswered:
            self._answer_at = now
        while (
            self._window.has_room()
            and len(self._unanswered) < self._link.window
            and self._outbox.newest() > self._window.sent
        ):
            told = self._outbox.batch(self._window.sent)
            if told is None:
                return
            token = self._key.sign(MESSAGE_TYPES[Kind.EVENTS], encode_batch(told.batch))
            self._unanswered[self._link.send(Letter(topics.events(self._gate), token))] = True
            self._window.note_sent(told.last_id, now)

    def doubt_silence(self, now: float) -> None:
        """Brokers acknowledge what they lose: only a receipt counts, and its absence is noticed here.

        Sends again, and raises ``LinkError`` when that has not helped ``STRIKES`` times.
        """
        full = len(self._unanswered) >= self._link.window
        if full and now - self._answer_at >= STRIKES * self._ack_wait_s:
            raise LinkError("the broker answers nothing that it is sent", hint="the link is opened anew")
        if self._window.waited(now) < self._ack_wait_s:
            return
        self._strikes += 1
        if self._strikes >= STRIKES:
            raise LinkError(
                f"no receipt of central for {self._strikes * self._ack_wait_s:.0f} s",
                hint="is `gated central serve` running? nothing is lost, the journal keeps it all",
            )
        self._go_back_n()

    def _go_back_n(self) -> None:
        self.resent += self._window.outstanding
        self._window.rewind()

    def pause(self, now: float) -> None:
        """The journal cannot be read: look again later."""
        self._paused_until = now + PAUSE_S

    def answered(self, answer: Answered, now: float) -> None:
        """The broker says what became of a letter. That it took it proves nothing; that it did not, does."""
        batch = self._unanswered.pop(answer.number, False)
        self._answer_at = now
        if answer.refused:
            self.refused[f"broker_0x{answer.code:02x}"] += 1
        if batch and (answer.refused or answer.code == NOBODY_LISTENS):
            self._go_back_n()
            self._paused_until = now + self._backoff.next()

    # -------------------------------------------------------------- in

    def heard(self, token: bytes, now: float) -> None:
        """Something arrived where receipts do. Raises ``StoreError``."""
        ack = open_receipt(token, self._gate, self._trust, self._time.read().floor)
        if isinstance(ack, str):
            self.refused[ack] += 1
            return
        self._learn(token, ack.at)
        self._believed(ack, now)

    def carried(self, token: bytes, now: float) -> str:
        """A receipt came by stick: it may move the cursor on, and never back. Why it did not; empty = fine.

        No greeting asked for it. So it must be no older than the last answer to one, restarts included: what
        it tells of, central may have lost before that answer. Raises ``StoreError``.
        """
        ack = open_receipt(token, self._gate, self._trust, self._time.read().floor)
        if isinstance(ack, str):
            return ack
        self._learn(token, ack.at)
        cursor, place = self._window.acked, self._outbox.place(ack.epoch, ack.upto)
        verdict = judge(ack, place, cursor=cursor, greeted=False, answered_at=self._floors.get(ANSWERED))
        if place is None or (verdict.code and place.id > cursor):
            return verdict.code
        if verdict.move is Move.FORK or (ack.forked and matters(place, cursor)):
            self._tell_fork(ack)
        if verdict.move is Move.ADVANCE:
            self._window.note_acked(place.id, now)
            self.save()
        return verdict.code if verdict.code == "ack_other_history" else ""

    def _learn(self, token: bytes, at: int) -> None:
        """Central's time, where its key may tell it and it can be true: a floor never comes down again."""
        key = signer(token, self._trust.keys)
        if Kind.TIME not in key.kinds:
            return
        if is_leap(at, self._time.read()) or not key.holds(at):
            self.refused["ack_time"] += 1
            return
        self.learn_time(at)

    def learn_time(self, at: int) -> None:
        """Another message of central, verified, told the time."""
        self.signed_time = max(self.signed_time, at)

    def _believed(self, ack: Ack, now: float) -> None:
        greeted = ack.session == self._session
        if greeted:
            self._central_lives()
        place = self._outbox.place(ack.epoch, ack.upto)
        answered_at = self._answered_at.get(ack.epoch)
        verdict = judge(ack, place, cursor=self._window.acked, greeted=greeted, answered_at=answered_at)
        if greeted and place is not None:
            self._answered_at[ack.epoch] = max(ack.at, answered_at or 0)
            if not is_leap(ack.at, self._time.read()):
                self._floors.raise_to(ANSWERED, ack.at)
        if verdict.code:
            self.refused[verdict.code] += 1
        if place is None:
            return
        if verdict.move is Move.FORK or (ack.forked and matters(place, self._window.acked)):
            self._tell_fork(ack)
        if verdict.move is Move.ADVANCE:
            self._advance(ack, place.id, now)
        elif verdict.move is Move.BACK:
            self._go_back(place.id, ack.epoch)

    def _central_lives(self) -> None:
        self._strikes = 0
        self._paused_until = 0.0
        self.on_receipt()

    def _advance(self, ack: Ack, row_id: int, now: float) -> None:
        self._window.note_acked(row_id, now)
        self._central_lives()
        self.quarantined += len(ack.quarantined)
        if ack.quarantined:
            seq, code = ack.quarantined[0]
            log.warning(
                "sync: central keeps %d rows aside, the first is row %d (%s)", len(ack.quarantined), seq, code
            )

    def _go_back(self, row_id: int, epoch: str) -> None:
        """Central has lost what it had: what is left is sent again, and what was erased is told as gone."""
        if epoch in self._went_back:
            return
        # Once: a broker may repeat the answer as often as it likes.
        self._went_back.add(epoch)
        log.warning("sync: central lacks %d rows that it had: sent again", self._window.acked - row_id)
        self._window.rewind(row_id)
        self.save()  # at once: nothing of it may be erased meanwhile

    def _tell_fork(self, ack: Ack) -> None:
        if self.forked:
            return
        self.forked = True
        log.critical(
            "sync: another journal told central other events of epoch %s: enrol this gate again", ack.epoch
        )
        self._journal.append(Forked(ack.upto, ack.epoch), Stamp.of(self._time.read()))

    # -------------------------------------------------------------- the cursor

    def save_if_due(self, now: float) -> None:
        """Make the cursor durable now and then."""
        if now - self._saved_at >= CURSOR_S:
            self._saved_at = now
            self.save()

    def save(self) -> None:
        """Make the cursor durable. The journal's thread does it when it comes to it."""
        row_id = self._window.acked
        if row_id == self._saved:
            return
        self._saved = row_id
        reading = self._time.read()
        floor = max(reading.floor, self.signed_time)  # what was signed now is not yet the floor
        self._journal.do(partial(note_cursor, row_id=row_id, floor=floor, at=reading.estimate))

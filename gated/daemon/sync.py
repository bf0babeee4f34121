"""The sync thread: connects, greets, sends, listens, and begins again. No lane ever waits for it."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from gated.daemon.asking import Asking
from gated.daemon.deliveries import Deliveries
from gated.daemon.downlink import Downlink
from gated.daemon.follower import Follower
from gated.daemon.greeting import Greeter, Identity
from gated.daemon.link_note import LinkNote
from gated.daemon.rank import give_way
from gated.daemon.timekeeper import TimeKeeper
from gated.daemon.unbelieved import UnbelievedCounter
from gated.daemon.uplink import Uplink
from gated.errors import GatedError, LinkError, StoreError
from gated.model.backoff import Backoff
from gated.model.letter import Answered, Letter, Received
from gated.ports import Clock, Link
from gated.store.intake import StatementStore
from gated.store.outbox import Outbox
from gated.wire import topics

log = logging.getLogger(__name__)

#: The journal is looked at this often while the link is open.
POLL_S = 0.2
#: A gate that is stopped tells what it can for so long.
LAST_WORDS_S = 2.0
#: A connection on which central was heard and that held so long was good: the next wait is short again. Two
#: boxes of one name, which throw each other out, thus do so ever more slowly.
SETTLED_S = 5.0
#: Statements taken in with one commit.
STATEMENTS_AT_ONCE = 50
_SESSION_BYTES, _MOST_LAST_TURNS = 8, 200


class Sync:
    """The link's worker.

    Args:
        link: the way to the broker; this thread alone uses it.
        uplink, downlink: what is told and what is heard.
        asking: questions to central, and ``followers``: who asks them and listens.
        unbelieved: tells the journal what was refused.
        deliveries: takes in what a stick brought.
        random: bytes, for the names of connections.
        note: where `gated status` finds how the link is.

    """

    def __init__(
        self,
        *,
        identity: Identity,
        link: Link,
        uplink: Uplink,
        downlink: Downlink,
        asking: Asking,
        followers: Sequence[Follower] = (),
        unbelieved: UnbelievedCounter,
        deliveries: Deliveries | None = None,
        outbox: Outbox,
        statements: StatementStore,
        time: TimeKeeper,
        clock: Clock,
        backoff: Backoff,
        random: Callable[[int], bytes],
        note: Path,
        last_words_s: float = LAST_WORDS_S,
    ) -> None:
        self._identity = identity
        self._link = link
        self._uplink = uplink
        self._downlink = downlink
        self._asking = asking
        self._followers = tuple(followers)
        self._listening = {topic: one for one in self._followers for topic in one.topics}
        self._unbelieved = unbelieved
        self._deliveries = deliveries
        self._outbox = outbox
        self._greeter = Greeter(identity, outbox, statements, time)
        self._clock = clock
        self._backoff = backoff
        self._random = random
        self._note = LinkNote(note, time, clock.monotonic, self._counters)
        self._last_words_s = last_words_s
        self._trouble = ""  # the last file that could not be read
        self._heard_central = False  # on the present connection
        self._linked = False
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        uplink.on_receipt = self._heard_of_central

    @property
    def signed_time(self) -> int:
        """The newest time that central signed, seconds since 1970; 0 = none since the start."""
        return self._uplink.signed_time

    @property
    def is_up(self) -> bool:
        """Whether the link is open."""
        return self._note.up

    @property
    def acknowledged(self) -> int:
        """The id of the newest row that central has."""
        return self._uplink.acknowledged

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._run, name="sync", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float) -> None:
        """Say good-bye and end; past ``timeout_s`` the thread is left to the process's end."""
        if self._thread is None:
            return
        self._stop.set()
        self._link.interrupt()
        self._thread.join(timeout_s)

    # -------------------------------------------------------------- the thread

    def _run(self) -> None:
        give_way()
        while not self._stop.is_set():
            try:
                self._converse()
            except GatedError as error:
                if self._note.up or self._note.why != error.message:  # an outage of a week is told once
                    log.warning("sync: %s", error)
                self._note.went_down(error.message)
            except Exception as error:  # a bug here must not end the telling of all that comes after
                log.exception("sync: unexpected")
                self._note.went_down(f"unexpected {type(error).__name__}")
            finally:
                self._leave()
            self._rest()

    def _rest(self) -> None:
        """Wait before the next connection; what a stick brings is taken in meanwhile."""
        for _ in range(max(1, round(self._backoff.next() / POLL_S))):
            if self._stop.wait(POLL_S):
                return
            if self._deliveries is not None:
                self._deliveries.turn(self._clock.monotonic(), linked=False)

    def _leave(self) -> None:
        linked, self._linked = self._linked, False
        try:
            if linked:
                self._asking.end()
                for follower in self._followers:
                    follower.ended()
            self._uplink.save()
            self._link.close()
        except Exception:  # the same: another connection may do better
            log.exception("sync: unexpected")

    def _converse(self) -> None:
        session = self._random(_SESSION_BYTES).hex()
        sector, gate = self._identity.sector, self._identity.gate
        places = topics.ack(gate), topics.response(gate), topics.statement(sector), *self._listening
        self._link.open(places, self._state(session, online=False))
        opened = self._clock.monotonic()
        self._linked = True
        if self._deliveries is not None:
            self._deliveries.link_opens()
        self._uplink.begin(session, self._state(session, online=True), opened)
        self._heard_central = False
        self._note.came_up()
        log.info("sync: connected")
        for follower in self._followers:
            self._guarded(partial(follower.begin, opened))
        while not self._stop.is_set():
            now = self._clock.monotonic()
            self._uplink.doubt_silence(now)
            if self._heard_central and now - opened >= SETTLED_S:
                self._backoff.succeed()
            self._turn(now)
        self._say_last_words()
        self._link.send(self._state(session, online=False))
        self._note.went_down("stopped")

    def _say_last_words(self) -> None:
        """Counted in turns: the clock of a test may stand still, and a flood has no end."""
        silent = 0
        for _ in range(_MOST_LAST_TURNS):
            told = self._uplink.acknowledged == self._outbox.newest()
            if told or silent * POLL_S >= self._last_words_s:
                return
            now = self._clock.monotonic()
            try:
                self._uplink.doubt_silence(now)
            except LinkError:
                return
            silent += not self._turn(now)

    def _turn(self, now: float) -> bool:
        """Send, listen, note. False = nothing came."""
        if not self._guarded(lambda: self._uplink.pump(now)):
            self._uplink.pause(now)
        self._guarded(lambda: self._downlink.try_again(now))
        for follower in self._followers:
            self._guarded(partial(follower.turn, now))
        if self._deliveries is not None:
            self._deliveries.turn(now, linked=True)
        self._uplink.note_sent(self._asking.pump(now, self._uplink.room))
        self._unbelieved.tick()
        came = self._link.receive(POLL_S)
        heard = self._after_statements(came, now)
        if heard is not None:
            self._guarded(lambda: self._heard(heard))
        if isinstance(heard, Received):
            self._link.take(heard)
        self._note.write_if_due(now)
        return came is not None

    def _after_statements(self, came: Received | Answered | None, now: float) -> Received | Answered | None:
        """Take in what statements came at once, for each time is a flush of the card; what follows them."""
        statements: list[Received] = []
        news = 0
        place = topics.statement(self._identity.sector)
        try:
            while isinstance(came, Received) and came.topic == place:
                statements.append(came)
                came = self._link.receive(0.0) if len(statements) < STATEMENTS_AT_ONCE else None
        finally:  # also where the link is lost meanwhile: one of them may be a denial, and none comes again
            if statements:
                tokens, before = [one.payload for one in statements], self._downlink.accepted
                self._guarded(lambda: self._downlink.take_in(tokens, now))
                news = self._downlink.accepted - before
        for one in statements:
            self._link.take(one)
        for one in statements[:news]:  # all of one size, more or less
            self._link.welcome(one)
        return came

    def _guarded(self, step: Callable[[], None]) -> bool:
        """A file that cannot be read is no reason to leave the link: what comes over it may be a denial."""
        try:
            step()
        except StoreError as error:
            if self._trouble != error.message:
                self._trouble = self._note.why = error.message
                log.error("sync: %s", error)
                self._note.write()
            return False
        return True

    def _heard(self, heard: Received | Answered) -> None:
        now = self._clock.monotonic()
        if isinstance(heard, Answered):
            self._uplink.answered(heard, now)
        elif heard.topic == topics.ack(self._identity.gate):
            self._uplink.heard(heard.payload, now)
        elif heard.topic == topics.response(self._identity.gate):
            if self._asking.heard(heard.payload):
                self._link.welcome(heard)
        elif heard.topic in self._listening:
            self._listening[heard.topic].heard(heard.topic, heard.payload, now)
        else:
            self._downlink.refused["foreign_topic"] += 1

    def _state(self, session: str, *, online: bool) -> Letter:
        return self._greeter.letter(session, self._uplink.acknowledged, self._refused(), online=online)

    # -------------------------------------------------------------- how it is

    def _refused(self) -> Counter[str]:
        refused = self._uplink.refused + self._downlink.refused + self._asking.refused
        return refused + self._unbelieved.refused

    def _heard_of_central(self) -> None:
        self._heard_central = True
        self._trouble = ""
        if self._note.why:
            self._note.why = ""
            self._note.write()

    def _counters(self) -> dict[str, Any]:
        return {
            "forked": self._uplink.forked,
            "resent": self._uplink.resent,
            "quarantined": self._uplink.quarantined,
            "statements": self._downlink.accepted,
            "refused": dict(self._refused()),
        }

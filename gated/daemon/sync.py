"""The sync thread: connects, greets, sends, listens, and begins again. No lane ever waits for it."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from gated.credential.message import MESSAGE_TYPES
from gated.daemon.downlink import Downlink
from gated.daemon.timekeeper import TimeKeeper
from gated.daemon.uplink import Uplink
from gated.errors import GatedError, LinkError, StoreError
from gated.model.backoff import Backoff
from gated.model.letter import Answered, Letter, Received
from gated.model.statement import Kind
from gated.ports import Clock, Link
from gated.store.intake import StatementStore
from gated.store.outbox import Outbox
from gated.store.sync_note import write_sync_note
from gated.wire import topics
from gated.wire.seal import SigningKey
from gated.wire.state import State, encode_state

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
#: Counters are noted for `gated status` this often; a change of the link is noted at once.
NOTE_S = 60.0
_SESSION_BYTES, _MOST_COUNTERS, _MOST_LAST_TURNS = 8, 32, 200


@dataclass(frozen=True, slots=True)
class Identity:
    """Who this gate is to central, and in which sector."""

    gate: str
    sector: str
    version: str
    key: SigningKey


class Sync:
    """The link's worker.

    Args:
        link: the way to the broker; this thread alone uses it.
        uplink, downlink: what is told and what is heard.
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
        self._outbox = outbox
        self._statements = statements
        self._time = time
        self._clock = clock
        self._backoff = backoff
        self._random = random
        self._note = note
        self._last_words_s = last_words_s
        self._noted_at = 0.0
        self._since = 0
        self._why = "connecting"
        self._trouble = ""  # the last file that could not be read
        self._up = False
        self._heard_central = False  # on the present connection
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
        return self._up

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
        while not self._stop.is_set():
            try:
                self._converse()
            except GatedError as error:
                if self._up or self._why != error.message:  # an outage of a week is told once
                    log.warning("sync: %s", error)
                self._went_down(error.message)
            except Exception as error:  # a bug here must not end the telling of all that comes after
                log.exception("sync: unexpected")
                self._went_down(f"unexpected {type(error).__name__}")
            finally:
                self._leave()
            self._stop.wait(self._backoff.next())

    def _leave(self) -> None:
        try:
            self._uplink.save()
            self._link.close()
        except Exception:  # the same: another connection may do better
            log.exception("sync: unexpected")

    def _converse(self) -> None:
        session = self._random(_SESSION_BYTES).hex()
        sector, gate = self._identity.sector, self._identity.gate
        self._link.open([topics.ack(gate), topics.statement(sector)], self._state(session, online=False))
        opened = self._clock.monotonic()
        self._uplink.begin(session, self._state(session, online=True), opened)
        self._came_up()
        while not self._stop.is_set():
            now = self._clock.monotonic()
            self._uplink.doubt_silence(now)
            if self._heard_central and now - opened >= SETTLED_S:
                self._backoff.succeed()
            self._turn(now)
        self._say_last_words()
        self._link.send(self._state(session, online=False))
        self._went_down("stopped")

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
        came = self._link.receive(POLL_S)
        heard = self._after_statements(came, now)
        if heard is not None:
            self._guarded(lambda: self._heard(heard))
        if isinstance(heard, Received):
            self._link.take(heard)
        if now - self._noted_at >= NOTE_S:
            self._write_note()
        return came is not None

    def _after_statements(self, came: Received | Answered | None, now: float) -> Received | Answered | None:
        """Take in what statements came at once, for each time is a flush of the card; what follows them."""
        statements: list[Received] = []
        place = topics.statement(self._identity.sector)
        try:
            while isinstance(came, Received) and came.topic == place:
                statements.append(came)
                came = self._link.receive(0.0) if len(statements) < STATEMENTS_AT_ONCE else None
        finally:  # also where the link is lost meanwhile: one of them may be a denial, and none comes again
            if statements:
                tokens = [one.payload for one in statements]
                self._guarded(lambda: self._downlink.take_in(tokens, now))
        for one in statements:
            self._link.take(one)
        return came

    def _guarded(self, step: Callable[[], None]) -> bool:
        """A file that cannot be read is no reason to leave the link: what comes over it may be a denial."""
        try:
            step()
        except StoreError as error:
            if self._trouble != error.message:
                self._trouble = self._why = error.message
                log.error("sync: %s", error)
                self._write_note()
            return False
        return True

    def _heard(self, heard: Received | Answered) -> None:
        now = self._clock.monotonic()
        if isinstance(heard, Answered):
            self._uplink.answered(heard, now)
        elif heard.topic == topics.ack(self._identity.gate):
            self._uplink.heard(heard.payload, now)
        else:
            self._downlink.refused["foreign_topic"] += 1

    def _state(self, session: str, *, online: bool) -> Letter:
        reading = self._time.read()
        refused = self._refused().most_common(_MOST_COUNTERS)
        state = State(
            gate=self._identity.gate,
            session=session,
            online=online,
            at=reading.estimate,
            boot=reading.sample.boot,
            version=self._identity.version,
            position=self._position(),
            epochs=self._outbox.epochs(self._uplink.acknowledged),
            refused=tuple(sorted(refused)),
        )
        token = self._identity.key.sign(MESSAGE_TYPES[Kind.STATE], encode_state(state))
        return Letter(topics.state(self._identity.gate), token, retain=True)

    def _position(self) -> int:
        """Of the cache; 0 while it cannot be read: that must not keep events from being told."""
        try:
            return self._statements.position()
        except StoreError:
            return 0

    # -------------------------------------------------------------- how it is

    def _refused(self) -> Counter[str]:
        return self._uplink.refused + self._downlink.refused

    def _heard_of_central(self) -> None:
        self._heard_central = True
        self._trouble = ""
        if self._why:
            self._why = ""
            self._write_note()

    def _came_up(self) -> None:
        self._heard_central = False
        self._up, self._since = True, self._time.read().estimate
        self._why = "connected; central has not answered yet"
        log.info("sync: connected")
        self._write_note()

    def _went_down(self, why: str) -> None:
        if self._up or self._why != why:
            self._since = self._time.read().estimate
        self._up, self._why = False, why
        self._write_note()

    def _write_note(self) -> None:
        self._noted_at = self._clock.monotonic()
        note = {
            "up": self._up,
            "since": self._since,
            "why": self._why,
            "forked": self._uplink.forked,
            "resent": self._uplink.resent,
            "quarantined": self._uplink.quarantined,
            "statements": self._downlink.accepted,
            "refused": dict(self._refused()),
        }
        write_sync_note(self._note, note)

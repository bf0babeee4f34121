"""Follows the office's trust repository: over the link, and where a stick brought a copy of it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict

from gated.credential.metadata import Untrusted
from gated.credential.repository import Reading, Wanted
from gated.daemon.asking import Asking
from gated.daemon.knowledge import Knowledge
from gated.daemon.timekeeper import TimeKeeper
from gated.daemon.trust import Standing, TrustKeeper
from gated.daemon.unbelieved import UnbelievedCounter
from gated.model.event import Unbelieved
from gated.store.journal import Journal
from gated.store.trust_files import TrustFiles
from gated.wire.event import Stamp
from gated.wire.request import HERE, LATER, PART_BYTES, Answer, TrustWanted

log = logging.getLogger(__name__)

#: The repository is read this often even if no pulse says that it changed; seconds.
DAILY_S = 86_400.0
#: Likewise while no pulse is believed: the key that signs pulses may have been replaced.
UNSURE_S = 300.0
#: After a reading that was not believed, and after one that got no answer.
REFUSED_S, NO_ANSWER_S = 900.0, 60.0
WHAT = "trust"


class TrustFollower:
    """Asks central for the repository's files, one after the other. Used by the sync thread."""

    def __init__(
        self,
        *,
        keeper: TrustKeeper,
        asking: Asking,
        knowledge: Knowledge,
        unbelieved: UnbelievedCounter,
        time: TimeKeeper,
    ) -> None:
        self._keeper = keeper
        self._time = time
        self._asking = asking
        self._knowledge = knowledge
        self._unbelieved = unbelieved
        self._reading: Reading | None = None
        self._parts = b""
        self._now = self._began_at = self._not_before = 0.0
        self._due = False

    @property
    def topics(self) -> tuple[str, ...]:
        """It hears answers alone."""
        return ()

    def begin(self, now: float) -> None:
        """A link was opened: look what is new."""
        self._due = True
        self._not_before = self._now = now

    def turn(self, now: float) -> None:
        """Begin a reading where one is due."""
        self._now = now
        if self._reading is None and now >= self._not_before and (self._due or self._is_due(now)):
            self._due = False
            self._began_at = now
            reading = self._reading = self._keeper.reading(self._time.read().floor)
            self._advance(reading, None)

    def heard(self, topic: str, payload: bytes, now: float) -> None:
        """Nothing comes by itself."""

    def ended(self) -> None:
        """The link is lost: a reading begins anew on the next, with the roots that it found."""
        self._reading = None

    def _is_due(self, now: float) -> bool:
        waited, pulse = now - self._began_at, self._knowledge.pulse_that_counts(now)
        if pulse is None:
            return waited >= UNSURE_S
        return waited >= DAILY_S or pulse.trust not in (0, self._keeper.done)

    # -------------------------------------------------------------- one reading

    def _advance(self, reading: Reading, raw: bytes | None) -> None:
        try:
            wanted = self._keeper.advance(reading, raw)
        except Untrusted as untrusted:
            log.warning("trust: not believed: %s", untrusted)
            self._unbelieved.note(WHAT, untrusted.code)
            self._give_up(REFUSED_S)
        except BaseException:
            self._give_up(NO_ANSWER_S)
            raise
        else:
            if wanted is None:
                self._reading = None
            else:
                self._ask(reading, wanted, b"")

    def _ask(self, reading: Reading, wanted: Wanted, before: bytes) -> None:
        part = len(before) // PART_BYTES

        def told(answer: Answer | None) -> None:
            if self._reading is not reading:
                return
            if answer is None or answer.code == LATER or not self._keeper.is_current(reading):
                self._give_up(NO_ANSWER_S)
                return
            content = before + answer.body
            if len(answer.body) == PART_BYTES and len(content) <= wanted.limit:
                self._ask(reading, wanted, content)
            else:
                self._advance(reading, content if answer.code == HERE or part else None)

        self._asking.ask(TrustWanted(wanted.name, part), told)

    def _give_up(self, wait_s: float) -> None:
        self._reading, self._not_before = None, self._now + wait_s


class TrustDesk:
    """Takes in what a stick brought, and tells people how the repository stands. Housekeeping calls it."""

    def __init__(
        self,
        *,
        keeper: TrustKeeper,
        incoming: TrustFiles,
        journal: Journal,
        time: TimeKeeper,
        note: Callable[[dict[str, object]], None],
    ) -> None:
        self._keeper = keeper
        self._incoming = incoming
        self._journal = journal
        self._time = time
        self._note = note
        self._noted: Standing | None = None

    def tick(self) -> None:
        """Do what is due. Raises ``StoreError``."""
        if self._incoming.is_there:
            try:
                self._keeper.read_folder(self._incoming, self._time.read().floor)
            except Untrusted as untrusted:
                log.warning("trust: of a stick: not believed: %s", untrusted)
                self._journal.append(Unbelieved(WHAT, untrusted.code, 1), Stamp.of(self._time.read()))
            self._incoming.remove()
        standing = self._keeper.standing
        if standing != self._noted:
            self._noted = standing
            self._note(asdict(standing))

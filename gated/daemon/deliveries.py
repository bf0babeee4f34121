"""What a stick brought is taken in as if the link had: the same judges, the same order, link up or down.

`gated stick import` puts a copy of what is for this gate beside the journal. The sync thread finds it, tells
the followers of it as of letters, and answers what they ask from it.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Protocol

from gated.daemon.asking import Asking
from gated.daemon.follower import Follower
from gated.daemon.unbelieved import UnbelievedCounter
from gated.daemon.uplink import Uplink
from gated.errors import StickError, StoreError
from gated.wire import topics
from gated.wire.request import BlobWanted, HeadWanted, UsesWanted, Want
from gated.wire.stick import Place, What

log = logging.getLogger(__name__)

#: Without a question for so many turns a delivery has been taken in. The clock of a test may stand still.
QUIET_TURNS = 6
#: Of a turn: each answers a few questions, and the link waits meanwhile.
STEPS = 16


class Delivery(Protocol):
    """What a stick brought for this gate. What it raises is ``GatedError``."""

    @property
    def places(self) -> Sequence[Place]:
        """What there is, in the order to be taken in."""

    @property
    def refused(self) -> Mapping[str, int]:
        """What could not be read, by code."""

    def read(self, place: Place) -> bytes | None:
        """The content of a file; None where it cannot be read."""

    def blob(self, name: bytes) -> bytes | None:
        """A part of the feed by its name, compared with it."""

    def finish(self, refused: Mapping[str, int]) -> None:
        """It was taken in: remove it, and leave word of what was ``refused``."""


class Deliveries:
    """Used by the sync thread.

    Args:
        next_: opens what was handed over next; None = nothing was.
        busy: whether something that was delivered is still being worked on, such as a snapshot.

    """

    def __init__(
        self,
        *,
        gate: str,
        sector: str,
        next_: Callable[[], Delivery | None],
        uplink: Uplink,
        followers: Sequence[Follower],
        asking: Asking,
        unbelieved: UnbelievedCounter,
        busy: Callable[[], bool] = lambda: False,
    ) -> None:
        self._gate = gate
        self._sector = sector
        self._next = next_
        self._uplink = uplink
        self._followers = tuple(followers)
        self._asking = asking
        self._unbelieved = unbelieved
        self._busy = busy
        self._delivery: Delivery | None = None
        self._refused: Counter[str] = Counter()
        self._driving = False  # the followers, in the link's place
        self._quiet = 0
        self._trouble = ""

    def turn(self, now: float, *, linked: bool) -> None:
        """Take in what is due. A file that breaks is told once, and the delivery is gone on with."""
        try:
            self._turn(now, linked=linked)
        except (StoreError, StickError) as error:
            if error.message != self._trouble:
                log.error("stick: %s", error)
            self._trouble = error.message

    def _turn(self, now: float, *, linked: bool) -> None:
        if self._delivery is None:
            found = self._next()
            if found is None:
                return
            self._begin(found, now, linked=linked)
        if not linked:
            self._drive(now)
        served = self._serve(now)
        if not linked:
            self._asking.end()  # nobody else can answer it
            self._unbelieved.tick()
        self._quiet = 0 if served or self._busy() else self._quiet + 1
        if self._quiet >= QUIET_TURNS:
            self._finish()

    def link_opens(self) -> None:
        """The followers are the link's from now on."""
        if self._driving:
            self._driving = False
            for follower in self._followers:
                follower.ended()

    def _serve(self, now: float) -> int:
        """Let the followers go on with what is here; how many of their questions were answered."""
        served = 0
        for _ in range(STEPS):
            for follower in self._followers:
                follower.turn(now)
            answered = self._asking.serve()
            served += answered
            if not answered:
                break
        return served

    def _drive(self, now: float) -> None:
        if not self._driving:
            self._driving = True
            for follower in self._followers:
                follower.begin(now)

    # -------------------------------------------------------------- one delivery

    def _begin(self, delivery: Delivery, now: float, *, linked: bool) -> None:
        log.info("stick: %d files are taken in", len(delivery.places))
        self._delivery, self._quiet = delivery, 0
        self._refused.clear()
        self._asking.source = partial(_answer, delivery)
        if not linked:
            self._drive(now)
        for place in delivery.places:
            self._take(delivery, place, now)

    def _take(self, delivery: Delivery, place: Place, now: float) -> None:
        topic = {
            What.COMMAND: topics.command(self._gate),
            What.USES: topics.uses(self._sector),
            What.HEAD: topics.head(self._sector),
        }.get(place.what)
        if topic is None and place.what is not What.ACK:
            return  # asked for by name, if at all
        content = delivery.read(place)
        if content is None:
            return
        if topic is None:
            code = self._uplink.carried(content, now)
            if code:
                self._refuse("ack", code.removeprefix("ack_"))
            return
        before = self._unbelieved.refused.copy()
        for follower in self._followers:
            if topic in follower.topics:
                follower.heard(topic, content, now)
        self._refused += self._unbelieved.refused - before

    def _refuse(self, what: str, code: str) -> None:
        self._refused[f"{what}_{code}"] += 1
        self._unbelieved.note("stick", f"{what}_{code}")

    def _finish(self) -> None:
        assert self._delivery is not None
        for code, count in self._delivery.refused.items():
            self._refused[f"stick_{code}"] += count
            self._unbelieved.note("stick", code)
        delivery, self._delivery, self._asking.source = self._delivery, None, None
        self.link_opens()
        delivery.finish(dict(self._refused))
        log.info("stick: taken in, %d refused", self._refused.total())


def _answer(delivery: Delivery, want: Want) -> bytes | None:
    """What a delivery has to say to a question."""
    match want:
        case BlobWanted(name):
            return delivery.blob(name)
        case HeadWanted():
            return _first(delivery, lambda place: place.what is What.HEAD)
        case UsesWanted(after):
            return _first(delivery, lambda place: place.what is What.USES and place.order[1] == after)
        case _:
            return None


def _first(delivery: Delivery, fits: Callable[[Place], bool]) -> bytes | None:
    return next((delivery.read(place) for place in delivery.places if fits(place)), None)

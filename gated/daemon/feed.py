"""Follows the feed: believes heads, asks for what is missing, and lets the cache agree with the newest."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from gated.daemon.asking import Asking
from gated.daemon.beliefs import Trust
from gated.daemon.feed_gathering import RefusedError
from gated.daemon.feed_heads import Believed, Heads
from gated.daemon.feed_state import FeedState
from gated.daemon.feed_transfer import Transfer
from gated.daemon.knowledge import Knowledge
from gated.daemon.timekeeper import TimeKeeper
from gated.daemon.unbelieved import UnbelievedCounter
from gated.errors import StoreError
from gated.store.feed_note import NO_TRANSFER, write_feed_note
from gated.wire import topics
from gated.wire.request import HERE, NO_SUCH_THING, Answer, BlobWanted, HeadWanted

log = logging.getLogger(__name__)

#: Blobs on their way at once. More would only wait in the broker.
WINDOW = 6
#: A head that does not come by itself is asked for after so long, and not again within; seconds.
HEAD_WAIT_S, HEAD_AGAIN_S = 2.0, 5.0
#: Waits before what failed is tried again; seconds.
LEAST_WAIT_S, MOST_WAIT_S = 1.0, 300.0
#: How often a long transfer is told of, and the note is written anew; seconds.
TELL_S = 10.0


class Feed:
    """A follower; used by the sync thread.

    Args:
        state: what the cache agrees with.
        learn_time: is told signed times.

    """

    def __init__(
        self,
        *,
        trust: Trust,
        state: FeedState,
        heads: Heads,
        asking: Asking,
        knowledge: Knowledge,
        unbelieved: UnbelievedCounter,
        time: TimeKeeper,
        learn_time: Callable[[int], None],
        monotonic: Callable[[], float],
    ) -> None:
        self._trust = trust
        self._state = state
        self._heads = heads
        self._asking = asking
        self._knowledge = knowledge
        self._unbelieved = unbelieved
        self._time = time
        self._learn_time = learn_time
        self._monotonic = monotonic
        self._keys = trust.keys
        self._target: Believed | None = None
        self._transfer: Transfer | None = None
        self._window = WINDOW
        self._ask_head_at = 0.0
        self._retry_at, self._wait_s = 0.0, LEAST_WAIT_S
        self._told_at, self._logged_at = -TELL_S, 0.0
        self._why = ""

    # -------------------------------------------------------------- what the link calls

    @property
    def topics(self) -> tuple[str, ...]:
        """Where heads arrive."""
        return (topics.head(self._trust.profile.sector),)

    def begin(self, now: float) -> None:
        """A link was opened; the broker tells the newest head by itself, if it has one."""
        self._ask_head_at = now + HEAD_WAIT_S
        self._window, self._retry_at, self._wait_s = WINDOW, now, LEAST_WAIT_S

    def ended(self) -> None:
        """The link is lost; a transfer goes on over the next."""

    def heard(self, topic: str, payload: bytes, now: float) -> None:
        """A head, perhaps. Raises ``StoreError``."""
        del topic  # there is one
        self._state.look(now, at_once=True)
        judged = self._heads.judge(payload, self._state.applied, self._target)
        if isinstance(judged, str):
            self._unbelieved.note("head", judged)
            return
        self._ask_head_at = now + HEAD_AGAIN_S
        if judged.moves_time:
            self._learn_time(judged.head.at)
        if judged is not self._target:
            self._target = judged
            self._retry_at = min(self._retry_at, now + LEAST_WAIT_S)
            self.turn(now)

    def turn(self, now: float) -> None:
        """Do what is due. Raises ``StoreError``."""
        self._state.look(now)
        if self._trust.keys != self._keys:
            self._keys = self._trust.keys
            self._doubt()
        if not self._is_behind():
            if self._target is not None:
                self._state.tidy()
        elif now >= self._retry_at:
            self._try(now)
        if self._transfer is None and now >= self._ask_head_at and self._lacks_head():
            self._ask_head(now)
        self._tell(now)

    @property
    def is_at_work(self) -> bool:
        """Whether a transfer goes on with what is here."""
        return self._transfer is not None and self._transfer.blobs.are_here

    def close(self) -> None:
        """The gate stops; what was fetched stays for the next start."""
        if self._transfer is not None:
            self._transfer.close()
            self._transfer = None
        self._state.close()

    # -------------------------------------------------------------- heads

    def _is_behind(self) -> bool:
        target, applied = self._target, self._state.applied
        return target is not None and (applied is None or target.head != applied.head)

    def _lacks_head(self) -> bool:
        newest = self._target
        if newest is None:
            return True
        pulse = self._knowledge.pulse
        return pulse is not None and pulse.head > newest.head.version

    def _ask_head(self, now: float) -> None:
        self._ask_head_at = now + HEAD_AGAIN_S
        self._asking.ask(HeadWanted(), self._head_came)

    def _head_came(self, answer: Answer | None) -> None:
        if answer is not None and answer.code == HERE:
            self.heard("", answer.body, self._monotonic())

    def _doubt(self) -> None:
        """The keys are others now: if its head still counts, a transfer begins anew by them.

        A head that was reached stays reached: keys come and go in order, too.
        """
        self._end_transfer()
        target = self._target
        if target is not None and self._is_behind() and (code := self._heads.doubt(target)):
            self._target = None
            self._unbelieved.note("head", code)
            self._give_up(f"head: {code}")

    # -------------------------------------------------------------- following

    def _try(self, now: float) -> None:
        try:
            if self._transfer is not None and not self._state.is_base_of(self._transfer):
                self._end_transfer()  # the set was found to differ, or a stick came first
            if self._transfer is None:
                self._begin_transfer()
            if self._transfer is not None:
                self._carry_on(self._transfer)
        except RefusedError as refused:
            self._unbelieved.note(refused.what, refused.code)
            self._give_up(f"{refused.what}: {refused.code}")
        except StoreError as error:  # begun anew it finds what was fetched, and what broke is gone
            self._end_transfer()
            self._state.release()
            self._later(now, error.message)
            raise

    def _begin_transfer(self) -> None:
        """Come to the newest head: at once where all that it speaks of is here, else by a transfer."""
        target = self._target
        assert target is not None
        self._state.acquire()
        if self._state.agrees_already(target):
            self._state.advance(target)
            self._applied(target)
            return
        self._transfer = Transfer(
            target, self._state.applied, self._state.store, self._trust.keys, self._time.read().floor
        )

    def _carry_on(self, transfer: Transfer) -> None:
        if transfer.turn():
            long = transfer.is_long
            self._state.came_to(transfer)
            self._end_transfer()
            self._applied(transfer.target)
            if long:
                head = transfer.target.head
                log.info("feed: %d places are here, as of head %d", head.rows, head.version)
            return
        for name in transfer.blobs.wants(self._window):
            self._asking.ask(BlobWanted(name), partial(self._blob_came, transfer, name))

    def _applied(self, target: Believed) -> None:
        self._state.release()
        self._knowledge.head_at = target.head.at
        self._retry_at, self._wait_s, self._why = 0.0, LEAST_WAIT_S, ""
        self._told_at = -TELL_S

    def _blob_came(self, transfer: Transfer, name: bytes, answer: Answer | None) -> None:
        if transfer is not self._transfer:
            return
        if answer is None:  # too slow, or lost: one at a time from now on
            self._window = 1
            transfer.blobs.give_back(name)
        elif answer.code == NO_SUCH_THING:  # a newer manifest names others
            self._give_up("central has another manifest by now")
        elif answer.code != HERE:
            transfer.blobs.give_back(name)
            self._later(self._monotonic(), "central is busy")
        else:
            self._take(transfer, name, answer.body)

    def _take(self, transfer: Transfer, name: bytes, blob: bytes) -> None:
        try:
            transfer.take(name, blob)
        except RefusedError as refused:  # not what was asked for: somebody between us and central
            self._unbelieved.note(refused.what, refused.code)
            self._later(self._monotonic(), f"{refused.what}: {refused.code}")
            return
        self._wait_s = LEAST_WAIT_S
        self._window = min(WINDOW, self._window + 1)

    # -------------------------------------------------------------- what fails

    def _give_up(self, why: str) -> None:
        """This head leads nowhere just now: central is asked for another, and it is tried again later."""
        self._end_transfer()
        self._state.release()
        now = self._monotonic()
        self._later(now, why)
        self._ask_head(now)

    def _end_transfer(self) -> None:
        if self._transfer is not None:
            self._transfer.close()
            self._transfer = None

    def _later(self, now: float, why: str) -> None:
        self._why = why
        self._retry_at, self._wait_s = now + self._wait_s, min(MOST_WAIT_S, 2 * self._wait_s)

    # -------------------------------------------------------------- how it is

    def _tell(self, now: float) -> None:
        transfer = self._transfer
        if transfer is not None and transfer.is_long and now - self._logged_at >= TELL_S:
            self._logged_at = now
            log.info(
                "feed: %d %% of head %d, %.1f MB came",
                transfer.percent,
                transfer.target.head.version,
                transfer.blobs.bytes / 1e6,
            )
        if now - self._told_at < TELL_S:
            return
        self._told_at = now
        applied, target = self._state.applied, self._target
        position = 0 if applied is None else applied.head.position
        note = {
            "version": 0 if applied is None else applied.head.version,
            "position": position,
            "behind": 0 if target is None else max(0, target.head.position - position),
            "head_at": 0 if applied is None else applied.head.at,
            "percent": transfer.percent if transfer is not None and transfer.is_long else NO_TRANSFER,
            "why": self._why,
        }
        write_feed_note(self._state.store.directory, note)

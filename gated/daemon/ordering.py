"""Orders of a person, one lane's: written down first, then obeyed."""

from __future__ import annotations

import logging

from gated.daemon.messages import Answer, Ordering
from gated.daemon.passage import Passage
from gated.daemon.tap import TapWay
from gated.daemon.timekeeper import TimeKeeper
from gated.errors import StoreError
from gated.model.event import LaneCause, Ordered
from gated.model.order import Operator, Order
from gated.policy.happening import Happening, Let, ModeOrdered, Rearmed
from gated.policy.orders import WhyNot, why_not
from gated.policy.standing import Stage
from gated.ports import Clock
from gated.store.journal import Journal
from gated.store.ticket import Kept, Ticket
from gated.wire.event import Stamp

log = logging.getLogger(__name__)


class OrderBook:
    """Used by the lane's thread."""

    def __init__(
        self,
        *,
        passage: Passage,
        way: TapWay,
        journal: Journal,
        time: TimeKeeper,
        clock: Clock,
        journal_wait_s: float,
    ) -> None:
        self._passage = passage
        self._way = way
        self._journal = journal
        self._time = time
        self._clock = clock
        self._journal_wait_s = journal_wait_s
        self._late: tuple[Ticket, Happening, int] | None = None

    def obey(self, message: Ordering) -> None:
        """Do what a person orders, and answer."""
        order, operator = message.order, message.operator
        lane = self._passage.standing.lane
        refused = why_not(self._passage.standing, order)
        if self._clock.monotonic() >= message.until:
            refused = WhyNot.NO_ANSWER  # it was told already: no barrier moves when nobody expects it
        elif refused is None and self._late is not None:
            refused = WhyNot.JOURNAL_SLOW
        if refused is None:
            wait_s = max(0.0, min(self._journal_wait_s, message.until - self._clock.monotonic()))
            opened = order is Order.OPEN
            refused = self._open(message, wait_s) if opened else self._change(order, operator, wait_s)
        log.info("lane %s: %s ordered by %s: %s", lane, order, operator, refused or "done")
        message.answer(Answer(lane, refused))

    def tick(self) -> None:
        """Do what waited for the disk."""
        if self._late is None:
            return
        ticket, event, heard = self._late
        try:
            landed = ticket.look(0.0)
        except StoreError as error:
            log.error("lane %s: an order is not obeyed: %s", self._passage.standing.lane, error)
            self._late = None
            self._say_again()
            return
        if not landed:
            return
        self._late = None
        again = heard != self._passage.alarms_heard  # whoever re-armed it did not know of this fire
        refused = isinstance(event, Rearmed) and why_not(self._passage.standing, Order.REARM) is not None
        if not (refused or (isinstance(event, Rearmed) and again)):
            self._passage.feed(event)
        self._say_again()

    def _say_again(self) -> None:
        """Rows written meanwhile, or one that stands though its commit failed, may keep it otherwise."""
        self._passage.say_again(LaneCause.ORDERED)

    def _open(self, message: Ordering, wait_s: float) -> WhyNot | None:
        reading, persons = self._time.read(), message.persons
        event = self._event(Order.OPEN, message.operator, persons)
        ticket = self._journal.append(event, Stamp.of(reading), self._way.by_hand(persons, reading))
        try:
            seq = ticket.wait(wait_s)
        except StoreError:
            return WhyNot.JOURNAL_FAILED
        if not seq:  # it is settled as soon as it lands: nobody was let through
            return WhyNot.JOURNAL_FAILED
        self._passage.feed(Let(seq, persons, 0))
        return None

    def _change(self, order: Order, operator: Operator, wait_s: float) -> WhyNot | None:
        lane = self._passage.standing
        mode = order.mode
        burning = lane.stage is Stage.FIRE and order is not Order.REARM
        keep = Kept(lane.lane, lane.mode if mode is None else mode, burning)
        event: Happening = Rearmed() if mode is None else ModeOrdered(mode)
        row = self._event(order, operator)
        ticket = self._journal.append(row, Stamp.of(self._time.read()), keep=keep)
        try:
            landed = ticket.look(wait_s)
        except StoreError:
            self._say_again()
            return WhyNot.JOURNAL_FAILED
        if not landed:
            self._late = ticket, event, self._passage.alarms_heard
            return WhyNot.JOURNAL_SLOW
        self._passage.feed(event)
        return None

    def _event(self, order: Order, operator: Operator, persons: int | None = None) -> Ordered:
        return Ordered(
            lane=self._passage.standing.lane,
            order=order,
            operator=operator.name,
            reason=operator.reason,
            persons=persons,
            user=operator.user,
            key=operator.key,
            counter=operator.counter,
        )

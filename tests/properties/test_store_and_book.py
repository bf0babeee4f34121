"""The store counts as the book of policy does: random parties at real passages of a real journal."""

from __future__ import annotations

import tempfile
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gated.daemon.passage import Passage
from gated.daemon.timekeeper import TimeKeeper
from gated.devices.simulated.clock import SimulatedClock
from gated.errors import StoreError
from gated.model.barrier import BarrierEvent, Passed
from gated.model.decision import Granted
from gated.model.statement import Entitlement
from gated.model.time import ClockQuality
from gated.policy.book import Book, Entry, Release
from gated.policy.happening import Leave, Let, ReaderBack
from gated.policy.standing import Stage, Standing
from gated.store.chain import JournalReader
from gated.store.floors import Floors
from gated.store.ticket import Move, Reservation
from gated.store.uses import UsesReader
from store.test_journal import GRANT, NOW, STAMP, defects, open_journal
from store.test_journal_failures import fail
from turnstile import Turnstile

HOLD_S = 8.0
VENUE = "bron"
PASSES = (b"p" * 16, b"q" * 16)
RIGHTS = {bytes([number] * 8): PASSES[number % 2] for number in range(3)}
ZONES = {"in-1": "pool", "in-2": "pool", "in-3": "sauna", "out-1": "pool"}
ENTRIES = ("in-1", "in-2", "in-3")
FIRST = 20270115


class StoreAndBook(RuleBasedStateMachine):
    """Each step is done by a lane's own passage and told to the book as well."""

    def __init__(self) -> None:
        super().__init__()
        self._place = tempfile.TemporaryDirectory()
        self.path = Path(self._place.name) / "journal.db"
        self.journal, self.clock, self.book = open_journal(self.path), SimulatedClock(NOW), Book()
        self.time = TimeKeeper(self.clock, Floors(self.journal, self.path.with_name("floors.json")))
        self.posted: list[tuple[str, BarrierEvent]] = []
        self.passages = {lane: self._passage(lane) for lane in ZONES}
        self.day = FIRST
        self.open: dict[str, tuple[Release, int]] = {}  # by lane, with who passed until now
        self.journal.start()
        self.reader = UsesReader(self.path)

    def _passage(self, lane: str) -> Passage:
        barrier = Turnstile()
        barrier.start(lambda told: self.posted.append((lane, told)))
        passage = Passage(
            standing=Standing(lane, lane == "out-1", at_once=0),
            move=lambda persons, pass_: Move(self.day, ZONES[lane], pass_, persons),
            journal=self.journal,
            time=self.time,
            clock=self.clock,
            barrier=barrier,
            hold_s=HOLD_S,
            journal_wait_s=5.0,
        )
        passage.begin(None)
        passage.feed(ReaderBack())
        return passage

    def teardown(self) -> None:
        self.reader.close()
        self.journal.stop(10)
        found = defects(self.path)
        self._place.cleanup()
        assert [] == found

    # -------------------------------------------------------------- what happens

    @rule(
        lane=st.sampled_from(ENTRIES),
        cti=st.sampled_from(sorted(RIGHTS)),
        persons=st.integers(1, 4),
        cost=st.sampled_from(["each", "once", "free"]),
        each=st.lists(st.integers(1, 2), max_size=3),
        stays_open=st.booleans(),
    )
    def party(self, lane, cti, persons, cost, each, stays_open):
        """A grant, some of it right away, and its end or not."""
        if lane not in self.open:
            self._grant(lane, cti, persons, cost)
            for some in each:
                self._go_in(lane, some)
            if not stays_open:
                self._wait(lane)

    def _grant(self, lane, cti, persons, cost):
        cost = {"each": persons, "once": 1, "free": 0}[cost]
        at, zone, pass_ = int(self.clock.wall), ZONES[lane], RIGHTS[cti]
        right = Entitlement("pools", pass_, 0, None, 0, cti, "season", 0)
        granted = Granted(right, cost, persons, None, ClockQuality.GOOD)
        reserve = Reservation(
            lane, cti, VENUE, self.day, cost, persons, None, pass_, zone, self.day, at
        )  # fmt: skip
        event = replace(GRANT, lane=lane, cti=cti, pass_=pass_, day=self.day, cost=cost, persons=persons)
        seq = self.journal.append(event, STAMP, reserve).wait(10)
        release = self.book.reserve(granted, Entry(VENUE, zone, self.day, self.day, at))
        self.open[lane] = release, 0
        self.passages[lane].feed(Let(seq, persons, cost))
        assert self.passages[lane].standing.stage is Stage.RELEASED

    failures = st.sampled_from([None, None, None, "before", "after"])

    @rule(lane=st.sampled_from(ENTRIES), persons=st.integers(1, 5), failing=failures)
    def go_in(self, lane, persons, failing):
        self._may_fail(failing)
        self._go_in(lane, persons)

    def _go_in(self, lane, persons):
        self.passages[lane].feed(Passed(persons))
        if lane not in self.open:
            self.book._occupancy[VENUE, self.day] += persons
            return
        release, passed = self.open[lane]
        self.open[lane] = release, passed + persons
        if passed + persons >= release.persons:
            self._over(lane)

    @rule(lane=st.sampled_from(ENTRIES), failing=failures)
    def wait(self, lane, failing):
        self._may_fail(failing)
        self._wait(lane)

    def _wait(self, lane):
        self._hold_ends(lane)
        if lane in self.open:
            self._over(lane)

    @rule(pass_=st.none() | st.sampled_from(PASSES), expected=st.integers(1, 3), persons=st.integers(0, 4),
          failing=failures)  # fmt: skip
    def leave(self, pass_, expected, persons, failing):
        passage = self.passages["out-1"]
        passage.feed(Leave(expected, pass_))
        self._may_fail(failing)
        if persons:
            passage.feed(Passed(persons))
        if passage.standing.release is not None:
            self._hold_ends("out-1")
        self.book.leave(pass_, Entry(VENUE, "pool", self.day, self.day, int(self.clock.wall)), persons)

    @rule()
    def day_ends(self):
        self.day += 1 if self.day < FIRST + 2 else 0

    @rule(seconds=st.integers(1, 7))
    def time_passes(self, seconds):
        self.clock.advance(seconds)

    # -------------------------------------------------------------- parts

    def _over(self, lane: str) -> None:
        """Beyond a release: in the book on its day, at a gate on the day on which they push in."""
        release, passed = self.open.pop(lane)
        forced = self.book.settle(release, passed).forced
        self.book._occupancy[VENUE, release.shift] -= forced
        self.book._occupancy[VENUE, self.day] += forced

    def _hold_ends(self, lane: str) -> None:
        self.clock.advance(HOLD_S)
        self.passages[lane].tick()
        for where, told in self.posted:
            self.passages[where].feed(told)
        self.posted.clear()

    def _may_fail(self, failing: str | None) -> None:
        if failing is not None:
            fail(self.journal, "COMMIT", before=failing == "before")

    # -------------------------------------------------------------- what is known

    @invariant()
    def the_store_knows_what_the_book_knows(self):
        for _ in range(2):  # the first may meet the failure that nothing else met
            with suppress(StoreError):
                self.journal.do(lambda _: None).wait(10)
        for day in range(FIRST, FIRST + 3):
            for cti, (uses, paid_at) in self.reader.recall(sorted(RIGHTS), VENUE, day).items():
                expected = self.book.uses(cti, VENUE, day)[0], self.book.paid_at(cti, VENUE)
                assert expected == (uses, paid_at)
            for pass_ in PASSES:
                for zone in ("pool", "sauna"):
                    expected = self.book.presence(pass_, zone, day)
                    assert (expected, self.book.occupancy(VENUE, day)) == self.reader.inside(pass_, zone, day)
            with closing(JournalReader(self.path)) as people:
                assert self.book._occupancy[VENUE, day] == people.inside(day)


TestStoreAndBook = StoreAndBook.TestCase
TestStoreAndBook.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)

"""Grants, settlements in any order and people beside them: the tables say what a small model says."""

from __future__ import annotations

import tempfile
from collections import Counter
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gated.model.event import Exited, Forced, Settlement
from gated.store.chain import JournalReader
from gated.store.ticket import Move, Reservation
from gated.store.uses import UsesReader
from store.test_journal import GRANT, NOW, STAMP, defects, open_journal, settled
from store.test_journal_failures import fail

RIGHTS = (b"right001", b"right002")
PASSES = (b"p" * 16, b"q" * 16)
VENUES = ("bron", "vaise")
DAYS = (20270114, 20270115)
ZONES = ("", "pool")

reservations = st.builds(
    Reservation,
    lane=st.just("in-1"),
    cti=st.sampled_from(RIGHTS),
    venue=st.sampled_from(VENUES),
    day=st.sampled_from(DAYS),
    uses=st.integers(0, 4),
    persons=st.integers(1, 4),
    keep_until=st.none(),
    pass_=st.none() | st.sampled_from(PASSES),
    zone=st.sampled_from(ZONES),
    shift=st.sampled_from(DAYS),
    at=st.integers(NOW, NOW + 9),
)


def latest(times):
    return max(times, default=None)


class Counting(RuleBasedStateMachine):
    """The model: what is final, kept apart from what is open; people per pass, zone and day."""

    def __init__(self) -> None:
        super().__init__()
        self._place = tempfile.TemporaryDirectory()
        self.path = Path(self._place.name) / "journal.db"
        self.journal = open_journal(self.path)
        self.journal.start()
        self.reader = UsesReader(self.path)
        self.open: dict[int, Reservation] = {}
        self.taken: list[tuple[Reservation, int]] = []  # with the uses that stayed
        self.inside: Counter[tuple[bytes | None, str, int]] = Counter()
        self.came: list[Reservation] = []
        self.occupancy: Counter[int] = Counter()

    def teardown(self) -> None:
        self.reader.close()
        self.journal.stop(10)
        found = defects(self.path)
        self._place.cleanup()
        assert [] == found

    @rule(new=reservations)
    def grant(self, new):
        event = replace(GRANT, cti=new.cti, day=new.day, cost=new.uses, persons=new.persons)
        self.open[self.journal.append(event, STAMP, new).wait(10)] = new

    def settle(self, draw, outcome, persons, uses=None, *, failing=False):
        seq = draw.draw(st.sampled_from(sorted(self.open)))
        left = self.open.pop(seq)
        persons, uses = persons(left), uses and uses(left)
        event = replace(settled(seq, outcome), persons=persons, uses=uses)
        self.write(event, failing=failing)
        return left, persons, left.uses if uses is None else uses

    def write(self, event, move=None, *, failing):
        """Durable in the end, whatever the disk reports."""
        if failing:
            fail(self.journal, "COMMIT", before=failing == "before")
            self.journal.append(event, STAMP, None, move, insist=True)
        else:
            self.journal.append(event, STAMP, None, move, insist=True).wait(10)
        self.journal.do(lambda _: None).wait(10)

    failures = st.sampled_from([False, False, "before", "after"])

    @precondition(lambda self: self.open)
    @rule(draw=st.data(), failing=failures)
    def pass_through(self, draw, failing):
        left, persons, uses = self.settle(
            draw,
            Settlement.TAKEN,
            lambda left: draw.draw(st.integers(1, left.persons)),
            lambda left: draw.draw(st.none() | st.integers(0, left.uses)),
            failing=failing,
        )
        self.taken.append((left, uses))
        if left.leads_out:
            self._go(left.pass_, left.zone, left.shift, persons)
            return
        self.came.append(left)
        self.inside[left.pass_, left.zone, left.shift] += persons
        self.occupancy[left.shift] += persons

    @precondition(lambda self: self.open)
    @rule(draw=st.data(), failing=failures)
    def stay_out(self, draw, failing):
        self.settle(draw, Settlement.NOT_TAKEN, lambda left: left.persons, failing=failing)

    @precondition(lambda self: self.open)
    @rule(draw=st.data(), failing=failures)
    def nobody_knows(self, draw, failing):
        left, _, uses = self.settle(draw, Settlement.UNKNOWN, lambda left: left.persons, failing=failing)
        self.taken.append((left, uses))

    @rule(
        pass_=st.none() | st.sampled_from(PASSES),
        zone=st.sampled_from(ZONES),
        shift=st.sampled_from(DAYS),
        persons=st.integers(1, 5),
        failing=failures,
    )
    def leave(self, pass_, zone, shift, persons, failing):
        self.write(Exited("out-1", persons, pass_), Move(shift, zone, pass_, -persons), failing=failing)
        self._go(pass_, zone, shift, persons)

    def _go(self, pass_, zone, shift, persons):
        self.occupancy[shift] = max(0, self.occupancy[shift] - persons)
        if pass_ is not None:
            self.inside[pass_, zone, shift] = max(0, self.inside[pass_, zone, shift] - persons)

    @rule(shift=st.sampled_from(DAYS), persons=st.integers(1, 5), failing=failures)
    def force(self, shift, persons, failing):
        self.write(Forced("in-1", persons), Move(shift, "", None, persons), failing=failing)
        self.occupancy[shift] += persons

    @invariant()
    def uses_are_what_was_taken_and_is_open(self):
        every = [*self.taken, *((left, left.uses) for left in self.open.values())]
        for venue in VENUES:
            for day in DAYS:
                for cti, (uses, paid_at) in self.reader.recall(RIGHTS, venue, day).items():
                    of_right = [(left, kept) for left, kept in every if left.cti == cti]
                    assert sum(kept for _, kept in of_right) == uses.total
                    assert sum(kept for left, kept in of_right if left.day == day) == uses.today
                    assert sum(kept for left, kept in of_right if left.venue == venue) == uses.here
                    assert paid_at == latest(
                        left.at
                        for left, kept in self.taken
                        if (left.cti, left.venue) == (cti, venue) and kept
                    )

    @invariant()
    def people_are_who_came_and_did_not_leave(self):
        waiting = [left for left in self.open.values() if not left.leads_out]
        with closing(JournalReader(self.path)) as people:
            for shift in DAYS:
                assert self.occupancy[shift] == people.inside(shift)
        for shift in DAYS:
            total = self.occupancy[shift] + sum(left.persons for left in waiting if left.shift == shift)
            for key in ((pass_, zone, shift) for pass_ in PASSES for zone in ZONES):
                here = [left for left in waiting if (left.pass_, left.zone, left.shift) == key]
                came = [left for left in self.came if (left.pass_, left.zone, left.shift) == key]
                (inside, last_in), people = self.reader.inside(*key)
                assert total == people
                assert self.inside[key] + sum(left.persons for left in here) == inside
                assert last_in == latest(left.at for left in (*here, *came))


TestCounting = Counting.TestCase
TestCounting.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)

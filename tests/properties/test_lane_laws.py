"""The laws of a lane (``gated.policy.lane``), for any sequence of events and crashes."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from gated.model.barrier import Cleared, Faulted, FireAlarm, FireQuiet, Passed, Secured, Trouble
from gated.model.event import LaneCause, LaneChanged, LaneState, Settled, Settlement
from gated.model.order import Mode, Order
from gated.policy.happening import (
    Begun,
    Disobeyed,
    FireElsewhere,
    HoldOpen,
    HoldOver,
    Leave,
    Let,
    LetThrough,
    ModeOrdered,
    Obeyed,
    QuietElsewhere,
    ReaderBack,
    ReaderMissing,
    Rearmed,
    Shut,
    Stopped,
    TryAgain,
    Write,
)
from gated.policy.lane import TABLE, step
from gated.policy.lane_steps import ImpossibleError
from gated.policy.orders import why_not
from gated.policy.standing import Part, Stage, Standing
from questions import PASS

OPEN = (Stage.FREE, Stage.FIRE)

troubles = st.sampled_from(Trouble)
happenings = st.one_of(
    st.integers(1, 3).map(Passed),
    st.just(Secured()),
    troubles.map(lambda trouble: Faulted(trouble, "")),
    troubles.map(Cleared),
    st.sampled_from([FireAlarm(), FireQuiet(), FireElsewhere(), QuietElsewhere()]),
    st.sampled_from([HoldOver(), Disobeyed(), Obeyed(), TryAgain(), ReaderBack()]),
    st.sampled_from([LaneCause.READER_LOST, LaneCause.READER_HUNG]).map(ReaderMissing),
    st.sampled_from(Mode).map(ModeOrdered),
    st.just(Rearmed()),
    st.builds(Leave, persons=st.integers(1, 4), pass_=st.none() | st.just(PASS)),
    # The seq is that of the row; a law needs only that no two are the same, so it is given when it happens.
    st.integers(1, 5).flatmap(lambda n: st.builds(Let, st.just(0), st.just(n), st.sampled_from([0, 1, n]))),
    st.sampled_from(["crash", "stop"]),
)
lanes = st.builds(
    Standing,
    lane=st.just("in-1"),
    leads_out=st.booleans(),
    at_once=st.integers(0, 3),
    unknown_counts=st.booleans(),
)


class World:
    """A lane with its journal, which survives crashes, and what its barrier was told."""

    def __init__(self, lane: Standing) -> None:
        self.new = lane
        self.rows: list[LaneChanged | Settled] = []
        self.released: dict[int, tuple[int, int]] = {}  # by decision: persons, and what they cost
        self.open: set[int] = set()  # what the journal holds as not settled
        self.kept = Mode.NORMAL, False
        self.moved: list[str] = []
        self.passing = 0  # who went through since the release that is open began
        self.begin()

    def begin(self) -> None:
        """Start: what was left open is settled as the journal does."""
        for decision in sorted(self.open):
            persons, _ = self.released[decision]
            self.settled(Settled("in-1", decision, Settlement.UNKNOWN, "restart", persons))
        mode, burning = self.kept
        self.lane = self.new
        self.feed(Begun(mode, burning))

    def settled(self, event: Settled) -> None:
        """Law 1: what was released is settled once, and of its persons each is told."""
        assert event.decision in self.open, "settled twice, or nothing"
        self.open.remove(event.decision)
        persons, cost = self.released[event.decision]
        unknown = event.unknown or 0
        if event.outcome is Settlement.TAKEN:
            assert event.persons >= 1
            assert event.persons + unknown <= persons
            assert event.uses is None or 0 <= event.uses < cost
        else:
            assert event.persons == persons
            assert not unknown
        self.rows.append(event)

    def feed(self, event) -> None:
        before = self.lane
        self.lane, effects = step(before, event)
        for effect in effects:
            self.do(effect, event)
        self.check(before, event, effects)

    def do(self, effect, event) -> None:
        match effect:
            case Write(event=LaneChanged() as row):
                self.rows.append(row)
                self.kept = self.lane.mode, self.lane.stage is Stage.FIRE
            case Write(event=Settled() as row):
                self.settled(row)
            case LetThrough() | HoldOpen():
                self.opens(effect, event)

    def opens(self, effect, event) -> None:
        """Law 2: what opens does so for a durable row, for somebody who leaves, or for a fire."""
        release = self.lane.release
        if isinstance(effect, LetThrough):
            assert release is not None
            assert release.decision in self.open or (self.lane.leads_out and not release.decision)
            assert 1 <= effect.persons <= release.persons - release.passed
        else:
            assert self.lane.stage is Stage.FIRE or self.lane.mode is Mode.FREE_PASSAGE

    def check(self, before, event, effects) -> None:
        after = self.lane
        assert after.stage in TABLE[before.stage][type(event)].to, "the table names where it may lead"
        assert (after.release is not None) == (after.stage in (Stage.RELEASED, Stage.CLOSING))
        assert self.open == ({after.release.decision} if after.release and after.release.decision else set())
        if after.stage is Stage.READY:
            assert not after.missing
        self.fire(before, event, effects)
        self.told(before, event, effects)
        self.faults(before, event)
        self.barrier(before, effects)

    def fire(self, before, event, effects) -> None:
        """Law 3."""
        if isinstance(event, FireAlarm | FireElsewhere):
            assert self.lane.stage is Stage.FIRE
            assert HoldOpen() in effects
        if before.stage is Stage.FIRE and self.lane.stage is not Stage.FIRE:
            assert isinstance(event, Rearmed)
            assert not before.alarm
            assert not before.elsewhere
        if self.lane.stage is Stage.FIRE:
            assert Shut() not in effects
            assert self.kept[1], "a restart would forget it"

    def told(self, before, event, effects) -> None:
        """Law 4."""
        changed = (before.state, before.lacks) != (self.lane.state, self.lane.lacks)
        rows = [one.event for one in effects if isinstance(one, Write) and isinstance(one.event, LaneChanged)]
        assert len(rows) <= 1
        if changed and (before.told or not isinstance(event, Begun)):
            assert [self.lane.state] == [row.state for row in rows]
        if rows:
            assert self.kept == (self.lane.mode, self.lane.stage is Stage.FIRE)

    def faults(self, before, event) -> None:
        """Law 5."""
        back = before.missing - self.lane.missing
        cleared = {ReaderBack: {Part.READER}, Obeyed: {Part.COMMAND}}
        if isinstance(event, Cleared):
            assert len(back) <= 1
            assert back <= {Part.BARRIER, Part.FAULT_INPUT, Part.CONTACT}
        else:
            assert back <= cleared.get(type(event), set())

    def barrier(self, before, effects) -> None:
        """Whatever was open is commanded to shut where the lane stands shut; what stands open was opened."""
        volts = [one for one in effects if not isinstance(one, Write)]
        if before.stage not in OPEN and self.lane.stage in OPEN:
            assert volts == [HoldOpen()]
        if before.stage in (*OPEN, Stage.RELEASED) and self.lane.stage in (
            Stage.SHUT,
            Stage.READY,
            Stage.CLOSING,
        ):
            assert Shut() in volts
        first_row = next((at for at, one in enumerate(effects) if isinstance(one, Write)), len(effects))
        assert all(isinstance(one, Write) for one in effects[first_row:]), "volts wait for no disk"


def happens(world: World, event, seq: int) -> None:
    if event == "crash":
        world.begin()
    elif event == "stop":
        world.feed(Stopped())
        world.begin()
    elif isinstance(event, Let | Leave):
        if world.lane.can_release and (world.lane.leads_out or isinstance(event, Let)):
            if isinstance(event, Let):  # its row is durable before the lane hears of it
                event = replace(event, decision=seq)
                world.released[seq] = event.persons, event.cost
                world.open.add(seq)
            world.feed(event)
    elif isinstance(event, ModeOrdered):
        world.kept = event.mode, world.kept[1]  # so is that of an order
        world.feed(event)
    elif isinstance(event, Rearmed):
        if why_not(world.lane, Order.REARM) is None:
            world.kept = world.kept[0], False
            world.feed(event)
    elif type(event) in TABLE[world.lane.stage]:
        world.feed(event)


@settings(max_examples=600, deadline=None)
@given(lanes, st.lists(happenings, max_size=40))
def test_the_laws_hold_whatever_happens(lane, events):
    world = World(lane)
    for seq, event in enumerate(events, 1):
        happens(world, event, seq)
    world.feed(Stopped())
    assert set() == world.open, "each release is settled at the end"
    assert len(world.released) == sum(isinstance(row, Settled) for row in world.rows)


@settings(max_examples=300, deadline=None)
@given(lanes, st.lists(happenings, max_size=20), st.lists(happenings, max_size=20))
def test_a_fire_always_ends_open_and_stays_so_until_a_person_says_so(lane, before, after):
    world = World(lane)
    for seq, event in enumerate(before, 1):
        happens(world, event, seq)
    world.feed(FireElsewhere())
    for seq, event in enumerate(after, 100):
        if not isinstance(event, Rearmed):
            happens(world, event, seq)
        assert Stage.FIRE is world.lane.stage
        assert LaneState.FIRE is world.lane.state


@settings(max_examples=300, deadline=None)
@given(lanes, st.lists(happenings, max_size=30))
def test_who_goes_through_is_counted_once(lane, events):
    """In settlements, as forced, as walking, as leaving: all that the contact saw, and nobody else."""
    lane, saw, counted, open_for = step(lane, Begun(Mode.NORMAL, burning=False))[0], 0, 0, 0
    lane = step(lane, ReaderBack())[0]
    for seq, drawn in enumerate([*events, Stopped()], 1):
        event = replace(drawn, decision=seq) if isinstance(drawn, Let) else drawn
        if isinstance(event, str) or type(event) not in TABLE[lane.stage]:
            continue
        try:
            lane, effects = step(lane, event)
        except ImpossibleError:
            continue
        saw += event.persons if isinstance(event, Passed) else 0
        for row in (one.event for one in effects if isinstance(one, Write)):
            if isinstance(row, Settled):
                counted += row.persons if row.outcome is Settlement.TAKEN else 0
            elif not isinstance(row, LaneChanged):
                counted += row.persons
        open_for = 0 if lane.release is None else lane.release.passed
    assert (saw, 0) == (counted, open_for)


def test_the_laws_can_be_broken():
    """Each law, broken by hand, is found."""
    world = World(replace(Standing("in-1", leads_out=False), at_once=1))
    world.feed(ReaderBack())
    for broken in (
        lambda: world.settled(Settled("in-1", 9, Settlement.TAKEN, "passage", 1)),
        lambda: world.opens(HoldOpen(), Passed(1)),
        lambda: world.fire(replace(world.lane, stage=Stage.FIRE), Passed(1), ()),
        lambda: world.told(replace(world.lane, told=True, mode=Mode.OUT_OF_SERVICE), Passed(1), ()),
        lambda: world.faults(replace(world.lane, missing=frozenset({Part.CONTACT})), Passed(1)),
        lambda: world.barrier(replace(world.lane, stage=Stage.FREE), ()),
    ):
        try:
            broken()
        except (AssertionError, IndexError):
            continue
        raise AssertionError("nobody noticed")

"""The lane's table, row by row, and the page that is drawn from it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from gated.model.barrier import Cleared, Faulted, FireAlarm, FireQuiet, Passed, Secured, Trouble
from gated.model.event import (
    Exited,
    Forced,
    LaneCause,
    LaneChanged,
    LaneState,
    Settled,
    SettledBy,
    Settlement,
    Walked,
)
from gated.model.order import Mode, Order
from gated.policy.happening import (
    Begun,
    Disobeyed,
    FireElsewhere,
    HoldAgain,
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
from gated.policy.orders import WhyNot, why_not
from gated.policy.standing import Part, Stage, Standing
from questions import PASS

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "lane.md"
ENTRY, EXIT = Standing("in-1", leads_out=False), Standing("out-1", leads_out=True)
LOST, BACK, BEGUN = ReaderMissing(LaneCause.READER_LOST), ReaderBack(), Begun(Mode.NORMAL, burning=False)
STUCK, FREE, NORMAL = (
    Faulted(Trouble.CONTACT_STUCK, "line 22"),
    ModeOrdered(Mode.FREE_PASSAGE),
    ModeOrdered(Mode.NORMAL),
)
IN, OUT, BURNS = LaneState.IN_SERVICE, LaneState.OUT_OF_SERVICE, LaneState.FIRE


def after(lane, *events):
    """Where a lane stands after these, and what the last of them brought about."""
    effects = ()
    for event in events:
        lane, effects = step(lane, event)
    return lane, effects


def ready(lane=ENTRY, **more):
    return after(replace(lane, **more), BEGUN, BACK)[0]


def told(state, cause, lane="in-1"):
    return Write(LaneChanged(lane, state, cause))


def settlement(outcome, by, persons, **more):
    return Write(Settled("in-1", 7, outcome, by, persons, **more))


ONE, FOUR = Let(7, 1, 1), Let(7, 4, 4)
TAKEN, NOT_TAKEN, UNKNOWN = Settlement.TAKEN, Settlement.NOT_TAKEN, Settlement.UNKNOWN

AGAIN, BY_ORDER = LaneCause.BARRIER_BACK, LaneCause.ORDERED

ROWS = {
    "a lane begins when its reader is ready": ((BEGUN, BACK), Stage.READY, (told(IN, LaneCause.STARTED),)),
    "a grant releases": ((BEGUN, BACK, ONE), Stage.RELEASED, (LetThrough(1),)),
    "taken": (
        (BEGUN, BACK, ONE, Passed(1)), Stage.READY, (Shut(), settlement(TAKEN, SettledBy.PASSAGE, 1)),
    ),
    "two on one grant": (
        (BEGUN, BACK, ONE, Passed(2)), Stage.READY,
        (Shut(), settlement(TAKEN, SettledBy.PASSAGE, 1), Write(Forced("in-1", 1), 1)),
    ),
    "not taken": (
        (BEGUN, BACK, ONE, HoldOver(), Secured()), Stage.READY,
        (settlement(NOT_TAKEN, SettledBy.HOLD_ENDED, 1),),
    ),
    "the hold is over: shut first, and who passed meanwhile is still told": (
        (BEGUN, BACK, ONE, HoldOver()), Stage.CLOSING, (Shut(),),
    ),
    "who passes at the last moment pays": (
        (BEGUN, BACK, ONE, HoldOver(), Passed(1)), Stage.READY, (settlement(TAKEN, SettledBy.PASSAGE, 1),),
    ),
    "of a party one passes as it is shut: the others may still": (
        (BEGUN, BACK, FOUR, HoldOver(), Passed(1)), Stage.CLOSING, (),
    ),
    "of a party one at a time": ((BEGUN, BACK, FOUR), Stage.RELEASED, (LetThrough(1),)),
    "the next of a party": ((BEGUN, BACK, FOUR, Passed(1)), Stage.RELEASED, (LetThrough(1),)),
    "three of four": (
        (BEGUN, BACK, FOUR, Passed(3), HoldOver(), Secured()), Stage.READY,
        (settlement(TAKEN, SettledBy.HOLD_ENDED, 3, uses=3),),
    ),
    "forced": ((BEGUN, BACK, Passed(1)), Stage.READY, (Write(Forced("in-1", 1), 1),)),
    "forced while nobody is served": ((BEGUN, Passed(1)), Stage.SHUT, (Write(Forced("in-1", 1), 1),)),
    "a fault closes": (
        (BEGUN, BACK, STUCK), Stage.SHUT, (Shut(), told(OUT, LaneCause.CONTACT_STUCK)),
    ),
    "a fault clears": (
        (BEGUN, BACK, STUCK, Cleared(Trouble.CONTACT_STUCK)), Stage.READY, (told(IN, AGAIN),),
    ),
    "one fault of two clears": (
        (BEGUN, BACK, STUCK, Faulted(Trouble.FAULT_INPUT, ""), Cleared(Trouble.CONTACT_STUCK)), Stage.SHUT,
        (told(OUT, AGAIN),),
    ),
    "a fault in the middle of a release: nobody knows": (
        (BEGUN, BACK, ONE, STUCK), Stage.SHUT,
        (Shut(), told(OUT, LaneCause.CONTACT_STUCK), settlement(UNKNOWN, SettledBy.BARRIER_FAULT, 1)),
    ),
    "a fault in the middle of a party: who was seen is taken, of the others nobody knows": (
        (BEGUN, BACK, FOUR, Passed(1), STUCK), Stage.SHUT,
        (
            Shut(), told(OUT, LaneCause.CONTACT_STUCK),
            settlement(TAKEN, SettledBy.BARRIER_FAULT, 1, unknown=3),
        ),
    ),
    "a fault while it is shut again": (
        (BEGUN, BACK, ONE, HoldOver(), STUCK), Stage.SHUT,
        (Shut(), told(OUT, LaneCause.CONTACT_STUCK), settlement(UNKNOWN, SettledBy.BARRIER_FAULT, 1)),
    ),
    "a release that is not obeyed is given back": (
        (BEGUN, BACK, ONE, Disobeyed()), Stage.SHUT,
        (Shut(), told(OUT, LaneCause.BARRIER_FAULT), settlement(NOT_TAKEN, SettledBy.BARRIER_FAULT, 1)),
    ),
    "a barrier that cannot be shut stays a release, for whoever passes": (
        (BEGUN, BACK, ONE, HoldOver(), Disobeyed()), Stage.CLOSING, (told(OUT, LaneCause.BARRIER_FAULT),),
    ),
    "it is tried again": ((BEGUN, BACK, ONE, HoldOver(), Disobeyed(), TryAgain()), Stage.CLOSING, (Shut(),)),
    "and obeys": (
        (BEGUN, BACK, ONE, HoldOver(), Disobeyed(), Obeyed()), Stage.CLOSING,
        (told(IN, AGAIN),),
    ),
    "a reader lost while somebody passes ends no release": (
        (BEGUN, BACK, ONE, LOST), Stage.RELEASED, (told(OUT, LaneCause.READER_LOST),),
    ),
    "but serves nobody afterwards": (
        (BEGUN, BACK, ONE, LOST, Passed(1)), Stage.SHUT, (Shut(), settlement(TAKEN, SettledBy.PASSAGE, 1)),
    ),
    "a reader that hangs and is then lost is missing once": (
        (BEGUN, BACK, ReaderMissing(LaneCause.READER_HUNG), LOST), Stage.SHUT, (),
    ),
    "a fire opens": ((BEGUN, BACK, FireAlarm()), Stage.FIRE, (HoldOpen(), told(BURNS, LaneCause.FIRE))),
    "a fire of another lane": (
        (BEGUN, BACK, FireElsewhere()), Stage.FIRE, (HoldOpen(), told(BURNS, LaneCause.FIRE_ELSEWHERE)),
    ),
    "a fire in the middle of a party: who did not pass pays nothing": (
        (BEGUN, BACK, FOUR, Passed(1), FireAlarm()), Stage.FIRE,
        (
            HoldOpen(), told(BURNS, LaneCause.FIRE),
            settlement(TAKEN, SettledBy.FIRE, 1, uses=1),
        ),
    ),
    "who flees is counted": (
        (BEGUN, BACK, FireAlarm(), Passed(2)), Stage.FIRE, (Write(Walked("in-1", 2, BURNS), 2),),
    ),
    "a quiet input shuts nothing": ((BEGUN, BACK, FireAlarm(), FireQuiet()), Stage.FIRE, ()),
    "a re-arm does": (
        (BEGUN, BACK, FireAlarm(), FireQuiet(), Rearmed()), Stage.READY, (Shut(), told(IN, BY_ORDER)),
    ),
    "a mode ordered in a fire waits": ((BEGUN, BACK, FireAlarm(), FREE), Stage.FIRE, ()),
    "for the re-arm": (
        (BEGUN, BACK, FireElsewhere(), FREE, QuietElsewhere(), Rearmed()), Stage.FREE,
        (HoldOpen(), told(LaneState.FREE_PASSAGE, BY_ORDER)),
    ),
    "a fault in a fire is told and shuts nothing": (
        (BEGUN, BACK, FireAlarm(), STUCK), Stage.FIRE, (told(BURNS, LaneCause.CONTACT_STUCK),),
    ),
    "what comes back shut is opened again": (
        (BEGUN, BACK, FireAlarm(), STUCK, Cleared(Trouble.CONTACT_STUCK)), Stage.FIRE,
        (HoldOpen(), told(BURNS, AGAIN)),
    ),
    "free passage": (
        (BEGUN, BACK, FREE), Stage.FREE, (HoldOpen(), told(LaneState.FREE_PASSAGE, BY_ORDER)),
    ),
    "free passage in the middle of a release": (
        (BEGUN, BACK, ONE, FREE), Stage.FREE,
        (
            HoldOpen(), told(LaneState.FREE_PASSAGE, BY_ORDER),
            settlement(NOT_TAKEN, SettledBy.ORDER, 1),
        ),
    ),
    "who walks through": (
        (BEGUN, BACK, FREE, Passed(1)), Stage.FREE, (Write(Walked("in-1", 1, LaneState.FREE_PASSAGE), 1),),
    ),
    "back to normal": ((BEGUN, BACK, FREE, NORMAL), Stage.READY, (Shut(), told(IN, BY_ORDER))),
    "out of service by order lets a release run its course": (
        (BEGUN, BACK, ONE, ModeOrdered(Mode.OUT_OF_SERVICE)), Stage.RELEASED, (told(OUT, BY_ORDER),),
    ),
    "and then serves nobody": (
        (BEGUN, BACK, ONE, ModeOrdered(Mode.OUT_OF_SERVICE), Passed(1)), Stage.SHUT,
        (Shut(), settlement(TAKEN, SettledBy.PASSAGE, 1)),
    ),
    "left burning, begins burning": (
        (Begun(Mode.NORMAL, burning=True),), Stage.FIRE, (HoldOpen(), told(BURNS, LaneCause.STARTED)),
    ),
    "left free, begins free": (
        (Begun(Mode.FREE_PASSAGE, burning=False),), Stage.FREE,
        (HoldOpen(), told(LaneState.FREE_PASSAGE, LaneCause.STARTED)),
    ),
    "stopped in the middle of a party": (
        (BEGUN, BACK, FOUR, Passed(1), Stopped()), Stage.SHUT,
        (Shut(), settlement(TAKEN, SettledBy.STOPPED, 1, uses=1)),
    ),
    "stopped while it does not obey: nobody knows": (
        (BEGUN, BACK, ONE, HoldOver(), Disobeyed(), Stopped()), Stage.SHUT,
        (Shut(), settlement(UNKNOWN, SettledBy.STOPPED, 1)),
    ),
    "stopped in a fire": ((BEGUN, BACK, FireAlarm(), Stopped()), Stage.FIRE, ()),
    "stopped in free passage": ((BEGUN, BACK, FREE, Stopped()), Stage.SHUT, (Shut(),)),
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
def test_the_table_says(name):
    events, stage, effects = ROWS[name]
    lane, done = after(ENTRY, *events)
    assert (stage, effects) == (lane.stage, done)


def test_the_hold_begins_anew_for_the_next_who_has_been_let_through_already():
    lane = ready(at_once=2)
    lane, effects = after(lane, FOUR)
    assert (LetThrough(2),) == effects
    lane, effects = after(lane, Passed(1))
    assert (HoldAgain(),) == effects
    assert (LetThrough(2),) == after(lane, Passed(1))[1]
    assert (LetThrough(1),) == after(lane, Passed(2))[1]


def test_a_barrier_that_takes_a_party_at_once_is_released_for_all():
    lane, effects = after(ready(at_once=0), FOUR)
    assert (LetThrough(4),) == effects
    assert (HoldAgain(),) == after(lane, Passed(3))[1]


@pytest.mark.parametrize(("counts", "uses"), [(True, None), (False, 1)], ids=["they count", "they do not"])
def test_whether_who_may_have_passed_unseen_pays_is_for_the_profile_to_say(counts, uses):
    lane = ready(unknown_counts=counts)
    (*_, row) = after(lane, FOUR, Passed(1), STUCK)[1]
    assert settlement(TAKEN, SettledBy.BARRIER_FAULT, 1, unknown=3, uses=uses) == row


def test_who_leaves_is_counted_out_and_nothing_is_settled():
    lane = ready(EXIT)
    lane, effects = after(lane, Leave(3, PASS), Passed(1), Passed(2))
    assert (Shut(), Write(Exited("out-1", 3, PASS), -3, PASS)) == effects
    assert (Write(Exited("out-1", 1), -1),) == after(lane, Passed(1))[1]


def test_whom_staff_lets_out_is_settled_and_who_pushes_behind_is_gone():
    (*_, settled, behind) = after(ready(EXIT), Let(7, 1, 0), Passed(2))[1]
    assert Write(Settled("out-1", 7, TAKEN, SettledBy.PASSAGE, 1)) == settled
    assert Write(Exited("out-1", 1), -1) == behind


@pytest.mark.parametrize(
    ("mode", "entry", "exit_"),
    [
        (Mode.NORMAL, Stage.READY, Stage.READY),
        (Mode.ENTRY_ONLY, Stage.READY, Stage.SHUT),
        (Mode.EXIT_ONLY, Stage.SHUT, Stage.READY),
        (Mode.OUT_OF_SERVICE, Stage.SHUT, Stage.SHUT),
        (Mode.FREE_PASSAGE, Stage.FREE, Stage.FREE),
    ],
)
def test_a_mode_means_what_a_lane_leads_to(mode, entry, exit_):
    assert entry is after(ready(ENTRY), ModeOrdered(mode))[0].stage
    assert exit_ is after(ready(EXIT), ModeOrdered(mode))[0].stage


def test_what_the_table_does_not_name_cannot_happen():
    for lane in (ready(), after(ready(), ONE)[0], after(ready(), FREE)[0]):
        with pytest.raises(ImpossibleError):
            step(lane, Rearmed())
    for event in (ONE, Leave(1, None)):
        with pytest.raises(ImpossibleError):
            after(ready(), ONE, event)
        with pytest.raises(ImpossibleError):
            after(ready(), STUCK, event)
        with pytest.raises(ImpossibleError):
            after(ready(), FireAlarm(), event)
    with pytest.raises(ImpossibleError):
        after(ready(), FireAlarm(), Rearmed())
    with pytest.raises(ImpossibleError):
        after(ready(), FireElsewhere(), Rearmed())
    with pytest.raises(ImpossibleError):
        after(ready(), HoldOver())


@pytest.mark.parametrize(
    ("events", "order", "expected"),
    [
        ((BEGUN, BACK), Order.OPEN, None),
        ((BEGUN,), Order.OPEN, None),  # a reader that is missing is why people call staff
        ((BEGUN, BACK, ModeOrdered(Mode.OUT_OF_SERVICE)), Order.OPEN, None),
        ((BEGUN, BACK, ONE), Order.OPEN, WhyNot.RELEASE_OPEN),
        ((BEGUN, BACK, STUCK), Order.OPEN, WhyNot.BARRIER_MISSING),
        ((BEGUN, BACK, FREE), Order.OPEN, WhyNot.STANDS_OPEN),
        ((BEGUN, BACK, FireAlarm()), Order.OPEN, WhyNot.STANDS_OPEN),
        ((BEGUN, BACK), Order.REARM, WhyNot.NOT_BURNING),
        ((BEGUN, BACK, FireAlarm()), Order.REARM, WhyNot.STILL_BURNING),
        ((BEGUN, BACK, FireAlarm(), FireQuiet()), Order.REARM, None),
        ((BEGUN, BACK, FireElsewhere()), Order.REARM, WhyNot.STILL_BURNING),
        ((BEGUN, BACK, FireElsewhere(), QuietElsewhere()), Order.REARM, None),
        ((BEGUN, BACK, FireAlarm(), FireElsewhere(), QuietElsewhere()), Order.REARM, WhyNot.STILL_BURNING),
        ((BEGUN, BACK, FireAlarm(), FireElsewhere(), FireQuiet()), Order.REARM, WhyNot.STILL_BURNING),
        ((BEGUN, BACK, FireAlarm()), Order.NORMAL, None),
        ((BEGUN, BACK, ONE), Order.FREE_PASSAGE, None),
    ],
)
def test_which_orders_can_be_obeyed(events, order, expected):
    assert expected == why_not(after(ENTRY, *events)[0], order)


def test_an_order_for_a_mode_names_it():
    assert {mode: Order(mode.value).mode for mode in Mode} == {mode: mode for mode in Mode}
    assert (None, None) == (Order.OPEN.mode, Order.REARM.mode)


def test_a_barrier_that_does_not_obey_is_told_as_one_that_fails():
    assert after(ready(), Disobeyed())[0].lacks == after(ready(), Faulted(Trouble.FAULT, ""))[0].lacks
    both = after(ready(), Disobeyed(), Faulted(Trouble.FAULT, ""))
    assert () == both[1]  # it was told
    assert {Part.COMMAND, Part.BARRIER} == both[0].missing


# ------------------------------------------------------------------ the page


def diagram():
    """What the table says, as a Mermaid state diagram: an arrow for each happening that leads elsewhere."""
    arrows: dict[tuple[Stage, Stage], list[str]] = {}
    for stage, rows in TABLE.items():
        for event, row in rows.items():
            for to in row.to:
                if to is not stage:
                    arrows.setdefault((stage, to), []).append(event.__name__)
    lines = [f"    {one} --> {other}: {', '.join(sorted(names))}" for (one, other), names in arrows.items()]
    return "\n".join(["```mermaid", "stateDiagram-v2", "    [*] --> shut", *lines, "```"])


def grid():
    """The table: for each happening and stage where it may lead; empty = it cannot happen there."""
    events = sorted({event for rows in TABLE.values() for event in rows}, key=lambda event: event.__name__)
    lines = ["| | " + " | ".join(Stage) + " |", "|---" * (1 + len(Stage)) + "|"]
    for event in events:
        cells = (TABLE[stage].get(event) for stage in Stage)
        told_ = ("" if row is None else ", ".join(sorted(set(row.to))) for row in cells)
        lines.append(f"| {event.__name__} | " + " | ".join(told_) + " |")
    return "\n".join(lines)


def test_the_page_is_drawn_from_the_table():
    page = PAGE.read_text()
    assert diagram() in page, diagram()
    assert grid() in page, grid()

"""A lane as a table: where it stands, what happens, where it stands then, and what is to be done.

Laws, held by tests/properties/test_lane_laws.py for any sequence of events and crashes:

1. Each release is settled once: taken + not taken + unknown = the persons released.
2. Nothing opens but for a grant or an order whose row is durable, for somebody who leaves, or for a fire.
3. A fire alarm leads to ``FIRE`` from everywhere. Only a re-arm leads out, and not while an input is active.
4. What changes whether a lane serves, or why not, is told: no fire and no fault ends unseen.
5. What a lane cannot count on (``missing``) is cleared by what tells that it is back, and by nothing else.

``TABLE`` names for each stage and happening what is done and which stages may follow; what it does not name
cannot happen there. The diagram in docs/reference/lane.md is drawn from it. Time is the daemon's: it says
when a hold is over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from gated.model.barrier import Cleared, Faulted, FireAlarm, FireQuiet, Passed, Secured
from gated.model.event import LaneCause, LaneChanged, LaneState
from gated.policy import lane_steps as steps
from gated.policy.happening import (
    Begun,
    Disobeyed,
    FireElsewhere,
    Happening,
    HoldOver,
    Leave,
    Let,
    ModeOrdered,
    Obeyed,
    QuietElsewhere,
    ReaderBack,
    ReaderMissing,
    Rearmed,
    Stopped,
    TryAgain,
    Write,
)
from gated.policy.standing import Stage, Standing


def step(lane: Standing, event: Happening) -> steps.Step:
    """What follows. Raises ``ImpossibleError``."""
    row = TABLE[lane.stage].get(type(event))
    if row is None:
        raise steps.ImpossibleError(f"{type(event).__name__} cannot happen to a lane that is {lane.stage}")
    after, effects = row.do(lane, event)
    cause = _news(lane, after, event)
    if cause is None:
        return after, effects
    volts = tuple(one for one in effects if not isinstance(one, Write))
    change = Write(LaneChanged(lane.lane, after.state, cause))
    return replace(after, told=True), (*volts, change, *effects[len(volts) :])


_CAUSES: Mapping[type, LaneCause] = {
    Begun: LaneCause.STARTED,
    Cleared: LaneCause.BARRIER_BACK,
    Disobeyed: LaneCause.BARRIER_FAULT,
    FireAlarm: LaneCause.FIRE,
    FireElsewhere: LaneCause.FIRE_ELSEWHERE,
    ModeOrdered: LaneCause.ORDERED,
    Obeyed: LaneCause.BARRIER_BACK,
    ReaderBack: LaneCause.READER_BACK,
    Rearmed: LaneCause.ORDERED,
}


def _news(before: Standing, after: Standing, event: Happening) -> LaneCause | None:
    """Why people must be told; None = there is nothing to tell."""
    same = (before.state, before.lacks) == (after.state, after.lacks)
    if same and (before.told or not isinstance(event, Faulted | ReaderMissing)):
        return None
    if not before.told and after.state is LaneState.IN_SERVICE:
        return LaneCause.STARTED
    if isinstance(event, ReaderMissing):
        return event.cause
    return LaneCause(event.trouble) if isinstance(event, Faulted) else _CAUSES[type(event)]


# ------------------------------------------------------------------ the table


class Row(NamedTuple):
    """What is done, and the stages that may follow."""

    do: Callable[[Standing, Any], steps.Step]
    to: tuple[Stage, ...]


SHUT, READY, RELEASED, CLOSING, FREE, FIRE = Stage
_REST = (SHUT, READY, FREE)
_Rows = dict[type, Row]


#: Of every stage.
_ANYWHERE: _Rows = {FireAlarm: Row(steps.alarm, (FIRE,)), FireElsewhere: Row(steps.elsewhere, (FIRE,))}


def _noted(stage: Stage) -> _Rows:
    """What is noted and moves nothing: parts that go and come while the lane is busy or open."""
    return _ANYWHERE | {
        FireQuiet: Row(steps.quiet, (stage,)),
        QuietElsewhere: Row(steps.quiet_elsewhere, (stage,)),
        Secured: Row(steps.nothing, (stage,)),
        ReaderMissing: Row(steps.reader_missing, (stage,)),
        ReaderBack: Row(steps.reader_back, (stage,)),
        Faulted: Row(steps.faulted, (stage,)),
        Cleared: Row(steps.cleared, (stage,)),
        Disobeyed: Row(steps.disobeyed, (stage,)),
        Obeyed: Row(steps.obeyed, (stage,)),
        TryAgain: Row(steps.try_again, (stage,)),
    }


TABLE: Mapping[Stage, _Rows] = {
    SHUT: _noted(SHUT)
    | {
        Begun: Row(steps.begun, (*_REST, FIRE)),
        Let: Row(steps.let, (RELEASED,)),
        Leave: Row(steps.let, (RELEASED,)),
        Passed: Row(steps.forced, (SHUT,)),
        ReaderBack: Row(steps.reader_back, (SHUT, READY)),
        Cleared: Row(steps.cleared, (SHUT, READY)),
        Obeyed: Row(steps.obeyed, (SHUT, READY)),
        ModeOrdered: Row(steps.mode, _REST),
        Stopped: Row(steps.nothing, (SHUT,)),
    },
    READY: _noted(READY)
    | {
        Let: Row(steps.let, (RELEASED,)),
        Leave: Row(steps.let, (RELEASED,)),
        Passed: Row(steps.forced, (READY,)),
        ReaderMissing: Row(steps.reader_missing, (SHUT,)),
        Faulted: Row(steps.faulted, (SHUT,)),
        Disobeyed: Row(steps.disobeyed, (SHUT,)),
        ModeOrdered: Row(steps.mode, _REST),
        Stopped: Row(steps.leave_shut, (SHUT,)),
    },
    RELEASED: _noted(RELEASED)
    | {
        Passed: Row(steps.went, (RELEASED, *_REST)),
        HoldOver: Row(steps.hold_over, (CLOSING,)),
        Faulted: Row(steps.faulted, (SHUT,)),
        Disobeyed: Row(steps.disobeyed, (SHUT,)),
        ModeOrdered: Row(steps.mode, (RELEASED, FREE)),
        Stopped: Row(steps.stopped, (SHUT,)),
    },
    CLOSING: _noted(CLOSING)
    | {
        Passed: Row(steps.went, (CLOSING, *_REST)),
        Secured: Row(steps.secured, _REST),
        Faulted: Row(steps.faulted, (SHUT,)),
        ModeOrdered: Row(steps.mode, (CLOSING, FREE)),
        Stopped: Row(steps.stopped, (SHUT,)),
    },
    FREE: _noted(FREE)
    | {
        Passed: Row(steps.walked_through, (FREE,)),
        ModeOrdered: Row(steps.mode, _REST),
        Stopped: Row(steps.leave_shut, (SHUT,)),
    },
    FIRE: _noted(FIRE)
    | {
        Passed: Row(steps.walked_through, (FIRE,)),
        ModeOrdered: Row(steps.mode, (FIRE,)),
        Rearmed: Row(steps.rearmed, _REST),
        Stopped: Row(steps.nothing, (FIRE,)),
    },
}

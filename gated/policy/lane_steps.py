"""What is done where ``gated.policy.lane`` says so. Each takes a lane and what happened to it."""

from __future__ import annotations

from dataclasses import replace

from gated.model.barrier import Cleared, Faulted, FireAlarm, FireQuiet, Passed, Secured
from gated.model.event import SettledBy
from gated.policy.happening import (
    Begun,
    Disobeyed,
    Effect,
    FireElsewhere,
    Happening,
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
)
from gated.policy.settle import Release, beyond, settled, walked
from gated.policy.standing import PART_OF, Part, Stage, Standing


class ImpossibleError(ValueError):
    """Something where it cannot happen: a bug of the caller."""


Step = tuple[Standing, tuple[Effect, ...]]


# ------------------------------------------------------------------ releases


def let(lane: Standing, event: Let | Leave) -> Step:
    """Release the barrier for the first of them."""
    if not lane.can_release:
        raise ImpossibleError("nobody can be let through a lane that cannot release")
    first = min(lane.at_once or event.persons, event.persons)
    if isinstance(event, Let):
        release = Release(event.decision, event.persons, event.cost, None, first)
    else:
        release = Release(0, event.persons, 0, event.pass_, first)
    return replace(lane, stage=Stage.RELEASED, release=release), (LetThrough(first),)


def went(lane: Standing, event: Passed) -> Step:
    """Somebody went through on a release."""
    assert lane.release is not None
    release = lane.release._replace(passed=lane.release.passed + event.persons)
    after = replace(lane, release=release)
    closing = lane.stage is Stage.CLOSING
    left = release.persons - release.passed
    if left <= 0:
        return _end(after, SettledBy.PASSAGE, () if closing else (Shut(),))
    if closing:
        return after, ()
    if release.passed < release.opened:
        return after, (HoldAgain(),)
    more = min(lane.at_once or left, left)
    return replace(after, release=release._replace(opened=release.passed + more)), (LetThrough(more),)


def hold_over(lane: Standing, _event: HoldOver) -> Step:
    """Shut it; the release is settled when that is told."""
    return replace(lane, stage=Stage.CLOSING), (Shut(),)


def secured(lane: Standing, _event: Secured) -> Step:
    """It is shut, and whoever passed before was told."""
    return _end(lane, SettledBy.HOLD_ENDED, ())


def _end(lane: Standing, by: SettledBy, volts: tuple[Effect, ...], *, lost: bool = False) -> Step:
    """Settle the release. ``lost``: whoever was not seen passing may have passed."""
    assert lane.release is not None
    rows = settled(
        lane.lane, lane.release, by, leads_out=lane.leads_out, lost=lost, counts=lane.unknown_counts
    )
    return replace(lane, stage=lane.rest, release=None), (*volts, *rows)


def stopped(lane: Standing, _event: Stopped) -> Step:
    """Shut now: who did not pass will not. Of a barrier that does not obey nobody knows."""
    after, effects = _end(lane, SettledBy.STOPPED, (Shut(),), lost=Part.COMMAND in lane.missing)
    return replace(after, stage=Stage.SHUT), effects


def forced(lane: Standing, event: Passed) -> Step:
    """Somebody went through a lane that was shut."""
    return lane, beyond(lane.lane, event.persons, leads_out=lane.leads_out)


def walked_through(lane: Standing, event: Passed) -> Step:
    """Somebody went through a lane that stands open."""
    return lane, walked(lane.lane, event.persons, lane.state, leads_out=lane.leads_out)


# ------------------------------------------------------------------ parts that fail and come back


def _lose(lane: Standing, part: Part) -> Standing:
    """Without a part; a lane that was ready is so no longer."""
    after = replace(lane, missing=lane.missing | {part})
    return replace(after, stage=after.rest) if lane.stage is Stage.READY else after


def _regain(lane: Standing, part: Part) -> Standing:
    after = replace(lane, missing=lane.missing - {part})
    return replace(after, stage=after.rest) if lane.stage is Stage.SHUT else after


def reader_missing(lane: Standing, _event: ReaderMissing) -> Step:
    """Nobody can tap."""
    return _lose(lane, Part.READER), ()


def reader_back(lane: Standing, _event: ReaderBack) -> Step:
    """A medium can be read again."""
    return _regain(lane, Part.READER), ()


def faulted(lane: Standing, event: Faulted) -> Step:
    """The barrier cannot be relied on: it is shut, and who may have passed unseen is unknown."""
    after = _lose(lane, PART_OF[event.trouble])
    if lane.release is not None:
        return _end(after, SettledBy.BARRIER_FAULT, (Shut(),), lost=True)
    return after, (Shut(),) if lane.stage is Stage.READY else ()


def cleared(lane: Standing, event: Cleared) -> Step:
    """What has to stand open is opened again, whatever it comes back as."""
    open_ = lane.stage in (Stage.FREE, Stage.FIRE)
    return _regain(lane, PART_OF[event.trouble]), (HoldOpen(),) if open_ else ()


def disobeyed(lane: Standing, _event: Disobeyed) -> Step:
    """A release that could not be commanded is given back: nobody was let through."""
    after = _lose(lane, Part.COMMAND)
    if lane.stage is Stage.RELEASED:
        return _end(after, SettledBy.BARRIER_FAULT, (Shut(),))
    return after, ()


def obeyed(lane: Standing, _event: Obeyed) -> Step:
    """It can be commanded again."""
    return _regain(lane, Part.COMMAND), ()


def try_again(lane: Standing, _event: TryAgain) -> Step:
    """Command again what it should be doing."""
    return lane, (HoldOpen(),) if lane.stage in (Stage.FREE, Stage.FIRE) else (Shut(),)


# ------------------------------------------------------------------ orders and fire


def begun(lane: Standing, event: Begun) -> Step:
    """As it was left: orders and fires outlast a restart."""
    after = replace(lane, mode=event.mode)
    return _burn(after) if event.burning else _settle_down(after, ())


def _settle_down(lane: Standing, shut: tuple[Effect, ...]) -> Step:
    after = replace(lane, stage=lane.rest)
    return after, (HoldOpen(),) if after.stage is Stage.FREE else shut


def mode(lane: Standing, event: ModeOrdered) -> Step:
    """A release runs its course, unless the lane is to stand open: then nobody can tell who passed on it."""
    after = replace(lane, mode=event.mode)
    if lane.release is not None:
        return _end(after, SettledBy.ORDER, (HoldOpen(),)) if after.rest is Stage.FREE else (after, ())
    if lane.stage is Stage.FIRE:
        return after, ()
    return _settle_down(after, (Shut(),) if lane.stage is Stage.FREE else ())


def _burn(lane: Standing) -> Step:
    after = replace(lane, stage=Stage.FIRE)
    if lane.release is None:
        return after, (HoldOpen(),)
    rested, effects = _end(after, SettledBy.FIRE, (HoldOpen(),))
    return replace(rested, stage=Stage.FIRE), effects


def alarm(lane: Standing, _event: FireAlarm) -> Step:
    """Its own input."""
    return _burn(replace(lane, alarm=True))


def elsewhere(lane: Standing, _event: FireElsewhere) -> Step:
    """Another lane's."""
    return _burn(replace(lane, elsewhere=True))


def quiet(lane: Standing, _event: FireQuiet) -> Step:
    """Nothing is shut for that."""
    return replace(lane, alarm=False), ()


def quiet_elsewhere(lane: Standing, _event: QuietElsewhere) -> Step:
    """Nor for that."""
    return replace(lane, elsewhere=False), ()


def rearmed(lane: Standing, _event: Rearmed) -> Step:
    """A person says that the fire is over."""
    if lane.alarmed:
        raise ImpossibleError("a lane of a gate with an active fire input cannot be re-armed")
    return _settle_down(lane, (Shut(),))


def nothing(lane: Standing, _event: Happening) -> Step:
    """Nothing follows."""
    return lane, ()


def leave_shut(lane: Standing, _event: Stopped) -> Step:
    """The daemon ends, and nobody would shut it later."""
    return replace(lane, stage=Stage.SHUT), (Shut(),)

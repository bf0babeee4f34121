"""Where a lane stands, and all that it remembers. ``gated.policy.lane`` moves it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gated.model.barrier import Trouble
from gated.model.event import LaneState
from gated.model.order import Mode
from gated.policy.settle import Release


class Stage(StrEnum):
    """Where a lane stands."""

    SHUT = "shut"  # nobody is served: something is missing, or an order says so
    READY = "ready"  # shut; a medium may be presented
    RELEASED = "released"  # for the persons of one release
    CLOSING = "closing"  # its hold is over; who passed before it was shut is still told
    FREE = "free"  # open by order
    FIRE = "fire"  # open until somebody re-arms it


class Part(StrEnum):
    """What a lane must be able to count on."""

    READER = "reader"
    COMMAND = "command"  # the barrier obeyed the last command
    BARRIER = "barrier"  # what commands it answers
    FAULT_INPUT = "fault_input"
    CONTACT = "contact"


#: Which part a barrier's trouble takes away.
PART_OF = {
    Trouble.FAULT: Part.BARRIER,
    Trouble.FAULT_INPUT: Part.FAULT_INPUT,
    Trouble.CONTACT_STUCK: Part.CONTACT,
}


@dataclass(frozen=True, slots=True)
class Standing:
    """All that a lane remembers."""

    lane: str
    leads_out: bool
    at_once: int = 1  # persons that the barrier is released for at a time; 0 = all
    unknown_counts: bool = True  # whether who may have passed unseen pays
    stage: Stage = Stage.SHUT
    mode: Mode = Mode.NORMAL
    missing: frozenset[Part] = frozenset({Part.READER})
    alarm: bool = False  # its own fire input is active now
    elsewhere: bool = False  # that of another lane of this gate is
    release: Release | None = None
    told: bool = False  # people were told how it stands

    @property
    def state(self) -> LaneState:
        """As people are told."""
        if self.stage is Stage.FIRE:
            return LaneState.FIRE
        if self.mode is Mode.FREE_PASSAGE:
            return LaneState.FREE_PASSAGE
        return LaneState.OUT_OF_SERVICE if self.missing or self.closed else LaneState.IN_SERVICE

    @property
    def lacks(self) -> frozenset[str]:
        """What is missing, as people are told: a barrier that does not obey is a barrier that fails."""
        return frozenset(Part.BARRIER if part is Part.COMMAND else part for part in self.missing)

    @property
    def closed(self) -> bool:
        """Whether an order keeps it shut."""
        return self.mode in (Mode.OUT_OF_SERVICE, Mode.ENTRY_ONLY if self.leads_out else Mode.EXIT_ONLY)

    @property
    def rest(self) -> Stage:
        """Where it stands when no release is open and nothing burns."""
        if self.mode is Mode.FREE_PASSAGE:
            return Stage.FREE
        return Stage.SHUT if self.missing or self.closed else Stage.READY

    @property
    def alarmed(self) -> bool:
        """Whether a fire input of its gate is active: there is one fire, whoever sees it."""
        return self.alarm or self.elsewhere

    @property
    def can_release(self) -> bool:
        """Whether its barrier can let somebody through now: a missing reader is no hindrance."""
        return self.stage in (Stage.SHUT, Stage.READY) and self.missing <= {Part.READER}

"""How a decision, a release and a lane come out: the words of events (``gated.model.event``)."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """Of a decision."""

    GRANTED = "granted"
    DENIED = "denied"


class Settlement(StrEnum):
    """What became of a release."""

    TAKEN = "taken"
    NOT_TAKEN = "not_taken"
    UNKNOWN = "unknown"


class SettledBy(StrEnum):
    """What told us so."""

    PASSAGE = "passage"  # the barrier saw somebody pass
    HOLD_ENDED = "hold_ended"  # nobody passed in time
    LATE_ROW = "late_row"  # the row became durable after its lane had given up
    RESTART = "restart"  # found open at start: nobody can know
    BARRIER_FAULT = "barrier_fault"  # the barrier could not be commanded, or could count nobody any more
    FIRE = "fire"  # the lane stands open since: who is let out of a fire pays for nothing
    ORDER = "order"  # the lane was opened by order meanwhile
    STOPPED = "stopped"  # the daemon was asked to stop


class LaneState(StrEnum):
    """Whether a lane serves."""

    IN_SERVICE = "in_service"
    OUT_OF_SERVICE = "out_of_service"
    FREE_PASSAGE = "free_passage"  # it stands open by order
    FIRE = "fire"  # it stands open until somebody re-arms it


class LaneCause(StrEnum):
    """Why a lane's state changed."""

    STARTED = "started"
    READER_BACK = "reader_back"
    READER_LOST = "reader_lost"
    READER_HUNG = "reader_hung"
    BARRIER_BACK = "barrier_back"
    BARRIER_FAULT = "barrier_fault"
    FAULT_INPUT = "fault_input"
    CONTACT_STUCK = "contact_stuck"
    FIRE = "fire"  # its own input
    FIRE_ELSEWHERE = "fire_elsewhere"  # that of another lane of this gate
    ORDERED = "ordered"  # the row before says what, by whom and why

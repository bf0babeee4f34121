"""A lane tried by a technician, step by step, while no daemon has it."""

from __future__ import annotations

import math
import queue
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

from gated.app.measuring import Meter
from gated.errors import BarrierError, CardError, ReaderError
from gated.model.barrier import BarrierEvent, Cleared, Faulted, FireAlarm, FireQuiet, Passed, Secured, Trouble
from gated.ports import Barrier, Reader

#: How long nothing may happen while nobody touches the lane, in seconds.
REST_S = 3.0
#: How long a barrier may take to be shut, in seconds, beside what its contact needs to come to rest.
SHUT_S = 2.0

_Seen = Callable[[BarrierEvent], bool]
#: Which input a trouble speaks of; "" = the board.
_LINE = {Trouble.FAULT: "", Trouble.FAULT_INPUT: "fault", Trouble.CONTACT_STUCK: "passage"}


class Console(Protocol):
    """Who speaks to the technician."""

    def do(self, what: str, act: str) -> None:
        """Tell what to do now. ``act`` is its code, for hands that are simulated."""

    def count(self, seconds: int) -> None:
        """So many seconds are left."""


@dataclass(frozen=True, slots=True)
class Found:
    """Of one step. ``ok`` None = there is nothing to try. ``measure``: where, and what is right."""

    step: str
    ok: bool | None
    seen: str
    measure: str = ""


class Trial:
    """Tries one lane. The barrier is neither started nor stopped yet.

    Args:
        barrier: the lane's.
        reader: the lane's.
        lines: which inputs there are beside the passage contact: ``fault``, ``fire``.
        meter: says what to measure.
        console: speaks to the technician.
        monotonic: seconds that never go back.
        wait_s: how long a step waits for what is to happen.

    """

    def __init__(
        self,
        *,
        barrier: Barrier,
        reader: Reader,
        lines: frozenset[str],
        meter: Meter,
        console: Console,
        monotonic: Callable[[], float],
        wait_s: float,
    ) -> None:
        self._barrier = barrier
        self._reader = reader
        self._lines = lines
        self._meter = meter
        self._console = console
        self._monotonic = monotonic
        self._wait_s = wait_s
        self._events: queue.SimpleQueue[BarrierEvent] = queue.SimpleQueue()

    def run(self) -> Iterator[Found]:
        """Try one thing after the other; the barrier is shut before, between and after."""
        self._barrier.start(self._events.put)
        try:
            for step in (self._rest, self._turn, self._shut, self._free):
                try:
                    yield step()
                except BarrierError as error:
                    yield Found(
                        step.__name__.strip("_"), ok=False, seen=str(error), measure=self._meter.board()
                    )
            yield self._input("fault", _faulted, _cleared, "cause a fault at the barrier", "end the fault")
            yield self._input("fire", _burns, _quiet, "give a fire alarm", "end the alarm")
        finally:
            self._barrier.stop()
        try:
            yield self._read()
        finally:
            self._reader.close()

    # -------------------------------------------------------------- steps

    def _rest(self) -> Found:
        """Nobody touches anything: nothing may be seen."""
        self._barrier.secure()
        self._console.do("keep your hands off the barrier", "rest")
        seen = [event for event in self._all(min(REST_S, self._wait_s)) if not isinstance(event, Secured)]
        if not seen:
            return Found("rest", ok=True, seen="nothing moves")
        event = seen[0]
        if isinstance(event, Faulted):
            line = _LINE[event.trouble]
        else:
            line = "fire" if isinstance(event, FireAlarm | FireQuiet) else "passage"
        measure = self._meter.resting(line) if line else self._meter.board()
        return Found("rest", ok=False, seen=_said(event), measure=measure)

    def _turn(self) -> Found:
        """One release, one person."""
        self._forget()
        self._barrier.release(1)
        self._console.do("listen for the relay, then push the arm once", "push")
        first = self._wait(_passed)
        persons = first.persons if isinstance(first, Passed) else 0
        self._barrier.secure()
        persons += sum(event.persons for event in self._until_shut() if isinstance(event, Passed))
        if persons == 1:
            return Found("turn", ok=True, seen="released, and one person was seen")
        if not persons:
            return Found("turn", ok=False, seen="nobody was seen passing", measure=self._meter.no_turn())
        return Found(
            "turn", ok=False, seen=f"one push counted as {persons} persons", measure=self._meter.bounce()
        )

    def _shut(self) -> Found:
        """Shut, it does not turn."""
        self._barrier.secure()
        self._until_shut()
        self._console.do("push the arm: it must not turn", "push")
        seen = self._wait(_passed, min(2 * REST_S, self._wait_s))
        if seen is None:
            return Found("shut", ok=True, seen="it does not turn")
        return Found("shut", ok=False, seen="it turned although it is shut", measure=self._meter.not_shut())

    def _free(self) -> Found:
        """Held open, everybody is counted."""
        self._forget()
        self._barrier.hold_open()
        self._console.do("it stands open: go through twice", "push twice")
        persons, deadline = 0, self._monotonic() + self._wait_s
        while persons < 2 and (event := self._next(deadline)) is not None:
            persons += event.persons if isinstance(event, Passed) else 0
        self._barrier.secure()
        persons += sum(event.persons for event in self._until_shut() if isinstance(event, Passed))
        if persons == 2:
            return Found("free", ok=True, seen="it stands open, and two persons were seen")
        return Found(
            "free", ok=False, seen=f"two persons counted as {persons}", measure=self._meter.not_free(persons)
        )

    def _input(self, line: str, begins: _Seen, ends: _Seen, cause: str, mend: str) -> Found:
        """An input that somebody makes active, and quiet again."""
        if line not in self._lines:
            return Found(line, ok=None, seen=f"this lane has no {line} input")
        self._forget()
        self._console.do(f"{cause}, and leave it so", line)
        if self._wait(begins) is None:
            return Found(line, ok=False, seen="nothing was seen", measure=self._meter.silent(line))
        self._console.do(mend, f"end {line}")
        if self._wait(ends) is None:
            return Found(line, ok=False, seen="it does not end", measure=self._meter.resting(line))
        return Found(line, ok=True, seen="seen, and seen ending")

    def _read(self) -> Found:
        """A medium is sensed, answers, and is missed when it is gone."""
        try:
            self._reader.open()
            self._console.do("hold any card to the reader", "present")
            if not self._sense(self._reader.wait_card):
                return Found("reader", ok=False, seen="no medium was sensed", measure=self._meter.reader())
            self._reader.connect().close()
            self._console.do("take it away", "remove")
            gone = self._sense(self._reader.wait_removed)
        except (CardError, ReaderError) as error:
            return Found("reader", ok=False, seen=str(error), measure=self._meter.reader())
        if not gone:
            return Found("reader", ok=False, seen="the medium does not go away", measure=self._meter.reader())
        return Found("reader", ok=True, seen="a medium answered, and went")

    # -------------------------------------------------------------- waiting

    def _forget(self) -> None:
        while not self._events.empty():
            self._events.get()

    def _next(self, deadline: float) -> BarrierEvent | None:
        while (left := deadline - self._monotonic()) > 0:
            self._console.count(math.ceil(left))
            try:
                return self._events.get(timeout=min(1.0, left))
            except queue.Empty:
                continue
        return None

    def _all(self, seconds: float) -> list[BarrierEvent]:
        deadline, seen = self._monotonic() + seconds, list[BarrierEvent]()
        while (event := self._next(deadline)) is not None:
            seen.append(event)
        return seen

    def _wait(self, awaited: _Seen, seconds: float | None = None) -> BarrierEvent | None:
        deadline = self._monotonic() + (self._wait_s if seconds is None else seconds)
        while (event := self._next(deadline)) is not None:
            if awaited(event):
                return event
        return None

    def _until_shut(self) -> list[BarrierEvent]:
        deadline, seen = self._monotonic() + min(SHUT_S, self._wait_s), list[BarrierEvent]()
        while (event := self._next(deadline)) is not None and not isinstance(event, Secured):
            seen.append(event)
        return seen

    def _sense(self, wait: Callable[[float], bool]) -> bool:
        deadline = self._monotonic() + self._wait_s
        while (left := deadline - self._monotonic()) > 0:
            self._console.count(math.ceil(left))
            if wait(min(1.0, left)):
                return True
        return False


def _passed(event: BarrierEvent) -> bool:
    return isinstance(event, Passed)


def _faulted(event: BarrierEvent) -> bool:
    return isinstance(event, Faulted) and event.trouble is Trouble.FAULT_INPUT


def _cleared(event: BarrierEvent) -> bool:
    return isinstance(event, Cleared) and event.trouble is Trouble.FAULT_INPUT


def _burns(event: BarrierEvent) -> bool:
    return isinstance(event, FireAlarm)


def _quiet(event: BarrierEvent) -> bool:
    return isinstance(event, FireQuiet)


def _said(event: BarrierEvent) -> str:
    match event:
        case Passed():
            return "somebody was seen passing, and nobody did"
        case Faulted():
            return event.detail
        case FireAlarm() | FireQuiet():
            return "the fire input is active"
        case _:
            return "the barrier does not come to rest"

"""Signed commands: believed once, written down first, then carried out as a local order is.

Whatever is wrong with one, nothing happens but that it is counted (``what`` is ``command``).
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from gated.credential.message import open_message, signer
from gated.daemon.beliefs import Trust
from gated.daemon.messages import Answer, Ordering
from gated.daemon.timekeeper import TimeKeeper
from gated.daemon.unbelieved import UnbelievedCounter
from gated.model.document import DocumentError
from gated.model.event import Commanded, Event, Reported
from gated.model.order import Operator
from gated.model.refusal import Refusal
from gated.model.statement import Kind
from gated.model.time import TimeReading
from gated.model.trust import TrustedKey
from gated.policy.orders import WhyNot
from gated.policy.reckoning import is_leap
from gated.store.floors import Floors
from gated.store.journal import Journal
from gated.wire import topics
from gated.wire.command import MAX_COMMAND_BYTES, Command, What, read_command
from gated.wire.event import Stamp
from gated.wire.seal import ENVELOPE_BYTES

log = logging.getLogger(__name__)

#: Commands that a gate carries out in a minute. Staff who need more stand at the lane.
RATE, MINUTE_S = 12, 60.0
#: A clock of central's may be so far ahead of what this gate holds for the latest time it can be; seconds.
TOLERATED_AHEAD_S = 60
#: No lane of that name; others are of ``gated.policy.orders``.
UNKNOWN_LANE = "unknown_lane"

#: Says how the gate is, in few and small members.
Status = Callable[[], Mapping[str, int | str]]


class OrderedLane(Protocol):
    """A lane that takes orders."""

    @property
    def id(self) -> str:
        """As in the configuration."""

    def post(self, message: Ordering) -> None:
        """Tell the lane; from any thread."""


class Commands:
    """Follows the gate's topic of commands. Used by the sync thread; lanes answer from theirs.

    Args:
        gate: whose commands count here.
        lanes: those that serve, asked for when a command speaks to one.
        refresh: lets everybody ask central at once, as when a link opens; told monotonic seconds.
        status: for a report. May raise ``StoreError``.

    """

    def __init__(
        self,
        *,
        gate: str,
        trust: Trust,
        time: TimeKeeper,
        floors: Floors,
        journal: Journal,
        unbelieved: UnbelievedCounter,
        monotonic: Callable[[], float],
        lanes: Callable[[], Iterable[OrderedLane]],
        refresh: Callable[[float], None] = lambda _now: None,
        status: Status = dict,
    ) -> None:
        self._gate = gate
        self._trust = trust
        self._time = time
        self._floors = floors
        self._journal = journal
        self._unbelieved = unbelieved
        self._monotonic = monotonic
        self._lanes = lanes
        self._refresh = refresh
        self._status = status
        self._carried_out: deque[float] = deque(maxlen=RATE)
        self._owing: dict[str, _Errand] = {}  # lanes that have not answered, and to what

    @property
    def topics(self) -> tuple[str, ...]:
        """Where commands arrive."""
        return (topics.command(self._gate),)

    def begin(self, now: float) -> None:
        """A link was opened: nothing is asked for, central sends what is in force."""

    def ended(self) -> None:
        """The link is lost: what was believed is carried out all the same."""

    def turn(self, now: float) -> None:
        """Say of lanes that have not answered in time that they did not obey."""
        for errand in list(self._owing.values()):
            if now >= errand.until and not errand.told:
                errand.told = True
                self._tell(errand.command, errand.key, WhyNot.NO_ANSWER)

    def heard(self, topic: str, payload: bytes, now: float) -> None:  # noqa: ARG002  # it has one topic
        """Something arrived where commands do."""
        self.take(payload)

    def take(self, token: bytes) -> None:
        """Carry a command out, once, or count why not. Raises ``StoreError``: then it is not carried out."""
        reading = self._time.read()
        limit = MAX_COMMAND_BYTES + ENVELOPE_BYTES
        sector = self._trust.profile.sector
        payload = open_message(token, Kind.COMMAND, self._trust.keys, sector, reading.floor, limit)
        if isinstance(payload, Refusal):
            self._refuse(str(payload.reason))
            return
        try:
            command = read_command(payload)
        except DocumentError:
            self._refuse("malformed")
            return
        key = signer(token, self._trust.keys)
        counter = f"command.{key.kid.hex()}"
        code = self._doubt(command, key, reading)
        if code or command.counter <= self._floors.get(counter):
            self._refuse(code or "replayed")
        elif self._has_too_many():
            self._refuse("too_many")
        else:
            # First: whatever breaks after this, it is not done twice.
            self._floors.raise_to(counter, command.counter)
            self._carry_out(command, key.kid, reading)

    # -------------------------------------------------------------- believing

    def _doubt(self, command: Command, key: TrustedKey, reading: TimeReading) -> str:
        """Why a command that its key signed is not for us, or not for now; empty = it is."""
        if command.gate != self._gate:
            return "foreign"
        latest = reading.ceiling
        ahead = latest is not None and command.at > latest + TOLERATED_AHEAD_S
        if ahead or is_leap(command.at, reading) or not key.holds(command.at):
            return "future"
        if max(reading.floor, reading.estimate) >= command.expires:
            return "late"
        # A gate that cannot say how late it may be would open for a command that somebody held back.
        return "clock" if latest is None and command.order is not None else ""

    def _has_too_many(self) -> bool:
        now = self._monotonic()
        if len(self._carried_out) == RATE and now - self._carried_out[0] < MINUTE_S:
            return True
        self._carried_out.append(now)
        return False

    def _refuse(self, code: str) -> None:
        self._unbelieved.note("command", code)

    # -------------------------------------------------------------- carrying out

    def _carry_out(self, command: Command, key: bytes, reading: TimeReading) -> None:
        log.info("command %d of key %s: %s", command.counter, key.hex(), command.what)
        if command.what is What.REPORT:
            self._append(Reported(key, command.counter, command.by, command.reason, dict(self._status())))
        elif command.what is What.REFRESH:
            self._refresh(self._monotonic())
            self._tell(command, key)
        else:
            self._order(command, key, reading)

    def _order(self, command: Command, key: bytes, reading: TimeReading) -> None:
        lane = next((one for one in self._lanes() if one.id == command.lane), None)
        assert command.order is not None
        if lane is None:
            self._tell(command, key, UNKNOWN_LANE)
        elif lane.id in self._owing:  # it would obey all at once when it comes back
            self._tell(command, key, WhyNot.NO_ANSWER)
        else:
            # Past its end nobody expects it any more, however long the lane was busy.
            until = self._monotonic() + max(0, command.expires - reading.estimate)
            self._owing[lane.id] = _Errand(command, key, until)
            operator = Operator(command.by, None, command.reason, key, command.counter)
            lane.post(Ordering(command.order, operator, self._answered, until, command.persons or 1))

    def _answered(self, answer: Answer) -> None:
        """From the lane's thread."""
        errand = self._owing.pop(answer.lane)
        if answer.refused is not None and not errand.told:
            self._tell(errand.command, errand.key, answer.refused)

    def _tell(self, command: Command, key: bytes, refused: str | None = None) -> None:
        what, refused = str(command.what), None if refused is None else str(refused)
        self._append(Commanded(key, command.counter, what, command.by, command.reason, refused))

    def _append(self, event: Event) -> None:
        self._journal.append(event, Stamp.of(self._time.read()))


class _Errand:
    """A command on its way to a lane; ``told``: the journal has it that nobody answered."""

    def __init__(self, command: Command, key: bytes, until: float) -> None:
        self.command = command
        self.key = key
        self.until = until
        self.told = False

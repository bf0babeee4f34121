"""A medium at a desk's reader: what it is, what it can prove, what it carries.

It is asked what a tap at the lane asks, and what everybody may ask. Each scheme of the lane is tried alone,
so that all that a medium speaks is seen; but after one was recognised and failed nothing more is tried: cards
count failed authentications, some for ever.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from gated.app.explaining import of_result
from gated.card.describe import Description, describe
from gated.card.identify import Media, Scheme, identify
from gated.card.talk import Result, Talk
from gated.config.settings import LaneSettings, Settings
from gated.daemon.beliefs import Beliefs, Trust
from gated.daemon.carried import each_carried
from gated.daemon.conversing import Timed, Transmits, converse, drive
from gated.errors import CardError, StoreError
from gated.model.credential import Proof
from gated.model.refusal import Reason, Refusal
from gated.model.statement import Kind, place_of
from gated.model.time import TimeReading
from gated.policy.explain import Explanation
from gated.policy.round_trip import fresh_s, in_time
from gated.ports import CardSession, Reader

#: Between two looks whether the time is over.
WAIT_S = 1.0


class Ended(StrEnum):
    """Why no more was asked."""

    FAILED = "failed"  # one was recognised and failed
    LEFT = "left"  # the medium is gone


@dataclass(frozen=True, slots=True)
class Attempt:
    """One scheme, tried alone. ``result`` None = the medium does not speak it."""

    scheme: Scheme
    result: Result
    commands: int
    exchanged: int  # bytes, there and back
    took_s: float
    fresh_s: float | None  # of the answer that it could not give before it was asked
    limit_s: float | None  # which that answer may take


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a medium came to. Its UID is personal: shown to whoever asks for it alone."""

    uid: bytes | None = field(repr=False)
    description: Description
    attempts: tuple[Attempt, ...]
    untried: tuple[Scheme, ...]
    ended: Ended | None  # None = all was asked

    @property
    def spoken(self) -> tuple[Attempt, ...]:
        """The schemes that it speaks, the strongest first."""
        return tuple(attempt for attempt in self.attempts if attempt.result is not None)

    @property
    def result(self) -> Result:
        """What a tap comes to: the strongest scheme's answer, for a tap tries no other after it."""
        return self.spoken[0].result if self.spoken else None


@dataclass(frozen=True, slots=True)
class CarriedStatement:
    """A statement on a medium. ``refusal`` None = it opens here, and may count."""

    kind: Kind | None  # None = it does not open
    size: int  # bytes; 0 = its end cannot be told
    refusal: Refusal | None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a gate makes of a medium."""

    carried: tuple[CarriedStatement, ...]
    explanation: Explanation | None  # None = its files do not tell
    trouble: str = ""  # why not


class Inspector:
    """Looks at media that are held to a reader.

    Args:
        reader: nobody else uses it.
        media: what the lane knows of media.
        round_trips_s: by scheme, how long its fresh answer may take.
        random: bytes from a cryptographic source.
        time: what time it is.
        monotonic: seconds that never go back.

    """

    def __init__(
        self,
        *,
        reader: Reader,
        media: Media,
        round_trips_s: Mapping[str, float],
        random: Callable[[int], bytes],
        time: Callable[[], TimeReading],
        monotonic: Callable[[], float],
    ) -> None:
        self._reader = reader
        self._media = media
        self._round_trips_s = round_trips_s
        self._random = random
        self._time = time
        self._monotonic = monotonic

    def inspect(self, timeout_s: float) -> Inspection | None:
        """Wait for a medium and look at it; None = none came, or none woke up. Raises ``ReaderError``."""
        self._reader.open()
        try:
            session = self._sensed(self._monotonic() + timeout_s)
            if session is None:
                return None
            try:
                return self._looked_at(session)
            finally:
                session.close()
        finally:
            self._reader.close()

    def _sensed(self, deadline: float) -> CardSession | None:
        while (left := deadline - self._monotonic()) > 0:
            if not self._reader.wait_card(min(WAIT_S, left)):
                continue
            try:
                return self._reader.connect()
            except (
                CardError
            ):  # gone again, or held at the edge of the field: as a gate does, wait for the next
                self._reader.wait_removed(max(0.0, min(WAIT_S, deadline - self._monotonic())))
        return None

    def _looked_at(self, session: CardSession) -> Inspection:
        counted = _Counted(session)
        description = drive(describe(self._talk(session), self._media), counted)
        attempts: list[Attempt] = []
        ended = Ended.LEFT if description.left else None
        left = [scheme for scheme in Scheme if scheme in self._media.schemes]
        while left and ended is None:
            attempts.append(self._tried(session, counted, left.pop(0), attempts))
            if counted.left:
                ended = Ended.LEFT
            elif _has_failed(attempts[-1].result):
                ended = Ended.FAILED
        return Inspection(session.uid, description, tuple(attempts), tuple(left), ended)

    def _tried(
        self, session: CardSession, counted: _Counted, scheme: Scheme, others: list[Attempt]
    ) -> Attempt:
        # What it carries is read once, with the answer that a tap would go by.
        reads = self._media.reads_carried and not any(attempt.result for attempt in others)
        media = replace(self._media, schemes=(scheme,), reads_carried=reads)
        talk, timed = self._talk(session), Timed(counted, self._monotonic)
        before, began = counted.bytes, self._monotonic()
        result = converse(identify(talk, media), timed)
        took_s = self._monotonic() - began
        return Attempt(
            scheme=scheme,
            result=in_time(result, timed.trips_s, self._round_trips_s),
            commands=len(timed.trips_s),
            exchanged=counted.bytes - before,
            took_s=took_s,
            fresh_s=fresh_s(result, timed.trips_s),
            limit_s=self._round_trips_s.get(scheme),
        )

    def _talk(self, session: CardSession) -> Talk:
        return Talk(session.uid, self._random, self._time)


def judged(
    settings: Settings, trust: Trust, lane: LaneSettings, result: Result, reading: TimeReading
) -> Judgement:
    """What a lane of this gate would say, and what of the statements that a medium carries opens here."""
    carried = carried_statements(result, trust.now, reading.floor)
    try:
        return Judgement(carried, of_result(settings, trust, lane, result, reading))
    except StoreError as error:  # what the medium is and can prove is worth telling all the same
        return Judgement(carried, None, str(error))


def carried_statements(result: Result, believed: Beliefs, floor: int) -> tuple[CarriedStatement, ...]:
    """What a medium carries, and what of it opens here. ``floor``: a time that is certainly over."""
    if not isinstance(result, Proof):
        return ()
    return tuple(
        CarriedStatement(None if one.statement is None else place_of(one.statement)[0], one.size, one.refusal)
        for one in each_carried(result, believed, floor)
    )


def milliseconds(seconds: float | None) -> int | None:
    """For people: rounded up, so that nothing takes no time at all."""
    return None if seconds is None else math.ceil(seconds * 1000)


def _has_failed(result: Result) -> bool:
    """Whether it was recognised and failed. One that is too slow is genuine: it only came from far."""
    return isinstance(result, Refusal) and result.reason is not Reason.TOO_SLOW


class _Counted:
    """A session, how many bytes went through it, and whether its medium is gone."""

    def __init__(self, session: Transmits) -> None:
        self._session = session
        self.bytes = 0
        self.left = False

    def transmit(self, apdu: bytes) -> bytes:
        """Send a command, return the response. Raises as the session does."""
        try:
            response = self._session.transmit(apdu)
        except CardError:
            self.left = True
            raise
        self.bytes += len(apdu) + len(response)
        return response

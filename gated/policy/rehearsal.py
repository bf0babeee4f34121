"""Playing a scenario: each tap goes through the decision and the settlement that a gate uses.

One gate stands at each venue, and each knows at once what the others of its sector counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gated.model.credential import Credential
from gated.model.decision import Candidate, Decision, Denied, Granted, Occupancy, Question, Warned
from gated.model.refusal import Refusal
from gated.model.statement import Binding, Denial, Entitlement, TargetKind
from gated.model.time import ClockQuality, ClockSample, TimeReading
from gated.model.venue import Direction, Lane, Profile
from gated.policy.book import Book, Entry
from gated.policy.calendar import shift_of
from gated.policy.decide import decide, open_cases


@dataclass(frozen=True, slots=True)
class Carried:
    """A medium: what it proves, and the binding to a pass in each sector that knows it."""

    credential: Credential
    bindings: Mapping[str, Binding]  # by sector


@dataclass(frozen=True, slots=True)
class Refused:
    """A denial in force from ``since``, until it was lifted at ``until``."""

    denial: Denial
    since: int
    until: int | None
    medium: str | None  # of a medium, its name: it is known by that in every sector

    def holds(self, at: int) -> bool:
        """Whether it had arrived, and was not lifted."""
        return self.since <= at and (self.until is None or at < self.until)


@dataclass(frozen=True, slots=True)
class Tap:
    """One presentation. ``medium`` None = one that nobody knows."""

    at: int
    venue: str
    direction: Direction
    medium: str | None
    persons: int  # how many really pass; 0 = nobody turned the barrier
    written_at: str = ""  # the time as the author wrote it


@dataclass(frozen=True, slots=True)
class Scenario:
    """A city for a rehearsal."""

    venues: Mapping[str, Profile]
    rights: Sequence[Entitlement]
    media: Mapping[str, Carried]
    denials: Sequence[Refused]
    taps: Sequence[Tap]
    stranger: Credential  # what a medium proves that nobody knows
    names: Mapping[bytes, str]  # of rights: how the author calls them


@dataclass(frozen=True, slots=True)
class Played:
    """What a tap came to. ``right`` is the one used, or the one told of in a refusal."""

    tap: Tap
    decision: Decision
    right: bytes | None
    left: int | None  # uses left for this venue and day after settlement; None = unlimited
    released: int
    passed: int

    @property
    def refusal(self) -> Refusal | None:
        """Why, if it was refused."""
        return self.decision.refusal if isinstance(self.decision, Denied) else None

    @property
    def next_at(self) -> int | None:
        """When it would be granted, if it was refused."""
        return self.decision.next_at if isinstance(self.decision, Denied) else None

    @property
    def warnings(self) -> tuple[Warned, ...]:
        """What was said beside a grant."""
        return self.decision.warnings if isinstance(self.decision, Granted) else ()


class Rehearsal:
    """Plays taps in order of time."""

    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self._book = Book()
        self._exits = {tap.venue for tap in scenario.taps if tap.direction is Direction.EXIT}
        self._rights: dict[bytes | None, list[Entitlement]] = {}
        for right in scenario.rights:
            self._rights.setdefault(right.pass_, []).append(right)

    def play(self) -> Iterator[Played]:
        """Play every tap of the scenario."""
        for tap in self._scenario.taps:
            yield self.tap(tap)

    def tap(self, tap: Tap) -> Played:
        """Play one tap. It must not be earlier than the last."""
        where, question = self._where(tap), self.question(tap)
        decision = decide(question)
        if isinstance(decision, Granted):
            release = self._book.reserve(decision, where)
            self._book.settle(release, tap.persons)
            right = decision.entitlement.id
            return Played(tap, decision, right, self._left(tap, right), decision.persons, tap.persons)
        if isinstance(decision, Denied):
            told = decision.entitlement
            return Played(tap, decision, None if told is None else told.id, None, 0, 0)
        self._book.leave(decision.pass_, where, tap.persons)
        # Whoever wants out is let out: as many as went, and at least one.
        return Played(tap, decision, None, None, max(1, tap.persons), tap.persons)

    def question(self, tap: Tap) -> Question:
        """What a tap asks, as things stand."""
        scenario, profile, where = self._scenario, self._scenario.venues[tap.venue], self._where(tap)
        carried = None if tap.medium is None else scenario.media[tap.medium]
        binding = None if carried is None else carried.bindings.get(profile.sector)
        in_force = [one for one in scenario.denials if one.holds(tap.at)]
        pass_ = None if binding is None else binding.pass_
        return Question(
            credential=scenario.stranger if carried is None else carried.credential,
            binding=binding,
            candidates=tuple(
                self._candidate(right, where, in_force) for right in self._rights.get(pass_, ())
            ),
            refused=(),
            denials=tuple(
                one.denial
                for one in in_force
                if (one.medium is not None and one.medium == tap.medium)
                or (one.denial.target_kind is TargetKind.PASS and one.denial.target == pass_)
            ),
            lane=_lane(tap),
            profile=profile,
            now=_reading(tap.at),
            presence=self._book.presence(pass_ or b"", where.zone, where.shift),
            occupancy=Occupancy(self._book.occupancy(where.venue, where.shift), tap.venue in self._exits),
        )

    def _candidate(self, right: Entitlement, where: Entry, in_force: list[Refused]) -> Candidate:
        here, elsewhere = self._book.uses(right.id, where.venue, where.day)
        own = [one.denial for one in in_force if one.denial.target == right.id]
        return Candidate(
            right, here, elsewhere, own[0] if own else None, self._book.paid_at(right.id, where.venue)
        )

    def _left(self, tap: Tap, right: bytes) -> int | None:
        cases, _ = open_cases(self.question(tap))
        return next(case.left(on_day=True) for case in cases if case.candidate.entitlement.id == right)

    def _where(self, tap: Tap) -> Entry:
        profile = self._scenario.venues[tap.venue]
        shift = shift_of(tap.at, profile.timezone, profile.day_end_min)
        return Entry(tap.venue, profile.zone(_lane(tap)).id, profile.day_of(tap.at), shift, tap.at)


def _lane(tap: Tap) -> Lane:
    return Lane(tap.direction.value, tap.direction)


def _reading(at: int) -> TimeReading:
    """A clock that everybody believes."""
    return TimeReading(
        floor=at, estimate=at, ceiling=None, quality=ClockQuality.GOOD, sample=ClockSample(at, 0.0, "0" * 16)
    )

"""Questions for the decision: everything fits and the tap is granted, until a test changes one thing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from gated.model.credential import Assurance, Credential
from gated.model.decision import NOBODY, Candidate, Denied, Granted, Question, Uses
from gated.model.refusal import Reason
from gated.model.statement import Binding, Denial, DenialState, Entitlement, TargetKind
from gated.model.time import ClockQuality, ClockSample, TimeReading
from gated.model.venue import Lane, Passback, Product, Profile, WhenUnsure, Zone
from gated.policy.decide import decide

NOW = 1_795_500_000  # 2026-11-24T06:00:00Z, a Tuesday
PARIS = ZoneInfo("Europe/Paris")
PASS = b"p" * 16
INDEX = b"i" * 16
SAMPLE = ClockSample(wall=NOW, boottime=100.0, boot="0123456789abcdef")

PRODUCTS = {
    product.id: product
    for product in (
        Product("season"),
        Product("swim3", uses=3),
        Product("elsewhere", venues=("vaise",)),
        Product("here", venues=("vaise", "bron")),
        Product("weak", min_assurance=Assurance.UID_ONLY),
        Product("strong", min_assurance=Assurance.ASYMMETRIC),
    )
}


def reading(floor: int = NOW, estimate: int | None = None, **more) -> TimeReading:
    fields = {"ceiling": None, "quality": ClockQuality.GOOD, "sample": SAMPLE, **more}
    return TimeReading(floor=floor, estimate=floor if estimate is None else estimate, **fields)


def bound(**changes) -> Binding:
    usual = Binding(
        sector="pools",
        pass_=PASS,
        not_before=NOW - 100,
        expires=None,
        issued_at=NOW - 100,
        id=bytes(8),
        index=INDEX,
        revision=0,
    )
    return replace(usual, **changes)


def right(number: int = 1, **changes) -> Entitlement:
    usual = Entitlement(
        sector="pools",
        pass_=PASS,
        not_before=NOW - 100,
        expires=NOW + 1000,
        issued_at=NOW - 100,
        id=number.to_bytes(8, "big"),
        product="season",
        revision=0,
    )
    return replace(usual, **changes)


def denied(state=DenialState.REVOKED, kind=TargetKind.PASS, number: int = 0) -> Denial:
    target = {TargetKind.CREDENTIAL: INDEX, TargetKind.PASS: PASS, TargetKind.ENTITLEMENT: bytes(8)}[kind]
    return Denial("pools", NOW - 50, kind, target, state, number)


def candidate(
    number: int = 1,
    used: int | Uses = 0,
    elsewhere: int | Uses = 0,
    denial=None,
    paid_at: int | None = None,
    apart: int | None = None,
    **changes,
) -> Candidate:
    """A right with its history; a bare number of uses is of another day and another venue."""
    own, others = (uses if isinstance(uses, Uses) else Uses(uses) for uses in (used, elsewhere))
    return Candidate(right(number, **changes), own, others, denial, paid_at, apart)


def profile(**changes) -> Profile:
    return replace(
        Profile(venue="bron", sector="pools", timezone=UTC, version=1, products=PRODUCTS), **changes
    )


def credential(assurance: Assurance = Assurance.ASYMMETRIC) -> Credential:
    return Credential("pkoc", b"\x01" * 32, assurance)


def question(*candidates: Candidate, **changes) -> Question:
    usual = Question(
        credential=credential(),
        binding=bound(),
        candidates=candidates,
        refused=(),
        denials=(),
        lane=Lane("in-1"),
        profile=profile(),
        now=reading(),
    )
    return replace(usual, **changes)


def guarded(passback: Passback, interval_s: int = 0, **changes) -> Profile:
    """A venue that is one zone, with anti-passback."""
    return profile(zones={"bron": Zone("bron", passback, interval_s)}, **changes)


def moment(text: str) -> int:
    """Seconds since 1970 of a time with its offset."""
    return int(datetime.fromisoformat(text).timestamp())


def lasting(number: int = 1, **changes) -> Candidate:
    """A candidate without beginning or end, where some other rule is asked."""
    return candidate(number, **{"not_before": 0, "expires": None, **changes})


def asked_at(at: int, *candidates: Candidate, **changes) -> Question:
    """A question at some other time than ``NOW``."""
    return question(*candidates, **{"now": reading(at), "binding": bound(not_before=0), **changes})


def later(asked: Question, at: int) -> Question:
    """The same tap at another time, if nothing else changed.

    What belongs to a day goes with the day: uses of today, and whoever is inside with the venue's own.
    """
    now, venue = asked.now, asked.profile
    by = at - now.estimate
    moved = replace(
        asked,
        now=replace(
            now,
            floor=now.floor + by,
            estimate=at,
            ceiling=None if now.ceiling is None else now.ceiling + by,
        ),
    )
    was, is_ = now.estimate + _ahead(asked), at + _ahead(asked)
    if _day(was, venue, 0) != _day(is_, venue, 0):
        moved = replace(moved, candidates=tuple(map(_another_day, asked.candidates)))
    if _day(was, venue, venue.day_end_min) != _day(is_, venue, venue.day_end_min):
        moved = replace(moved, presence=NOBODY, occupancy=asked.occupancy._replace(inside=0))
    return moved


def _ahead(asked: Question) -> int:
    """How far days are ahead of the estimate: to the middle of what is possible, if no clock is believed."""
    now = asked.now
    if (
        now.quality is ClockQuality.GOOD
        or now.ceiling is None
        or asked.profile.when_unsure is WhenUnsure.REFUSE
    ):
        return 0
    return max(0, (now.floor + now.ceiling) // 2 - now.estimate)


def _day(at: int, venue: Profile, begins_min: int):
    """The day by the clock on the wall, that begins so many minutes after midnight."""
    wall = datetime.fromtimestamp(at, venue.timezone).replace(tzinfo=None)
    return (wall - timedelta(minutes=begins_min)).date()


def _another_day(one: Candidate) -> Candidate:
    return replace(one, used=one.used._replace(today=0), elsewhere=one.elsewhere._replace(today=0))


# ---------------------------------------------------------------- answers


def told(asked: Question) -> tuple[Reason, dict[str, Any]]:
    """Why it is refused."""
    decision = decide(asked)
    assert isinstance(decision, Denied)
    return decision.refusal.reason, dict(decision.refusal.params)


def granted(asked: Question) -> Granted:
    decision = decide(asked)
    assert isinstance(decision, Granted), decision
    return decision


def used(asked: Question) -> int:
    """The number of the entitlement that a granted tap uses."""
    return int.from_bytes(granted(asked).entitlement.id, "big")


def opens(asked: Question, reason: Reason, at: int) -> None:
    """Refused for ``reason`` until just before ``at``, and granted from then on."""
    before = decide(asked)
    assert isinstance(before, Denied), before
    assert (reason, at) == (before.refusal.reason, before.next_at)
    last = decide(later(asked, at - 1))
    assert isinstance(last, Denied), last
    assert at == last.next_at
    assert isinstance(decide(later(asked, at)), Granted)


def closes(asked: Question, reason: Reason, at: int, next_at: int | None = None) -> None:
    """Granted until just before ``at``, refused for ``reason`` from then on, until ``next_at``."""
    for when in (at - 1, at, at + 1):
        decision = decide(later(asked, when))
        if when < at:
            assert isinstance(decision, Granted), decision
        else:
            assert isinstance(decision, Denied), decision
            assert (reason, next_at) == (decision.refusal.reason, decision.next_at)

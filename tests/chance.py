"""Questions by chance: venues, products, rights, histories and clocks of every kind, for hypothesis."""

from __future__ import annotations

from datetime import UTC
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from gated.model.credential import Assurance, Credential
from gated.model.decision import Candidate, Occupancy, Presence, Question, Uses
from gated.model.refusal import Reason, Refusal
from gated.model.rules import PartyUses
from gated.model.statement import Denial, DenialState, TargetKind
from gated.model.time import ClockQuality
from gated.model.venue import (
    Direction,
    Lane,
    Passback,
    Product,
    Profile,
    Retirement,
    Staleness,
    WhenUnsure,
    Zone,
)
from questions import PARIS, bound, denied, moment, reading, right

DAY_S = 86400
ZONES = (UTC, PARIS, ZoneInfo("America/Los_Angeles"), ZoneInfo("Asia/Kolkata"), ZoneInfo("America/Santiago"))
HOURS = (
    "24/7",
    "07:00-09:00",
    "Mo-Fr 07:00-09:00,17:00-20:30",
    "22:00-03:00",
    "Sa,Su 10:00-18:00; PH off",
    "PH 10:00-12:00",
    "Feb 29 10:00-12:00",
    "2026 Jul 4-Aug 31 10:00-18:00",
)
#: Where days are odd: clocks that are turned either way, a leap day, a holiday, an ordinary one.
ODD = (
    "2026-03-29T00:00:00+01:00",
    "2026-10-25T00:00:00+02:00",
    "2026-11-01T07:00:00+00:00",
    "2026-09-06T04:00:00+00:00",
    "2028-02-29T00:00:00+00:00",
    "2026-07-14T00:00:00+02:00",
    "2026-11-24T06:00:00+00:00",
)
BAD = Refusal(Reason.BAD_SIGNATURE)


def maybe(strategy):
    """Often nothing: a rule that is not said."""
    return st.none() | st.none() | strategy


MOMENTS = st.builds(
    lambda day, s: moment(day) + s,
    st.sampled_from(ODD),
    st.sampled_from([-1, 0, 1, 3600, 14400]) | st.integers(-DAY_S, 2 * DAY_S),
)
SHARES = st.sampled_from([(), (("bron", 0),), (("bron", 1),), (("bron", 3), ("vaise", 1)), (("vaise", 1),)])
RULES = {
    "uses": maybe(st.integers(0, 4)),
    "per_day": maybe(st.integers(0, 3)),
    "per_venue": maybe(SHARES),
    "hours": maybe(st.sampled_from(HOURS)),
    "party": maybe(st.integers(0, 5)),
    "party_uses": maybe(st.sampled_from(PartyUses)),
    "reentry_s": maybe(st.sampled_from([0, 60, 1800, 2 * DAY_S])),
    "concession": maybe(st.just("student")),
}

#: What would refuse for good stands among much that does not: otherwise little else would be asked.
VENUES = st.sampled_from([None] * 6 + [("bron",), ("bron", "vaise")] * 3 + [("vaise",), ()])
LEVELS = st.sampled_from(
    [Assurance.UID_ONLY] * 6
    + [Assurance.STATIC_SIGNED] * 3
    + [Assurance.SYMMETRIC_MUTUAL, Assurance.ASYMMETRIC]
)


@st.composite
def _spans(draw, now: int):
    """Beginning and end, often just around now."""
    near = st.sampled_from([-DAY_S, -60, -1, 0, 1, 60, 5000]) | st.integers(-3 * DAY_S, 3 * DAY_S)
    begins = draw(st.just(0) | st.just(0) | near.map(lambda s: now + s))
    far = st.sampled_from([1, 60, 5000, DAY_S, 9 * DAY_S])
    ends = draw(st.none() | st.none() | (near | far | far).map(lambda s: now + s))
    return {"not_before": begins, "expires": ends}


@st.composite
def _products(draw):
    rules = {name: draw(strategy) for name, strategy in RULES.items()}
    venues = draw(VENUES)
    if venues is not None:
        rules["per_venue"] = None
    return {
        "plain": Product("plain", min_assurance=Assurance.UID_ONLY),
        "ruled": Product("ruled", venues=venues, min_assurance=draw(LEVELS), **rules),
    }


@st.composite
def profiles(draw, now: int):
    retirements = st.builds(
        Retirement,
        ends=st.sampled_from([-60, 0, 1, 60, 5000, DAY_S, 3 * DAY_S]).map(lambda s: now + s),
        warn_s=st.sampled_from([0, 60, DAY_S]),
        scheme=st.sampled_from([None, "pkoc", "uid"]),
        assurance=maybe(LEVELS),
    )
    return Profile(
        venue="bron",
        sector="pools",
        timezone=draw(st.sampled_from(ZONES)),
        version=1,
        min_assurance=draw(LEVELS),
        when_unsure=draw(st.sampled_from(WhenUnsure)),
        products=draw(_products()),
        country=draw(st.sampled_from(["FR", "US"])),
        capacity=draw(maybe(st.integers(0, 5))),
        day_end_min=draw(st.sampled_from([0, 240, 330])),
        zones={
            "bron": Zone(
                "bron", draw(st.sampled_from(Passback)), draw(st.sampled_from([0, 60, 5000, 3 * DAY_S]))
            )
        },
        retirements=tuple(draw(st.lists(retirements, max_size=1))),
        apart_cap=draw(maybe(st.integers(0, 2))),
        staleness=draw(staleness()),
    )


@st.composite
def _uses(draw):
    today, here, more = (draw(st.sampled_from([0, 0, 1, 2, 5])) for _ in range(3))
    return Uses(max(today, here) + more, today, here)


@st.composite
def candidates(draw, now: int, number: int):
    fields = {name: draw(strategy) for name, strategy in RULES.items()}
    venues = draw(VENUES)
    if venues is not None:
        fields["per_venue"] = None
    own = right(
        number,
        product=draw(st.sampled_from(["plain", "ruled"] * 8 + ["unheard"])),
        venues=venues,
        min_assurance=draw(maybe(LEVELS)),
        **fields,
        **draw(_spans(now)),
    )
    ago = st.sampled_from([-5, 0, 1, 59, 60, 1799, 1800, 5000, 3 * DAY_S])
    return Candidate(
        own,
        draw(_uses()),
        draw(st.just(Uses()) | _uses()),
        draw(st.sampled_from([None] * 20 + [denied(kind=TargetKind.ENTITLEMENT)])),
        draw(maybe(ago.map(lambda s: now - s))),
        draw(maybe(st.integers(0, 3))),
    )


DENIALS = st.lists(
    st.builds(
        Denial,
        st.just("pools"),
        st.just(1),
        st.sampled_from([TargetKind.PASS, TargetKind.CREDENTIAL]),
        st.just(b"t" * 16),
        st.sampled_from(DenialState),
        st.integers(0, 3),
    )
    | st.just(BAD),
    min_size=1,
    max_size=2,
).map(tuple)


@st.composite
def clocks(draw, now: int):
    floor = now - draw(st.sampled_from([0, 0, 0, 1, 60, 5000, 2 * DAY_S]))
    ceiling = draw(st.sampled_from([None, None, None, now, now + 60, now + DAY_S]))
    return reading(floor, now, ceiling=ceiling, quality=draw(st.sampled_from(ClockQuality)))


KNOWLEDGE = st.sampled_from([0, 1, 60, 5000, DAY_S, 9 * DAY_S])


@st.composite
def staleness(draw):
    stale, more = draw(st.sampled_from([1, 60, 5000, DAY_S])), draw(KNOWLEDGE)
    return Staleness(stale, stale + more, draw(st.sampled_from([frozenset(), frozenset({"ruled"})])))


@st.composite
def questions(draw, direction: Direction = Direction.ENTRY, odd: bool = True):
    """A tap. Without ``odd`` it has a binding that opens and no denial: its rights are looked at."""
    now = draw(MOMENTS)
    rarely = st.integers(0, 7).map(lambda die: odd and die == 0)
    binding = bound(**draw(st.just({"not_before": 0, "expires": None}) | _spans(now)))
    ago = st.sampled_from([-5, 0, 59, 60, 61, 4999, 5000, 80000])
    assurance = draw(st.sampled_from([Assurance.ASYMMETRIC] * 9 + list(Assurance)))
    return Question(
        credential=Credential(draw(st.sampled_from(["pkoc", "uid"])), b"\x01", assurance),
        binding=draw(st.sampled_from([None, BAD])) if draw(rarely) else binding,
        candidates=tuple(draw(candidates(now, n + 1)) for n in range(draw(st.integers(0 if odd else 1, 4)))),
        refused=(BAD,) if draw(rarely) else (),
        denials=draw(DENIALS) if draw(rarely) else (),
        lane=Lane("lane", direction, draw(LEVELS)),
        profile=draw(profiles(now)),
        now=draw(clocks(now)),
        presence=Presence(draw(st.sampled_from([0, 0, 1, 3])), draw(maybe(ago.map(lambda s: now - s)))),
        occupancy=Occupancy(draw(st.sampled_from([0, 0, 0, 2, 5, 9])), draw(st.booleans())),
        known_at=draw(maybe(KNOWLEDGE.map(lambda s: now - s) | st.just(0))),
    )

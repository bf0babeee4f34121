"""What holds of every decision, whatever the venue, the rights, their history and the clock."""

from __future__ import annotations

import os
from dataclasses import replace
from itertools import pairwise

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from chance import DAY_S, questions
from gated.model.credential import Assurance
from gated.model.decision import Denied, Granted, Leaving, Question, Uses
from gated.model.refusal import Reason
from gated.model.venue import Direction
from gated.policy.decide import decide
from gated.policy.explain import explain
from questions import PASS, later

MORE = int(os.environ.get("GATED_FUZZ", "1"))


def often(examples: int):
    return settings(max_examples=examples * MORE, deadline=None)


# ---------------------------------------------------------------- a decision is one, and always there


@often(200)
@given(questions(), st.randoms(use_true_random=False))
def test_every_question_has_one_answer_whatever_the_order_of_its_rights(asked, chance):
    answer = decide(asked)
    assert answer == decide(asked)
    shuffled = list(asked.candidates)
    chance.shuffle(shuffled)
    assert answer == decide(replace(asked, candidates=tuple(shuffled)))


@often(200)
@given(questions())
def test_an_answer_keeps_within_what_was_asked(asked):
    answer = decide(asked)
    if isinstance(answer, Denied):
        assert list(Reason).index(answer.refusal.reason) <= list(Reason).index(Reason.BAD_HOURS)
        assert answer.next_at is None or answer.next_at > asked.now.estimate
        return
    assert isinstance(answer, Granted)
    party = answer.entitlement.party or asked.profile.products[answer.entitlement.product].party or 1
    assert 1 <= answer.persons <= party
    assert answer.cost in (0, 1, answer.persons)
    assert answer.left is None or answer.left >= 0
    capacity = asked.profile.capacity
    assert capacity is None or asked.occupancy.inside + answer.persons <= capacity
    assert any(answer.entitlement is one.entitlement for one in asked.candidates)


@often(100)
@given(questions(Direction.EXIT))
def test_whoever_wants_out_is_let_out(asked):
    answer = decide(asked)
    known = getattr(asked.binding, "pass_", None)
    assert known in (PASS, None)
    assert Leaving(known, max(1, asked.presence.inside), asked.now.quality) == answer
    assert (answer, (), (), ()) == explain(asked)


@often(100)
@given(questions())
def test_an_explanation_tells_what_the_decision_goes_by(asked):
    told = explain(asked)
    assert told.decision == decide(asked)
    before = all(verdict.passes for verdict in told.before)
    fits = [one for one in told.rights if all(verdict.passes for verdict in one.verdicts)]
    assert isinstance(told.decision, Granted) == bool(before and fits)
    for one in told.rights:
        assert (one.soonest == asked.now.estimate) == (one in fits)
        for verdict in one.verdicts:
            assert verdict.passes == (verdict.first == asked.now.estimate)
            assert one.soonest is None or (verdict.first is not None and verdict.first <= one.soonest)


# ---------------------------------------------------------------- what age does to an answer


@often(300)
@given(questions(), st.integers(0, 9 * DAY_S), st.randoms(use_true_random=False))
def test_being_offline_alone_refuses_nobody_before_and_opens_nothing_ever(asked, offline_s, chance):
    """The same tap at a gate that knows all, and at one that has heard nothing for a while."""
    limits = asked.profile.staleness
    fresh = replace(asked, known_at=asked.now.floor)
    old = replace(asked, known_at=asked.now.floor - offline_s)
    now, then = decide(fresh), decide(old)
    if offline_s < limits.expired_after_s:
        assert type(now) is type(then)
        if isinstance(now, Granted):
            assert (now.entitlement, now.cost, now.persons) == (then.entitlement, then.cost, then.persons)
        assert getattr(then, "refusal", None) == getattr(now, "refusal", None)
        at = asked.now.estimate + chance.randrange(limits.expired_after_s - offline_s)
        moved, unjudged = later(old, at), later(replace(asked, known_at=None), at)
        assert type(decide(unjudged)) is type(decide(moved))
    if isinstance(then, Granted):  # a right that is named, or another one than before
        named = asked.profile.staleness.when_expired
        assert offline_s < limits.expired_after_s or then.entitlement.product in named
        assert isinstance(now, Granted)


@often(100)
@given(questions(Direction.EXIT), st.none() | st.integers(0, 1 << 40))
def test_no_age_keeps_anybody_inside(asked, known_at):
    assert decide(asked) == decide(replace(asked, known_at=known_at))


# ---------------------------------------------------------------- the next time is true


def _moments(asked: Question, until: int, chance) -> list[int]:
    """Times after now and before ``until``: on either side of every edge there may be, and others."""
    now, venue = asked.now.estimate, asked.profile
    lag = now - asked.now.floor
    edges = {asked.binding.not_before, asked.binding.expires or 0, now, until}
    for one in asked.candidates:
        own = one.entitlement
        edges |= {own.not_before, own.expires or 0}
        edges |= {(one.paid_at or now) + window for window in (60, 1800, 2 * DAY_S)}
    edges |= {(asked.presence.last_in or now) + s for s in (60, 5000, 3 * DAY_S)}
    edges |= {one.ends for one in venue.retirements}
    edges |= {edge + lag for edge in edges}
    quarters = range(now - now % 900, now + 3 * DAY_S, 1800)
    near = {edge + s for edge in edges for s in (-1, 0, 1)} | {
        chance.choice(quarters) + s for s in (-1, 0, 1)
    }
    far = {now + int((until - now) * chance.random()) for _ in range(6)}
    whole = {chance.choice(quarters) for _ in range(6)}
    return sorted(at for at in near | far | whole if now < at < until)


def _without_what_time_does_not_mend(asked: Question) -> Question:
    def anywhere(rules):
        return replace(rules, venues=None, min_assurance=Assurance.UID_ONLY)

    known = [name for name in asked.profile.products if name != "plain"]
    rights = tuple(
        replace(one, denial=None, entitlement=replace(one.entitlement, product=known[0]))
        for one in asked.candidates
    )
    strong = replace(asked.credential, assurance=Assurance.ASYMMETRIC)
    return _every(replace(asked, candidates=rights, credential=strong, known_at=None), anywhere)


def _used_up_with_a_window_open(asked: Question) -> Question:
    asked = _without_what_time_does_not_mend(asked)
    rights = tuple(
        replace(
            one,
            used=Uses(9, 1, 1),
            paid_at=asked.now.estimate - 60,
            entitlement=replace(one.entitlement, uses=9, reentry_s=1800, expires=None),
        )
        for one in asked.candidates
    )
    return replace(asked, candidates=rights)


def _as_it_is(asked: Question) -> Question:
    return asked


MENDED = (_as_it_is, _without_what_time_does_not_mend, _used_up_with_a_window_open)


@often(300)
@given(questions(odd=False), st.sampled_from(MENDED), st.randoms(use_true_random=False))
def test_the_next_time_is_the_first_at_which_the_same_tap_is_granted(asked, mended, chance):
    asked = mended(asked)
    answer = decide(asked)
    assume(isinstance(answer, Denied))
    now = asked.now.estimate
    if answer.next_at is None:
        for at in _moments(asked, now + 730 * DAY_S, chance):
            refused = decide(later(asked, at))
            assert isinstance(refused, Denied), at
            assert None is refused.next_at, at
        return
    assert isinstance(decide(later(asked, answer.next_at)), Granted)
    for at in (*_moments(asked, answer.next_at, chance), answer.next_at - 1):
        if at > now:
            refused = decide(later(asked, at))
            assert isinstance(refused, Denied), at
            assert answer.next_at == refused.next_at, at


@often(60)
@given(questions(), st.integers(0, 3 * DAY_S), st.integers(0, 3 * DAY_S))
def test_a_question_that_is_moved_twice_is_moved_once(asked, first, second):
    now = asked.now.estimate
    assert decide(later(asked, now + first + second)) == decide(
        later(later(asked, now + first), now + first + second)
    )


# ---------------------------------------------------------------- raising a limit refuses nobody


def _every(asked: Question, change) -> Question:
    """``change`` made to what each right says itself, and to what its product says."""
    rights = tuple(replace(one, entitlement=change(one.entitlement)) for one in asked.candidates)
    products = {name: change(product) for name, product in asked.profile.products.items()}
    return replace(asked, candidates=rights, profile=replace(asked.profile, products=products))


def _more(name: str, by: int):
    """A number that is said is larger; what is not said stays so."""

    def change(rules):
        said = getattr(rules, name)
        return rules if said is None else replace(rules, **{name: said + by})

    return lambda asked: _every(asked, change)


def _of_venue(name: str, by: int):
    def raised(asked: Question) -> Question:
        limit = getattr(asked.profile, name)
        return replace(asked, profile=replace(asked.profile, **{name: None if limit is None else limit + by}))

    return raised


def _shares(asked: Question) -> Question:
    def change(rules):
        shares = rules.per_venue
        return rules if shares is None else replace(rules, per_venue=tuple((v, n + 1) for v, n in shares))

    return _every(asked, change)


def _valid(earlier: int, later_: int | None):
    """Rights and binding begin earlier and end later, or never."""

    def longer(one):
        ends = None if one.expires is None or later_ is None else one.expires + later_
        return replace(one, not_before=one.not_before - earlier, expires=ends)

    def raised(asked: Question) -> Question:
        rights = tuple(replace(one, entitlement=longer(one.entitlement)) for one in asked.candidates)
        binding = asked.binding
        return replace(
            asked, candidates=rights, binding=longer(binding) if hasattr(binding, "expires") else binding
        )

    return raised


def _weaker(asked: Question) -> Question:
    def change(rules):
        return rules if rules.min_assurance is None else replace(rules, min_assurance=Assurance.UID_ONLY)

    asked = _every(asked, change)
    return replace(
        asked,
        lane=replace(asked.lane, min_assurance=Assurance.UID_ONLY),
        profile=replace(asked.profile, min_assurance=Assurance.UID_ONLY),
    )


def _unlimited(*names: str):
    """The products say nothing of it any more, nor does the venue."""

    def raised(asked: Question) -> Question:
        venue = asked.profile
        products = {
            name: replace(product, **{one: None for one in names if hasattr(product, one)})
            for name, product in venue.products.items()
        }
        more = {one: None for one in names if hasattr(venue, one)}
        return replace(asked, profile=replace(venue, products=products, **more))

    return raised


def _fresher(asked: Question) -> Question:
    return replace(asked, known_at=None if asked.known_at is None else asked.known_at + 3600)


def _patient(asked: Question) -> Question:
    limits = asked.profile.staleness
    longer = replace(limits, expired_after_s=limits.expired_after_s + 3600)
    return replace(asked, profile=replace(asked.profile, staleness=longer))


def _named(asked: Question) -> Question:
    limits = replace(asked.profile.staleness, when_expired=frozenset(asked.profile.products))
    return replace(asked, profile=replace(asked.profile, staleness=limits))


RAISES = {
    "uses": _more("uses", 1),
    "per_day": _more("per_day", 1),
    "party": _more("party", 2),
    "reentry": _more("reentry_s", 600),
    "shares": _shares,
    "capacity": _of_venue("capacity", 1),
    "apart_cap": _of_venue("apart_cap", 1),
    "a later end": _valid(0, 3600),
    "no end": _valid(0, None),
    "an earlier beginning": _valid(3600, 0),
    "a weaker proof": _weaker,
    "fresher": _fresher,
    "patience": _patient,
    "named products": _named,
    "no limit": _unlimited("uses", "per_day", "per_venue", "capacity", "apart_cap"),
}


@often(300)
@given(questions(), st.lists(st.sampled_from(sorted(RAISES)), min_size=1, max_size=3))
def test_raising_a_limit_never_turns_a_grant_into_a_refusal(asked, names):
    states = [asked]
    for name in names:
        states.append(RAISES[name](states[-1]))
    for before, after in pairwise(map(decide, states)):
        assert isinstance(after, Granted) or isinstance(before, Denied)
        if isinstance(after, Denied) and isinstance(before, Denied) and before.next_at is not None:
            assert after.next_at is not None  # nor does it take away a time at which it opens
            assert after.next_at <= before.next_at

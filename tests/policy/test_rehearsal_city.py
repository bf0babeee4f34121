"""Scenarios of several venues and sectors, and of denials."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gated.model.refusal import Reason, Refusal
from gated.model.statement import Denial, DenialState, TargetKind
from gated.model.venue import Passback, Zone
from gated.policy.rehearsal import Refused
from questions import PARIS, PASS, profile
from scenes import MUSEUMS, START, carried, granted, held, play, tap

# ---------------------------------------------------------------- venues and sectors


def test_uses_at_two_venues_of_one_sector_count_together():
    played = play(tap(), tap(1, "vaise"), tap(2), rights=(held(uses=2),))
    assert [1, 0, None] == [one.left for one in played]
    daily = play(tap(), tap(1, "vaise"), tap(86400, "vaise"), rights=(held(per_day=1),))
    assert [True, False, True] == granted(daily)


def test_a_share_is_of_one_venue():
    rights = (held(per_venue=(("bron", 1), ("vaise", 1))),)
    played = play(tap(), tap(1, "vaise"), tap(2), tap(3, "vaise"), rights=rights)
    assert [0, 0, None, None] == [one.left for one in played]


def test_a_medium_stands_for_one_pass_in_each_sector():
    museum = held(2, sector="museums", pass_=MUSEUMS, uses=1)
    both = {"m1": carried(pools=PASS, museums=MUSEUMS)}
    played = play(tap(), tap(1, "beaux"), tap(2, "beaux"), tap(3), rights=(held(uses=5), museum), media=both)
    assert [held().id, museum.id, museum.id, held().id] == [one.right for one in played]
    assert [4, 0, None, 3] == [one.left for one in played]


def test_a_medium_is_unknown_in_a_sector_that_has_no_pass_of_it():
    assert Refusal(Reason.UNKNOWN_MEDIUM) == play(tap(venue="beaux"))[0].refusal


# ---------------------------------------------------------------- denials


def refused(kind: TargetKind, target: bytes, since=10, until: int | None = None, medium=None) -> Refused:
    denial = Denial("pools", START, kind, target, DenialState.BLOCKED, 1)
    return Refused(denial, START + since, None if until is None else START + until, medium)


DENIALS = {
    "pass": refused(TargetKind.PASS, PASS, 10, 20),
    "entitlement": refused(TargetKind.ENTITLEMENT, held().id, 10, 20),
    "credential": refused(TargetKind.CREDENTIAL, b"", 10, 20, "m1"),
}


@pytest.mark.parametrize("target", DENIALS)
def test_a_denial_refuses_from_its_first_second_until_it_is_lifted(target):
    played = play(*map(tap, (9, 10, 19, 20)), denials=(DENIALS[target],))
    refusal = Refusal(Reason.DENIED, {"target": target, "state": "blocked"})
    assert [None, refusal, refusal, None] == [one.refusal for one in played]
    assert [None] * 4 == [one.next_at for one in played]


@pytest.mark.parametrize("target", DENIALS)
def test_a_denial_that_nobody_lifts_refuses_for_good(target):
    played = play(tap(9), tap(10), tap(10**8), denials=(replace(DENIALS[target], until=None),))
    assert [True, False, False] == granted(played)


@pytest.mark.parametrize(
    "denial",
    [
        refused(TargetKind.PASS, b"q" * 16),
        refused(TargetKind.ENTITLEMENT, held(2).id),
        refused(TargetKind.CREDENTIAL, b"", medium="m2"),
        refused(TargetKind.CREDENTIAL, PASS, medium="m2"),
    ],
    ids=["another pass", "another right", "another medium", "another medium, indexed like the pass"],
)
def test_a_denial_of_something_else_refuses_nothing(denial):
    assert [True] == granted(play(tap(10), denials=(denial,)))


def test_a_denied_medium_is_refused_where_it_is_bound_and_nowhere_a_stranger_is():
    denial = refused(TargetKind.CREDENTIAL, b"", medium="m1")
    both = {"m1": carried(pools=PASS, museums=MUSEUMS)}
    played = play(tap(10, "beaux"), tap(11, medium=None), media=both, denials=(denial,))
    assert [Reason.DENIED, Reason.UNKNOWN_MEDIUM] == [one.refusal.reason for one in played]


def test_of_two_denials_of_a_right_the_one_in_force_counts():
    lifted = refused(TargetKind.ENTITLEMENT, held().id, 0, 5)
    assert [True, False] == granted(play(tap(9), tap(10), denials=(lifted, DENIALS["entitlement"])))


def test_each_venue_is_a_zone_of_its_own():
    venues = {
        name: profile(venue=name, zones={name: Zone(name, Passback.HARD)}, timezone=PARIS)
        for name in ("bron", "vaise")
    }
    assert [True, True, False, False] == granted(
        play(tap(), tap(1, "vaise"), tap(2), tap(3, "vaise"), venues=venues)
    )

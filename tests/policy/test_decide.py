"""The shape of a decision: what is asked before any right, without one, on the way out, and of whom."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest

from gated.model.credential import Assurance
from gated.model.decision import Denied, Granted, Leaving, Presence
from gated.model.refusal import Reason, Refusal
from gated.model.statement import DenialState, TargetKind
from gated.model.time import ClockQuality
from gated.model.venue import Direction, Lane, Passback, Retirement
from gated.policy.case import NEVER
from gated.policy.decide import decide
from gated.policy.rules import RULES
from questions import (
    NOW,
    PASS,
    bound,
    candidate,
    credential,
    denied,
    guarded,
    profile,
    question,
    reading,
    right,
    told,
)

DEFECT = Refusal(Reason.BAD_SIGNATURE, {"kid": "00000000"})
AHEAD = reading(quality=ClockQuality.AHEAD)


def test_a_right_that_fits_is_granted():
    expected = Granted(right(), cost=1, persons=1, left=None, clock=ClockQuality.GOOD, warnings=())
    assert expected == decide(question(candidate()))


def test_what_is_left_counts_this_use_and_those_made_elsewhere():
    expected = Granted(right(product="swim3"), cost=1, persons=1, left=0, clock=ClockQuality.GOOD)
    assert expected == decide(question(candidate(used=1, elsewhere=1, product="swim3")))


def test_a_refusal_names_pass_right_and_next_time():
    expected = Denied(
        Refusal(Reason.NOT_YET_VALID, {"not_before": NOW + 9}),
        PASS,
        right(not_before=NOW + 9),
        ClockQuality.AHEAD,
        NOW + 9,
    )
    assert expected == decide(question(candidate(not_before=NOW + 9), now=AHEAD))


# ---------------------------------------------------------------- before any right


@dataclass(frozen=True)
class Before:
    says: str
    changes: dict[str, Any]
    reason: Reason
    params: dict[str, Any]
    knows_pass: bool = True


BEFORE = (
    Before("a medium bound to nothing", {"binding": None}, Reason.UNKNOWN_MEDIUM, {}, knows_pass=False),
    Before(
        "a medium bound to nothing, and denied",
        {"binding": None, "denials": (denied(kind=TargetKind.CREDENTIAL),)},
        Reason.UNKNOWN_MEDIUM,
        {},
        knows_pass=False,
    ),
    Before(
        "a binding that does not open",
        {"binding": DEFECT, "denials": (denied(),)},
        Reason.BAD_SIGNATURE,
        {"kid": "00000000"},
        knows_pass=False,
    ),
    Before(
        "a pass that is revoked",
        {"denials": (denied(),)},
        Reason.DENIED,
        {"target": "pass", "state": "revoked"},
    ),
    Before(
        "a credential that is blocked",
        {"denials": (denied(DenialState.BLOCKED, TargetKind.CREDENTIAL),)},
        Reason.DENIED,
        {"target": "credential", "state": "blocked"},
    ),
    Before(
        "a denial behind one that was lifted",
        {"denials": (denied(DenialState.LIFTED), denied(DenialState.BLOCKED))},
        Reason.DENIED,
        {"target": "pass", "state": "blocked"},
    ),
    Before("a denial that does not open", {"denials": (DEFECT,)}, Reason.BAD_SIGNATURE, {"kid": "00000000"}),
    Before(
        "a denied pass with a medium too weak",
        {"denials": (denied(),), "credential": credential(Assurance.UID_ONLY)},
        Reason.DENIED,
        {"target": "pass", "state": "revoked"},
    ),
)


@pytest.mark.parametrize("row", BEFORE, ids=lambda row: row.says)
def test_nothing_is_asked_of_the_rights_of(row):
    decision = decide(question(candidate(), now=AHEAD, **row.changes))
    expected = Denied(
        Refusal(row.reason, row.params), PASS if row.knows_pass else None, None, ClockQuality.AHEAD, None
    )
    assert expected == decision


def test_a_lifted_denial_refuses_nothing():
    lifted = denied(DenialState.LIFTED)
    asked = question(candidate(denial=denied(DenialState.LIFTED, TargetKind.ENTITLEMENT)), denials=(lifted,))
    assert isinstance(decide(asked), Granted)


def test_a_right_that_is_denied_itself_says_so_and_has_no_next_time():
    blocked = denied(DenialState.BLOCKED, TargetKind.ENTITLEMENT)
    decision = decide(question(candidate(denial=blocked)))
    expected = Refusal(Reason.DENIED, {"target": "entitlement", "state": "blocked"})
    assert Denied(expected, PASS, right(), ClockQuality.GOOD, None) == decision


# ---------------------------------------------------------------- without a right


def test_a_pass_without_rights_has_no_entitlement():
    expected = Denied(Refusal(Reason.NO_ENTITLEMENT), PASS, None, ClockQuality.AHEAD, None)
    assert expected == decide(question(now=AHEAD))


WEAK_LANE = Lane("in-1", min_assurance=Assurance.ASYMMETRIC)
OLD = (Retirement(NOW, scheme="pkoc"),)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param(
            {"credential": credential(Assurance.STATIC_SIGNED), "lane": WEAK_LANE},
            (Reason.WEAK_CREDENTIAL, {"has": "static-signed", "needs": "asymmetric"}),
            id="the lane wants more",
        ),
        pytest.param(
            {
                "credential": credential(Assurance.STATIC_SIGNED),
                "profile": profile(min_assurance=Assurance.SYMMETRIC_MUTUAL),
            },
            (Reason.WEAK_CREDENTIAL, {"has": "static-signed", "needs": "symmetric-mutual"}),
            id="the venue wants more",
        ),
        pytest.param(
            {"lane": WEAK_LANE}, (Reason.NO_ENTITLEMENT, {}), id="exactly what the lane wants is enough"
        ),
        pytest.param(
            {"profile": profile(retirements=OLD)},
            (Reason.WEAK_CREDENTIAL, {"ended": NOW}),
            id="its generation is over",
        ),
        pytest.param(
            {"profile": profile(retirements=OLD), "now": reading(NOW - 1, NOW)},
            (Reason.NO_ENTITLEMENT, {}),
            id="its generation is over by an estimate that may be wrong",
        ),
        pytest.param(
            {"refused": (DEFECT, Refusal(Reason.TRUNCATED)), "lane": WEAK_LANE},
            (Reason.BAD_SIGNATURE, {"kid": "00000000"}),
            id="the first defect",
        ),
        pytest.param(
            {"refused": (DEFECT,), "credential": credential(Assurance.UID_ONLY), "lane": WEAK_LANE},
            (Reason.BAD_SIGNATURE, {"kid": "00000000"}),
            id="a defect is told, that somebody may mend it",
        ),
    ],
)
def test_a_pass_without_rights_is_told(changes, expected):
    assert expected == told(question(**changes))


def test_a_right_that_does_not_open_spoils_no_other():
    assert isinstance(decide(question(candidate(), refused=(DEFECT,))), Granted)


def test_a_right_that_opened_and_failed_is_told_rather_than_one_that_did_not_open():
    assert Reason.EXPIRED is told(question(candidate(expires=NOW), refused=(DEFECT,)))[0]


def test_hours_that_nobody_can_keep_make_a_right_none():
    asked = question(candidate(hours="never on a Sunday"))
    assert (Reason.BAD_HOURS, {"product": "season"}) == told(asked)
    assert (Reason.BAD_SIGNATURE, {"kid": "00000000"}) == told(replace(asked, refused=(DEFECT,)))
    both = replace(asked, candidates=(*asked.candidates, candidate(2)))
    assert right(2) == decide(both).entitlement


def test_a_right_behind_one_with_bad_hours_is_judged():
    asked = question(candidate(1, hours="?!"), candidate(2, expires=NOW))
    assert (Reason.EXPIRED, {"expires": NOW}) == told(asked)


# ---------------------------------------------------------------- a binding


def test_a_binding_that_is_over_is_told_of_each_right():
    decision = decide(question(candidate(), binding=bound(expires=NOW)))
    expected = Refusal(Reason.EXPIRED, {"what": "binding", "expires": NOW})
    assert Denied(expected, PASS, right(), ClockQuality.GOOD, None) == decision


def test_a_binding_that_has_not_begun_is_told_of_each_right():
    decision = decide(question(candidate(), binding=bound(not_before=NOW + 1)))
    expected = Refusal(Reason.NOT_YET_VALID, {"what": "binding", "not_before": NOW + 1})
    assert Denied(expected, PASS, right(), ClockQuality.GOOD, NOW + 1) == decision


def test_a_pass_without_rights_says_nothing_of_its_binding():
    assert Reason.NO_ENTITLEMENT is told(question(binding=bound(expires=NOW)))[0]


# ---------------------------------------------------------------- on the way out

OUT = Lane("out-1", Direction.EXIT, min_assurance=Assurance.ASYMMETRIC)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({}, (PASS, 1), id="whoever is known"),
        pytest.param({"binding": None}, (None, 1), id="whoever is not"),
        pytest.param({"binding": DEFECT}, (None, 1), id="a binding that does not open"),
        pytest.param({"denials": (denied(), DEFECT)}, (PASS, 1), id="denied"),
        pytest.param({"credential": credential(Assurance.UID_ONLY)}, (PASS, 1), id="weak"),
        pytest.param({"presence": Presence(1, NOW - 5)}, (PASS, 1), id="one inside"),
        pytest.param({"presence": Presence(4, NOW - 5)}, (PASS, 4), id="a family inside"),
        pytest.param({"profile": guarded(Passback.HARD, capacity=0)}, (PASS, 1), id="a venue that is full"),
    ],
)
def test_is_let_out(changes, expected):
    decision = decide(question(lane=OUT, now=AHEAD, **changes))
    assert Leaving(*expected, ClockQuality.AHEAD) == decision


# ---------------------------------------------------------------- the table


def test_the_rules_stand_in_the_order_that_their_reasons_have():
    reasons = [rule.reason for rule in RULES]
    apart = {Reason.UNKNOWN_MEDIUM, Reason.NO_ENTITLEMENT}  # asked before and without candidates
    last = list(Reason).index(Reason.VENUE_FULL)
    assert reasons == [reason for reason in list(Reason)[: last + 1] if reason not in apart]


def test_never_is_later_than_any_time_a_statement_can_say():
    assert NEVER > 1 << 60
